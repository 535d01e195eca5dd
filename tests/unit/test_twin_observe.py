"""Cameras, labels and records: what they give for numbers whose answer is known, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.observe.camera import Zone, contacts, counts, density_km2, scatter
from merian.twin.observe.labels import Confusion, dirichlet, recorded
from merian.twin.observe.occurrence import found, records, shares
from merian.twin.observe.walkers import Walk, entries


def test_the_random_encounter_rate_by_hand() -> None:
    zone = Zone(0.012, 0.7)
    assert zone.width_km == pytest.approx(0.012 * 2.7 / math.pi)
    animals = contacts(10, 2.0, 3.0, zone.width_km, 4.0, 0.5)
    assert animals == pytest.approx(10 * 4 * 2 * 3 * 0.012 * 2.7 / math.pi * 0.5)
    assert density_km2(animals, contacts(10, 1.0, 3.0, zone.width_km, seen=0.5)) == pytest.approx(8.0)
    assert contacts([1.0, 2.0], 1.0, np.ones((3, 1)), 1.0).shape == (3, 2)


@pytest.mark.parametrize(
    ("radius", "angle", "said"), [(0.0, 1.0, "above 0 km"), (math.nan, 1.0, "above 0 km"), (1.0, 3.2, "at most pi")]
)
def test_a_zone_that_is_none(radius: float, angle: float, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        Zone(radius, angle)


def test_encounters_that_cannot_be() -> None:
    with pytest.raises(BadData, match="speed: is a number from 0 on"):
        contacts(1, 1, -1, 1)
    with pytest.raises(BadData, match="days: is a number from 0 on"):
        contacts(math.inf, 1, 1, 1)
    with pytest.raises(BadData, match="is a share, at most 1"):
        contacts(1, 1, 1, 1, seen=1.1)
    with pytest.raises(BadData, match="above 0"):
        density_km2(3, 0)
    with pytest.raises(BadData, match="a dispersion above 0"):
        counts([1.0], 0.0, draws.key(0, "x"))


def test_counts_have_the_mean_and_variance_of_the_negative_binomial() -> None:
    """40,000 counts of mean 6 and dispersion 1.5, and as many of Poisson's: within 5 standard errors (fixed key)."""
    for dispersion, variance in ((1.5, 6 + 36 / 1.5), (np.inf, 6.0)):
        found = counts(np.full(40_000, 6.0), dispersion, draws.key(4, "counts"))
        assert found.mean() == pytest.approx(6, abs=5 * math.sqrt(variance / 40_000))
        assert found.var() == pytest.approx(variance, rel=0.08)
    assert scatter(found, np.full(40_000, 6.0)) == pytest.approx(1, abs=5 * math.sqrt(2 / 40_000))
    assert math.isnan(scatter([3], [3.0]))
    assert (counts(np.zeros(4), 1.0, draws.key(4, "none")) == 0).all()


def test_held_out_photos_make_a_matrix_and_what_is_not_named_is_unknown() -> None:
    truth = ["impala", "impala", "impala", "kudu", "kudu"]
    said = ["impala", "kudu", "unknown", "kudu", "nyala"]
    matrix = Confusion.of(truth, said, ["impala", "kudu"])
    assert matrix.labels == ("impala", "kudu", "unknown")
    assert matrix.photos.tolist() == [[1, 1, 1], [0, 1, 1]]
    assert matrix.mean == pytest.approx(np.array([[1, 1, 1], [1 / 9, 4 / 9, 4 / 9]]) / [[3], [1]])
    assert matrix.weights[1].tolist() == pytest.approx([1 / 3, 4 / 3, 4 / 3])
    drawn = matrix.drawn(stream(0, "matrix"))
    assert drawn.sum(1) == pytest.approx([1, 1])
    assert (drawn > 0).all()


