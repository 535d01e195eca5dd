"""Published label files: read in their true form, either way round, with each fault told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from merian.core.errors import BadData, Mismatch, Missing
from merian.core.vectors import normalise
from merian.encode import open_encoder
from merian.identify.published import is_published, published

TOY = open_encoder("toy")
BIRD = ["Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae"]
NAMES: list[list[object]] = [
    [[*BIRD, "Pica", "pica"], "Eurasian magpie"],
    [["Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae", "Ursus", "arctos syriacus"], "Syrian brown bear"],
    [["Animalia", "Chordata", "", "Perciformes", "Percidae", "Perca", "fluviatilis"], ""],
    [[*BIRD, "Pica", "pica"], "magpie again"],
    [[*BIRD, "Corvus", "corax"], "raven"],
    [["", "", "", "", "", "", ""], ""],
    [[*BIRD, "Garrulus", ""], ""],
    [[*BIRD, "Garrulus", "glandarius"], "jay"],
]


def written(folder: Path, turned: bool = True, names: list[list[object]] = NAMES) -> tuple[Path, np.ndarray]:  # type: ignore[type-arg]
    """The two files, with a row of zeros for the jay and one of length 2 for the raven."""
    vectors = normalise(np.random.default_rng(0).normal(size=(len(names), TOY.dim)))
    vectors[-1] = 0
    vectors[4] *= 2
    np.save(folder / "txt_emb_species.npy", vectors.T if turned else vectors)
    (folder / "txt_emb_species.json").write_text(json.dumps(names), encoding="utf-8")
    return folder / "txt_emb_species.npy", vectors


@pytest.mark.parametrize("turned", [True, False])
def test_labels_come_with_their_vectors_and_every_fault_is_told(tmp_path: Path, turned: bool) -> None:
    path, vectors = written(tmp_path, turned)
    assert is_published(path)
    assert is_published(path.with_suffix(".json"))
    head, checked = published(path, TOY)
    names = [head.tree.names[int(t)] for t in head.labels]
    assert sorted(names) == ["Corvus corax", "Garrulus", "Perca fluviatilis", "Pica pica", "Ursus arctos syriacus"]
    for name, row in (("Pica pica", 0), ("Ursus arctos syriacus", 1), ("Perca fluviatilis", 2), ("Garrulus", 6)):
        assert np.allclose(head.vectors[names.index(name)], vectors[row], atol=1e-6)
    assert np.allclose(head.vectors[names.index("Corvus corax")], vectors[4] / 2, atol=1e-6)
    assert head.tree.common_name(head.tree.find("Pica pica")) == "Eurasian magpie"
    assert head.tree.lineage(head.tree.find("Perca fluviatilis"))[2] is None
    assert checked.labels == len(NAMES)
    counts = {what: count for what, (count, _) in checked.faults.items()}
    assert counts == {
        "without any name are left out": 1,
        "whose vector is zero or no number are left out": 1,
        "that repeat a lineage are left out": 1,
        "whose vector had another length than 1": 1,
        "without class": 1,
    }
    assert any("Perca fluviatilis" in line for line in checked.lines())


def test_what_is_no_label_file_is_refused(tmp_path: Path) -> None:
    path, vectors = written(tmp_path)
    with pytest.raises(Mismatch, match="take the labels of this model"):
        published(path, replace_dim(TOY.dim + 1))
    np.save(path, vectors[:5].T)
    with pytest.raises(Mismatch, match="8 names"):
        published(path, TOY)
    np.save(path, np.zeros((3, TOY.dim), np.int64))
    with pytest.raises(BadData, match="needs floats"):
        published(path, TOY)
    path.write_bytes(b"no array")
    with pytest.raises(BadData, match="no label file"):
        published(path, TOY)
    written(tmp_path)
    path.with_suffix(".json").write_text("[[1]]")
    with pytest.raises(BadData, match="no label file"):
        published(path, TOY)
    path.with_suffix(".json").unlink()
    assert not is_published(path)
    with pytest.raises(Missing, match=r"\.json"):
        published(path, TOY)
    np.save(path, np.zeros((TOY.dim, 1), np.float32))
    path.with_suffix(".json").write_text(json.dumps(NAMES[:1]))
    with pytest.raises(BadData, match="no label is left"):
        published(path, TOY)


def replace_dim(dim: int) -> object:
    """The toy encoder as if its vectors were of another length."""

    class Other:
        def __getattr__(self, name: str) -> object:
            return dim if name == "dim" else getattr(TOY, name)

    return Other()
