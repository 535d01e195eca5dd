"""Every kind of what-if by the command line, in the food web and on a map: what is written, and what is refused before it starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from merian.cli.main import run
from merian.twin.kinds import KINDS

FEW = ("--members", "2", "--years", "2", "--settle", "2", "--threads", "1")
MAP = (
    "--tier",
    "grid",
    "--members",
    "1",
    "--years",
    "0.5",
    "--settle",
    "2",
    "--spin",
    "0",
    "--rows",
    "4",
    "--threads",
    "1",
)
LINE, ZONE = "path = [0.5, 0.0, 0.5, 1.0]", "within = [0.0, 0.0, 0.6, 0.6]"
ASKED = {
    "remove": ('species = "grey wolf"\namount = 0.5\nyear = 0.1', "grey wolf", -1),
    "introduce": ('species = "grey wolf"\namount = 0.5\nyear = 0.1', "grey wolf", 1),
    "harvest": ('species = "grey wolf"\namount = 2.0\nramp = 0.1', "grey wolf", -1),
    "protect": (
        f'amount = 1.0\n{ZONE}\n[[change]]\nwhat = "harvest"\nspecies = "grey wolf"\namount = 2.0',
        "grey wolf",
        -1,
    ),
    "habitat": ('amount = 0.6\npattern = "clustered"\nramp = 0.1', "balsam fir", -1),
    "rain": ("amount = 0.5", "balsam fir", -1),
    "drought": (f"amount = 0.8\nuntil = 1.5\n{ZONE}", "balsam fir", -1),
    "warming": ("amount = 4", "balsam fir", -1),
    "refuge": ('species = "balsam fir"\namount = 0.9', "balsam fir", 1),
    "fence": (LINE, "", 0),
    "corridor": ("path = [0.0, 0.5, 1.0, 0.5]", "", 0),
    "waterpoint": ("path = [0.5, 0.5]", "", 0),
    "disease": ('species = "moose"\namount = 8', "moose", -1),
    "fire": ("amount = 20\nhow = { half_g_m2 = 60, wet = 1.0 }", "grasses", -1),
    "poaching": (f'species = "grey wolf"\namount = 3.0\n{LINE}', "grey wolf", -1),
    "livestock": ("amount = 300\npath = [0.2, 0.2]", "grasses", -1),
    "disturbance": (f"amount = 0.9\n{LINE}", "", 0),
    "road": (f'species = "grey wolf"\namount = 50000\n{LINE}', "grey wolf", -1),
}
"""Of each kind the rest of a change, and which way a species goes; "": where there are no places it is refused."""


def land(what: str) -> str:
    """Where it is asked: grass grows in the savanna alone."""
    return "savanna" if what in ("fire", "livestock") else "isle-royale"


def asked(folder: Path, what: str, rest: str) -> str:
    file = folder / f"{what}.toml"
    file.write_text(f'title = "{what}"\n[[change]]\nwhat = "{what}"\n{rest}\n', encoding="utf-8")
    return str(file)


def test_all_kinds_are_asked_here() -> None:
    assert set(ASKED) == set(KINDS)


def moved(out: Path, species: str) -> float:
    rows = pl.read_parquet(out / "ensemble.parquet")
    last = rows.filter(pl.col("year") == rows["year"].max())
    common = {"grey wolf": "Canis lupus", "moose": "Alces alces"}
    own = last.filter(pl.col("species") == common.get(species, species))
    assert own.height
    return float((own["with"] / own["without"]).log().mean())


@pytest.mark.parametrize("what", sorted(ASKED))
def test_a_change_in_the_food_web(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    rest, species, way = ASKED[what]
    out = tmp_path / "out"
    code = run(["simulate", land(what), asked(tmp_path, what, rest), str(out), *FEW])
    said = " ".join(capsys.readouterr().err.split())
    if not species:
        assert code == 2
        assert "--tier grid, or herds" in said
        return
    assert code == 0
    assert re.search(r"(falls|rises|stays as it is|is gone) ", said)
    assert moved(out, species) * way > 1e-4
    html = (out / "simulation.html").read_text()
    assert html.count("<polygon") >= 4
    assert re.search('class="link (observed|inferred|assumed)"', html)
    if any(word in rest for word in ("path", "within", "pattern")) or what in ("disease", "fire"):
        assert "this tier has no places" in said


@pytest.mark.parametrize("what", sorted(ASKED))
def test_a_change_on_a_map(tmp_path: Path, what: str) -> None:
    rest, species, way = ASKED[what]
    out = tmp_path / "out"
    assert run(["simulate", land(what), asked(tmp_path, what, rest), str(out), *MAP]) == 0
    assert pl.read_parquet(out / "maps.parquet").height > 16
    if species:
        assert moved(out, species) * way > 0
    html = (out / "simulation.html").read_text()
    drawn = {"protect": "reserve", "drought": "box", "fence": "fence", "corridor": "corridor", "habitat": "lost"}
    drawn |= {"poaching": "road", "road": "road", "disturbance": "road", "livestock": "people"}
    if what in drawn:
        # once in the legend, and on two maps of each species
        assert html.count(f'class="{drawn[what]}"') > 2


def test_fire_and_livestock_need_grass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for what, tier in (("fire", "web"), ("livestock", "grid")):
        out = str(tmp_path / tier)
        assert run(["simulate", "isle-royale", asked(tmp_path, what, "amount = 1"), out, *FEW, "--tier", tier]) == 2
        assert "this ecosystem has none" in " ".join(capsys.readouterr().err.split())


def test_ten_times_the_memory_is_refused_with_what_it_would_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["simulate", "savanna", asked(tmp_path, "rain", "amount = 0.5"), str(tmp_path / "out"), "--tier", "grid"]
    assert run([*line, "--members", "100000", "--years", "10000"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "GB of memory" in said
    assert "fewer members" in said
    assert not list((tmp_path / "out").rglob("*.npz"))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal that cannot be caught")
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    change = asked(tmp_path, "remove", 'species = "grey wolf"\nyear = 0.5')
    how = [
        "--tier",
        "grid",
        "--members",
        "3",
        "--years",
        "1",
        "--settle",
        "2",
        "--spin",
        "0",
        "--rows",
        "4",
        "--threads",
        "1",
    ]
    line = [sys.executable, "-m", "merian", "simulate", "isle-royale", change]
    killed = subprocess.Popen([*line, str(tmp_path / "out"), *how], stderr=subprocess.DEVNULL, start_new_session=True)
    parts, until = tmp_path / "out" / "parts", time.monotonic() + 120
    while not list(parts.glob("*.npz")) and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "out" / "manifest.json").exists()
    for name in ("out", "whole"):
        assert run(["simulate", "isle-royale", change, str(tmp_path / name), *how]) == 0
    for name in ("ensemble.parquet", "maps.parquet", "effects.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


EVERYWHERE = """title = "Everywhere"
[[change]]
what = "poaching"
species = "grey wolf"
amount = 20
path = [0.5, 0.5]
how = {{ males = 1, best_kg = 30, decay_km = 50 }}
year = {year}
[[change]]
what = "protect"
area = [0.4, 0.4, 0.6, 0.4, 0.5, 0.6]
year = {year}
[[change]]
what = "fence"
path = [0.5, 0.0, 0.5, 1.0]
year = {year}
"""
TIERS = {
    "web": ("--years", "1"),
    "grid": ("--years", "0.25", "--rows", "6"),
    "herds": ("--years", "0.05", "--window-km", "10", "--step-days", "0.5"),
    "cohorts": ("--years", "0.25", "--cohort-rows", "1", "--stages-years", "0.1"),
}


@pytest.mark.parametrize("tier", sorted(TIERS))
def test_the_same_file_runs_in_every_tier_and_what_it_cannot_know_is_said(tmp_path: Path, tier: str) -> None:
    file, out = tmp_path / "all.toml", tmp_path / "out"
    file.write_text(EVERYWHERE.format(year=0.0))
    few = ("--members", "1", "--settle", "2", "--spin", "0", "--threads", "1")
    assert run(["simulate", "isle-royale", str(file), str(out), "--tier", tier, *few, *TIERS[tier]]) == 0
    rows = pl.read_parquet(out / "ensemble.parquet").filter(pl.col("species") == "Canis lupus")
    last = rows.filter(pl.col("year") == rows["year"].max())
    assert last["with"].sum() < last["without"].sum()
    said = (out / "report.json").read_text()
    assert ("left out" in said) == (tier in ("web", "cohorts"))
    assert ("takes from all alike" in said) == (tier in ("web", "cohorts"))
    assert ("knows no sexes" in said) == (tier != "herds")
    page = (out / "simulation.html").read_text()
    assert ('class="reserve"' in page) == (tier in ("grid", "herds"))


def test_cohorts_fall_ill_and_graze_beside_stock_on_land_that_burns(tmp_path: Path) -> None:
    rest = ('what = "livestock"\namount = 60', 'what = "fire"\namount = 2\nhow = { half_g_m2 = 90, wet = 1.0 }')
    file, out = tmp_path / "all.toml", tmp_path / "out"
    ill = 'what = "disease"\nspecies = "blue wildebeest"\namount = 6'
    file.write_text(
        'title = "All"\n' + "".join(f"[[change]]\n{each}\n" for each in (ill, *rest, ill)), encoding="utf-8"
    )
    few = ("--members", "1", "--settle", "2", "--threads", "1", *TIERS["cohorts"])
    assert run(["simulate", "savanna", str(file), str(out), "--tier", "cohorts", *few]) == 0
    rows = pl.read_parquet(out / "ensemble.parquet")
    last = rows.filter(pl.col("year") == rows["year"].max()).with_columns(left=pl.col("with") / pl.col("without"))
    left = dict(last.select("species", "left").iter_rows())
    # two plagues at once, each of which kills half
    assert left["Connochaetes taurinus"] < 0.4
    assert left["grasses"] < 0.95
    said = (out / "report.json").read_text()
    for words in ("arrives in all cells", "cell to cell of the land's own map", "livestock comes over all the land"):
        assert words in said
    assert "left out" not in said
