"""Messages: what (with the value), where, and what to do. Golden, because people read them."""

from __future__ import annotations

import pickle

import pytest

from merian.core import errors
from merian.core.errors import (
    BadData,
    BadSetting,
    MerianError,
    Mismatch,
    Missing,
    MissingExtra,
    UnknownTaxon,
    Unstable,
    nearest,
)

GOLDEN = [
    (
        BadSetting("epoch", 3, "is not a setting", ["epochs", "rate"]),
        "setting 'epoch' = 3: is not a setting; did you mean 'epochs'?",
    ),
    (
        BadSetting("what", "drougth", "is no change", ["drought", "habitat"]),
        "setting 'what' = 'drougth': is no change; did you mean 'drought'?",
    ),
    (
        BadSetting("specis", "steps", "is not a setting", ["species", "steps"]),
        "setting 'specis' = 'steps': is not a setting; did you mean 'species'?",
    ),
    (BadSetting("rate", 3, "must be < 1", ["rate"]), "setting 'rate' = 3: must be < 1"),
    (BadData("a.csv", "no name"), "a.csv: no name"),
    (BadData("a.csv", "no name", [1, "b"]), "a.csv: no name (1, b)"),
    (
        BadData("a.csv", "no name", list(range(12))),
        "a.csv: no name (0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more)",
    ),
    (
        UnknownTaxon("Pica hudsonica", ["Pica hudsonia", "Corvus corax"], "abc"),
        "taxon 'Pica hudsonica' is not in the tree (tree abc); nearest: Pica hudsonia",
    ),
    (UnknownTaxon("Xyz", ["Pica"], "abc", "fits 2 taxa"), "taxon 'Xyz' fits 2 taxa (tree abc)"),
    (Mismatch("a and b", 1, 2), "a and b do not belong together: 1 and 2"),
    (Mismatch("a and b", 1, 2, "embed again"), "a and b do not belong together: 1 and 2; embed again"),
    (Missing("the model", "m/", "train one"), "the model not found at m/; train one"),
    (MissingExtra("torch", "train"), "this needs torch; install it with: pip install 'merian[train]'"),
    (Unstable("growth", "mass", 7, 12), "process 'growth' made 'mass' unphysical in cell 7 at step 12"),
]


@pytest.mark.parametrize(("error", "text"), GOLDEN, ids=[type(e).__name__ for e, _ in GOLDEN])
def test_the_message(error: MerianError, text: str) -> None:
    assert isinstance(error, MerianError)
    assert str(error) == text


def test_every_error_has_a_golden_message() -> None:
    kinds = {getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert kinds - {type(e) for e, _ in GOLDEN} == {MerianError}


def test_the_nearest_words_come_first_whatever_their_case() -> None:
    assert nearest("PICA", ["Pico", "pica", "Corvus"]) == ["pica", "Pico"]
    assert nearest("zzz", ["Pica"]) == []
    assert nearest("", []) == []


@pytest.mark.parametrize(
    "error",
    [
        BadSetting("tset", 2, "unknown", ["test"]),
        BadData("a.csv", "is bad", [1, 2]),
        Missing("the source", "a/b", "give one"),
        Mismatch("these two", "a", "b"),
        MissingExtra("torch", "train"),
    ],
)
def test_an_error_travels_whole_between_processes(error: MerianError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
