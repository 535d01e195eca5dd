"""What a hostile or broken file does at the command line of the curation verbs: one clear error, the right exit code, and good rows go on."""

from __future__ import annotations

import functools
import gzip
import importlib
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from photos import encoded, noise

from merian.cli import main
from merian.core import archives, delimited
from merian.core.archives import Limits
from merian.curate.sources import text

Run = Callable[..., tuple[int, str]]
HEADER = "occurrenceID,scientificName,associatedMedia\n"
ROWS = "".join(f"{k},{'Pica pica' if k % 2 else 'Corvus corax'},p{k}.png\n" for k in range(8))
META = """<archive xmlns="http://rs.tdwg.org/dwc/text/"><core encoding="UTF-8" fieldsTerminatedBy="," fieldsEnclosedBy='"'
ignoreHeaderLines="1" rowType="http://rs.tdwg.org/dwc/terms/Occurrence"><files><location>{file}</location></files><id index="0"/>
<field index="1" term="http://rs.tdwg.org/dwc/terms/scientificName"/>
<field index="{media}" term="http://rs.tdwg.org/dwc/terms/associatedMedia"/></core></archive>"""
TAXA = "taxonID,scientificName,taxonRank,taxonomicStatus,acceptedNameUsageID,parentNameUsageID\n"
USAGES = "1,Animalia,kingdom,accepted,,\n2,Pica,genus,accepted,,1\n3,Pica pica,species,accepted,,2\n4,Corvus pica,species,synonym,3,\n"


@functools.cache
def photo(number: int) -> bytes:
    return encoded(noise(200 + number), "PNG")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in a folder with eight photos and gives back the exit code and all that was said. What is raised is raised here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("MERIAN_CACHE", str(tmp_path / "cache"))
    importlib.import_module("merian.cli.say")._console.cache_clear()
    for number in range(8):
        Path(f"p{number}.png").write_bytes(photo(number))

    def one(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        code = main.run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return one


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gzipped table is a bomb from 1 MiB on."""
    least = functools.partial(archives.gunzip, limits=Limits(1 << 20))
    monkeypatch.setattr(delimited, "gunzip", least)
    monkeypatch.setattr(text, "gunzip", least)


def packed(path: str, files: dict[str, str | bytes], photos: int = 8) -> str:
    """A ZIP of the files and so many photos."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in (files | {f"p{k}.png": photo(k) for k in range(photos)}).items():
            out.writestr(name, data)
    return path


def tarred(path: str, files: dict[str, bytes | tuple[bytes, str]], mode: str = "w") -> str:
    """A tar of the files; a pair is a link of that kind and what it points to."""
    with tarfile.open(path, mode) as out:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, tuple):
                info.type, info.linkname = data
                out.addfile(info)
            else:
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))
    return path


def written(name: str, data: str | bytes) -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


def reasons(out: str) -> dict[str | None, int]:
    """Reason -> rows of the catalog in a folder; None: kept."""
    return dict(pl.read_parquet(Path(out) / "catalog.parquet", glob=False)["reason"].value_counts().rows())


def nothing_finished(out: str) -> bool:
    return not (Path(out) / "manifest.json").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"meta.xml": META.format(file="gone.csv", media=2)},
            "names a core file that the archive does not hold (gone.csv)",
        ),
        ({"meta.xml": META.format(file="../../etc/passwd", media=2)}, "does not hold (../../etc/passwd)"),
        (
            {"meta.xml": META.format(file="o.csv", media=9), "o.csv": HEADER + ROWS},
            "o.csv: has 3 columns, and meta.xml places associatedMedia beyond them",
        ),
        (
            {"meta.xml": META.format(file="o.csv", media=-1), "o.csv": HEADER},
            "the index of associatedMedia is not a number (-1)",
        ),
        ({"meta.xml": "<archive><core>"}, "meta.xml: is not well-formed XML"),
        ({"occurrence.csv": "a,b\n1,2\n"}, "lists no images"),
        ({"some.csv": HEADER + ROWS}, "is none of: Merian download"),
        ({"inner.zip": b"PK\x03\x04"}, "is none of: Merian download"),
    ],
)
def test_an_archive_that_lies_about_itself_is_one_error(run: Run, files: dict[str, str | bytes], said: str) -> None:
    code, told = run("curate", packed("a.zip", files, 1), "out")
    assert code == 1
    assert "a.zip" in told
    assert said in told
    assert nothing_finished("out")


