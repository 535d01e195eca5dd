"""`merian simulate` on a map: what is written, that an ended run goes on to the same bytes, and maps that hold what they say in colours all can tell apart."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run
from merian.core.errors import BadSetting
from merian.twin.ensemble import Setting
from merian.twin.foodweb import FoodWeb
from merian.twin.landscape import Frame, Landscape
from merian.twin.scenario import Change, Scenario
from merian.twin.simulate import Call, simulate
from merian.twin.space import members
from merian.twin.space.altered import Altered, Ground
from merian.twin.space.drawing import Drawn, drawn, marks, plates, scale_km
from merian.twin.space.members import Job, Maps, collected, estimated, spread
from merian.twin.space.settings import MapSettings
from merian.twin.worked import shipped

FEW = ("--members", "2", "--settle", "2", "--spin", "0", "--threads", "1")
QUICK = (*FEW, "--years", "1", "--rows", "4")
HERE = MapSettings(tier="grid", members=3, years=1, settle=2, spin=0, rows=3, threads=1)
FENCE = """
title = "A fence and less habitat"
[[change]]
what = "fence"
path = [0.5, 0.0, 0.5, 1.0]
[[change]]
what = "habitat"
amount = 0.3
pattern = "clustered"
year = 0.25
[[change]]
what = "warming"
amount = {amount}
"""


def ecosystem():
    from merian.twin.ecosystem import made

    worked = shipped("isle-royale")
    return made(worked.facts, worked.landscape(0, 12))


def asked() -> Scenario:
    return Scenario("hunted", (Change(what="harvest", species="Alces alces", amount=1.0, within=(0, 0, 0.5, 1)),))


def test_a_map_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "fence.toml", tmp_path / "out"
    file.write_text(FENCE.format(amount=9.0))
    assert run(["simulate", "isle-royale", str(file), str(out), "--tier", "grid", *QUICK]) == 0
    said = capsys.readouterr().err
    assert "cells keep their habitat" in said
    cells = pl.read_parquet(out / "maps.parquet")
    rows = pl.read_parquet(out / "ensemble.parquet")
    assert set(rows["year"].unique()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert (cells["agree"] <= 1).all()
    moose = cells.filter(pl.col("species") == "Alces alces")
    late = rows.filter(pl.col("species") == "Alces alces", pl.col("year") >= 0.75)
    assert moose["with"].mean() == pytest.approx(late["with"].mean(), rel=1e-6)
    assert moose["without"].mean() == pytest.approx(late["without"].mean(), rel=1e-6)
    assert not (out / "parts").exists()
    html = (out / "simulation.html").read_text()
    species = rows["species"].n_unique()
    assert html.count('aria-label="Map: ') == 3 * species
    # fans, bars of effects, food web and every map say it
    assert html.count("outside the measured range") == species + 2 + 3 * species
    assert not re.search(r"(src|href)=|url\(|https?://", html)
    assert 'class="fence"' in html


def test_herds_by_the_command_line(tmp_path: Path) -> None:
    file, out = tmp_path / "s.toml", tmp_path / "out"
    file.write_text('[[change]]\nwhat = "remove"\nspecies = "grey wolf"\nyear = 0.01\n')
    line = ["simulate", "isle-royale", str(file), str(out), "--tier", "herds", *FEW, "--years", "0.03"]
    assert run([*line, "--window-km", "8", "--step-days", "0.5"]) == 0
    rows = pl.read_parquet(out / "ensemble.parquet").filter(pl.col("species") == "Canis lupus")
    assert (rows.filter(pl.col("year") > 0.02)["with"] == 0).all()
    assert "the window is closed" in (out / "report.json").read_text()
    assert pl.read_parquet(out / "maps.parquet")["without"].max() > 0


@pytest.mark.parametrize("shut", [False, True])
def test_the_page_says_what_an_open_window_rests_on(tmp_path: Path, shut: bool) -> None:
    file, out = tmp_path / "s.toml", tmp_path / "out"
    file.write_text('[[change]]\nwhat = "remove"\nspecies = "blue wildebeest"\nyear = 0.005\n')
    line = [
        "simulate",
        "savanna",
        str(file),
        str(out),
        "--tier",
        "herds",
        "--members",
        "1",
        *FEW[2:],
        "--years",
        "0.02",
    ]
    line += ["--window-km", "8", "--step-days", "0.5", "--no-behaviour"]
    assert run([*line, *(["--no-open-edges"] if shut else [])]) == 0
    page = (out / "simulation.html").read_text().lower()
    assert ("sets the numbers of who ranges far, hunters first" in page) != shut
    assert ("home range larger than the window" in page) != shut
    assert ("the window is closed" in page) == shut
    rows = pl.read_parquet(out / "ensemble.parquet").filter(pl.col("species") == "Connochaetes taurinus")
    assert (rows.filter(pl.col("year") == 0.02)["with"] == 0).all()


def test_cohorts_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "s.toml", tmp_path / "out"
    file.write_text('[[change]]\nwhat = "habitat"\namount = 0.5\npattern = "edge"\n')
    line = ["simulate", "isle-royale", str(file), str(out), "--tier", "cohorts", *FEW, "--years", "0.5"]
    assert run([*line, "--cohort-rows", "2", "--stages-years", "0.25"]) == 0
    assert "this tier has no places" in capsys.readouterr().err
    rows = pl.read_parquet(out / "ensemble.parquet").filter(pl.col("species") == "balsam fir", pl.col("year") == 0.5)
    assert rows["member"].n_unique() == 2
    assert (rows["with"] < 0.7 * rows["without"]).all()
    assert not (out / "maps.parquet").exists()


def test_a_run_that_was_ended_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    own = ecosystem()

    def dying(job, parts):
        for part in reversed(parts):
            yield part, job(part)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(own, asked(), tmp_path / "killed", HERE, Call(over=dying))
    assert len(list((tmp_path / "killed" / "parts").glob("*.npz"))) == 1
    made = []

    def counted(job, parts):
        made.extend(parts)
        yield from ((part, job(part)) for part in parts)

    simulate(own, asked(), tmp_path / "killed", HERE, Call(over=counted))
    assert made == [0, 1]
    simulate(own, asked(), tmp_path / "whole", HERE)
    for name in ("ensemble.parquet", "maps.parquet", "effects.parquet", "simulation.html", "report.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_the_food_web_in_parts_is_the_food_web_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from merian.twin.ensemble import ensemble

    own, how = ecosystem(), MapSettings(members=5, years=2, settle=2, threads=1)
    change = Scenario("no wolves", (Change(what="remove", species="Canis lupus", year=1),))
    monkeypatch.setattr(members, "BLOCK", 2)
    job = Job(own, change, how, tmp_path)
    spread(job)
    found, maps = collected(job)
    assert job.parts == 3
    assert maps is None
    whole = ensemble(Setting.of_ecosystem(own), change, how)
    assert found.scenario.tobytes() == whole.scenario.tobytes()
    assert found.baseline.tobytes() == whole.baseline.tobytes()


def test_members_that_fail_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from merian.core.errors import Unstable

    job = Job(ecosystem(), asked(), HERE, tmp_path)
    real = members.pair

    def failing(field, scenario, settings, member):
        if member == 1:
            raise Unstable("feeding", "biomass", (0, 0), 3)
        return real(field, scenario, settings, member)

    monkeypatch.setattr(members, "pair", failing)
    spread(job)
    found, maps = collected(job)
    assert [member for member, _ in found.failed] == [1]
    assert "feeding" in found.failed[0][1]
    assert len(found.baseline) == 2
    assert maps is not None


@pytest.mark.parametrize(
    ("settings", "many"),
    [
        (MapSettings(tier="grid", members=100_000, years=10_000), 1e12),
        (MapSettings(tier="grid", members=2, years=1, rows=12), 1e3),
        (MapSettings(tier="herds", members=2, years=1), 1e3),
        (MapSettings(members=100_000, years=10_000), 1e12),
    ],
)
def test_memory_is_reckoned_before_anything_is_run(tmp_path: Path, settings: MapSettings, many: float) -> None:
    job = Job(ecosystem(), Scenario("x", (Change(what="rain", amount=0.9),)), settings, tmp_path)
    needed = estimated(job)
    assert needed > many
    if many > 1e9:
        with pytest.raises(BadSetting, match="GB of memory"):
            spread(job)
        assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize(
    ("tier", "text", "said"),
    [
        ("web", 'what = "fence"\npath = [0.5, 0, 0.5, 1]', "needs a map, and the food web and cohorts have none"),
        ("herds", 'what = "warming"\namount = 1\nwithin = [0, 0, 0.5, 1]', "holds in the whole window"),
        ("herds", 'what = "remove"\nspecies = "balsam fir"', "concerns animals"),
        ("grid", 'what = "drought"\namount = 0.5\nwithin = [0.5, 0.5, 0.6, 0.6]', "holds no cell"),
    ],
)
def test_what_a_tier_cannot_hold_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tier: str, text: str, said: str
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(f"[[change]]\n{text}\n")
    assert run(["simulate", "isle-royale", str(file), str(tmp_path / "out"), "--tier", tier, *QUICK]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def shown(with_it: np.ndarray, agree: float = 1.0) -> Drawn:
    shape = (4, 6)
    plain = {"elevation": np.ones(shape), "water": np.eye(4, 6), "trees": np.zeros(shape), "fences": np.zeros(shape)}
    ground = Landscape(Frame(*shape, 2000.0), plain | {"rain": np.full((12, *shape), 50.0)})
    web = FoodWeb.of(["grass"], [], {"growth": 0.1, "capacity": 10.0})
    changes = Scenario("x", (Change(what="fence", path=(0.5, 0, 0.5, 1)), Change(what="rain", within=(0, 0, 0.5, 1))))
    altered = Altered(changes, Setting.of(web, [1.0]), Ground(ground))
    without = np.full((1, *shape), 6.0)
    return drawn(altered, Maps(without, with_it, np.full((1, *shape), agree)), 5.0)


def areas(svg: str) -> dict[str, float]:
    """Cells by class, from the rectangles of each path."""
    found = {}
    for node in ElementTree.fromstring(svg):
        if node.tag == "path" and re.fullmatch(r"[cdlm]\d", node.get("class", "")):
            runs = re.findall(r"h([\d.]+)v([\d.]+)", node.get("d", ""))
            found[node.get("class")] = sum(round((float(w) - 0.2) / 40) for w, _ in runs)
    return found


def test_a_map_holds_the_classes_of_its_cells() -> None:
    with_it = np.full((1, 4, 6), 6.0)
    with_it[0, 0], with_it[0, 1], with_it[0, 2, :2] = 12.0, 0.0, 3.9
    (plate,) = plates(shown(with_it), ["grass"], warned=True)
    assert areas(plate.without) == {"c3": 24}
    assert areas(plate.with_it) == {"c6": 6, "c0": 6, "c2": 2, "c3": 10}
    assert areas(plate.difference) == {"m3": 6, "l3": 6, "l2": 2, "d0": 10}
    assert (plate.top, plate.most) == ("12", "6")
    for svg in (plate.without, plate.with_it, plate.difference):
        assert svg.count("outside the measured range") == 1
        assert "5 km" in svg
        assert svg.count("<circle") == 4
    assert 'class="fence"' not in plate.without
    assert plate.with_it.count('class="fence"') == 1
    assert plate.difference.count('class="box"') == 1
    assert 'class="unsure"' not in plate.difference
    (vague,) = plates(shown(with_it, agree=0.5), ["grass"], warned=False)
    dots = next(n for n in ElementTree.fromstring(vague.difference) if n.get("class") == "unsure")
    assert dots.get("d", "").count("M") == 14
    (none,) = plates(shown(np.full((1, 4, 6), 6.0)), ["grass"], warned=False)
    assert areas(none.difference) == {"d0": 24}


def test_a_fence_is_drawn_open_where_a_corridor_passes_it() -> None:
    layers = {name: np.zeros((6, 6)) for name in ("trees", "fences")}
    layers |= {"elevation": np.ones((6, 6)), "water": np.ones((6, 6)), "rain": np.full((12, 6, 6), 50.0)}
    fence, way = Change(what="fence", path=(0.5, 0, 0.5, 1)), Change(what="corridor", path=(0.1, 0.5, 0.9, 0.5))
    setting = Setting.of(FoodWeb.of(["grass"], [], {"growth": 0.1, "capacity": 10.0}), [1.0])
    ground = Ground(Landscape(Frame(6, 6, 2000.0), layers))
    found = [marks(Altered(Scenario("x", those), setting, ground), 1.0) for those in ((fence,), (fence, way))]
    assert [seen.east.sum() for seen in found] == [6, 4]
    assert found[1].east[:, 2].tolist() == [True, True, False, False, True, True]


@pytest.mark.parametrize(("wide", "km"), [(12.0, 5.0), (158.0, 50.0), (1.0, 0.5), (40.0, 20.0), (0.9, 0.2)])
def test_the_scale_is_round_and_fits(wide: float, km: float) -> None:
    assert scale_km(Frame(3, 10, wide * 100)) == pytest.approx(km)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


SEEN = {
    "all": np.eye(3),
    # Machado, Oliveira & Fernandes 2009, severity 1
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, eyes: str) -> np.ndarray:
    xyz = XYZ @ np.clip(SEEN[eyes] @ linear(colour), 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("mode", [0, 1])
def test_classes_can_be_told_apart_by_all_eyes(eyes: str, mode: int) -> None:
    from importlib import resources

    css = resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8")
    found = re.findall(r"--(\w+): (#[0-9a-f]{6});", css)
    colours: list[dict[str, str]] = [{}, {}]
    for name, colour in found:
        colours[name in colours[0]][name] = colour
    held = colours[0] | (colours[1] if mode else {})
    labs = {name: lab(colour, eyes) for name, colour in held.items()}
    ramp = [labs[name][0] for name in ("c1", "c2", "c3", "c4", "c5", "c6")]
    steps = np.diff(ramp) * (1 if mode else -1)
    assert (steps > 4).all(), ramp
    both = ["l3", "l2", "l1", "land", "m1", "m2", "m3"]
    for at, one in enumerate(both):
        for other in both[at + 1 :]:
            assert np.linalg.norm(labs[one] - labs[other]) > 9, (one, other)
