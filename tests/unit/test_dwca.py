"""Darwin Core archives: what meta.xml says, archives without one, and XML that must not be read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from merian.core.dwca import DarwinCoreArchive, parse_xml, term
from merian.core.errors import BadData, Missing

META = """<?xml version="1.0" encoding="UTF-8"?>
<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">
  <core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
        rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
    <files><location>occurrence.txt</location></files>
    <id index="0"/>
    <field index="0" term="http://rs.tdwg.org/dwc/terms/occurrenceID"/>
    <field index="2" term="http://rs.tdwg.org/dwc/terms/scientificName"/>
    <field index="1" term="http://rs.tdwg.org/dwc/terms/country" default="Peru"/>
    <field term="http://rs.tdwg.org/dwc/terms/basisOfRecord" default="HumanObservation"/>
    <field index="9" term="http://rs.tdwg.org/dwc/terms/sex"/>
  </core>
  <extension encoding="ISO-8859-1" fieldsTerminatedBy="," fieldsEnclosedBy='"' ignoreHeaderLines="0"
        rowType="http://rs.gbif.org/terms/1.0/Multimedia">
    <files><location>./Multimedia.csv</location></files>
    <coreid index="0"/>
    <field index="1" term="http://purl.org/dc/terms/source"/>
    <field index="2" term="http://purl.org/dc/elements/1.1/source"/>
  </extension>