@pytest.mark.parametrize(
    ("species", "labels", "photos", "error", "said"),
    [
        (("a", "b"), ("a", "b", "unknown"), [[1, 0], [0, 1]], Mismatch, "photos and their species"),
        (("a", "b"), ("a", "b"), [[1, 0], [0, 1]], BadData, "its last label is 'unknown'"),
        (("a", "b"), ("a", "unknown"), [[1, 0], [0, 1]], BadData, r"each species has a label \(b\)"),
        (("a",), ("a", "unknown"), [[-1, 2]], BadData, "none below 0"),
        (("a", "a"), ("a", "unknown"), [[1, 2], [1, 2]], BadData, "a species comes once"),
    ],
)
def test_a_matrix_that_is_none(species: tuple, labels: tuple, photos: list, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        Confusion(species, labels, np.array(photos))


def test_photos_that_make_no_matrix() -> None:
    with pytest.raises(BadData, match=r"show one of impala \(kudu\)"):
        Confusion.of(["kudu"], ["impala"], ["impala"])
    with pytest.raises(Mismatch, match="what photos show"):
        Confusion.of(["impala"], [], ["impala"])
    with pytest.raises(BadData, match="held-out photos or a prior"):
        Confusion(("a",), ("a", "unknown"), np.zeros((1, 2), np.int64), 0.0)


def test_labels_are_the_shares_of_the_matrix() -> None:
    rows = np.array([[0.7, 0.1, 0.2], [0.0, 0.6, 0.4]])
    labels = recorded([[30_000, 0], [0, 20_000], [5, 7]], rows, draws.key(1, "labels"))
    assert labels.sum(1).tolist() == [30_000, 20_000, 12]
    for row, shares_, count in ((0, rows[0], 30_000), (1, rows[1], 20_000)):
        assert labels[row] / count == pytest.approx(shares_, abs=5 * math.sqrt(0.25 / count))
    assert labels[1, 0] == 0
    with pytest.raises(Mismatch, match="rows of the matrix"):
        recorded([[1, 2, 3]], rows, draws.key(1, "labels"))
    with pytest.raises(BadData, match="sum to 1"):
        recorded([[1, 2]], rows * 1.1, draws.key(1, "labels"))


def test_tiny_dirichlet_weights_still_make_shares() -> None:
    rows = dirichlet(np.full((200, 3), 1e-4), stream(2, "tiny"))
    assert rows.sum(1) == pytest.approx(np.ones(200))
    assert (rows.mean(0) > 0.15).all()


def test_effort_makes_records_and_forgetting_it_misleads() -> None:
    """Animals spread evenly, effort not: with effort the shares are even; without, they are those of the effort."""
    effort, density = np.array([1.0, 2.0, 4.0, 8.0]), np.full(4, 400.0)
    chance = found(effort, 0.1)
    assert chance == pytest.approx(1 - np.exp(-0.1 * effort))
    seen = records(density, 2.0, chance, draws.key(3, "records"))
    with_effort = shares(seen, 2.0 * chance, stream(3, "with"))
    assert ((with_effort.low < 0.25) & (with_effort.high > 0.25)).all()
    without = shares(seen, np.full(4, 2.0), stream(3, "without"))
    assert without.high[0] < 0.25 < without.low[3]
    assert without.mean == pytest.approx(chance / chance.sum(), abs=0.05)


def test_records_that_say_nothing() -> None:
    with pytest.raises(BadData, match=r"where nobody looked \(1\)"):
        shares([3, 0], [1.0, 0.0], stream(0, "x"))
    with pytest.raises(Mismatch):
        shares([3, 0], [1.0], stream(0, "x"))
    with pytest.raises(BadData, match="effort: is a number"):
        found([-1.0], 1.0)
    with pytest.raises(BadSetting):
        found([1.0], -1.0)
    with pytest.raises(BadData, match="numbers from 0 on"):
        records([-1.0], 1.0, 1.0, draws.key(0, "x"))


def test_walkers_give_the_density_that_they_have_when_looked_at_often() -> None:
    """20 km-2 in 25 km2 past 2,500 cameras of 10 m: the model gives 20 within 10 % for frequent looks, and too little for rare ones (the same paths)."""
    walk, zone = Walk(), Zone(0.01, 0.7)
    seen = entries(walk, zone, (1, 32), draws.key(8, "walkers"))
    often, rarely = density_km2(seen, contacts(walk.camera_days, 1.0, walk.speed_km_day, zone.width_km))
    assert seen[0] > 800
    assert often == pytest.approx(20, rel=0.1)
    assert rarely < 0.9 * often


def test_walks_that_cannot_be() -> None:
    with pytest.raises(BadSetting, match="do not overlap"):
        entries(Walk(), Zone(0.06, 0.7), (1,), draws.key(0, "x"))
    with pytest.raises(BadSetting, match="each 1 or more"):
        entries(Walk(), Zone(0.01, 0.7), (0,), draws.key(0, "x"))
    with pytest.raises(BadSetting, match="above 0"):
        Walk(density=0)
    with pytest.raises(BadSetting, match="0 or more"):
        Walk(turning=-1)
    with pytest.raises(BadSetting, match="1 or more"):
        Walk(steps=0)
