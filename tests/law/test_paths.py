"""Probabilities of any taxa read from one pass over the labels, and the way down the tree: what full rows of probabilities give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lineages import FAST, Row, grown, rows

from merian.core.vectors import Clades, normalise
from merian.identify.calibrate import Calibration
from merian.identify.paths import Masses
from merian.identify.scan import Plan, sweep


@FAST
@given(rows(least=1), st.integers(0, 10_000), st.sampled_from([1.0, 14.3, 60.0]), st.booleans())
def test_the_same_as_full_rows(found_rows: list[Row], seed: int, scale: float, restricted: bool) -> None:
    tree, rng = grown(found_rows), np.random.default_rng(seed)
    labels = np.sort(rng.permutation(len(tree))[: max(1, int(len(tree) * rng.uniform(0.3, 1)))]).astype(np.int32)
    held, vectors = normalise(rng.normal(size=(len(labels), 6))), normalise(rng.normal(size=(3, 6)))
    allowed = rng.random(len(labels)) < 0.6 if restricted else np.ones(len(labels), bool)
    calibration = Calibration(scale, 8.0, -2.0, 99)
    passed = sweep(vectors, held, Plan(tree, labels), scale, 5, allowed if restricted else None)
    masses = Masses(passed, held, calibration)
    shares = np.zeros((3, len(labels)))
    if allowed.any():
        shares[:, allowed] = calibration.probabilities(vectors @ held[allowed].T)
    wanted = Clades(tree, labels).all(shares)
    every = np.arange(len(tree), dtype=np.int32)
    for row in range(3):
        assert np.allclose(masses.of(row, every), wanted[row], atol=2e-5)
        above = -1
        for taxon, chance in masses.path(row):
            assert tree.parent[taxon] == above
            assert abs(chance - wanted[row][tree.parent == above].max()) < 2e-5
            assert abs(chance - wanted[row, taxon]) < 2e-5
            above = taxon
        assert wanted[row][tree.parent == above].max(initial=0) < 2e-5  # nothing more to go to
