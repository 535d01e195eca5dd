"""CLIP's vocabulary in Merian gives the numbers that open_clip's tokenizer gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
from tokenizers import Tokenizer

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.encode.clip import CLIP_SIZE, ClipTokens, as_clip, is_clip
from merian.encode.tokens import Tokens, train_tokenizer
from merian.train.vocabulary import clip_tokens, suited

GENERA = [
    "Pica",
    "Larus",
    "Ångströmia",
    "Quercus",
    "Rosa",
    "Aus",
    "Bus",
    "Xysticus",
    "Zygæna",
    "Ðelphinus",
    "Mycena",
    "Æshna",
    "Œnanthe",
    "Çeratias",
]
EPITHETS = [
    "pica",
    "argentatus",
    "x-album",
    "novae-zelandiae",
    "domesticus",
    "niger",
    "ῥόδον",
    "白鷺",
    "müller's",
    "o'neilli",
    "β-vulgaris",
    "var2",
    "sp.",
]
AUTHORS = [
    "Linnaeus, 1758",
    "(Brünnich, 1764)",
    "L.",
    "Müll.Arg. & Søren",
    "d'Orbigny, 1835",
    "Шмидт, 1911",
    "李, 2004",
]
FORMS = (
    "a photo of {}.",
    "{} with common name l’hoëst’s MONKEY.",
    "Animalia Chordata Aves {}",
    "<i>{}</i>, 2 ♀♀ & 13 ♂",
    "{} don't they'll I'D we've it's",
    "“{}” – 12,345.67 m²",
)
ODD = [
    "",
    "   ",
    "tab\tnew\nline\r\n end",
    "Ångström's 12345 &amp; &eacute;t&eacute; &lt;i&gt;Homo&lt;/i&gt;",
    "&#233;tude &#x27;x&#x27; &amp;amp; twice",
    "<p> &amp;amp;eacute; &amp;eacute; &eacute;",
    "café cafe\u0301",
    "ΑΒΓΣ ΟΔΥΣΣΕΥΣ",
    "İstanbul ẞ ß ſ K",
    "BrÃ¼nnich mojibake",
    "ﬁsh ﬂower ĳsvogel",
    "ＡＢＣ　１２",
    "a\u00a0b\u2003c\u200bd\ufeff",
    "日本語のテキスト 鳥 الحمام ไทย हिन्दी",
    "🐦🐧👩\u200d🔬 bird",
    "²½ Ⅷ ٣",
    "a\x00b\x1cc\x85d\x1b[0m",
    "naïve_under-score...!!?#@",
    "a <|endoftext|> inside",
    "x " * 200,
    "Pseudo" * 60,
]


def many() -> list[str]:
    rng = stream(0, "texts")
    names = [
        f"{rng.choice(GENERA)} {rng.choice(EPITHETS)} {rng.choice(AUTHORS)}" if k % 2 else str(rng.choice(GENERA))
        for k in range(400)
    ]
    return ODD + [FORMS[k % len(FORMS)].format(name) for k, name in enumerate(names)]


@pytest.fixture(scope="module")
def tokens() -> ClipTokens:
    return clip_tokens()


@pytest.mark.parametrize("context", [77, 16])
def test_the_numbers_are_those_of_open_clip(context: int) -> None:
    texts = many()
    theirs = open_clip.get_tokenizer("ViT-B-16")(texts, context_length=context).numpy()
    ours = clip_tokens(context).encode(texts)
    assert len(texts) >= 400
    wrong = [text for text, a, b in zip(texts, ours, theirs, strict=True) if (a != b).any()]
    assert wrong == []
    assert (ours.max(axis=1) == CLIP_SIZE - 1).all()


def test_lengths_count_what_is_cut(tokens: ClipTokens) -> None:
    assert tokens.lengths(["", "a photo of x", "x " * 200]).tolist() == [2, 6, 202]


def test_the_file_alone_reads_names_as_open_clip_does(tokens: ClipTokens, tmp_path: Path) -> None:
    """What others read from `tokenizer.json`: framed, cut and filled up with 0 as transformers does with such a file."""
    (tmp_path / "tokenizer.json").write_text(tokens.tokenizer.to_str(), encoding="utf-8")
    texts = many()[len(ODD) :]
    theirs = open_clip.get_tokenizer("ViT-B-16")(texts).numpy()
    plain = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    plain.enable_truncation(77)
    plain.enable_padding(length=77, pad_id=0, pad_token="!")
    assert np.array_equal(np.array([coded.ids for coded in plain.encode_batch(texts)]), theirs)
    again = Tokens.load(tmp_path / "tokenizer.json", 77)
    assert is_clip(again)
    assert np.array_equal(again.encode(texts), theirs)
    assert np.array_equal(as_clip(again).encode(many()), open_clip.get_tokenizer("ViT-B-16")(many()).numpy())


def test_another_vocabulary_is_not_taken_for_clips() -> None:
    assert not is_clip(train_tokenizer(["a photo of Pica pica"], 300, 16))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hf_tokenizer_name": "xlm-roberta-base"}, "xlm-roberta-base"),
        ({"vocab_size": 32_000}, "32,000 tokens"),
        ({"tokenizer_kwargs": {"clean": "canonicalize"}}, "canonicalize"),
        ({"pool_type": "last"}, "'last'"),
    ],
)
def test_an_architecture_that_reads_otherwise_is_refused(changes: dict[str, object], why: str) -> None:
    assert suited({"context_length": 32}, "ViT-X").context == 32
    with pytest.raises(BadSetting, match=why):
        suited({"context_length": 77, "vocab_size": CLIP_SIZE} | changes, "ViT-X")
