"""`merian twin calibrate`: tables of counts and camera-trap packages read or refused, states and rates found where they are known, what is written and said."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_world import COMMON, RARE, two_grazers

from merian.cli.main import run
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Missing
from merian.twin import draws
from merian.twin.calibrate import run as running
from merian.twin.calibrate.abundance import Beliefs, abundance
from merian.twin.calibrate.counts import Counts, read_counts, read_package
from merian.twin.calibrate.labelled import Surveyed, read_confusion, surveyed
from merian.twin.calibrate.rates import Rate, chosen, fitted_rates, shifted
from merian.twin.calibrate.run import Given, calibrate
from merian.twin.calibrate.scores import covered, share
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import Members, Reading, believed, read, scatters, seen_as, trusting
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import FoodWeb
from merian.twin.observe.camera import Zone, counts
from merian.twin.observe.labels import UNKNOWN, Confusion
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits
from merian.twin.solver import run as solved

TABLES = Path(__file__).parents[2].parent / "shared" / "data" / "tables"
EVENTS = TABLES / "camtrap_snapshot_safari_5spp.csv"
real = [pytest.mark.real, pytest.mark.skipif(not TABLES.is_dir(), reason=f"the real tables are not at {TABLES}")]
ZONE = Zone(0.01, 0.7)
KNOWN = CalibrateSettings(exposure_factor=1.0)


def table(path: Path, *rows: str, head: str = "deployment,period,label,count,days") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table_of_counts_by_hand(tmp_path: Path) -> None:
    path = table(
        tmp_path / "c.csv", "a,2025-01,kudu,3,30", "a,2025-01,lion,1,30", "b,2025-01,,0,10", "a,2025-03-02,kudu,2,5"
    )
    found = read_counts(path)
    assert found.begins == (date(2025, 1, 1), date(2025, 3, 2))
    assert found.deployments == ("a", "b")
    assert found.labels == ("kudu", "lion")
    assert found.counts.tolist() == [[[3, 1], [0, 0]], [[2, 0], [0, 0]]]
    assert found.effort.tolist() == [[30, 10], [5, 0]]
    assert found.gaps.tolist() == [0, 60]
    plain = table(tmp_path / "p.csv", "a,kudu,3,30", head="deployment,label,count,days")
    assert len(read_counts(plain).begins) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,2025-01,kudu,-3,30", r"count is a number from 0 on \(row 2: -3\)"),
        ("a,2025-01,kudu,3,-30", r"days is a number from 0 on \(row 2: -30\)"),
        ("a,2025-01,kudu,NaN,30", r"count is a number from 0 on \(row 2: NaN\)"),
        ("a,2025-01,kudu,3,", r"days is a number from 0 on \(row 2"),
        ("a,2025-01,kudu,2.5,30", r"whole number \(row 2: 2.5\)"),
        ("a,soon,kudu,3,30", r"period is the day .* \(row 2: soon\)"),
        ("a,2025-01,,3,30", r"has a label \(row 2\)"),
        ("a,2025-01,kudu,3,0", "counted where a camera was out"),
        ("a,2025-01,kudu,0,0", "no camera was out for a day"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        read_counts(table(tmp_path / "c.csv", row))


def test_tables_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"these lack \(count, days\)"):
        read_counts(table(tmp_path / "c.csv", "a,kudu", head="deployment,label"))
    with pytest.raises(BadData, match="30 and 31"):
        read_counts(table(tmp_path / "d.csv", "a,2025-01,kudu,3,30", "a,2025-01,lion,3,31"))
    with pytest.raises(Missing):
        read_counts(tmp_path / "gone.csv")
    with pytest.raises(Missing, match=r"deployments\.csv"):
        read_package(tmp_path, 30.0)


DEPLOYMENTS = "deploymentID,deploymentStart,deploymentEnd"
OBSERVATIONS = "deploymentID,eventStart,observationLevel,observationType,scientificName,count"


def package(folder: Path, observations: tuple[str, ...], *deployments: str) -> Path:
    table(
        folder / "deployments.csv", *(deployments or ("a,2025-01-01T00:00:00Z,2025-02-15T00:00:00Z",)), head=DEPLOYMENTS
    )
    table(folder / "observations.csv", *observations, head=OBSERVATIONS)
    return folder


def test_a_package_by_hand(tmp_path: Path) -> None:
    """Three photos within half an hour are one stay of its largest group; effort is cut where a period ends."""
    photos = [f"a,2025-01-03T10:{minute}:00Z,media,animal,kudu,{many}" for minute, many in ((10, 2), (30, 4), (55, 1))]
    rows = (*photos, "a,2025-02-10T01:00:00Z,media,animal,,1", "a,2025-01-05T00:00:00Z,media,blank,,")
    found = read_package(package(tmp_path, rows), 30.0)
    assert found.labels == ("empty", "kudu", "unknown")
    assert found.counts.tolist() == [[[1, 4, 0]], [[0, 0, 1]]]
    assert found.effort.ravel().tolist() == [30, 15]
    assert found.remarks == ()
    events = ("a,2025-01-03T10:00:00Z,event,animal,kudu,2", "a,2025-01-03T10:00:00Z,event,animal,kudu,3", rows[0])
    found = read_package(package(tmp_path, events), 60.0)
    assert found.counts.tolist() == [[[5]]]
    assert "1 observations of media stand beside" in found.remarks[0]


def test_packages_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"ends after it starts \(a"):
        read_package(package(tmp_path, (), "a,2025-03-01T00:00:00Z,2025-02-15T00:00:00Z"), 30.0)
    with pytest.raises(BadData, match=r"not there \(b\)"):
        read_package(package(tmp_path, ("b,2025-01-03T10:00:00Z,media,animal,kudu,1",)), 30.0)
    with pytest.raises(BadData, match=r"row 2: noon"):
        read_package(package(tmp_path, ("a,noon,media,animal,kudu,1",)), 30.0)


def test_labels_are_species_by_any_of_their_names_or_refused(tmp_path: Path) -> None:
    ecosystem = two_grazers(tmp_path)
    labels = ("Common grazer", RARE, "unknown", "gnu", "car")
    found = Counts((date(2025, 1, 1),), ("a",), labels, np.array([[[5, 4, 3, 2, 1]]]), np.array([[10.0]]))
    with pytest.raises(BadData, match=r"--labels LABEL=species.*\(gnu, car"):
        surveyed(found, ZONE, ecosystem, KNOWN, None, "here")
    told = CalibrateSettings(labels=("gnu=rare grazer",), ignore=("car",), speeds=(f"{RARE}=8",))
    seen = surveyed(found, ZONE, ecosystem, told, None, "here")
    assert seen.counts.labels == (COMMON, RARE, UNKNOWN)
    assert seen.counts.counts.tolist() == [[[5, 6, 0]]]
    assert seen.exposure[0, 0, 1] == pytest.approx(2 * seen.exposure[0, 0, 0])
    assert any("3 animals without a name" in remark for remark in seen.counts.remarks)
    for wrong in (
        CalibrateSettings(labels=("gnu=cow",)),
        CalibrateSettings(speeds=(f"{RARE}=fast",), ignore=("gnu", "car")),
    ):
        with pytest.raises(BadSetting):
            surveyed(found, ZONE, ecosystem, wrong, None, "here")
    none = CalibrateSettings(ignore=labels[:2] + labels[3:])
    with pytest.raises(BadData, match="no label names a species"):
        surveyed(found, ZONE, ecosystem, none, None, "here")


def test_a_table_of_held_out_photos(tmp_path: Path) -> None:
    ecosystem = two_grazers(tmp_path)
    head = "species,label,photos"
    rows = (f"{COMMON},common grazer,90", f"{COMMON},{RARE},6", f"{COMMON},unknown,4", f"{RARE},{RARE},50")
    found = read_confusion(table(tmp_path / "m.csv", *rows, head=head), ecosystem, KNOWN)
    assert found.photos.tolist() == [[90, 6, 4], [0, 50, 0]]
    with pytest.raises(BadData, match="whole number from 0 on"):
        read_confusion(table(tmp_path / "n.csv", f"{COMMON},{COMMON},-1", head=head), ecosystem, KNOWN)
    with pytest.raises(BadData, match="what was there is a species"):
        read_confusion(table(tmp_path / "u.csv", f"unknown,{COMMON},1", head=head), ecosystem, KNOWN)
    one = read_confusion(table(tmp_path / "o.csv", f"{COMMON},{COMMON},9", head=head), ecosystem, KNOWN)
    seen = Counts((date(2025, 1, 1),), ("a",), (RARE,), np.array([[[5]]]), np.array([[10.0]]))
    with pytest.raises(BadData, match="held-out photos never showed"):
        surveyed(seen, ZONE, ecosystem, KNOWN, one, "here")


MATRIX = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2]])
"""A tenth of the photos of the common grazer are taken for the rare one."""


def survey(ecosystem: Ecosystem, density: np.ndarray, held: np.ndarray, seed: int) -> Surveyed:
    """Two months of 40 cameras before animals of known densities; photos are named by MATRIX, of which `held` photos are known."""
    rng = np.random.default_rng(seed)
    effort = np.full((1, 40), 60.0)
    shown = rng.poisson(density * 60.0 * 4.0 * ZONE.width_km * rng.gamma(2.0, 0.5, (40, 2)))
    said = np.array([sum(rng.multinomial(row[s], MATRIX[s]) for s in range(2)) for row in shown])
    found = Counts((date(2025, 1, 1),), tuple(map(str, range(40))), (COMMON, RARE, UNKNOWN), said[None], effort)
    confusion = Confusion((COMMON, RARE), (COMMON, RARE, UNKNOWN), held)
    return surveyed(found, ZONE, ecosystem, KNOWN, confusion, "here")


def around(web: FoodWeb, start: np.ndarray, wide: float, count: int, rng: np.random.Generator) -> Members:
    """Members of one web whose grazers begin a log-normal factor off."""
    z = np.column_stack([wide * rng.normal(size=(count, 2)), np.zeros((count, 1))])
    return Members((web,) * count, np.log(start) + z, 0)


def test_one_survey_is_read_by_both_filters_as_by_the_exact_sampler(tmp_path: Path) -> None:
    """A wide belief (factor 4) and one look: median and width of ln density agree with the Gibbs sampler's; taken in at once the ensemble's do not."""
    ecosystem, held = two_grazers(tmp_path), np.array([[800, 100, 100], [100, 700, 200]])
    seen = survey(ecosystem, np.array([20.0, 1.5]), held, 4)
    balance, rng = ecosystem.balance(), np.random.default_rng(2)
    middle = np.log(balance.start[:2] * 1e6 / 50_000)

    def members(count: int) -> Members:
        return around(balance.web, balance.start, 1.4, count, rng)

    k = scatters(seen.counts.counts, seen.names, seen.exposure)
    beliefs = Beliefs(float(middle.mean()), 1.4, float(np.log(k).mean()), 0.2, sweeps=1500)
    exact = np.log(abundance(seen.counts.counts[0], seen.exposure[0], seen.confusion, stream(1, "x"), beliefs).density)
    look = seen_as(seen, ecosystem)
    ways = {
        "ensemble": read(members(300), seen, look, Reading()),
        "particles": read(members(10_000), seen, look, Reading(True)),
        "at once": read(members(300), seen, look, Reading(parts=1)),
    }
    off = {way: np.abs(np.median(drawn[0], 0) - np.median(exact, 0)) for way, drawn in ways.items()}
    width = exact.std(0)
    for way in ("ensemble", "particles"):
        # they read labels of all cameras together, and the sampler those of each
        assert (off[way] < width).all()
        assert ways[way][0].std(0) == pytest.approx(width, rel=0.5)
    assert (off["at once"] > off["ensemble"]).any()
    naive = read(members(300), trusting(seen), seen_as(trusting(seen), ecosystem), Reading())[0]
    assert np.quantile(naive[:, 1], 0.05) > np.log(1.5) > np.quantile(ways["ensemble"][0][:, 1], 0.05)


def test_intervals_hold_what_is_drawn_from_the_belief_and_labels_taken_for_truth_do_not(tmp_path: Path) -> None:
    """30 worlds whose densities are drawn from the belief (fixed seeds): nine tenths are held through the matrix; labels as truth miss the rare grazer."""
    ecosystem, hits = two_grazers(tmp_path), {"matrix": [], "labels": []}
    balance, rng = ecosystem.balance(), np.random.default_rng(8)
    belief = around(balance.web, balance.start, 0.8, 150, rng)
    for seed in range(30):
        truth = np.log(balance.start[:2] * 1e6 / 50_000) + 0.8 * rng.normal(size=2)
        held = np.stack([rng.multinomial(300, row) for row in MATRIX])
        seen = survey(ecosystem, np.exp(truth), held, seed)
        for way, one in (("matrix", seen), ("labels", trusting(seen))):
            hits[way].append(covered(read(belief, one, seen_as(one, ecosystem), Reading(seed=seed))[0], truth))
    found = share(hits["matrix"])
    assert found.low < 0.9 < found.high
    assert np.mean(hits["labels"], axis=0)[1] < 0.3


def test_a_density_without_a_spread_is_not_believed_to_be_certain(tmp_path: Path) -> None:
    """Else no camera could say anything of it: log10 density is off by half a unit, where the table says 0.3 by that."""
    ecosystem = two_grazers(tmp_path)
    bare = ecosystem.species.cells.with_columns(
        spread=pl.when(pl.col("species") == RARE).then(None).otherwise(pl.col("spread"))
    )
    sure = replace(ecosystem, species=replace(ecosystem.species, cells=bare))
    off = believed(sure, 40, 1).start[:, :2].std(0) / np.log(10)
    assert off == pytest.approx([0.3, 0.5], rel=0.3)


def test_rates_are_chosen_by_name_or_all(tmp_path: Path) -> None:
    web = two_grazers(tmp_path).balance().web
    every = chosen(("all",), web, (0, 1))
    assert [rate.said(web) for rate in every][:3] == ["growth:grass", f"attack:{COMMON}", f"attack:{RARE}"]
    assert 5 <= len(every) <= 15
    moved = shifted(web, [Rate("attack", 0), Rate("growth", 2)], np.log([2.0, 0.5]))
    assert moved["attack"] == pytest.approx(web["attack"] * np.array([2.0, 1.0]))
    assert moved["growth"] == pytest.approx(web["growth"] * 0.5)
    for wrong in ("growth:grazz", "speed:grass", f"growth:{COMMON}", "grass"):
        with pytest.raises(BadSetting, match="rates"):
            chosen((wrong,), web, (0, 1))
    with pytest.raises(BadSetting, match="each once"):
        chosen(("growth:grass", "growth:grass"), web, (0, 1))


def settled(web: FoodWeb, start: np.ndarray) -> np.ndarray:
    return solved(web, start, [0.0, 10 * YEAR_DAYS], Limits(1e-5, 1e-12)).biomass[-1]


def test_a_rate_that_is_known_is_found_again(tmp_path: Path) -> None:
    """A common grazer that burns 1.6 times what is believed stands at fewer animals: ABC moves its loss there, and leaves less than 60 % of the doubt."""
    ecosystem = two_grazers(tmp_path)
    balance, rates = ecosystem.balance(), [Rate("loss", 0), Rate("loss", 1)]
    true = settled(shifted(balance.web, rates, np.log([1.6, 1.0])), balance.start)[:2] * 1e6 / 50_000
    assert true[0] < 0.8 * 30
    effort = np.full((1, 60), 60.0)
    found = counts(true * np.full((60, 2), 60.0 * 4.0 * ZONE.width_km), 4.0, draws.key(3, "cameras"))
    table = Counts((date(2025, 1, 1),), tuple(map(str, range(60))), (COMMON, RARE), found[None], effort)
    seen = surveyed(table, ZONE, ecosystem, KNOWN, None, "here")
    settings = CalibrateSettings(kept=60, simulations=600)
    drawn, _ = fitted_rates(ecosystem, seen, rates, settings)
    assert drawn.shape == (1000, 2)
    low, high = np.quantile(drawn[:, 0], [0.05, 0.95])
    assert low < np.log(1.6) < high
    assert low > 0
    assert drawn[:, 0].std() < 0.6 * settings.rate_sd


QUICK = ("--members", "20", "--kept", "20", "--simulations", "100", "--rate-years", "2")


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ecosystem, two months of counts at six cameras, and held-out photos."""
    folder = tmp_path_factory.mktemp("counted")
    ecosystem = two_grazers(folder)
    assert run(["twin", "build", str(folder / "two.toml"), str(folder / "eco"), "--rows", "8"]) == 0
    assert ecosystem.name == "two grazers"
    rows = [
        f"c{camera},2025-{month:02d},{label},{many},30"
        for camera in range(6)
        for month in (1, 2)
        for label, many in ((COMMON, 20 + camera), ("rare grazer", 4), ("unknown", 3))
    ]
    table(folder / "counts.csv", *rows)
    matrix = (
        f"{COMMON},{COMMON},80",
        f"{COMMON},{RARE},15",
        f"{COMMON},unknown,5",
        f"{RARE},{RARE},60",
        f"{RARE},unknown,9",
    )
    table(folder / "matrix.csv", *matrix, head="species,label,photos")
    return folder


