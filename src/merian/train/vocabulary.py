"""CLIP's own vocabulary as Merian's `Tokens`: the same numbers as open_clip's tokenizer, in a `tokenizer.json` that others can use.

The merges are those that open_clip ships (`bpe_simple_vocab_16e6.txt.gz`, Radford et al. 2021). Before them open_clip repairs text with ftfy and reads
HTML entities, as `merian.encode.clip` does. The file alone does the part that names need: NFC, straight quotes, `&amp;`, control characters, lower case.
It differs for other entities, broken encodings, ligatures and full-width letters.
"""

from __future__ import annotations

import functools
import gzip
from typing import Any

from merian.core.errors import BadSetting
from merian.encode.clip import CLIP_SIZE, ClipTokens
from merian.encode.tokens import END, START, Tokens

__all__ = ["clip_tokens", "suited", "tokenizer_config"]

MERGES = CLIP_SIZE - 2 * 256 - 2
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""How CLIP cuts a text before the merges: words, single digits, runs of signs."""
SINGLE, DOUBLE = "[\u2018-\u201b\u02bc]", "[\u201c-\u201f]"
"""Curled quotes that ftfy makes straight."""
CONTROLS = "[\x00-\x08\x0b\x0e-\x1b\x7f\ufeff]"
"""Characters that ftfy takes away."""


def clip_tokens(context: int = 77) -> ClipTokens:
    """CLIP's tokenizer, cut to `context` tokens."""
    plain = _plain()
    return ClipTokens(plain.tokenizer, context, plain.start, plain.end)


def suited(text_config: dict[str, Any], architecture: str) -> ClipTokens:
    """The tokenizer for an architecture of open_clip by its `text_cfg`; raises BadSetting for one that does not read CLIP's vocabulary as CLIP does."""
    why = None
    if text_config.get("hf_tokenizer_name") or text_config.get("hf_model_name"):
        name = text_config.get("hf_tokenizer_name") or text_config["hf_model_name"]
        why = f"reads the tokens of {name}, which open_clip does not ship; give a model folder with its tokenizer.json"
    elif text_config.get("vocab_size", CLIP_SIZE) != CLIP_SIZE:
        why = (
            f"has {text_config['vocab_size']:,} tokens and CLIP's vocabulary {CLIP_SIZE:,}; give a folder with its own"
        )
    elif text_config.get("tokenizer_kwargs"):
        why = f"cleans or cuts text in a way of its own ({text_config['tokenizer_kwargs']}), which Merian does not"
    elif text_config.get("pool_type", "argmax") != "argmax":
        why = f"reads a caption's vector at {text_config['pool_type']!r}; Merian's tokens end with their highest number"
    if why is not None:
        raise BadSetting("architecture", architecture, why)
    return clip_tokens(int(text_config.get("context_length", 77)))


def tokenizer_config(tokens: Tokens) -> dict[str, object]:
    """The `tokenizer_config.json` with which other libraries read the `tokenizer.json` beside it; they fill up with the token of number 0, as CLIP does."""
    zero = tokens.tokenizer.id_to_token(0)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": tokens.context,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": zero,
        "clean_up_tokenization_spaces": False,
    }


def _alphabet() -> list[str]:
    """The signs that stand for the 256 bytes, in CLIP's order: first the bytes that can be seen, then the others."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(b) for b in seen] + [chr(256 + n) for n in range(256 - len(seen))]


@functools.cache
def _merges() -> tuple[tuple[str, str], ...]:
    from open_clip.tokenizer import default_bpe

    with gzip.open(default_bpe(), "rt", encoding="utf-8") as stream:
        lines = stream.read().split("\n")[1 : MERGES + 1]
    pairs = [line.split() for line in lines]
    return tuple((first, second) for first, second in pairs)


@functools.cache
def _vocabulary() -> dict[str, int]:
    letters = _alphabet()
    words = [*letters, *(letter + "</w>" for letter in letters), *(a + b for a, b in _merges()), START, END]
    return {word: number for number, word in enumerate(words)}


@functools.cache
def _plain() -> Tokens:
    """CLIP's vocabulary and rules as a `tokenizer.json` tells them."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = _vocabulary()
    vocabulary = {word: n for word, n in numbers.items() if word not in (START, END)}
    model = models.BPE(vocab=vocabulary, merges=list(_merges()), end_of_word_suffix="</w>")
    tokenizer = Tokenizer(model)
    replaced: list[tuple[str | Regex, str]] = [
        ("&amp;", "&"),
        (Regex(SINGLE), "'"),
        (Regex(DOUBLE), '"'),
        (Regex(CONTROLS), ""),
    ]
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), *(normalizers.Replace(old, new) for old, new in replaced), normalizers.Lowercase()]
    )
    cut = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.add_special_tokens([START, END])
    frame = (END, numbers[END]), (START, numbers[START])
    tokenizer.post_processor = processors.RobertaProcessing(*frame, trim_offsets=False, add_prefix_space=False)
    tokens = Tokens.parse(tokenizer.to_str(), 77)
    tokens.tokenizer.encode_special_tokens = True  # a text that spells out a special token is a text like any other
    return tokens
