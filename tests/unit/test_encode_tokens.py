"""Words to numbers: framed as CLIP frames them, deterministic, complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from merian.core.errors import BadData, Missing
from merian.encode.tokens import END, START, Tokens, train_tokenizer

TEXTS = [f"a photo of {genus} {epithet}." for genus in ("Pica", "Corvus", "Garrulus") for epithet in ("pica", "corax")]


def test_the_frame() -> None:
    tokens = train_tokenizer(TEXTS, 300, 12)
    ids = tokens.encode(["Pica pica", "", "a photo of " * 40])
    assert ids.shape == (3, 12)
    assert ids.dtype == np.int64
    assert (ids[:, 0] == tokens.start).all()
    assert tokens.end == tokens.size - 1 == ids.max()
    ends = ids.argmax(axis=1)
    assert ends[1] == 1
    assert ends[2] == 11
    for row, end in zip(ids, ends, strict=True):
        assert (row[end + 1 :] == 0).all()
        assert (row == tokens.end).sum() == 1


def test_capitals_do_not_matter_and_no_text_is_unknown() -> None:
    tokens = train_tokenizer(TEXTS, 300, 40)
    first, second, other = tokens.encode(["PICA Pica", "pica pica", "ピカ ö 🦎"])
    assert np.array_equal(first, second)
    known = [i for i in other.tolist() if i not in (0, tokens.start, tokens.end)]
    assert tokens.tokenizer.decode(known).strip() == "ピカ ö 🦎"


def test_same_texts_in_any_order_give_the_same_vocabulary() -> None:
    first, second = train_tokenizer(TEXTS, 320, 12), train_tokenizer(reversed(TEXTS), 320, 12)
    assert first.tokenizer.to_str() == second.tokenizer.to_str()


def test_lengths_count_what_would_be_cut() -> None:
    tokens = train_tokenizer(TEXTS, 300, 8)
    long = "a photo of " * 10
    assert tokens.lengths([long])[0] > 8
    assert tokens.lengths([""])[0] == 2


def test_save_and_load(tmp_path: Path) -> None:
    tokens = train_tokenizer(TEXTS, 300, 12)
    path = tmp_path / "tokenizer.json"
    path.write_text(tokens.tokenizer.to_str(), encoding="utf-8")
    assert np.array_equal(Tokens.load(path, 12).encode(TEXTS), tokens.encode(TEXTS))


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"tokenizer\.json"):
        Tokens.load(tmp_path / "tokenizer.json", 12)
    with pytest.raises(BadData, match="not a tokenizer"):
        Tokens.parse("{}", 12)
    with pytest.raises(BadData, match="at least 258"):
        train_tokenizer(TEXTS, 100, 12)
    text = train_tokenizer(TEXTS, 300, 12).tokenizer.to_str()
    with pytest.raises(BadData, match="lacks"):
        Tokens.parse(text.replace(END, "<|stop|>"), 12)
    swapped = text.replace(START, "<|x|>").replace(END, START).replace("<|x|>", END)
    with pytest.raises(BadData, match="highest number"):
        Tokens.parse(swapped, 12)