def test_a_zip_that_is_cut_or_damaged(run: Run) -> None:
    packed("a.zip", {"meta.xml": META.format(file="o.csv", media=2), "o.csv": HEADER + ROWS})
    data = Path("a.zip").read_bytes()
    for broken in (data[: len(data) // 2], b"", b"no archive"):
        code, told = run("curate", written("b.zip", broken), "out")
        assert (code, "b.zip: neither a folder nor a ZIP that can be read" in told) == (1, True)
    at = data.find(b"p5.png") + 100
    code, _ = run("curate", written("c.zip", data[:at] + b"\x11" * 60 + data[at + 60 :]), "out")
    assert code == 3
    found = reasons("out")
    assert found.pop(None) == 7
    assert [r for r in found if r and r.startswith("file cannot be read: cannot be unpacked: the archive is damaged")]


def test_no_image_is_read_from_outside_the_archive(run: Run) -> None:
    rows = (
        ROWS
        + "90,Pica pica,../../../etc/passwd\n91,Pica pica,/etc/passwd\n92,Pica pica,../up.png\n93,Pica pica,link.png\n"
    )
    packed("a.zip", {"meta.xml": META.format(file="o.csv", media=2), "o.csv": HEADER + rows, "../up.png": photo(30)})
    with zipfile.ZipFile("a.zip", "a") as out:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, str(Path("p1.png").resolve()))
    assert run("curate", "a.zip", "out")[0] == 3
    found = reasons("out")
    assert found[None] == 8
    assert sum(found.values()) == 12
    tar = {f"{k}.png": photo(k) for k in range(4)} | {f"{k}.cls.txt": b"Pica pica" for k in range(4)}
    links = {
        "l.png": (tarfile.SYMTYPE, "/etc/passwd"),
        "h.png": (tarfile.LNKTYPE, "/etc/passwd"),
        "f.png": (tarfile.FIFOTYPE, ""),
    }
    tarred("a.tar", {**dict(sorted(tar.items())), **links})
    assert run("curate", "a.tar", "out2")[0] == 3
    assert reasons("out2") == {None: 4}
    refused = Path("out2/refused_rows.csv").read_text()
    assert all(f"a link or device in the tar, not a file: {name}" in refused for name in links)


def test_a_tar_that_is_none(run: Run) -> None:
    sound = tarred("a.tar", {"0.png": photo(0), "0.cls": b"Pica pica", "1.png": photo(1), "1.cls": b"Pica pica"})
    data = Path(sound).read_bytes()
    for name, broken, said in (
        ("g.tar", b"garbage" * 999, "is no tar that can be read"),
        ("e.tar", b"", "is no tar that can be read: empty file"),
        ("z.tar", b"\0" * 10240, "the tar is empty"),
        ("p.tar.gz", gzip.compress(data), "unpack it to a .tar"),
        ("p.tar", gzip.compress(data), "is no tar that can be read"),
    ):
        code, told = run("curate", written(name, broken), "out")
        assert code == 1
        assert f"{name}: " in told
        assert said in told
    half = data[: data.find(photo(1)[:64]) + 200]
    assert run("curate", written("h.tar", half), "out")[0] == 3
    assert reasons("out")[None] == 1
    assert "the tar is damaged from here on" in Path("out/refused_rows.csv").read_text()


@pytest.mark.parametrize(
    "command", ["curate b.csv.gz out", "names b.csv.gz --backbone t.csv", "names l.txt --backbone b.csv.gz"]
)
@pytest.mark.usefixtures("small")
def test_a_gzipped_table_that_grows_without_end_is_refused_with_the_limit(run: Run, command: str) -> None:
    written("t.csv", TAXA + USAGES)
    written("l.txt", "Pica pica\n")
    heads = "path,taxonID,scientificName\n"
    bomb = gzip.compress(("p1.png," + "1" * 1000 + ",Pica pica\n").encode() * 1000)
    written("b.csv.gz", gzip.compress(heads.encode()) + bomb * 20)  # 20 MB in 60 kB
    code, told = run(*command.split())
    assert code == 1
    assert "b.csv.gz: unpacks" in told
    assert "the limit is 200 times as many, beyond 1,048,576: refused as a bomb" in told
    assert nothing_finished("out")


@pytest.mark.usefixtures("small")
def test_a_well_packed_table_is_no_bomb(run: Run) -> None:
    rows = "".join(f"p1.png,Pica pica,{k:x}{k * 2654435761 % 2**32:08x}\n" for k in range(60_000))
    code, _ = run(
        "download", written("t.csv.gz", gzip.compress(("path,scientificName,id\n" + rows).encode())), "out", "--dry-run"
    )
    assert code == 0


def test_a_line_without_end_is_no_table(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("merian.core.lines"), "LONGEST", 1 << 17)
    monkeypatch.setattr(text, "FORCED", 1 << 16)
    monkeypatch.setattr(text, "BLOCK", 1 << 14)
    written("t.csv", TAXA + USAGES)
    code, told = run("names", written("l.txt", b"x" * 200_000), "--backbone", "t.csv")
    assert (code, "l.txt: a line is longer than 131,072 bytes" in told) == (1, True)
    code, told = run("curate", written("p.csv", "path,scientificName\n" + "y" * 200_000), "out")
    assert (code, "p.csv: a line is longer than 65,536 bytes" in told) == (1, True)


@pytest.mark.parametrize(
    ("data", "kept", "refused"),
    [
        ((HEADER + ROWS).encode("utf-16"), 8, ""),
        ((HEADER + ROWS).encode("utf-16-le"), 8, ""),
        (b"\xef\xbb\xbf" + (HEADER + ROWS).encode(), 8, ""),
        ((HEADER + ROWS).replace("\n", "\r").encode(), 8, ""),
        ((HEADER + ROWS).encode() + "50,Pic\xe4 pica,p7.png\n".encode("latin-1"), 8, "1 line read as Windows-1252"),
        ((HEADER + ROWS).replace("Pica", "Pi\0ca").encode() + b"\0\0\n", 8, "4 lines freed of NUL bytes"),
        ((HEADER + ROWS + "1\n1,2,3,4\n1,2,3,4,5\n").encode(), 8, "t.csv,11,4 fields where there should be 3"),
        ((HEADER + '0,"Pica ""x""\npica","p0.png"\n1,"Pica,pica\t",p1.png\n').encode(), 2, ""),
        ((HEADER + '0,"Pica pica,p0.png\n1,Pica pica,p1.png\n').encode(), 2, "1 line with stray quotes"),
        (b"path,scientificName,path,scientificName\np0.png,Pica pica,p9.png,Corvus\n", 1, ""),
        (b"path,scientificName\np0.png,Pica pica\n", 1, ""),
        (
            b"path,scientificName,latitude,longitude\np0.png,Pica pica,1,2\np1.png,Corvus corax,north,NaN\n",
            2,
            "one coordinate is absent or not on Earth, kept without a place: 1",
        ),
        (gzip.compress((HEADER + ROWS).encode()), 8, ""),
    ],
    ids=[
        "utf-16",
        "utf-16-le",
        "bom",
        "cr",
        "latin-1",
        "nul",
        "ragged",
        "quotes",
        "open-quote",
        "twice",
        "one-row",
        "types",
        "gzip",
    ],
)
def test_a_table_of_photos_as_strangers_write_it(run: Run, data: bytes, kept: int, refused: str) -> None:
    code, told = run("curate", written("t.csv", data), "out")
    assert reasons("out").get(None) == kept, told
    assert code == (3 if refused or len(reasons("out")) > 1 else 0)
    file = Path("out/refused_rows.csv")
    assert (refused in file.read_text()) if refused else not file.exists()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.csv", b"", "t.csv: the file is empty"),
        ("t.csv", HEADER.encode(), "t.csv: has no rows"),
        ("t.csv", b"a,b\n1,2\n", "no column says where the images are"),
        ("t.csv", b"PK\x03\x04" + b"\0" * 40, "is a ZIP archive or Excel workbook, not a text table"),
        ("t.csv", bytes(range(256)) * 20, "is no text"),
        ("t.csv", b"\0" * 900, "is no text: its first 900 bytes are all zero"),
        ("t.csv.gz", b"\x1f\x8b" + b"x" * 20, "t.csv.gz: the gzip file is damaged"),
        ("t.csv.gz", gzip.compress((HEADER + ROWS).encode() * 50, mtime=0)[:90], "t.csv.gz: the gzip file is damaged"),
        ("t.parquet", b"no Parquet", "t.parquet: not a readable Parquet file"),
        ("t.parquet", b"", "t.parquet: not a readable Parquet file"),
        ("c.json", b'{"images":[],"annotations":[],"categories":[]}', "c.json: has no rows"),
        ("c.json", b'{"images":[{"id":"1","file_na', "c.json: not sound JSON: Unterminated string"),
        ("c.json", b'{"images":' + b"[" * 100_000, "c.json: not sound JSON: nested too deep"),
        ("c.json", b'{"images":[{"id":' + b"9" * 5000 + b"}]}", "c.json: not sound JSON"),
        ("p1.png/x", None, "p1.png/x"),
        ("nowhere", None, "the source not found at nowhere"),
    ],
)
def test_what_is_no_source_is_one_error(run: Run, name: str, data: bytes | None, said: str) -> None:
    if data is not None:
        written(name, data)
    code, told = run("curate", name, "out")
    assert code == 1
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert nothing_finished("out")


