"""`merian simulate`: worked ecosystems, what is written, what is said, and what is refused."""

from __future__ import annotations

import json
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
        ("isle-royal", 'what = "rain"\namount = 0.5', "did you mean|is a folder made by"),
        ("isle-royale", 'what = "remove"\nspecies = "wolves"', "is not in the ecosystem of"),
        ("isle-royale", 'what = "flood"', "a change is one of"),
        ("isle-royale", 'what = "rain"\namount = 0.5\nyear = 30', "the run ends in year 12"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ecosystem: str, text: str, said: str
) -> None:
    out = tmp_path / "out"
    assert run(["simulate", ecosystem, str(scenario(tmp_path, text)), str(out), *QUICK]) == 2
    found = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in found
    assert any(part in found for part in said.split("|")), found
    assert not (out / "report.json").exists()
