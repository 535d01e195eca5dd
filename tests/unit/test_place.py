"""Answers among what is recorded near a place: tables, archives and catalogs; what is left out is said."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from photos import encoded, noise

from merian.cli import main
from merian.core import store
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tables import CATALOG, conform
from merian.core.tree import RANKS, Tree
from merian.identify.head import leaves
from merian.identify.place import Place, known, nearby

ZURICH = Place(47.37, 8.54, 50)
TAXA = [
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica"),
    ("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Corvus", "Corvus corax"),
    ("Animalia", "Chordata", "Aves", "Charadriiformes", "Laridae", "Larus", "Larus fuscus"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", None, None),
]
RECORDS = """scientificName,decimalLatitude,decimalLongitude,occurrenceStatus
"Pica pica (Linnaeus, 1758)",47.40,8.50,PRESENT
Pica pica melanotos,47.41,8.51,
"Corvus corax Linnaeus, 1758",46.00,7.00,PRESENT
"Larus fuscus Linnaeus, 1758",47.40,8.50,Absent
"Turdus merula Linnaeus, 1758",47.40,8.40,PRESENT
Corvidae,47.40,8.50,
Felidae,47.40,8.50,
Pica pica,0,0,
Pica pica,,8.5,
Pica pica,91,8,
Pica pica,north,8,
,47.4,8.5,
"""


def tree() -> Tree:
    return Tree.from_lineages(pl.DataFrame(TAXA, schema=dict.fromkeys(RANKS, pl.String), orient="row"))


def table(folder: Path, text: str = RECORDS, name: str = "records.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def archive(folder: Path, core: str, extension: str = "") -> Path:
    """A ZIP with a core of `core` "rowType|columns" and its rows, and perhaps an extension, all tab-separated."""
    meta = '<archive xmlns="http://rs.tdwg.org/dwc/text/">'
    with zipfile.ZipFile(folder / "a.zip", "w") as zipped:
        for kind, link, text in (("core", "id", core), ("extension", "coreid", extension)):
            if text:
                head, _, rows = text.partition("\n")
                row_type, *columns = head.split("|")
                fields = "".join(
                    f'<field index="{k}" term="http://rs.tdwg.org/dwc/terms/{c}"/>' for k, c in enumerate(columns, 1)
                )
                meta += f'<{kind} rowType="http://rs.tdwg.org/dwc/terms/{row_type}" fieldsTerminatedBy="\\t" encoding="UTF-8">'
                meta += f'<files><location>{row_type}.txt</location></files><{link} index="0"/>{fields}</{kind}>'
                zipped.writestr(f"{row_type}.txt", rows)
        zipped.writestr("meta.xml", meta + "</archive>")
    return folder / "a.zip"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("47", "degrees north"),
        ("47,8,50,2", "degrees north"),
        ("here", "degrees north"),
        ("90.1,8", "latitude, 90.1, must be from -90 to 90"),
        ("nan,8", "latitude"),
        ("47,-181", "longitude, -181, must be from -180 to 180"),
        ("47,8,0", "radius, 0 km, must be above 0"),
        ("47,8,inf", "radius"),
    ],
)
def test_what_is_no_place_is_refused(text: str, rule: str) -> None:
    with pytest.raises(BadSetting, match=rule):
        Place.of(text)


def test_a_place_in_words() -> None:
    assert Place.of("47.37, 8.54,50") == ZURICH
    assert Place.of("-33.9,151.2") == Place(-33.9, 151.2, 100)
    assert str(ZURICH) == "50 km of 47.37, 8.54"


def test_records_near_and_those_left_out(tmp_path: Path) -> None:
    found = nearby(table(tmp_path), ZURICH)
    assert dict(found.names) == {
        "Corvidae": 1,
        "Felidae": 1,
        "Pica pica (Linnaeus, 1758)": 1,
        "Pica pica melanotos": 1,
        "Turdus merula Linnaeus, 1758": 1,
    }
    assert (found.records, found.within, found.unusable, found.absent) == (12, 5, 5, 1)
    assert found.lines() == [
        "within 50 km of 47.37, 8.54: 5 of 12 records, of 5 names",
        "left out: 5 without a name or usable coordinates, 1 of the organism's absence",
    ]
    own = tree()
    met = known(own, leaves(own), found.names)
    # a family that is a label itself may be an answer; one that is not says nothing of its species
    assert [own.names[int(t)] for t in leaves(own)[met.allowed]] == ["Pica pica", "Felidae"]
    assert (met.names, met.unknown, met.coarse) == (3, ["Turdus merula Linnaeus, 1758"], ["Corvidae"])
    turned = known(own, leaves(own)[::-1].copy(), found.names)
    assert np.array_equal(turned.allowed, met.allowed[::-1])
    assert met.lines()[0] == "of these names the model knows 3: 2 labels to choose from"


@pytest.mark.parametrize(
    "kind", ["tsv", "parquet", "semicolons", "own", "epithets", "archive", "bare", "event", "catalog"]
)
def test_the_same_records_in_other_clothes(tmp_path: Path, kind: str) -> None:
    rows = [("Pica pica", 47.4, 8.5), ("Pica pica", 47.4, 8.5), ("Corvus corax", 46.0, 7.0)]
    frame = pl.DataFrame(rows, schema=["species", "decimalLatitude", "decimalLongitude"], orient="row")
    path = tmp_path / f"records.{kind}"
    if kind == "tsv":
        frame.write_csv(path, separator="\t")
    elif kind == "parquet":
        frame.with_columns(unread=pl.lit(b"x"), Species_epithet=pl.lit("z")).write_parquet(path)
    elif kind == "semicolons":
        text = frame.write_csv(separator=";").replace(".", ",")
        table(tmp_path, text, path.name)
    elif kind == "own":
        frame.rename(
            {"species": "scientific_name", "decimalLatitude": "latitude", "decimalLongitude": "LONGITUDE"}
        ).write_csv(path)
    elif kind == "epithets":
        parts = frame["species"].str.split(" ")
        frame.drop("species").with_columns(genus=parts.list[0], species=parts.list[1]).write_csv(path)
    elif kind in ("archive", "bare"):
        lines = "".join(f"{k}\t{name}\t{north}\t{east}\n" for k, (name, north, east) in enumerate(rows))
        path = archive(tmp_path, "Occurrence|scientificName|decimalLatitude|decimalLongitude\n" + lines)
        if kind == "bare":
            path = tmp_path / "bare"
            path.mkdir()
            (path / "occurrence.txt").write_text("id\tscientificName\tdecimalLatitude\tdecimalLongitude\n" + lines)
    elif kind == "event":
        events = "Event|decimalLatitude|decimalLongitude\ne1\t47.4\t8.5\ne2\t46\t7\n"
        path = archive(tmp_path, events, "Occurrence|scientificName\ne1\tPica pica\ne1\tPica pica\ne2\tCorvus corax\n")
    else:
        path = catalog(tmp_path / "catalog", rows)
    found = nearby(path, ZURICH)
    assert dict(found.names) == {"Pica pica": 2}
    assert (found.records, found.unusable, found.absent) == (3, 0, 0)


def catalog(folder: Path, rows: list[tuple[str, float, float]]) -> Path:
    work = store.begin(folder, "catalog", 1, {}, {})
    own = tree()
    data = {"taxon": [own.find(name) for name, _, _ in rows], "latitude": [r[1] for r in rows]}
    conform(pl.DataFrame(data | {"longitude": [r[2] for r in rows]}), CATALOG).write_parquet(folder / "catalog.parquet")
    own.save(folder / "tree.parquet")
    work.finish()
    return folder


def test_records_that_cannot_serve_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="the records not found"):
        nearby(tmp_path / "gone.csv", ZURICH)
    with pytest.raises(BadData, match="need coordinates"):
        nearby(table(tmp_path, "species,place\nPica pica,here\n"), ZURICH)
    with pytest.raises(BadData, match="need a name"):
        nearby(table(tmp_path, "lat,lon\n47,8\n"), ZURICH)
    with pytest.raises(
        BadData, match=r"no record within 50 km of -33, 151; the nearest, of Pica pica melanotos, is 16,\d\d\d km away"
    ):
        nearby(table(tmp_path), Place(-33, 151, 50))
    with pytest.raises(BadData, match="none of its 1 has a name and usable coordinates"):
        nearby(table(tmp_path, "species,lat,lon\nPica pica,,\n"), ZURICH)
    with pytest.raises(BadData, match="holds no table of occurrences"):
        nearby(archive(tmp_path, "Taxon|scientificName\n1\tPica pica\n"), ZURICH)
    table(tmp_path, "no parquet", "a.parquet")
    with pytest.raises(BadData, match="not a readable table"):
        nearby(tmp_path / "a.parquet", ZURICH)
    frame = pl.DataFrame({"species": ["Pica pica"] * 999, "lat": [47.4] * 999, "lon": np.arange(999) / 999})
    frame.write_parquet(tmp_path / "a.parquet", compression="uncompressed")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[4:40] = b"\xff" * 36
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(BadData, match="not a readable table"):
        nearby(tmp_path / "a.parquet", ZURICH)
    ragged = nearby(table(tmp_path, "species,lat,lon\nPica pica,47.4,8.5\nPica,pica,47,8,5\n"), ZURICH)
    assert (ragged.records, ragged.unusable) == (2, 1)


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[dict[str, str]], str]]:
    """`merian identify a.png` by the toy encoder among the taxa: exit code, rows, what was said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(encoded(noise(0), "PNG"))
    pl.DataFrame(TAXA[:3], schema=RANKS, orient="row").write_csv(tmp_path / "taxa.csv")
    table(tmp_path)

    def one(*words: object) -> tuple[int, list[dict[str, str]], str]:
        code = main.run(["identify", "a.png", "--model", "toy", "--taxa", "taxa.csv", *map(str, words)])
        out, err = capsys.readouterr()
        return code, list(csv.DictReader(io.StringIO(out))), err

    return one


