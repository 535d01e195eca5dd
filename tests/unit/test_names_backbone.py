"""Backbones: every format reads alike, and what a file may hold that cannot be part of one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
import pytest

from merian.core.errors import BadData, Missing
from merian.core.tree import RANKS, Tree
from merian.names.backbone import Backbone
from merian.names.coldp import read_yaml
from merian.names.languages import normal_languages

REAL = Path(__file__).parents[3] / "shared" / "data" / "tables"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real tables of ../shared/data are not here")

HEADER = "col:ID\tcol:parentID\tcol:status\tcol:scientificName\tcol:authorship\tcol:rank\tcol:code\tcol:extinct"
CATS = """
A||accepted|Animalia||kingdom|zoological|
M|A|accepted|Mammalia||class|zoological|
F|M|accepted|Felidae|Fischer, 1817|family|zoological|
P|F|accepted|Puma|Jardine, 1834|genus|zoological|
PC|P|accepted|Puma concolor|(Linnaeus, 1771)|species|zoological|false
PCC|PC|provisionally accepted|Puma concolor couguar|(Kerr, 1792)|subspecies|zoological|
FC|PC|synonym|Felis concolor|Linnaeus, 1771|species|zoological|
FD|PC|ambiguous synonym|Felis dubia|Smith, 1800|species|zoological|
FM|PC|misapplied|Felis onca|auct.|species|zoological|
B||bare name|Felis nuda||species|zoological|
S|F|accepted|Smilodon|Lund, 1842|genus|zoological|true
"""
COMMON = "taxonID\tname\tlanguage\tpreferred\tcountry\nPC\tcougar\teng\tfalse\tus\nFC\tPuma\tdeu\t1\t\nPC\tmountain lion\ten\ttrue\t\nX\tghost\teng\t\t\n"


def coldp(folder: Path, text: str = CATS, header: str = HEADER, **more: str) -> Path:
    """A ColDP ZIP with the usages of `text` and more files."""
    body = "".join(line.replace("|", "\t") + "\n" for line in text.splitlines() if line)
    with zipfile.ZipFile(folder / "col.zip", "w") as out:
        out.writestr("NameUsage.tsv", f"{header}\n{body}")
        for name, data in more.items():
            out.writestr(name.replace("__", "."), data)
    return folder / "col.zip"


def opened(folder: Path, text: str = CATS, **more: str) -> Backbone:
    return Backbone.open(coldp(folder, text, **more), folder / "cache")


def row(backbone: Backbone, key: str) -> dict[str, object]:
    return backbone.usages.row(by_predicate=pl.col("id") == key, named=True)


def accepted(backbone: Backbone, key: str) -> str | None:
    at = row(backbone, key)["accepted"]
    return None if at is None else backbone.usages["id"][at]  # type: ignore[index]


def reasons(backbone: Backbone) -> dict[str, str]:
    return dict(backbone.refused.select("id", "reason").rows())


def test_a_coldp_archive_is_read(tmp_path: Path) -> None:
    meta = "# COL\ntitle: 'Catalogue of Cats'\nalias: COC\nversion: 26.11 XR\nissued: 2026-11-20\ndescription: >\n  long\n  text\ncreator:\n  - given: A\n"
    backbone = opened(tmp_path, VernacularName__tsv=COMMON, metadata__yaml=meta)
    assert backbone.usages["id"].to_list() == sorted(line.split("|")[0] for line in CATS.strip().splitlines())
    assert (backbone.title, backbone.release) == ("Catalogue of Cats", "26.11 XR 2026-11-20")
    assert backbone.version == f"Catalogue of Cats 26.11 XR 2026-11-20 ({backbone.digest})"
    cougar = row(backbone, "PCC")
    assert [cougar[r] for r in RANKS] == ["Animalia", None, "Mammalia", None, "Felidae", "Puma", "Puma concolor"]
    assert (cougar["status"], cougar["code"], cougar["rank"]) == ("provisionally accepted", "zoological", "subspecies")
    assert cougar["authorship"] == "(Kerr, 1792)"
    for key in ("FC", "FD", "FM"):
        assert accepted(backbone, key) == "PC"
        assert row(backbone, key)["genus"] == "Puma"
    assert [row(backbone, k)["status"] for k in ("FC", "FD", "FM", "B")] == [
        "synonym", "ambiguous synonym", "misapplied", "unavailable"
    ]  # fmt: skip
    assert accepted(backbone, "B") is None
    assert [row(backbone, k)["extinct"] for k in ("S", "PC", "P")] == [True, False, None]
    called = backbone.vernaculars.with_columns(backbone.usages["id"].gather(backbone.vernaculars["usage"]).alias("id"))
    assert called.select("id", "name", "language", "preferred", "country").rows() == [
        ("PC", "Puma", "de", True, None), ("PC", "mountain lion", "en", True, None), ("PC", "cougar", "en", False, "US")
    ]  # fmt: skip
    assert backbone.refused.rows() == [
        ("VernacularName.tsv", 5, "X", "ghost", "a common name of a taxon that is not there")
    ]


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(tmp_path, VernacularName__tsv=COMMON)
    monkeypatch.setattr("merian.names.backbone.read_raw", None)
    again = Backbone.open(tmp_path / "col.zip", tmp_path / "cache")
    compiled = Backbone.open(next((tmp_path / "cache").iterdir()))
    for other in (again, compiled):
        assert other.usages.equals(first.usages)
        assert other.vernaculars.equals(first.vernaculars)
        assert other.refused.equals(first.refused)
        assert other.version == first.version


def test_an_unfinished_compilation_is_made_again(tmp_path: Path) -> None:
    first = opened(tmp_path)
    folder = next((tmp_path / "cache").iterdir())
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    (folder / "manifest.json").unlink()
    (folder / "usages.parquet").write_bytes(b"half")
    (folder / "about.json").unlink()
    (folder / ".begun.json").write_text(f'{{"kind": "backbone", "key": "{folder.name}"}}')
    assert Backbone.open(tmp_path / "col.zip", tmp_path / "cache").usages.equals(first.usages)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_the_split_form_is_the_same_as_the_merged(tmp_path: Path) -> None:
    merged = opened(tmp_path)
    lines = [line.split("|") for line in CATS.strip().splitlines()]
    folder = tmp_path / "split"
    folder.mkdir()

    def write(name: str, header: str, rows: list[list[str]]) -> None:
        (folder / name).write_text(
            "\n".join(",".join(f'"{c}"' if "," in c else c for c in r) for r in [header.split(","), *rows]) + "\n"
        )

    write("Name.csv", "ID,scientificName,authorship,rank,code", [[r[0], r[3], r[4], r[5], r[6]] for r in lines])
    taxa = [[r[0], r[0], r[1], r[7], str(r[2] != "accepted").lower()] for r in lines if "accepted" in r[2]]
    write("Taxon.csv", "ID,nameID,parentID,extinct,provisional", taxa)
    below = [[r[0], r[1], r[2]] for r in lines if "accepted" not in r[2] and r[1]]
    write("Synonym.csv", "nameID,taxonID,status", [*below, ["FC", "P", "synonym"]])
    split = Backbone.open(folder, tmp_path / "cache")
    # a synonym of two taxa is two usages
    assert set(split.usages["id"]) - set(merged.usages["id"]) == {"FC-PC", "FC-P"}
    assert accepted(split, "FC-P") == "P"
    assert row(split, "FC-P")["status"] == "ambiguous synonym"
    for key in set(merged.usages["id"]) & set(split.usages["id"]):
        mine, theirs = row(merged, key), row(split, key)
        assert mine | {"accepted": 0} == theirs | {"accepted": 0}
        assert accepted(merged, key) == accepted(split, key)


def test_names_come_canonical_whatever_the_columns(tmp_path: Path) -> None:
    header = "ID\tscientificName\tauthorship\trank\tuninomial\tgenericName\tinfragenericEpithet\tspecificEpithet\tinfraspecificEpithet"
    text = """