def test_odd_json_of_coco(run: Run) -> None:
    images: list[object] = [{"id": k, "file_name": f"p{k}.png"} for k in range(6)]
    images += [{"id": 7, "file_name": "../../etc/passwd"}, {"id": 8, "file_name": "\ud800.png"}, 5, None, {"id": 9}]
    marks: list[object] = [{"id": k, "image_id": k, "category_id": 1} for k in range(9)]
    marks += [None, {"image_id": 99, "category_id": 1}, {"image_id": 0, "category_id": 1, "bbox": [0, 0, 10**400, 1]}]
    data = {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "Pica pica"}, None]}
    code, _ = run("curate", written("c.json", json.dumps(data)), "out")
    assert code == 3
    assert reasons("out")[None] == 6
    refused = Path("out/refused_rows.csv").read_text()
    assert refused.count("an image without id or file_name") == 3
    assert "an annotation of an image that is not listed" in refused


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"images":[{"file":"p0.png","dete', "d.json: is not JSON at line 1: the file breaks off"),
        ('{"images":[{"file":"p0.png","detections":[]}', "d.json: is not JSON at line 1: the file breaks off"),
        ("", "the file breaks off"),
        ("[1]", "{ was expected, not '['"),
        ('{"info":1}', 'has no list "images"'),
        ('{"images":5}', "'images' must be a list"),
        ('{"images":[' + "[" * 50_000, "nested too deep"),
        ('{"images":[' + "9" * 5000 + "]}", "is not JSON at line 1"),
    ],
)
def test_detections_that_break_off(run: Run, data: str, said: str) -> None:
    written("t.csv", HEADER + ROWS)
    code, told = run("curate", "t.csv", "out", "--detections", written("d.json", data))
    assert code == 1
    assert said in told
    assert nothing_finished("out")


