"""Empty frames: read, counted in the operator and at times taken for an animal; and animals that walk in where the filter believed that none was left."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_world import COMMON, RARE, two_grazers

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abundance import Beliefs, abundance, trusting
from merian.twin.calibrate.counts import Counts
from merian.twin.calibrate.labelled import Surveyed, read_confusion, surveyed
from merian.twin.calibrate.rates import FALSE, Rate, fitted_rates, priors_of
from merian.twin.calibrate.run import Given, calibrate
from merian.twin.calibrate.scores import covered
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import Members, Reading, read, seen_as
from merian.twin.calibrate.state import trusting as taken_for_truth
from merian.twin.ecosystem import Ecosystem
from merian.twin.observe.camera import Zone, counts
from merian.twin.observe.labels import EMPTY, UNKNOWN, Confusion, recorded, with_empty

ZONE, DAYS, CAMERAS, FALSE_DAY = Zone(0.01, 0.7), 60.0, 40, 0.8
KNOWN = CalibrateSettings(exposure_factor=1.0)
MATRIX = np.array([[0.85, 0.05, 0.0, 0.1], [0.1, 0.7, 0.0, 0.2], [0.0, 0.02, 0.9, 0.08]])
"""The common and the rare grazer, and nothing; two of a hundred empty frames are taken for the rare one."""
TRUTH = np.array([20.0, 1.0, FALSE_DAY])
LABELS = (COMMON, RARE, EMPTY, UNKNOWN)


def shown(density: np.ndarray, key: draws.Key) -> np.ndarray:
    """Photos of both grazers and of nothing at each camera: [c, s + 1]."""
    per = np.full((CAMERAS, 2), DAYS * 4.0 * ZONE.width_km)
    return counts(with_empty(per, np.full(CAMERAS, DAYS)) * density, 2.0, key)


def held(rng: np.random.Generator, photos: int = 500) -> Confusion:
    return Confusion((COMMON, RARE, EMPTY), LABELS, np.stack([rng.multinomial(photos, row) for row in MATRIX]))


def test_false_triggers_are_a_species_of_their_own() -> None:
    both = with_empty(np.ones((3, 2)), [5.0, 0.0, 7.0])
    assert both.tolist() == [[1, 1, 5], [1, 1, 0], [1, 1, 7]]
    with pytest.raises(Mismatch, match="days"):
        with_empty(np.ones((3, 2)), [5.0])


def test_ignoring_empty_frames_makes_animals_of_the_wind() -> None:
    """10 worlds: the rate of false triggers and both densities are held; who throws the empty away and takes labels for truth has two rare grazers for one."""
    per = np.full((CAMERAS, 2), DAYS * 4.0 * ZONE.width_km)
    beliefs, hits, naive, blind = Beliefs(sweeps=120), [], [], []
    for seed in range(10):
        rng = stream(seed, "empty frames")
        said = recorded(shown(TRUTH, draws.key(seed, "shown")), MATRIX, draws.key(seed, "said"))
        known = held(rng)
        found = abundance(said, with_empty(per, np.full(CAMERAS, DAYS)), known, rng, beliefs).density
        hits.append(covered(found, TRUTH))
        # the same matrix, whose row of nothing nobody made
        without = Confusion((COMMON, RARE), (COMMON, RARE, UNKNOWN), known.photos[:2][:, [0, 1, 3]])
        rest = said[:, [0, 1, 3]]
        blind.append(np.median(abundance(rest, per, without, rng, beliefs).density, 0))
        naive.append(np.median(abundance(rest * [1, 1, 0], per, trusting(without), rng, beliefs).density, 0))
    assert np.mean(hits) > 0.8
    assert np.exp(np.log(np.array(blind) / TRUTH[:2]).mean(0))[1] > 1.5
    assert np.exp(np.log(np.array(naive) / TRUTH[:2]).mean(0))[1] > 1.5


def looked(ecosystem: Ecosystem, density: np.ndarray, seed: int, labels: tuple[str, ...] = LABELS) -> Surveyed:
    """One period of cameras before known densities, as a table of counts gives it."""
    said = recorded(shown(density, draws.key(seed, "shown")), MATRIX, draws.key(seed, "said"))
    effort = np.full((1, CAMERAS), DAYS)
    found = Counts((date(2025, 1, 1),), tuple(map(str, range(CAMERAS))), labels, said[None], effort)
    return surveyed(found, ZONE, ecosystem, KNOWN, held(stream(seed, "held")), "here")


def members(ecosystem: Ecosystem, wide: float, count: int) -> Members:
    balance, rng = ecosystem.balance(), np.random.default_rng(3)
    z = np.column_stack([wide * rng.normal(size=(count, 2)), np.zeros((count, 1))])
    return Members((balance.web,) * count, np.log(balance.start) + z, 0)


def test_the_filter_finds_the_rate_of_false_triggers(tmp_path: Path) -> None:
    ecosystem = two_grazers(tmp_path)
    seen = looked(ecosystem, TRUTH, 1, (COMMON, RARE, "Blank", UNKNOWN))
    assert seen.empty
    assert seen.counts.labels == LABELS
    assert seen.names.tolist() == [0, 1, 2, -1]
    assert seen.exposure[0, 0, 2] == DAYS
    for particles in (False, True):
        belief = members(ecosystem, 1.4, 3000 if particles else 200)
        found = read(belief, seen, seen_as(seen, ecosystem), Reading(particles))
        assert found.shape[2] == 3
        assert np.exp(np.median(found[0, :, 2])) == pytest.approx(FALSE_DAY, rel=0.3)
        # of 3,000 particles few are near in all at once: their medians are rough
        assert (np.abs(np.median(found[0], 0) - np.log(TRUTH)) < (0.8 if particles else 0.5)).all()
    naive = taken_for_truth(seen)
    assert not naive.empty
    assert naive.counts.counts[:, :, 2:].sum() == 0
    assert naive.names.tolist() == [0, 1, -1, -1]
    wrong = read(members(ecosystem, 1.4, 200), naive, seen_as(naive, ecosystem), Reading())
    assert np.quantile(wrong[0, :, 1], 0.05) > np.log(TRUTH[1])


def test_the_matrix_has_a_row_of_nothing_or_empty_frames_are_left_out(tmp_path: Path) -> None:
    ecosystem, path = two_grazers(tmp_path), tmp_path / "held.csv"
    rows = [f"{COMMON},{COMMON},9", f"{RARE},{RARE},8", f"{RARE},blank,2", "empty,nothing,40", f"blank,{RARE},1"]
    path.write_text("\n".join(["species,label,photos", *rows]) + "\n", encoding="utf-8")
    found = read_confusion(path, ecosystem, KNOWN)
    assert found.species == (COMMON, RARE, EMPTY)
    assert found.labels == LABELS
    assert found.photos.tolist() == [[9, 0, 0, 0], [0, 8, 2, 0], [0, 1, 40, 0]]
    path.write_text("\n".join(["species,label,photos", *rows[:3]]) + "\n", encoding="utf-8")
    with pytest.raises(BadData, match="said to be empty and none is"):
        read_confusion(path, ecosystem, KNOWN)
    bare = Counts((date(2025, 1, 1),), ("a",), (RARE, "empty"), np.array([[[5, 7]]]), np.array([[10.0]]))
    plain = surveyed(bare, ZONE, ecosystem, KNOWN, None, "here")
    assert not plain.empty
    assert plain.counts.counts.tolist() == [[[5, 0]]]
    assert any(remark.startswith("7 empty frames are left out") for remark in plain.counts.remarks)


def test_false_triggers_are_found_along_with_rates(tmp_path: Path) -> None:
    """Not known but found, within what is believed of them: from a start by least squares, which animals called empty do not move, and not from their labels
    alone; and what they are is uncertain."""
    ecosystem = two_grazers(tmp_path)
    seen, settings = looked(ecosystem, TRUTH, 2), CalibrateSettings(kept=40, simulations=400, rate_years=1.0)
    rates = [Rate("loss", 0)]
    prior, first = priors_of(seen, rates, settings)
    assert prior.mean.tolist() == [0.0, -1.0]
    assert prior.sd.tolist() == [0.4, 2.0]
    assert first is not None
    assert np.exp(first.mean[1]) == pytest.approx(FALSE_DAY, rel=0.3)
    drawn, _ = fitted_rates(ecosystem, seen, rates, settings)
    assert drawn.shape == (1000, 2)
    low, high = np.exp(np.quantile(drawn[:, 1], [0.05, 0.95]))
    assert low < FALSE_DAY < high
    assert 1.1 < high / low < 4
    plain, none = priors_of(taken_for_truth(seen), rates, settings)
    assert plain.mean.tolist() == [0.0]
    assert none is None


def test_the_verb_says_how_often_cameras_shoot_nothing(tmp_path: Path) -> None:
    ecosystem = two_grazers(tmp_path)
    said = recorded(shown(TRUTH, draws.key(5, "shown")), MATRIX, draws.key(5, "said"))
    table = [(f"c{at}", label, int(row[k]), DAYS) for at, row in enumerate(said) for k, label in enumerate(LABELS)]
    pl.DataFrame(table, schema=["deployment", "label", "count", "days"], orient="row").write_csv(tmp_path / "c.csv")
    known = held(stream(5, "held"))
    photos = [
        (s, label, int(n))
        for s, row in zip(known.species, known.photos, strict=True)
        for label, n in zip(LABELS, row, strict=True)
    ]
    pl.DataFrame(photos, schema=["species", "label", "photos"], orient="row").write_csv(tmp_path / "m.csv")
    settings = CalibrateSettings(members=40, rates=(f"loss:{COMMON}",), simulations=100, kept=20, rate_years=1.0)
    report = calibrate(ecosystem, Given(tmp_path / "c.csv", confusion=tmp_path / "m.csv"), tmp_path / "out", settings)
    (line,) = [remark for remark in report.remarks if remark.startswith("false triggers per camera and day")]
    assert float(line.split(":")[1].split("(")[0]) == pytest.approx(FALSE_DAY, rel=0.3)
    (line,) = [remark for remark in report.remarks if remark.startswith(f"with the rates, {FALSE}")]
    assert float(line.split(":")[1].split("(")[0]) == pytest.approx(FALSE_DAY, rel=0.5)
    assert pl.read_parquet(tmp_path / "out" / "rates.parquet").columns == [f"loss:{COMMON}", FALSE]
    assert [number.name for number in report.numbers if number.group == "Rates"] == [f"loss:{COMMON}"]
    assert set(pl.read_parquet(tmp_path / "out" / "densities.parquet")["species"]) == {COMMON, RARE}


def test_who_is_gone_may_walk_in_again(tmp_path: Path) -> None:
    """Of the rare grazers hardly one is believed to be left; from the third period on they are photographed by the hundred."""
    ecosystem, periods = two_grazers(tmp_path), 5
    balance, rng = ecosystem.balance(), np.random.default_rng(4)
    start = np.log(balance.start) + 0.3 * rng.normal(size=(80, 3))
    start[:, 1] = np.log(1e-9)
    start[-1, 1] = np.log(balance.start[1])
    belief = Members((balance.web,) * 80, start, 0)
    said = np.zeros((periods, CAMERAS, 3), np.int64)
    said[:, :, 0] = rng.poisson(3.0, (periods, CAMERAS))
    said[2:, :, 1] = rng.poisson(1.0, (periods - 2, CAMERAS))
    begins = tuple(date(2025, 1, 1) + timedelta(days=30 * k) for k in range(periods))
    effort = np.full((periods, CAMERAS), 30.0)
    found = Counts(begins, tuple(map(str, range(CAMERAS))), (COMMON, RARE, UNKNOWN), said, effort)
    seen = surveyed(found, ZONE, ecosystem, KNOWN, None, "here")
    seen = Surveyed(seen.counts, None, seen.names, seen.species, seen.exposure, 0.0)
    truth = np.log(1.0 / (30 * 4 * ZONE.width_km))
    ends = {}
    for inflow in (0.0, 0.05):
        drawn = read(belief, seen, seen_as(seen, ecosystem), Reading(inflow=inflow, noise=0.3))
        ends[inflow] = float(np.abs(np.median(drawn[-1, :, 1]) - truth))
    assert ends[0.05] < 0.5
    assert ends[0.05] < ends[0.0]
