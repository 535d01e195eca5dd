"""Answers in every format; a run that stopped goes on to the same bytes; another run is not gone on with."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from photos import encoded, noise

from merian.cli import main

TAXA = "kingdom,class,family,genus,species,commonName\n" + "".join(
    f"Animalia,Aves,{family},{name.split()[0]},{name},{common}\n"
    for family, name, common in (
        ("Corvidae", "Pica pica", "magpie"),
        ("Corvidae", "Corvus corax", "raven"),
        ("Laridae", "Larus fuscus", ""),
    )
)
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`merian identify` on 23 photos in the working folder, one of them broken and one with a line feed in its name, by the toy encoder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taxa.csv").write_text(TAXA)
    (tmp_path / "photos").mkdir()
    for number in range(21):
        (tmp_path / "photos" / f"{number:02}.png").write_bytes(encoded(noise(number), "PNG"))
    (tmp_path / "photos" / "05b.jpg").write_bytes(b"no image")
    (tmp_path / "photos" / 'a\n"b".png').write_bytes(encoded(noise(99), "PNG"))

    def one(*words: object) -> int:
        given = ["identify", "photos", "gone.png", "--model", "toy", "--taxa", "taxa.csv", *map(str, words)]
        return main.run(given)

    return one


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.62, 0.97])
def test_a_run_that_stopped_goes_on_to_the_same_bytes(
    run: Run, suffix: str, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-o", f"whole.{suffix}", "--batch", 4) == 3
    told = capsys.readouterr().err.splitlines()[-1]
    text = "jsonl" if suffix == "jsonl" else "csv"
    assert run("-o", f"whole.{text}", "--batch", 4) == 3
    whole = Path(f"whole.{text}").read_bytes()
    stopped = stop(run, suffix, int(len(whole) * share), whole)
    capsys.readouterr()
    assert run("-o", f"again.{suffix}", "--batch", 4, "--resume") == 3
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == told
    assert said[0].startswith("going on behind")
    assert Path(f"again.{suffix}").read_bytes() == Path(f"whole.{suffix}").read_bytes()
    assert not stopped.exists()
    assert [p.name for p in Path().glob("again*")] == [f"again.{suffix}"]


def stop(run: Run, suffix: str, place: int, whole: bytes) -> Path:
    """What a run to again.`suffix` leaves that was killed when so many bytes were written."""
    partial = Path(f"again.{suffix}.partial")
    assert run("-o", f"again.{suffix}", "--batch", 4) == 3
    Path(f"again.{suffix}").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("merian.cli.answers.Run._write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run("-o", f"again.{suffix}", "--batch", 4) == 1
    partial.write_bytes(whole[:place])
    return partial


def test_how_many_at_a_time_changes_nothing(run: Run) -> None:
    for batch in (1, 3, 64):
        run("-o", f"{batch}.csv", "--batch", batch)
    assert Path("1.csv").read_bytes() == Path("3.csv").read_bytes() == Path("64.csv").read_bytes()


def test_another_run_is_not_gone_on_with(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", "a.csv") == 3
    partial = stop(run, "csv", 900, Path("a.csv").read_bytes())
    kept = partial.read_bytes()
    for words in (("--k", 2), ("--rank", "genus"), ("--only", "Aves", "--only", "Pica"), ("--batch", 5)):
        assert run("-o", "again.csv", "--resume", *words) == 1
        assert "stopped run" in capsys.readouterr().err
    assert partial.read_bytes() == kept
    assert run("-o", "again.csv") == 3
    assert Path("again.csv").read_bytes() == Path("a.csv").read_bytes()
    for format_ in ("table", "pybioclip"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("merian.cli.answers.Run._write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            assert run("-o", "t.txt", "-f", format_) == 1
        capsys.readouterr()
        assert run("-o", "t.txt", "-f", format_, "--resume") == 1
        assert "no run goes on" in capsys.readouterr().err
    Path("b.csv.partial").write_text("what is this")
    assert run("-o", "b.csv", "--resume") == 1
    assert run("-o", "c.csv", "--resume") == 3
    assert Path("c.csv").read_bytes() == Path("a.csv").read_bytes()


def test_parquet_has_the_rows_of_the_csv_with_numbers(run: Run) -> None:
    run("-o", "a.csv")
    run("-o", "a.parquet")
    rows, table = (
        list(csv.DictReader(Path("a.csv").read_text().splitlines(keepends=True))),
        pl.read_parquet("a.parquet"),
    )
    assert table.columns == list(rows[0])
    assert table["score"].dtype == pl.Float64
    assert table["species"].fill_null("").to_list() == [row["species"] for row in rows]
    assert table["score"].drop_nulls().to_list() == [float(row["score"]) for row in rows if row["score"]]
    assert run("-f", "parquet") == 1


@pytest.mark.parametrize(
    ("rank", "columns"),
    [
        ("species", "file_name,kingdom,phylum,class,order,family,genus,species_epithet,species,common_name,score"),
        ("family", "file_name,kingdom,phylum,class,order,family,score"),
    ],
)
def test_the_format_of_pybioclip_is_theirs(
    run: Run, rank: str, columns: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-f", "pybioclip", "-o", "a.csv", "--rank", rank, "--k", 2) == 3
    assert "05b.jpg: not an image" in capsys.readouterr().err
    text = Path("a.csv").read_bytes().decode()
    assert text.splitlines()[0] == columns
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    run("-o", "b.jsonl", "--rank", rank, "--k", 2)
    told = [json.loads(line) for line in Path("b.jsonl").read_text().splitlines()]
    wanted = [(t["file_name"], p) for t in told for p in t["predictions"]]
    assert [row["file_name"] for row in rows] == [name for name, _ in wanted]
    assert [float(row["score"]) for row in rows] == [p["probability"] for _, p in wanted]
    assert [row["family"] for row in rows] == [p["family"] for _, p in wanted]
    if rank == "species":
        assert {row["species_epithet"] for row in rows} <= {"pica", "corax", "fuscus"}
        assert {row["common_name"] for row in rows} <= {"magpie", "raven", ""}
    assert all(row["phylum"] == "" for row in rows)


def test_options_before_the_photos_do_not_swallow_them(run: Run, tmp_path: Path) -> None:
    words = ["identify", "--only", "Corvidae", os.fspath(tmp_path / "photos"), "--model", "toy", "--taxa", "taxa.csv"]
    assert main.run([*words, "-o", "a.jsonl"]) == 3
    assert len(Path("a.jsonl").read_text().splitlines()) == 23