def test_boxes_that_make_no_sense_are_passed_over(run: Run) -> None:
    boxes = [10**400, float("nan"), 0.9]
    found = [{"category": "1", "conf": c, "bbox": [0, 0, 1, 1]} for c in boxes]
    images: list[object] = [{"file": f"p{k}.png", "detections": found if k else []} for k in range(8)]
    images += [{"file": "\ud800.png", "detections": []}, 5]
    written("d.json", json.dumps({"images": images}))
    code, told = run("curate", written("t.csv", HEADER + ROWS), "out", "--detections", "d.json")
    assert code == 3
    assert "some rows of the detections could not be used: out/refused_detections.csv" in told
    assert pl.read_csv("out/refused_detections.csv").height == 16
    found_out = reasons("out")
    assert found_out[None] == 7
    assert len(found_out) == 2
    # of other images altogether: nothing is known of these
    written("d.json", json.dumps({"images": [{"file": "other.png", "detections": []}]}))
    code, told = run("curate", "t.csv", "out2", "--detections", "d.json")
    assert (code, "d.json names none of these images" in told) == (0, True)
    assert reasons("out2") == {None: 8}


def test_odd_json_of_fathomnet_and_a_broken_table_beside_photos(run: Run) -> None:
    box = {"concept": "Pica pica", "x": 1, "y": 1, "width": 9, "height": 9}
    images: list[object] = [
        {"uuid": "a", "url": "http://x.org/p.png", "width": 64, "height": 48, "boundingBoxes": [box, 5]}
    ]
    images += [{"uuid": 1, "url": 5, "boundingBoxes": 7, "imageSetUploads": 3, "latitude": "north"}]
    code, told = run("download", written("f.json", json.dumps(images)), "out", "--dry-run")
    assert code == 0
    assert "1 images to fetch from 1 hosts" in told
    folder = Path("photos/Pica pica")
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.png").write_bytes(photo(number))
    written("photos/images.csv", b"\0" * 99)
    assert run("curate", "photos", "out")[0] == 0