def test_answers_are_among_what_is_recorded_there(run: Callable[..., tuple[int, list[dict[str, str]], str]]) -> None:
    near = ("--records", "records.csv", "--place")
    _, whole, _ = run("--k", 3)
    every = {row["species"]: float(row["score"]) for row in whole}
    code, rows, said = run(*near, "47.37,8.54,50")
    assert code == 0
    assert [row["species"] for row in rows] == ["Pica pica"]
    assert float(rows[0]["inside"]) == pytest.approx(every["Pica pica"], abs=1e-5)
    assert "5 of 12 records" in said
    assert "not known to the model: 2 (Felidae, Turdus merula Linnaeus, 1758)" in said
    code, rows, _ = run(*near, "47.37,8.54,250", "--rank", "genus")
    assert (code, {row["genus"] for row in rows}) == (0, {"Pica", "Corvus"})
    code, rows, _ = run(*near, "47.37,8.54,250", "--only", "Corvus", "--only", "Laridae")
    assert (code, [row["species"] for row in rows]) == (0, ["Corvus corax"])
    assert float(rows[0]["inside"]) == pytest.approx(every["Corvus corax"], abs=1e-5)


def test_places_that_leave_nothing_or_are_half_given(run: Callable[..., tuple[int, list[dict[str, str]], str]]) -> None:
    near = ("--records", "records.csv", "--place")
    code, _, said = run(*near, "47.37,8.54,50", "--only", "Laridae")
    assert code == 1
    assert "what is recorded within 50 km of 47.37, 8.54: leaves nothing to choose from" in said
    code, _, said = run(*near, "-33.9,151.2")
    assert (code, "km away" in said) == (1, True)
    code, _, said = run(*near, "95,8")
    assert (code, "latitude, 95" in said) == (2, True)
    code, _, said = run("--place", "47,8")
    assert (code, "needs --records" in said) == (2, True)
    code, _, said = run("--records", "records.csv")
    assert (code, "needs --place" in said) == (2, True)
    assert (
        main.run(["identify", "a.png", "--model", "toy", "--taxa", "taxa.csv", *near, "47,8", "-f", "table", "-o", "t"])
        == 0
    )
    assert "within --place:" in Path("t").read_text()
