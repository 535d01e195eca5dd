"""`merian simulate`: worked ecosystems, what is written, what is said, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.main import run

QUICK = ("--members", "3", "--years", "12", "--settle", "5")


def scenario(folder: Path, text: str = 'what = "remove"\nspecies = "Grey wolf"\nyear = 2') -> Path:
    file = folder / "scenario.toml"
    file.write_text(f'title = "Without wolves"\n[[change]]\n{text}\n', encoding="utf-8")
    return file


def test_isle_royale_without_wolves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    line = ["simulate", "isle-royale", str(scenario(tmp_path)), str(out), *QUICK]
    assert run(line) == 0
    said = capsys.readouterr().err
    assert "wolf falls in 3 of 3 runs" in said.lower()
    assert "not calibrated" in said
    rows = pl.read_parquet(out / "ensemble.parquet")
    wolves = rows.filter(pl.col("species") == "Canis lupus")
    assert rows["member"].n_unique() == 3
    assert wolves.filter(pl.col("year") < 2).select((pl.col("with") == pl.col("without")).all()).item()
    assert (wolves.filter(pl.col("year") > 2)["with"] == 0).all()
    assert (wolves["without"] > 0).all()
    moose = rows.filter(pl.col("species") == "Alces alces", pl.col("year") == 12)
    assert (moose["with"] > moose["without"]).all()
    effects = pl.read_parquet(out / "effects.parquet")
    assert effects.filter(pl.col("species") == "Canis lupus")["gone"].item() == 3
    report = json.loads((out / "report.json").read_text())["report"]
    assert {"Alces alces.times", "Canis lupus.gone"} <= {number["name"] for number in report["numbers"]}
    html = (out / "simulation.html").read_text()
    assert html.count("<svg") == 2 * rows["species"].n_unique() + 1
    before = (out / "ensemble.parquet").stat().st_mtime_ns
    assert run(line) == 0
    assert (out / "ensemble.parquet").stat().st_mtime_ns == before


def test_a_run_that_is_repeated_gives_the_same_numbers(tmp_path: Path) -> None:
    for name, threads in (("one", "1"), ("two", "2")):
        assert (
            run(
                ["simulate", "isle-royale", str(scenario(tmp_path)), str(tmp_path / name), *QUICK, "--threads", threads]
            )
            == 0
        )
    one, two = (pl.read_parquet(tmp_path / name / "ensemble.parquet") for name in ("one", "two"))
    assert np.array_equal(one["with"].to_numpy(), two["with"].to_numpy())


@pytest.mark.parametrize(
    ("ecosystem", "text", "said"),
    [
        ("isle-royal", 'what = "rain"\namount = 0.5', "did you mean 'isle-royale'?"),
        ("drawn", 'what = "rain"\namount = 0.5', "is made first: merian twin build drawn FOLDER; then give the folder"),
        ("isle-royale", 'what = "remove"\nspecies = "grey wolves"', "did you mean 'grey wolf'?"),
        ("isle-royale", 'what = "flood"', "a change is one of"),
        ("isle-royale", 'what = "drougth"\namount = 0.5', "did you mean 'drought'?"),
        ("isle-royale", 'what = "drought"\namount = 2', "of 'drought' lies from 0 to 1"),
        ("isle-royale", 'what = "rain"\namount = 0.5\nyear = 30', "the run ends in year 12: run it longer"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ecosystem: str, text: str, said: str
) -> None:
    out = tmp_path / "out"
    assert run(["simulate", ecosystem, str(scenario(tmp_path, text)), str(out), *QUICK]) == 2
    found = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in found
    assert found.endswith(said) or f"{said}," in found or f"{said}:" in found or f"{said} " in found, found
    assert not (out / "report.json").exists()


def test_what_has_passed_by_the_last_years_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    quick = ["--members", "3", "--years", "40", "--settle", "5"]
    assert run(["simulate", "savanna", "drought", str(out), *quick]) == 0
    said = capsys.readouterr().err
    assert "in the mean of the last 10 of 40 years" in said
    line = next(line for line in said.splitlines() if line.startswith("blue wildebeest"))
    assert re.fullmatch(
        r".* stays as it is in all 3 runs .*; in year (8|9|10) there was less of it in all 3 runs \(median -\d\d %\)\.",
        line,
    )
    assert "Ring: in the year in which it was furthest off." in (out / "simulation.html").read_text()


def test_what_does_not_move_is_not_told_species_by_species(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "savanna", "poaching-wave", str(tmp_path / "out"), *QUICK]) == 0
    said = capsys.readouterr().err
    assert len(re.findall("stays? as ", said)) == 2
    assert "and 18 more species on the page, which move by less than 5 % in every run" in " ".join(said.split())


def test_a_scenario_of_another_ecosystem_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "savanna", "no-wolves", str(tmp_path / "out"), *QUICK]) == 2
    assert "was written for isle-royale, and 'grey wolf' is not in savanna" in " ".join(capsys.readouterr().err.split())