def test_an_inaturalist_table_that_lacks_a_column_says_which(run: Run) -> None:
    tables = {
        "photos": "photo_id\tobservation_uuid\tobserver_id\textension\tlicense\n1\to1\t1\tjpg\tCC0\n",
        "observations": "observation_uuid\tobserver_id\tlatitude\tlongitude\ttaxon_id\tquality_grade\tobserved_on\no1\t1\t1\t2\t3\tcasual\t2020\n",
        "taxa": "taxon_id\tancestry\trank_level\trank\tname\tactive\n3\t\t10\tspecies\tPica pica\ttrue\n",
        "observers": "observer_id\tlogin\tname\n1\tx\tX\n",
    }
    Path("inat").mkdir()
    for name, column in (
        ("photos", "photo_id"),
        ("photos", "license"),
        ("observations", "taxon_id"),
        ("taxa", "ancestry"),
    ):
        for table, rows in tables.items():
            written(f"inat/{table}.csv", rows.replace(column, "other", 1) if table == name else rows)
        code, told = run("curate", "inat", "out")
        assert code == 1
        assert f"inat/{name}.csv: lacks the columns {column}; it has" in told
    written("inat/taxa.csv", "")
    assert "inat/taxa.csv: the file is empty" in run("curate", "inat", "out")[1]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--cap", "-1"], 2, "setting 'cap' = -1: must be >= 0"),
        (["--cap", "many"], 2, 'unable to convert "many" into int'),
        (["--runner", "nonsense"], 2, "setting 'runner' = 'nonsense': may be local, ray"),
        (["--address", "host:1"], 2, "setting 'address' = 'host:1': only the runner 'ray' has an address"),
        (["--test", "nan"], 2, "setting 'test' = nan"),
        (["--test", "0.9", "--val", "0.5"], 2, "nothing is left to train on"),
        (["--together", "nonsense"], 2, "setting 'together' = 'nonsense'"),
        (["--only", "other"], 1, "has no rows of the data set 'other'"),
        (["--taxa", "nowhere"], 1, "what --taxa points to not found at nowhere"),
        (["--detections", "."], 1, "the detections not found at ."),
        (["--taxa", "p1.png"], 1, "p1.png: is a PNG image, not a text table"),
        (["--settings", "p1.png"], 2, "is not valid TOML"),
        (["--nonsense"], 2, "Unknown option"),
        (["--licences", "nonsense"], 2, "setting 'licences'"),
        (["--licences", ""], 2, "setting 'licences'"),
        (["--workers", "-1"], 2, "setting 'workers' = -1"),
        (["--test-fold", "x"], 2, "it has none"),
        (["--rare", "empty.txt"], 1, "empty.txt: lists no species"),
    ],
)
def test_flags_that_make_no_sense(run: Run, flags: list[str], code: int, said: str) -> None:
    written("empty.txt", "# none yet")
    got, told = run("curate", written("t.csv", HEADER + ROWS), "out", *flags)
    assert got == code
    assert said in told
    assert nothing_finished("out")


def test_a_source_without_a_good_row_says_why(run: Run) -> None:
    tarred("only.tar", {"a.json": b"{}", "b.txt": b"b"})
    code, told = run("curate", "only.tar", "out")
    assert code == 1
    assert "has no rows (only.tar" in told


def test_what_would_steer_the_terminal_is_shown_and_not_sent(run: Run) -> None:
    code, told = run("curate", written("t.csv", "a\x1b[31mb,c\n1,2\n"), "out")
    assert code == 1
    assert "\x1b[31m" not in told
    assert "\\x1b[31m" in told


def test_where_nothing_may_be_written(run: Run) -> None:
    written("t.csv", HEADER + ROWS)
    written("taken", "mine")
    Path("full").mkdir()
    written("full/mine.txt", "mine")
    for verb in (["curate", "t.csv"], ["download", "t.csv"]):
        code, told = run(*verb, "taken")
        assert (code, "taken: the output must be a folder, and this is a file" in told) == (1, True)
        code, told = run(*verb, "full")
        assert (code, "full: the output folder holds files that Merian did not write" in told) == (1, True)
        assert run(*verb, "taken/below")[0] == 1
    assert Path("taken").read_text() == "mine"
    assert [f.name for f in Path("full").iterdir()] == ["mine.txt"]
    folder = Path("photos/Pica pica")
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"{number}.png").write_bytes(photo(number))
    for out in ("photos/out", "photos/again"):  # what stands in the source's folder is not taken for photos
        assert run("curate", "photos", out)[0] == 0
        assert reasons(out) == {None: 8}