def line(folder: Path, out: str, *more: str) -> list[str]:
    return ["twin", "calibrate", str(folder / "eco"), str(folder / "counts.csv"), str(folder / out), *QUICK, *more]


def test_the_verb_writes_what_was_believed_beside_what_cameras_say(
    counted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--confusion", str(counted / "matrix.csv"), "--rates", f"loss:{COMMON}", "--rates", "growth:grass")
    assert run(line(counted, "out", *more)) == 0
    said = capsys.readouterr().err
    assert "Common grazer:" in said
    assert "was believed" in said
    assert f"loss:{COMMON}" in said
    found = pl.read_parquet(counted / "out/densities.parquet")
    assert len(found) == 2 * 2 * 3
    assert set(found["way"]) == {"believed", "calibrated", "labels as truth"}
    assert (found["q05"] <= found["median"]).all()
    assert (found["median"] <= found["q95"]).all()
    drawn = pl.read_parquet(counted / "out/draws.parquet")
    assert len(drawn) == 2 * 20 * 2
    assert pl.read_parquet(counted / "out/rates.parquet").columns == [f"loss:{COMMON}", "growth:grass"]
    report = json.loads((counted / "out/report.json").read_text())["report"]
    assert {f"{RARE}.calibrated", f"loss:{COMMON}"} <= {number["name"] for number in report["numbers"]}
    page = (counted / "out/calibration.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "doubt that is left" in page
    assert sorted(p.name for p in (counted / "out").iterdir()) == sorted(
        ["calibration.html", "densities.parquet", "draws.parquet", "manifest.json", "rates.parquet", "report.json"]
    )


def test_a_stopped_calibration_keeps_its_parts_and_ends_with_the_same_bytes(
    counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CalibrateSettings(members=20, kept=20, simulations=100, rates=("growth:grass",), rate_years=2.0)
    ecosystem, given = two_grazers(counted), Given(counted / "counts.csv")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "fitted_rates", stop)
        with pytest.raises(KeyboardInterrupt):
            calibrate(ecosystem, given, counted / "stopped", settings)
    before = (counted / "stopped/densities.parquet").stat().st_mtime_ns
    calibrate(ecosystem, given, counted / "stopped", settings)
    calibrate(ecosystem, given, counted / "whole", settings)
    assert (counted / "stopped/densities.parquet").stat().st_mtime_ns == before
    for name in ("densities.parquet", "rates.parquet", "calibration.html", "report.json"):
        assert (counted / "stopped" / name).read_bytes() == (counted / "whole" / name).read_bytes()


def test_particles_read_the_same_counts(counted: Path) -> None:
    more = ("--confusion", str(counted / "matrix.csv"), "--method", "particle", "--exposure-factor", "1")
    folders = [str(counted / name) for name in ("eco", "counts.csv", "particles")]
    assert run(["twin", "calibrate", *folders, "--members", "60", *more]) == 0
    found = pl.read_parquet(counted / "particles/densities.parquet")
    row = found.filter(pl.col("way") == "calibrated", pl.col("species") == COMMON, pl.col("begin") == date(2025, 2, 1))
    per = 30 * 4 * ZONE.width_km  # animals before a camera in a month that one per km2 gives, within a few per cent
    assert 0.5 * 22.5 / 0.8 / per < row["median"].item() < 2 * 22.5 / 0.8 / per


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--rates", "growth:moss"), 2, "must read KIND:NAME"),
        (("--names", "names.csv"), 1, "watched world"),
        (("--sure", "0.2"), 2, "from 0 to sure"),
        (("--ignore", "unknown", "--labels", "unknown"), 2, "LABEL=species"),
    ],
)
def test_what_cannot_be_asked(
    counted: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, said: str
) -> None:
    assert run(line(counted, "bad", *more)) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (counted / "bad").exists()


