"""Tables: Darwin Core out is Darwin Core in, and any image of a catalog can be had."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import noise
from PIL import Image

from merian.core.errors import BadData, Missing
from merian.core.tables import CATALOG, RECORDS, Catalog, Records, conform, markdown
from merian.curate.run import curate
from merian.curate.settings import CurateSettings

VALUES = {
    pl.String: st.one_of(
        st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1, max_size=9)
    ),
    pl.Float64: st.one_of(st.none(), st.floats(-180, 180)),
}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*(VALUES[c.type] for c in RECORDS)), min_size=1, max_size=4))
def test_records_come_back_from_darwin_core(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]]
) -> None:
    schema = {c.name: c.type for c in RECORDS}
    records = Records(pl.DataFrame(rows, schema=schema, orient="row"))
    kept = [c.name for c in RECORDS if c.term]
    back = Records.from_darwin_core(records.to_darwin_core())
    assert back.frame.select(kept).equals(records.frame.select(kept))
    path = tmp_path_factory.mktemp("r") / "occurrence.csv"
    records.write_csv(path)
    assert Records.read_csv(path).frame.select(kept).equals(records.frame.select(kept))
    assert len(back) == len(rows)


def test_the_terms_are_those_of_darwin_core_and_used_once() -> None:
    for columns in (RECORDS, CATALOG):
        terms = [c.term for c in columns if c.term]
        assert len(set(terms)) == len(terms)
        assert len({c.name for c in columns}) == len(columns)
        assert all(c.meaning for c in columns)
    header = Records(pl.DataFrame({"id": ["1"]})).to_darwin_core().columns
    assert header[:3] == ["occurrenceID", "associatedMedia", "scientificName"]
    assert "decimalLatitude" in header
    assert "probability" not in header


def test_columns_without_a_place_are_left_out_of_records_and_refused_in_tables() -> None:
    table = pl.DataFrame({"occurrenceID": ["1"], "decimalLatitude": ["12.5"], "catalogNumber": ["x"], "sex": [""]})
    records = Records.from_darwin_core(table)
    assert records.frame.select("id", "latitude", "sex").row(0) == ("1", 12.5, None)
    shouted = Records.from_darwin_core(table.rename(str.upper))
    assert shouted.frame.equals(records.frame)
    with pytest.raises(BadData, match="Darwin Core term"):
        Records.from_darwin_core(pl.DataFrame({"name": ["a"]}))
    assert len(Records(pl.DataFrame())) == 0
    assert len(conform(pl.DataFrame({"id": ["a", "b"]}).select(), RECORDS)) == 0
    with pytest.raises(BadData, match="catalogNumber"):
        conform(table, RECORDS)
    with pytest.raises(Missing, match="occurrence"):
        Records.read_csv(Path("no/occurrence.csv"))


def test_the_docs_table_names_every_column() -> None:
    lines = markdown(CATALOG).splitlines()
    assert len(lines) == len(CATALOG) + 2
    assert "| `latitude` | decimalLatitude | deg | Latitude, WGS 84 |" in lines


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    root = tmp_path_factory.mktemp("catalog")
    for k in range(10):
        folder = root / "photos" / f"Pica s{'abc'[k % 3]}pica"
        folder.mkdir(parents=True, exist_ok=True)
        noise(k, 40 + k, 40).save(folder / f"{k}.png")
    return root / "photos", curate(root / "photos", root / "out", CurateSettings(shard_images=3))


def test_any_image_can_be_had_in_any_order(catalog: tuple[Path, Catalog]) -> None:
    source, made = catalog
    rows = made.kept().sample(fraction=1.0, seed=1, shuffle=True)
    rows = pl.concat([rows, rows[:2]])
    given_bytes = [(source / path).read_bytes() for path in rows["path"]]
    assert list(made.images(rows)) == given_bytes
    assert list(made.images(rows.clear())) == []
    stopped = made.images(rows)
    assert next(stopped) == given_bytes[0]
    stopped.close()


def test_a_catalog_opened_again_is_the_same(catalog: tuple[Path, Catalog]) -> None:
    made = catalog[1]
    again = Catalog.open(made.path)
    assert again.frame.equals(made.frame)
    assert again.hash == made.hash
    assert again.tree.version == made.tree.version
    assert len(again) == len(again.kept()) == 10
    assert sum(len(again.kept(split)) for split in ("train", "val", "test")) == 10


def test_a_lost_shard_is_named(catalog: tuple[Path, Catalog], tmp_path: Path) -> None:
    made = catalog[1]
    lost = Catalog(tmp_path, made.frame, made.tree, made.hash)
    with pytest.raises(Missing, match="shard-0000"):
        list(lost.images(made.kept()))


def test_shards_are_tars_that_anything_reads(catalog: tuple[Path, Catalog]) -> None:
    made = catalog[1]
    for shard in sorted((made.path / "shards").glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar.getmembers():
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
                data = tar.extractfile(member)
                assert data is not None
                if member.name.endswith(".png"):
                    Image.open(io.BytesIO(data.read())).verify()