@pytest.mark.parametrize("name", ["a b", "ü\u0301", "new\nline", "[red]x[/red]", "a*b?[c]", "-dash"])
def test_odd_names_of_folders_and_files(run: Run, name: str) -> None:
    folder = Path("in") / name / "Pica pica"
    folder.mkdir(parents=True)
    for number, photo_name in enumerate(("new\nline.png", "-p.png", "ü.png", "[b]x.png", "tab\t.png")):
        (folder / photo_name).write_bytes(photo(number))
    assert run("curate", f"in/{name}", f"out/{name}")[0] == 0
    assert reasons(f"out/{name}") == {None: 5}


def test_a_taxonomy_with_faults_goes_on_without_them(run: Run) -> None:
    faults = "5,Aus bus,species,synonym,6,\n6,Cus dus,species,synonym,5,\n3,Pica hudsonia,species,accepted,,2\n7\n8,Xus,genus,synonym,99,\n"
    written("t.csv", TAXA + USAGES + faults)
    code, told = run("names", written("l.txt", "Pica\nCorvus pica\n"), "--backbone", "t.csv", "--out", "r.csv")
    assert code == 0
    assert "5 rows of it cannot be used" in told
    from merian.names.backbone import Backbone

    opened = Backbone.open(Path("t.csv"))
    why = dict(opened.refused.select("row", "reason").rows())
    assert why[6] == why[7] == "cyclic synonym: it is a synonym of itself"
    assert "two accepted names for one key" in why.values()
    assert why[9] == "1 field where there should be 6"
    assert len(opened.usages) == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TAXA, "t.csv: holds no taxon that can be used"),
        (TAXA + "4,Corvus pica,species,synonym,3,\n", "t.csv: holds no taxon that can be used (t.csv line 2: orphan"),
        ("", "t.csv: the file is empty"),
        ("a,b\n1,2\n", "t.csv: no column of a taxonomy"),
        ("scientificName\nPica pica\n", "t.csv: needs identifiers (taxonID or ID) beside its names, or ranks"),
        ("%PDF-1.4\n", "t.csv: is a PDF, not a text table"),
    ],
)
def test_a_taxonomy_that_is_none(run: Run, data: str, said: str) -> None:
    code, told = run("names", written("l.txt", "Pica\n"), "--backbone", written("t.csv", data), "--out", "r.csv")
    assert code == 1
    assert said in told
    assert not Path("r.csv").exists()


def test_a_coldp_archive_without_its_columns(run: Run) -> None:
    written("l.txt", "Pica\n")
    for files, said in (
        ({"NameUsage.tsv": "a\tb\n1\t2\n"}, "NameUsage.tsv: has none of the columns of a ColDP table"),
        ({"NameUsage.tsv": ""}, "NameUsage.tsv: the file is empty"),
        ({"Name.tsv": "a\n1\n", "Taxon.tsv": "b\n1\n"}, "Name.tsv: has none of the columns of a ColDP table"),
        ({"../../NameUsage.tsv": "ID\n1\n"}, "holds no taxonomy"),
    ):
        code, told = run("names", "l.txt", "--backbone", packed("z.zip", dict(files), 0), "--out", "r.csv")
        assert code == 1
        assert f"z.zip: {said}" in told


def test_names_in_files_that_are_none(run: Run) -> None:
    written("t.csv", TAXA + USAGES)
    pl.DataFrame({"scientificName": [["a"], ["b"]]}).write_parquet("lists.parquet")
    for name, data, code, said in (
        ("lists.parquet", None, 1, "the column 'scientificName' holds List(String), not names"),
        ("a.csv.gz", gzip.compress(b"scientificName\nPica\n" * 99)[:40], 1, "a.csv.gz: the gzip file is damaged"),
        ("a.txt", b"", 1, "a.txt: the file is empty"),
        ("a.txt", bytes(range(256)) * 9, 1, "a.txt: is no text"),
        ("a.csv", b"scientificName\n", 1, "a.csv: has no rows"),
        ("a.csv", b"x,y\n1,2\n", 2, "must say which column of a.csv holds the names: x, y"),
        ("a.parquet", b"x", 1, "a.parquet: is no Parquet file"),
    ):
        if data is not None:
            written(name, data)
        got, told = run("names", name, "--backbone", "t.csv", "--out", "r.csv")
        assert (got, said in told) == (code, True), told
    assert not Path("r.csv").exists()
    nested = {"scientificName": ["Pica"], "x": [[1, 2]], "y": [{"a": 1}], "z": [b"\xff"]}
    pl.DataFrame(nested).write_parquet("n.parquet")
    assert run("names", "n.parquet", "--backbone", "t.csv", "--out", "r.csv")[0] == 0
    assert pl.read_csv("r.csv").select("x", "y", "z").row(0) == ("[1, 2]", "{'a': 1}", "ff")