class TestReal:
    """72,710 events of the Snapshot Safari cameras, and the example of Camtrap DP."""

    pytestmark = real

    def test_the_example_of_camtrap_dp(self, tmp_path: Path) -> None:
        for name in ("deployments", "observations"):
            (tmp_path / f"{name}.csv").write_bytes((TABLES / f"camtrapdp_example_{name}.csv").read_bytes())
        found = read_package(tmp_path, 30.0)
        assert len(found.deployments) == 4
        assert "Anas platyrhynchos" in found.labels
        assert (found.effort >= 0).all()
        starts = pl.read_csv(tmp_path / "deployments.csv").select(
            days=(
                pl.col("deploymentEnd").str.to_datetime(time_zone="UTC")
                - pl.col("deploymentStart").str.to_datetime(time_zone="UTC")
            ).dt.total_seconds()
            / 86_400
        )
        assert found.effort.sum() == pytest.approx(starts["days"].sum())
        observed = pl.read_csv(tmp_path / "observations.csv")
        level = pl.col("observationLevel") == "event"
        blanks = observed.filter(level, pl.col("observationType") == "blank")
        assert found.counts[:, :, found.labels.index("empty")].sum() == len(blanks) > 0
        with pytest.raises(BadData, match="labels that no species of the ecosystem has.*Anas platyrhynchos"):
            surveyed(found, ZONE, two_grazers(tmp_path), KNOWN, None, tmp_path)

    def test_a_reserve_by_months(self, tmp_path: Path) -> None:
        """The 22 cameras of one reserve in the first half of 2019, out from their first event to their last: the savanna's densities move, and are learnt."""
        names = {
            "impala": "Aepyceros melampus",
            "wildebeestblue": "Connochaetes taurinus",
            "zebraburchells": "Equus quagga",
        }
        events = pl.read_csv(EVENTS, infer_schema=False).filter(pl.col("locationID") == "SD")
        events = events.with_columns(day=pl.col("eventDate").str.to_date(), period=pl.col("eventDate").str.slice(0, 7))
        spans = events.group_by("cameraID").agg(first=pl.col("day").min(), last=pl.col("day").max())
        months = pl.DataFrame(
            {"begin": [date(2019, m, 1) for m in range(1, 5)], "end": [date(2019, m, 1) for m in range(2, 6)]}
        )
        effort = spans.join(months, how="cross").with_columns(
            days=(pl.min_horizontal("last", "end") - pl.max_horizontal("first", "begin")).dt.total_days().clip(0),
            period=pl.col("begin").dt.strftime("%Y-%m"),
        )
        many = events.with_columns(label=pl.col("snapshotName").replace(names), n=pl.col("count").cast(pl.Int64))
        sums = many.group_by("cameraID", "period", "label").agg(count=pl.col("n").sum())
        rows = effort.filter(pl.col("days") > 0).join(sums, on=["cameraID", "period"], how="left")
        counts = rows.select(
            deployment="cameraID", period="period", label="label", count=pl.col("count").fill_null(0), days="days"
        )
        counts.write_csv(tmp_path / "counts.csv")
        out, source = tmp_path / "out", tmp_path / "counts.csv"
        more = ["--labels", "lion=Panthera leo", "--ignore", "kudu", "--members", "30"]
        assert run(["twin", "calibrate", "savanna", str(source), str(out), *more]) == 0
        found = pl.read_parquet(out / "densities.parquet")
        last = found.filter(pl.col("begin") == date(2019, 4, 1))
        wide = {
            way: dict(
                last.filter(pl.col("way") == way).select("species", (pl.col("q95") / pl.col("q05")).log()).iter_rows()
            )
            for way in ("believed", "calibrated")
        }
        impala = last.filter(pl.col("species") == "Aepyceros melampus", pl.col("way") == "calibrated")
        assert impala["labels"].item() > 100
        # cameras there keep good and bad places: five months are less than five surveys
        assert wide["calibrated"]["Aepyceros melampus"] < 0.9 * wide["believed"]["Aepyceros melampus"]
        assert {"Panthera leo", "Equus quagga"} <= set(last["species"])
        report = json.loads((out / "report.json").read_text())["report"]
        assert any("labels left out: kudu" in remark for remark in report["remarks"])
