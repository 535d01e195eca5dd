"""From words to token numbers: the model's own `tokenizer.json`, framed as CLIP frames a text.

A text is lower-cased, begins with a start token, ends with an end token whose number is the highest of the vocabulary
(CLIP reads the text's vector at the highest number), and is filled up with 0 behind that, which a causal tower never
sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData, Missing

if TYPE_CHECKING:
    import tokenizers

__all__ = ["Tokens", "train_tokenizer"]

START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenizer cut to `context` tokens."""

    tokenizer: tokenizers.Tokenizer
    context: int
    start: int
    end: int

    @classmethod
    def load(cls, path: Path, context: int) -> Tokens:
        """The tokenizer of a `tokenizer.json`.

        Raises Missing, or BadData when it is none or lacks CLIP's two special tokens.
        """
        if not path.is_file():
            raise Missing("the tokenizer", path, "a model folder needs the tokenizer.json it was trained with")
        return cls.parse(path.read_text(encoding="utf-8"), context, path)

    @classmethod
    def parse(cls, text: str, context: int, where: object = "tokenizer") -> Tokens:
        """The tokenizer that a JSON `text` describes."""
        import tokenizers

        try:
            json.loads(text)
            tokenizer = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the Rust library raises bare Exception for every fault of the file
            raise BadData(where, f"not a tokenizer.json: {error}") from error
        start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
        if start is None or end is None:
            raise BadData(where, f"the tokenizer lacks {START} or {END}")
        if end != tokenizer.get_vocab_size() - 1:
            raise BadData(where, f"{END} must have the highest number, {tokenizer.get_vocab_size() - 1}, not {end}")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(tokenizer, context, start, end)

    @property
    def size(self) -> int:
        """How many different tokens there are."""
        return self.tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token numbers `[n, context]`: start, the text (cut where it is too long), end, zeros."""
        out = np.zeros((len(texts), self.context), np.int64)
        for row, coded in enumerate(self.tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            ids = [self.start, *coded.ids[: self.context - 2], self.end]
            out[row, : len(ids)] = ids
        return out

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens `[n]` each text needs, its start and end counted and nothing cut."""
        coded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return np.array([len(c.ids) + 2 for c in coded], np.int64)


def train_tokenizer(texts: Iterable[str], vocab_size: int, context: int) -> Tokens:
    """A byte-level BPE vocabulary of `vocab_size` tokens learned from `texts`.

    The same texts give the same one in any order.

        Source: Sennrich et al. 2016 (BPE); Radford et al. 2019 (over bytes, so no text is unknown).
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    least = len(pre_tokenizers.ByteLevel.alphabet()) + 2
    if vocab_size < least:
        raise BadData("vocabulary", f"needs at least {least} tokens (256 bytes and two special ones), not {vocab_size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 2,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(sorted(texts), trainer)
    # Added last: the end token must have the highest number.
    tokenizer.add_special_tokens([START, END])
    # `Tokens.encode` frames a text by itself; other libraries read in the file how
    frame = [(word, tokenizer.token_to_id(word)) for word in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=frame)
    return Tokens.parse(tokenizer.to_str(), context)
