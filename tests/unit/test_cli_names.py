"""`merian names`: the report, the file it writes, one name explained, misuse."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from small_backbone import small_backbone

from merian.cli import main
from merian.core.tree import RANKS

Run = Callable[..., tuple[int, str, str]]
LIST = "Puma concolor\nFelis concolor\nPuma concolr\nOenanthe\nPuma sp.\nunidentified\nPuma concolor\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `merian names` in a folder with the small backbone as `taxa.csv` and a list of names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))
    importlib.import_module("merian.cli.say")._console.cache_clear()
    usages = small_backbone().usages
    taxa = usages.select(
        taxonID="id",
        scientificName=pl.concat_str("name", "authorship", separator=" ", ignore_nulls=True),
        scientificNameAuthorship="authorship",
        taxonRank="rank",
        taxonomicStatus="status",
        acceptedNameUsageID=usages["id"].gather(usages["accepted"]),
    )
    pl.concat([taxa, usages.select(RANKS)], how="horizontal").write_csv("taxa.csv")
    Path("list.txt").write_text(LIST)

    def one(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main.run(["names", *(str(a) for a in arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return one


def test_the_report_counts_and_the_file_keeps_every_row(run: Run) -> None:
    code, out, err = run("list.txt", "--backbone", "taxa.csv")
    assert code == 3  # Oenanthe is undecided, "unidentified" no name
    assert "list.txt: 7 rows, 6 different names" in out
    assert "backbone: taxa (" in out
    for decision, rows in (("accepted", 2), ("synonym", 1), ("typo", 1), ("hemihomonym", 1), ("qualified", 1)):
        line = next(x for x in out.splitlines() if x.startswith(f"{decision} "))
        assert line.split()[1] == str(rows), line
    assert "4 are the taxon named, 1 a higher taxon, 1 undecided between several, 1 unresolved" in out
    assert "line       4 Oenanthe: Oenanthe names 2 taxa" in out
    assert "list.resolved.parquet" in err
    rows = pl.read_parquet("list.resolved.parquet")
    assert rows["verbatim_name"].to_list() == LIST.splitlines()
    assert rows["line"].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert rows["accepted_id"].to_list() == ["A18", "A18", "A18", None, "A17", None, "A18"]
    assert rows["reason"].null_count() == 0
    assert len(rows["alternatives"][3]) == 2


def test_ranks_in_the_table_decide_and_nothing_of_it_is_lost(run: Run) -> None:
    Path("t.csv").write_text("no,scientificName,kingdom,remark\n1,Oenanthe,Plantae,a\n2,Oenanthe,Animalia,b\n")
    code, out, _ = run("t.csv", "--backbone", "taxa.csv", "--out", "r.csv")
    assert code == 0
    assert "accepted by ranks" in out
    rows = pl.read_csv("r.csv", infer_schema=False)
    assert rows.select("no", "scientificName", "kingdom_given", "remark", "accepted_id", "family").rows() == [
        ("1", "Oenanthe", "Plantae", "a", "P5", "Apiaceae"),
        ("2", "Oenanthe", "Animalia", "b", "A5", "Muscicapidae"),
    ]
    assert "P5 Oenanthe" in rows["alternatives"][1]


def test_one_name_is_explained(run: Run) -> None:
    code, out, _ = run("--explain", "Oenanthe", "--given", "class=Aves", "--backbone", "taxa.csv")
    assert code == 0
    assert "candidates: 2" in out
    assert "* A5" in out
    assert "1 fit, 0 do not" in out
    assert "accepted by ranks: 2 taxa bear this name" in out
    assert "-> A5  Oenanthe\n   Animalia > Chordata > Aves > Passeriformes > Muscicapidae > Oenanthe" in out
    _, out, _ = run("--explain", "Oenanthe", "--backbone", "taxa.csv")
    assert "hemihomonym" in out
    assert not list(Path().glob("*.resolved.*"))


def test_old_identifiers_are_carried_over(run: Run) -> None:
    Path("old.csv").write_text("taxonKey,scientificName\n900,Oenanthe\n901,Oenanthe\n,Puma\n")
    Path("walk.csv").write_text("old,new\n900,P5\n902,A5\n")
    code, out, _ = run("old.csv", "--backbone", "taxa.csv", "--crosswalk", "walk.csv")
    assert code == 3
    rows = pl.read_parquet("old.resolved.parquet")
    assert rows["accepted_id"].to_list() == ["P5", None, "A17"]
    assert "old identifiers: 1 of 2 rows lead to one in the backbone" in out
    assert "1  not in the crosswalk" in out
    code, _, err = run("list.txt", "--backbone", "taxa.csv", "--crosswalk", "walk.csv")
    assert code == 2
    assert "needs a column of identifiers" in err


def test_settings_are_flags(run: Run) -> None:
    Path("list.txt").write_text("Puma concolr\n")
    assert run("list.txt", "--backbone", "taxa.csv")[0] == 0
    assert pl.read_parquet("list.resolved.parquet")["decision"].to_list() == ["typo"]
    assert run("list.txt", "--backbone", "taxa.csv", "--typos", "0")[0] == 0
    assert pl.read_parquet("list.resolved.parquet")["decision"].to_list() == ["its genus"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("--backbone taxa.csv", 2, "give a file of names, or one name with --explain"),
        ("list.txt", 2, "--backbone"),
        ("list.txt --backbone taxa.csv --out r.xlsx", 2, "must end in .parquet or .csv"),
        ("list.txt --backbone taxa.csv --given class=Aves", 2, "goes with --explain"),
        ("--explain Puma --given clas=Aves --backbone taxa.csv", 2, "must be KEY=VALUE with a key of kingdom"),
        ("list.txt --backbone none.zip", 1, "none.zip"),
        ("none.txt --backbone taxa.csv", 1, "the file of names not found at none.txt"),
        ("taxa.csv --column nme --backbone taxa.csv", 2, "is not a column of taxa.csv"),
        ("list.txt --backbone taxa.csv --typos 3", 2, "must be >= 0 and <= 2"),
    ],
)
def test_misuse_is_said_in_a_line(run: Run, arguments: str, code: int, text: str) -> None:
    got, _, err = run(*arguments.split())
    assert got == code
    assert text in " ".join(err.replace("│", " ").split()), err
    assert "Traceback" not in err


def test_rows_without_a_name_are_no_name_more(run: Run) -> None:
    Path("blank.csv").write_text("scientificName,kingdom\nPuma concolor,Animalia\n,Animalia\nPuma concolor,\n")
    code, out, _ = run("blank.csv", "--backbone", "taxa.csv")
    assert code == 0
    assert "blank.csv: 3 rows, 1 different names" in out
    assert "line       3 (no name): no name is given: the deepest given rank, kingdom Animalia" in out


def test_one_letter_is_not_said_in_the_plural(run: Run) -> None:
    _, out, _ = run("--explain", "Puma concolr", "--backbone", "taxa.csv")
    assert "1 letter differs" in out