1|Puma concolor subsp. couguar|Kerr|subspecies||Puma||concolor|couguar
2|Puma (Puma)||subgenus||Puma|Puma||
3|×Chitalpa|||×Chitalpa||||
4|Salix × fragilis L.|L.|species|||||
5|Felis concolor Linnaeus, 1771||species|||||
6|Quercus robur var. alba Smith|Smith|variety|||||
7|Felidae|||Felidae||||
8|Puma  concolor|||||||
"""
    backbone = Backbone.open(coldp(tmp_path, text, header), tmp_path / "cache")
    assert dict(backbone.usages.select("id", "name").rows()) == {
        "1": "Puma concolor couguar",
        "2": "Puma",
        "3": "Chitalpa",
        "4": "Salix fragilis",
        "5": "Felis concolor",
        "6": "Quercus robur alba",
        "7": "Felidae",
        "8": "Puma concolor",
    }
    assert row(backbone, "5")["authorship"] == "Linnaeus, 1771"


GBIF_HEADER = (
    "taxonID parentNameUsageID acceptedNameUsageID scientificName scientificNameAuthorship canonicalName genericName specificEpithet taxonRank"
    " taxonomicStatus nomenclaturalCode kingdom genus"
)
GBIF = """
1|||Animalia||Animalia|||kingdom|accepted|ICZN|Animalia|
2|1||Puma Jardine, 1834|Jardine, 1834|Puma|Puma||genus|doubtful|ICZN|Animalia|Puma
3|2||Puma concolor (L.)|(L.)|Puma concolor|Puma|concolor|species|accepted||Animalia|Puma
4|2|3|Felis concolor L.|L.|Felis concolor|Felis|concolor|species|HOMOTYPIC_SYNONYM||Animalia|Puma
5|2|3|Felis x L.|L.|Felis x|Felis|x|species|proparte synonym||Animalia|Puma
6|2|3|Felis y auct.||Felis y|Felis|y|species|misapplied||Animalia|Puma
7|99||Lynx Kerr|Kerr|Lynx|Lynx||genus|accepted||Animalia|Lynx
8|3|4|Puma z|||Puma|z|species|strange||Animalia|
9|2||Puma w||||w|species|odd||Animalia|
"""


def test_a_darwin_core_checklist_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "gbif" / "backbone"
    folder.mkdir(parents=True)
    (folder / "Taxon.tsv").write_text(GBIF_HEADER.replace(" ", "\t") + GBIF.replace("|", "\t"))
    (folder / "VernacularName.tsv").write_text(
        "taxonID\tvernacularName\tlanguage\tcountryCode\n3\tPuma\tes\tPE\n3\tcougar\t\t\n"
    )
    backbone = Backbone.open(tmp_path / "gbif", tmp_path / "cache")
    assert dict(backbone.usages.select("id", "status").rows()) == {
        "1": "accepted", "2": "provisionally accepted", "3": "accepted", "4": "synonym", "5": "ambiguous synonym",
        "6": "misapplied", "7": "accepted", "8": "synonym", "9": "provisionally accepted",
    }  # fmt: skip
    assert [accepted(backbone, k) for k in "34568"] == ["3"] * 5
    # its parent is not there, but its row spells the lineage out
    assert (row(backbone, "7")["kingdom"], row(backbone, "7")["genus"]) == ("Animalia", "Lynx")
    assert row(backbone, "1")["code"] == "zoological"
    assert backbone.vernaculars.select("name", "language", "country").rows() == [
        ("Puma", "es", "PE"),
        ("cougar", None, None),
    ]
    assert backbone.refused.is_empty()
    notes = " ".join(backbone.notes)
    assert "unknown status 'strange'" in notes
    assert "unknown status 'odd'" in notes
    assert "1 synonym of a synonym" in notes
    assert "no meta.xml" in notes


def test_an_archive_whose_core_id_is_not_the_taxon_id(tmp_path: Path) -> None:
    # as iNaturalist's: the links between taxa are addresses, those of the common names are numbers
    terms = ("taxonID", "parentNameUsageID", "scientificName", "taxonRank")
    fields = "".join(f'<field index="{k + 1}" term="http://rs.tdwg.org/dwc/terms/{t}"/>' for k, t in enumerate(terms))
    meta = f"""<archive xmlns="http://rs.tdwg.org/dwc/text/"><core fieldsTerminatedBy="," fieldsEnclosedBy='"' ignoreHeaderLines="1"
      rowType="http://rs.tdwg.org/dwc/terms/Taxon"><files><location>taxa.csv</location></files><id index="0"/>{fields}</core>
      <extension fieldsTerminatedBy="," fieldsEnclosedBy='"' ignoreHeaderLines="1" rowType="http://rs.gbif.org/terms/1.0/VernacularName">
      <files><location>names.csv</location></files><coreid index="0"/>
      <field index="1" term="http://rs.tdwg.org/dwc/terms/vernacularName"/></extension></archive>"""
    with zipfile.ZipFile(tmp_path / "inat.zip", "w") as out:
        out.writestr("meta.xml", meta)
        out.writestr("taxa.csv", "id,t,p,n,r\n1,x/1,x/48,Animalia,kingdom\n42,x/42,x/1,Puma,genus\n")
        out.writestr("names.csv", 'id,name\n42,"cougars, pumas"\n')
    backbone = Backbone.open(tmp_path / "inat.zip", tmp_path / "cache")
    assert backbone.usages["id"].to_list() == ["x/1", "x/42"]
    assert backbone.vernaculars.select("usage", "name").rows() == [(1, "cougars, pumas")]
    assert row(backbone, "x/42")["kingdom"] == "Animalia"


def test_synonyms_of_synonyms_lead_to_the_accepted_name(tmp_path: Path) -> None:
    chain = "".join(f"\nS{k}|{f'S{k + 1}' if k < 29 else 'PC'}|synonym|Felis a||species||" for k in range(30))
    backbone = opened(tmp_path, CATS + chain)
    assert {accepted(backbone, f"S{k}") for k in range(30)} == {"PC"}
    assert backbone.notes == ("29 synonyms of a synonym, followed to the accepted name",)


def test_what_cannot_be_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = """
C1|C2|synonym|Felis a||species||
C2|C3|synonym|Felis b||species||
C3|C1|synonym|Felis c||species||
C4|C1|synonym|Felis d||species||
G1|G2|accepted|Aus||genus||
G2|G1|accepted|Aidae||family||
G3|G1|accepted|Aus bus||species||
G4|G3|synonym|Aus cus||species||
O1|nobody|accepted|Bus||genus||
O2|O1|accepted|Bus bus||species||
O3|nobody|synonym|Bus cus||species||
PC|P|accepted|Puma concolour||species||
PC|F|synonym|Puma other||species||
FC|P|synonym|Felis other||species||
|P|accepted|Puma sine||species||
N|P|accepted|||species||
U|P|accepted|Upsidae||order||
"""
    clean = opened(tmp_path / "", CATS).usages
    backbone = opened(tmp_path, CATS + bad)
    assert backbone.usages.equals(clean)
    found = backbone.refused.select("row", "id", "reason").rows()
    first = len(CATS.strip().splitlines()) + 2
    orphan = "orphan: its parent, or an ancestor's parent, is not in the file"
    cyclic, loop = "cyclic synonym: it is a synonym of itself", "cyclic parents: it is its own ancestor"
    assert [(r - first, reason) for r, _, reason in found] == list(enumerate([
        *[cyclic] * 4, *[loop] * 3, "the name that is accepted for it was refused", orphan, orphan,
        "orphan: the name that is accepted for it is not in the file", "two accepted names for one key", "duplicate id",
        "two accepted names for one key", "no id", "no name", "its rank is above that of an ancestor",
    ]))  # fmt: skip
    assert set(backbone.refused["file"]) == {"NameUsage.tsv"}


def test_rows_that_cannot_be_read_are_refused_too(tmp_path: Path) -> None:
    text = CATS + "\nZ|P|accepted|Puma z||species|||one|too many\n"
    backbone = opened(tmp_path, text)
    assert backbone.refused.select("row", "reason").rows() == [(13, "10 fields where there should be 8")]
    assert len(backbone.usages) == 11


def test_what_hangs_below_a_synonym_hangs_below_its_accepted_name(tmp_path: Path) -> None:
    backbone = opened(tmp_path, CATS + "\nX|FC|accepted|Felis concolor alba||subspecies||\n")
    assert row(backbone, "X")["species"] == "Puma concolor"
    assert backbone.refused.is_empty()


def test_the_tree_of_a_backbone(tmp_path: Path) -> None:
    backbone = opened(tmp_path, VernacularName__tsv=COMMON)
    whole = backbone.tree()
    assert whole.names.to_list() == ["Animalia", "Mammalia", "Felidae", "Puma", "Puma concolor", "Smilodon"]
    assert whole.ids.to_list() == ["A", "M", "F", "P", "PC", "S"]
    assert whole.common_name(4) == "mountain lion"
    assert whole.common_name(4, "de") == "Puma"
    keys = backbone.usages["id"].to_list()
    part = backbone.tree([keys.index("PCC")])
    assert part.names.to_list() == ["Animalia", "Mammalia", "Felidae", "Puma", "Puma concolor"]
    assert part.common_name(4) == "mountain lion"
    assert len(backbone.tree([])) == 0


def test_tables_of_lineages_and_trees_are_backbones(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "Kingdom,Genus,species,common_name\nAnimalia,Puma,concolor,cougar\nAnimalia,Lynx,,lynxes\n"
    )
    listed = Backbone.open(tmp_path / "list.csv", tmp_path / "cache")
    assert sorted(listed.usages["name"]) == ["Animalia", "Lynx", "Puma", "Puma concolor"]
    tree, _ = Tree.read(tmp_path / "list.csv")
    tree.save(tmp_path / "tree.parquet")
    planted = Backbone.open(tmp_path / "tree.parquet", tmp_path / "cache")
    assert planted.usages.equals(listed.usages)
    for backbone in (listed, planted):
        assert backbone.tree().version == tree.version
    with (tmp_path / "list.csv").open("a") as out:
        out.write("one,too,many,cells,here\n")
    ragged = Backbone.open(tmp_path / "list.csv", tmp_path / "cache")
    assert ragged.usages.equals(listed.usages)
    assert ragged.refused.select("file", "row", "reason").rows() == [
        ("list.csv", 4, "5 fields where there should be 4")
    ]


@pytest.mark.parametrize("name", ["no.zip", "text.zip", "cats.zip", "empty.csv", "numbers.csv", "text.parquet"])
def test_what_is_no_taxonomy_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "numbers.csv").write_text("x,y\n1,2\n")
    (tmp_path / "text.parquet").write_text("no parquet")
    with zipfile.ZipFile(tmp_path / "cats.zip", "w") as out:
        out.writestr("cats.jpg", b"")
    with pytest.raises((BadData, Missing), match=name.replace(".", r"\.")):
        Backbone.open(tmp_path / name, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*/manifest.json"))


def test_yaml_is_read_as_far_as_it_is_plain() -> None:
    text = 'title: "A: b"  # c\nissued: 2026-01-02\nkeyword: [a, b]\ncontact:\n  title: Dr\n  name: X\nnotes: |\n  one\n  two\nempty:\n'
    assert read_yaml(text) == {"title": "A: b", "issued": "2026-01-02", "notes": "one two"}


def test_languages_are_two_letters_where_there_are() -> None:
    given = ["eng", "deu", "ger", "English", "pt-BR", "zh_TW", "haw", "", None, "Spanish", "mandarin"]
    assert normal_languages(pl.Series(given)).to_list() == [
        "en", "de", "de", "en", "pt", "zh", "haw", None, None, "es", "zh"
    ]  # fmt: skip


@pytest.mark.real
@real
def test_real_samples_are_backbones(tmp_path: Path) -> None:
    inat = Backbone.open(REAL / "inat_taxonomy_sample.csv", tmp_path)
    assert len(inat.usages) == 1683
    assert inat.refused.is_empty()
    itis = Backbone.open(REAL / "itis_dwc_sample.parquet", tmp_path)
    assert itis.usages["status"].value_counts(sort=True).rows() == [("synonym", 796), ("accepted", 508)]
    rare = Backbone.open(REAL / "names_rare_species_400.parquet", tmp_path)
    assert len(rare.tree().at("species")) == 400


@pytest.mark.real
@real
def test_the_catalogue_of_lifes_own_test_tables(tmp_path: Path) -> None:
    # two tables of CoL's importer tests that do not belong together: the usages are read under made-up names, the names as bare taxa
    usages = pl.read_csv(REAL / "col_xcol_name_usage_3.csv", infer_schema=False)
    usages.select(
        ID="id", parentID="parent_id", status="status", scientificName=pl.format("Aus bus{}", pl.int_range(pl.len()))
    ).write_csv(tmp_path / "NameUsage.csv")
    backbone = Backbone.open(tmp_path, tmp_path / "cache")
    assert len(backbone.usages) + len(backbone.refused) == len(usages) == 25196
    assert backbone.usages["status"].value_counts(sort=True).rows() == [("accepted", 13951), ("synonym", 11245)]
    names = pl.read_csv(REAL / "col_xcol_name_103.csv", infer_schema=False)
    whole = names.select(
        "id", scientificName=pl.concat_str("scientific_name", "authorship", separator=" ", ignore_nulls=True)
    )
    whole.write_csv(tmp_path / "whole.csv")
    names.select(
        ID="id", scientificName="scientific_name", rank="rank", uninomial="uninomial", genericName="genus",
        specificEpithet="specific_epithet", infraspecificEpithet="infraspecific_epithet",
    ).write_csv(tmp_path / "apart.csv")  # fmt: skip
    read, apart = (
        Backbone.open(tmp_path / f, tmp_path / "cache").usages.select("id", "name") for f in ("whole.csv", "apart.csv")
    )
    assert len(read) == len(apart) == 25181
    differ = read.join(apart, on="id").filter(pl.col("name") != pl.col("name_right"))
    assert len(differ) < 0.005 * len(read), differ.sample(10, seed=1)