</archive>"""
EML = """<eml:eml xmlns:eml="eml://ecoinformatics.org/eml-2.1.1" packageId="7ddf754f/v2.4"><dataset>
<alternateIdentifier>https://doi.org/10.15468/abc123</alternateIdentifier>
<title>Cats  of
Peru</title><pubDate> 2026-03-01 </pubDate>
<intellectualRights><para>under a <ulink url="http://creativecommons.org/licenses/by/4.0/legalcode"><citetitle>CC</citetitle></ulink></para>
</intellectualRights></dataset></eml:eml>"""
FILES = {
    "meta.xml": META,
    "eml.xml": EML,
    "occurrence.txt": 'x\ty\tz\no1\tChile\tPuma "concolor"\no2\t\tLynx\nbroken\no3\ta\tb\tc\n',
    "multimedia.csv": 'o1,"a, b",é\no2,c,\n',
}


def archive(path: Path, files: dict[str, str], inside: str = "") -> Path:
    """The files as a ZIP."""
    with zipfile.ZipFile(path, "w") as out:
        for name, text in files.items():
            out.writestr(inside + name, text.encode("latin-1" if name == "multimedia.csv" else "utf-8"))
    return path


@pytest.mark.parametrize("inside", ["", "dwca-cats-v2/"])
def test_tables_are_read_as_meta_says(tmp_path: Path, inside: str) -> None:
    with DarwinCoreArchive.open(archive(tmp_path / "a.zip", FILES, inside)) as opened:
        assert opened.core.row_type == "Occurrence"
        assert opened.core.columns == ("id", "occurrenceID", "scientificName", "country", "sex", "basisOfRecord")
        read = opened.table(opened.core)
        assert read.frame.rows(named=True) == [
            {"id": k, "occurrenceID": k, "scientificName": n, "country": c, "sex": None, "basisOfRecord": "HumanObservation"}
            for k, n, c in (("o1", 'Puma "concolor"', "Chile"), ("o2", "Lynx", "Peru"))
        ]  # fmt: skip
        assert read.lines.to_list() == [2, 3]
        assert read.refused["row"].to_list() == [4, 5]
        assert any("sex beyond the last column" in note for note in read.notes)
        media = opened.table("Multimedia").frame
        assert media.columns == ["coreid", "source", "http://purl.org/dc/elements/1.1/source"]
        assert media.rows() == [("o1", "a, b", "é"), ("o2", "c", None)]
        assert opened.table("multimedia", ["source"]).frame.rows() == [("a, b",), ("c",)]
        assert opened.table("Occurrence", ["basisOfRecord"]).frame.rows() == [("HumanObservation",)] * 2
        assert opened.has("Multimedia")
        with pytest.raises(Missing, match="holds Occurrence, Multimedia"):
            opened.table("Identification")


def test_what_eml_says(tmp_path: Path) -> None:
    said = DarwinCoreArchive.open(archive(tmp_path / "a.zip", FILES)).metadata
    assert (said.title, said.version, said.published) == ("Cats of Peru", "2.4", "2026-03-01")
    assert said.licence == "http://creativecommons.org/licenses/by/4.0/legalcode"
    assert said.doi == "10.15468/abc123"
    broken = DarwinCoreArchive.open(archive(tmp_path / "b.zip", FILES | {"eml.xml": "<eml>"})).metadata
    assert broken.title is None


def test_a_well_known_file_needs_no_meta(tmp_path: Path) -> None:
    (tmp_path / "Taxon.tsv").write_text("taxonID\tdwc:scientificName\n1\tPuma\n")
    opened = DarwinCoreArchive.open(tmp_path)
    assert opened.core.row_type == "Taxon"
    assert opened.table("Taxon").frame.rows(named=True) == [{"taxonID": "1", "scientificName": "Puma"}]
    assert "no meta.xml" in opened.notes[0]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cats.csv").write_text("a,b\n")
    with pytest.raises(BadData, match=r"no meta\.xml"):
        DarwinCoreArchive.open(tmp_path / "other")


def test_several_files_of_one_table_are_joined(tmp_path: Path) -> None:
    files = dict(FILES)
    files["meta.xml"] = META.replace(
        "</location></files>\n    <id", "</location><location>more.txt</location></files>\n    <id"
    )
    files["more.txt"] = "x\ty\tz\no9\t\tAlpaca\n"
    read = DarwinCoreArchive.open(archive(tmp_path / "a.zip", files)).table("Occurrence")
    assert read.frame["id"].to_list() == ["o1", "o2", "o9"]
    assert read.lines.to_list() == [2, 3, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"meta.xml": META[:300]}, r"meta\.xml: is not well-formed"),
        ({"meta.xml": META.replace("<core", "<extension").replace("</core", "</extension")}, "one core table"),
        ({"meta.xml": META.replace("occurrence.txt", "../occurrence.txt")}, "does not hold"),
        ({"meta.xml": META.replace("occurrence.txt", "")}, "names no file"),
        ({"meta.xml": META.replace('index="2"', 'index="two"')}, "not a number"),
        ({"meta.xml": META.replace('ignoreHeaderLines="1"', 'ignoreHeaderLines="one"')}, "not a number"),
        ({"meta.xml": '<!DOCTYPE a [<!ENTITY b "c">]><archive>&b;</archive>'}, "document type or entities"),
        ({"occurrence.txt": "x\ty\tz\n1\t2\t3\t4\n"}, r"a\.zip: occurrence\.txt: no row fits"),
    ],
)
def test_a_bad_archive_is_told_by_file(tmp_path: Path, change: dict[str, str], words: str) -> None:
    with pytest.raises(BadData, match=words):
        DarwinCoreArchive.open(archive(tmp_path / "a.zip", FILES | change)).table("Occurrence")


def test_an_extension_that_is_not_there_is_noted(tmp_path: Path) -> None:
    files = {k: v for k, v in FILES.items() if k != "multimedia.csv"}
    opened = DarwinCoreArchive.open(archive(tmp_path / "a.zip", files))
    assert opened.extensions == ()
    assert "Multimedia.csv is not in the archive" in opened.notes[0]


def test_an_empty_table_is_empty(tmp_path: Path) -> None:
    opened = DarwinCoreArchive.open(archive(tmp_path / "a.zip", FILES | {"multimedia.csv": ""}))
    assert opened.table("Multimedia").frame.shape == (0, 3)


def test_entities_are_found_however_they_are_encoded() -> None:
    bomb = '<?xml version="1.0"?><!doctype a [<!entity b "c">]><a/>'
    for data in (bomb.encode(), bomb.upper().encode("utf-16")):
        with pytest.raises(BadData, match="entities"):
            parse_xml(data, "x")
    assert term("http://rs.tdwg.org/dwc/terms/scientificName") == "scientificName"
    assert term("dwc:taxonID") == "taxonID"