def test_names_writes_over_nothing_that_it_reads(run: Run) -> None:
    written("t.csv", TAXA + USAGES)
    written("l.csv", "scientificName\nPica\n")
    Path("folder.csv").mkdir()
    for out, said in (
        ("l.csv", "is the file that is read"),
        ("t.csv", "is the backbone that is read"),
        ("folder.csv", "is a folder"),
    ):
        code, told = run("names", "l.csv", "--backbone", "t.csv", "--out", out)
        assert (code, said in told) == (2, True), told
    written("empty.csv", "")
    written("k.csv", "scientificName,taxonKey\nPica,1\n")
    code, told = run("names", "k.csv", "--backbone", "t.csv", "--crosswalk", "empty.csv", "--out", "r.csv")
    assert (code, "empty.csv: the file is empty" in told) == (1, True), told
    assert Path("l.csv").read_text() == "scientificName\nPica\n"
    assert Path("t.csv").read_text() == TAXA + USAGES


def test_leakage_says_what_it_could_not_compare(run: Run) -> None:
    written("a.csv", "id,url\na,\nb,\n,\n")
    with gzip.open("z.csv.gz", "wt") as out:
        out.write("id\na\n")
    code, told = run("leakage", "a.csv", "z.csv.gz")
    assert code == 0
    assert "1 of 1 images of z.csv are in a" in told
    assert "1 of 3 rows of a name no record or image and were not compared" in told
    written("t.csv", "path,scientificName,id\np0.png,Pica pica,a\ngone.png,Pica pica,q\n1,2,3,4\n")
    code, told = run("leakage", "a.csv", "t.csv")
    assert code == 0
    assert "1 of 2 images of t could not be seen; their rows were compared" in told
    assert "1 rows of t could not be read and were not compared" in told


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("id\n", "has no rows"),
        ("id,url\n,\n,\n", "no row has anything in id or url"),
        ("x,y\n1,2\n", "a column of ids, addresses or hashes not found"),
        ("id\na\nb,c,d\n", "b.csv: not a readable table (line 3: 3 fields where there should be 1)"),
        ("", "b.csv: the file is empty"),
    ],
)
def test_a_list_that_tells_nothing_is_never_clean(run: Run, data: str, said: str) -> None:
    written("a.csv", "id\na\n")
    code, told = run("leakage", "a.csv", written("b.csv", data), "--out", "leaks")
    assert code == 1
    assert said in told
    assert nothing_finished("leaks")


def test_a_catalog_whose_files_were_damaged(run: Run) -> None:
    assert run("curate", written("t.csv", HEADER + ROWS), "cat")[0] == 0
    written("taken", "mine")
    code, told = run("card", "cat", "--out", "taken")
    assert (code, "taken: the output must be a folder, and this is a file" in told) == (1, True)
    for nothing in ("nowhere", "t.csv", "cat/catalog.parquet"):
        assert run("card", nothing)[0] == 1
    written("cat/measures.parquet", b"x")
    code, told = run("leakage", "cat")
    assert (code, "cat/measures.parquet: not the measures of a catalog" in told) == (1, True)
    whole = Path("cat/catalog.parquet").read_bytes()
    written("cat/catalog.parquet", whole[:99])
    assert "cat/catalog.parquet: is damaged, curate again" in run("card", "cat")[1]
    Path("cat/catalog.parquet").unlink()
    assert "the catalog's table not found at cat/catalog.parquet" in run("card", "cat")[1]
    written("cat/catalog.parquet", whole)
    for file in ("tree.parquet", "manifest.json"):
        written(f"cat/{file}", b"{")
        code, told = run("card", "cat")
        assert (code, f"cat/{file}: not a" in told) == (1, True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--licence", "nonsense"], "'nonsense' is neither a rule"),
        (["--hosts", "a=b"], "setting 'hosts' = 'a=b'"),
        (["--rate", "nan"], "setting 'rate' = nan"),
        (["--at-once", "-1"], "setting 'at_once' = -1"),
        (["--proxy", "http://[x", "--dry-run"], "setting 'proxy' = 'http://[x'"),
    ],
)
def test_download_flags_that_make_no_sense(run: Run, flags: list[str], said: str) -> None:
    code, told = run("download", written("t.csv", "url,scientificName\nhttp://127.0.0.1/x.png,Pica\n"), "dl", *flags)
    assert code == 2
    assert said in told
    assert not Path("dl").exists()


