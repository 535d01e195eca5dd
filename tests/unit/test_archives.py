"""Archives: folder and ZIP alike, and what a stranger's ZIP may try."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from merian.core.archives import Archive, Limits
from merian.core.errors import BadData, Missing

FILES = {"meta.xml": b"<a/>", "data/Taxon.tsv": b"id\tname\n1\tPica\n", ".hidden": b"x", "__MACOSX/._meta.xml": b"y"}


@pytest.fixture(params=["folder", "zip"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "zip":
        return packed(tmp_path / "a.zip", FILES)
    for name, data in FILES.items():
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_bytes(data)
    return tmp_path / "a"


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """A deflated ZIP of the files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return path


def test_a_folder_and_a_zip_are_read_alike(archive: Path, tmp_path: Path) -> None:
    with Archive.open(archive) as opened:
        assert opened.names == ["data/Taxon.tsv", "meta.xml"]
        assert opened.refused == ()
        assert opened.find("nothing", "taxon.TSV") == "data/Taxon.tsv"
        assert opened.find("META.xml") == "meta.xml"
        assert opened.find("nothing") is None
        assert opened.read("data/Taxon.tsv") == FILES["data/Taxon.tsv"]
        assert opened.size("meta.xml") == 4
        with opened.open_member("data/Taxon.tsv") as stream:
            assert stream.readline() == b"id\tname\n"
        assert opened.extract("data/Taxon.tsv", tmp_path / "out").read_bytes() == FILES["data/Taxon.tsv"]
        with opened.local("data/Taxon.tsv") as file:
            assert file.read_bytes() == FILES["data/Taxon.tsv"]
        assert file.exists() == archive.is_dir()
        with pytest.raises(BadData, match="more than the 3 bytes"):
            opened.read("meta.xml", most=3)
        with pytest.raises(Missing, match=r"'no\.txt'"):
            opened.read("no.txt")


def test_the_top_comes_before_a_folder_and_the_first_candidate_before_the_next(tmp_path: Path) -> None:
    names = ("x/a.txt", "b.txt", "x/y/c.txt", "A.txt")
    with Archive.open(packed(tmp_path / "a.zip", dict.fromkeys(names, b""))) as opened:
        assert opened.find("a.txt", "b.txt") == "A.txt"
        assert opened.find("b.txt", "a.txt") == "b.txt"
        assert opened.find("x/a.txt") == "x/a.txt"
        assert opened.find("c.txt") is None


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    hashes = set()
    for k, data in enumerate((b"a,b\n1,2\n", b"a,b\n1,3\n")):
        with Archive.open(packed(tmp_path / f"{k}.zip", {"t.csv": data})) as opened:
            hashes.add(opened.hash)
        (tmp_path / str(k)).mkdir()
        (tmp_path / str(k) / "t.csv").write_bytes(data)
        hashes.add(Archive.open(tmp_path / str(k)).hash)
    assert len(hashes) == 4
    with Archive.open(packed(tmp_path / "again.zip", {"t.csv": b"a,b\n1,2\n"})) as opened:
        assert opened.hash in hashes


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(BadData, match=r"text\.zip: neither a folder nor a ZIP"):
        Archive.open(tmp_path / "text.zip")
    with pytest.raises(Missing, match=r"no\.zip"):
        Archive.open(tmp_path / "no.zip")
    whole = packed(tmp_path / "whole.zip", FILES).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadData, match=r"cut\.zip"):
        Archive.open(tmp_path / "cut.zip")


def test_a_damaged_member_is_told_by_name(tmp_path: Path) -> None:
    data = bytes(range(256)) * 400
    path = packed(tmp_path / "a.zip", {"a.bin": data, "b.txt": b"fine"})
    raw = bytearray(path.read_bytes())
    raw[200:260] = bytes(60)
    path.write_bytes(raw)
    with Archive.open(path) as opened:
        with pytest.raises(BadData, match=r"a\.zip: a\.bin: cannot be unpacked"):
            opened.read("a.bin")
        with pytest.raises(BadData, match="cannot be unpacked"):
            opened.extract("a.bin", tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
        assert opened.read("b.txt") == b"fine"


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"])
def test_a_path_that_leads_out_is_refused_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    with Archive.open(packed(tmp_path / "a.zip", {name: b"evil", "good.txt": b"good"})) as opened:
        assert opened.names == ["good.txt"]
        refused, reason = opened.refused[0]
        assert "leads out" in reason
        with pytest.raises(BadData, match="leads out"):
            opened.extract(refused, tmp_path / "out")
        assert opened.read("good.txt") == b"good"
    assert not (tmp_path / "evil.txt").exists()


def test_a_folder_is_not_left_either(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("s")
    (tmp_path / "a").mkdir()
    for name in ("../secret.txt", str(tmp_path / "secret.txt")):
        with pytest.raises(BadData, match="leads out"):
            Archive.open(tmp_path / "a").read(name)


def test_a_link_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")
    with Archive.open(tmp_path / "a.zip") as opened:
        assert opened.names == []
        assert opened.refused == (("link.txt", "a link, not a file"),)


def test_a_password_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.txt": b"a"})
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + place] |= 1
    path.write_bytes(raw)
    with Archive.open(path) as opened:
        assert opened.refused == (("a.txt", "needs a password"),)


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("bomb.txt", bytes(10 << 20))
        out.writestr("table.csv", b"a,b\n" * 1000)
    (tmp_path / "a.zip").write_bytes(stream.getvalue())
    assert len(stream.getvalue()) < 20_000
    with Archive.open(tmp_path / "a.zip", Limits(size=1 << 20, ratio=200)) as opened:
        assert opened.names == ["table.csv"]
        with pytest.raises(BadData, match="refused as a bomb"):
            opened.read("bomb.txt")
    # large or tightly packed alone is no crime
    for limits in (Limits(size=1 << 20, ratio=2000), Limits(size=1 << 30, ratio=2)):
        with Archive.open(tmp_path / "a.zip", limits) as opened:
            assert opened.refused == ()


def test_a_member_that_declares_less_than_it_holds_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"liar.txt": bytes(1 << 20)})
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", raw, raw.index(mark) + place, 1000)
    path.write_bytes(raw)
    with Archive.open(path) as opened, pytest.raises(BadData, match=r"a\.zip: liar\.txt"):
        opened.read("liar.txt")


def test_a_name_listed_twice_is_read_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("a.txt", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("a.txt", b"second")
    with Archive.open(tmp_path / "a.zip") as opened:
        assert opened.read("a.txt") == b"first"
        assert opened.refused == (("a.txt", "listed twice"),)