def test_download_asks_no_one_for_what_is_no_address(run: Run) -> None:
    links = (
        "not a url",
        "http://",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/x",
        "http://[::1/x",
        "http://x:99999/y",
    )
    rows = "".join(f"{link},Pica pica\n" for link in links)
    code, told = run("download", written("t.csv", "url,scientificName\n" + rows), "dl")
    assert code == 3
    assert "0 images to fetch from 0 hosts" in told
    kept = pl.concat([pl.read_parquet(f) for f in sorted(Path("dl/rows").glob("*.parquet"))])
    assert set(kept["reason"]) == {"not a URL", "scheme not allowed", "private address"}
    assert len(kept) == len(links)


def test_a_compiled_backbone_that_was_damaged_says_what_to_do(run: Run) -> None:
    command = ("names", written("l.txt", "Pica\n"), "--backbone", written("t.csv", TAXA + USAGES), "--out", "r.csv")
    assert run(*command)[0] == 0
    for file in ("usages.parquet", "about.json"):
        place = next(Path("cache").rglob(file))
        place.write_bytes(b"x")
        code, told = run(*command)
        assert (code, f"{place.parent}: the compiled backbone is damaged" in told) == (1, True), told


def test_a_camera_trap_package_with_gzipped_tables(run: Run) -> None:
    tables = {
        "deployments": "deploymentID,latitude,longitude\nd,1,2\n",
        "media": "mediaID,deploymentID,timestamp,filePath,fileMediatype\n"
        + "".join(f"m{k},d,2020-01-01T00:00:00Z,p{k}.png,image/png\n" for k in range(8)),
        "observations": "observationID,deploymentID,mediaID,observationLevel,observationType,scientificName\n"
        + "".join(f"o{k},d,m{k},media,animal,Pica pica\n" for k in range(8)),
    }
    package = {"profile": "camtrap-dp", "resources": [{"name": n, "path": f"{n}.csv"} for n in tables]}
    files: dict[str, str | bytes] = {f"{name}.csv": rows for name, rows in tables.items()}
    files["datapackage.json"] = json.dumps(package)
    small_media = files | {"media.csv.gz": gzip.compress(tables["media"].encode())}
    del small_media["media.csv"]
    assert run("curate", packed("c.zip", small_media), "out")[0] == 0
    assert reasons("out") == {None: 8}
    for changed, said in (
        ({"media.csv": ""}, "c.zip: media.csv: the file is empty"),
        ({"media.csv": tables["media"].replace("filePath", "file")}, "c.zip: media.csv: lacks the columns filePath"),
        ({"datapackage.json": '{"a":' + "9" * 5000 + "}"}, "c.zip: datapackage.json: not sound JSON"),
        (
            {"media.csv.gz": gzip.compress(b"x" * 99)[:-9], "media.csv": ""},
            "c.zip: media.csv.gz: the gzip file is damaged",
        ),
    ):
        code, told = run("curate", packed("c.zip", files | dict(changed)), "out2")
        assert (code, said in told) == (1, True), told
    del files["media.csv"]
    assert "the member 'media.csv' not found at c.zip" in run("curate", packed("c.zip", files), "out2")[1]


@pytest.mark.parametrize(
    "state", ["{", "[]", '{"_data_files":' + "[" * 99_999, '{"_data_files":' + "9" * 5000 + "}", "\udcff"]
)
def test_a_hugging_face_folder_whose_state_is_broken(run: Run, state: str) -> None:
    Path("hf").mkdir()
    written("hf/dataset_info.json", "{}")
    written("hf/data.arrow", "x")
    written("hf/state.json", state.encode("utf-8", "surrogateescape"))
    code, told = run("curate", "hf", "out")
    assert (code, "hf/state.json: does not list the data files" in told) == (1, True), told
