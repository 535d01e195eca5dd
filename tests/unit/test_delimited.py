"""Text tables as they really are: encodings, quotes, ragged rows, and the numbers of the rows that were refused."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.core import lines
from merian.core.delimited import Delimited, header_of, read_delimited, scan_delimited, sniff
from merian.core.errors import BadData, Missing
from merian.core.lines import Dialect

REAL = Path(__file__).parents[3] / "shared" / "data" / "tables"


def rows(read: Delimited) -> list[tuple[str | None, ...]]:
    return read.frame.rows()


def refused(read: Delimited) -> list[tuple[int, str]]:
    return read.refused.select("row", "reason").rows()


def test_a_clean_table_has_its_rows_and_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b,c\n1,"x, y",\n2,"say ""hi""",\\N\n3,"two\nlines",z\n4,,"end"')
    for file in (tmp_path / "a.csv", (tmp_path / "a.csv").read_bytes()):
        read = read_delimited(file)
        assert read.frame.columns == ["a", "b", "c"]
        assert rows(read) == [
            ("1", "x, y", None),
            ("2", 'say "hi"', None),
            ("3", "two\nlines", "z"),
            ("4", None, "end"),
        ]
        assert read.lines.to_list() == [2, 3, 4, 6]
        assert read.refused.is_empty()
        assert read.notes == ()


@pytest.mark.parametrize("separator", list("\t,;|"))
def test_the_separator_is_found(separator: str) -> None:
    text = "id,scientificName,remarks\n1,Pica pica,x\n2,Corvus corax,\n".replace(",", separator)
    assert sniff(text.encode())[0] == separator
    assert rows(read_delimited(text.encode()))[1] == ("2", "Corvus corax", None)


def test_quotes_in_tables_with_tabs_are_letters_unless_the_header_is_quoted() -> None:
    assert sniff(b'name\tnote\nPica\tthe "thief"\n') == ("\t", None)
    assert rows(read_delimited(b'name\tnote\n"Pica\tthe "thief"\n')) == [('"Pica', 'the "thief"')]
    assert rows(read_delimited(b'"name"\t"note"\n"Pica"\t"a\tb"\n')) == [("Pica", "a\tb")]


def test_ragged_rows_are_refused_by_line_and_the_rest_goes_on() -> None:
    read = read_delimited(b"a\tb\tc\n1\t2\t3\n4\t5\n6\t7\t8\t9\n\n10\t11\t12\n")
    assert rows(read) == [("1", "2", "3"), ("4", "5", None), ("10", "11", "12")]
    assert read.lines.to_list() == [2, 3, 6]
    assert refused(read) == [(4, "4 fields where there should be 3")]
    assert read.refused["text"].to_list() == ["6\t7\t8\t9"]
    assert read.notes == ("1 line filled up, ending before the last column",)
    with pytest.raises(BadData, match="no row fits the header of 2"):
        read_delimited(b"a,b\n1,2,3\n")


def test_the_pieces_of_a_row_that_a_line_end_broke_are_refused() -> None:
    read = read_delimited(b"a\tb\tc\td\n1\t2\t3\t4\n5\tlong\nremark\nends\t6\t7\n8\t9\t10\t11\n12\t13\t14\n")
    assert rows(read) == [("1", "2", "3", "4"), ("8", "9", "10", "11"), ("12", "13", "14", None)]
    assert read.lines.to_list() == [2, 6, 7]
    assert [line for line, _ in refused(read)] == [3, 4, 5]


def test_rows_that_all_end_early_are_filled_up() -> None:
    read = read_delimited(b"a,b,c\n1,2\n3,4\n5,6\n")
    assert rows(read) == [("1", "2", None), ("3", "4", None), ("5", "6", None)]
    assert read.refused.is_empty()


def test_stray_quotes_stay_in_their_row() -> None:
    text = b'a,b,c\n1,"x, y",z\n2,5" barrel,z\n3,"big" cat,z\n4,"never closed,z\n5,"fine, fine",z\n6,"two\nlines",z\n7,,z\n'
    read = read_delimited(text)
    assert [r[1] for r in rows(read)] == [
        "x, y", '5" barrel', '"big" cat', '"never closed', "fine, fine", "two\nlines", None
    ]  # fmt: skip
    assert read.lines.to_list() == [2, 3, 4, 5, 6, 7, 9]
    assert read.refused.is_empty()
    assert "stray quotes" in read.notes[0]


def test_a_quote_that_never_closes_loses_only_its_own_row() -> None:
    body = "".join(f'{k},"name, {k}",z\n' for k in range(2000))
    read = read_delimited(f'a,b,c\n0,"open, and more, fields\n{body}'.encode())
    assert len(read.frame) == 2000
    assert read.frame["b"].to_list() == [f"name, {k}" for k in range(2000)]
    assert refused(read) == [(2, "4 fields where there should be 3")]


ENCODED = "name,author\nAus bus,L'Hér.\nCus dus,Müller\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ENCODED.encode("utf-8"), None),
        (ENCODED.encode("utf-8-sig"), None),
        (ENCODED.encode("utf-16"), None),
        (ENCODED.encode("utf-16-le"), None),
        (ENCODED.encode("utf-16-be"), "utf-16"),
        (ENCODED.encode("utf-32"), "utf-8"),
        (ENCODED.encode("cp1252"), None),
        (ENCODED.encode("cp1252"), "UTF-8"),
        (ENCODED.encode("utf-8"), "ISO-8859-1"),
        (ENCODED.encode("utf-8"), "UTF-16"),
        (ENCODED.encode("utf-8"), "no such encoding"),
        (ENCODED.encode("mac-roman"), "macintosh"),
        (ENCODED.replace("\n", "\r\n").encode("cp1252"), None),
        (ENCODED.replace("\n", "\r").encode("utf-8"), None),
        (gzip.compress(ENCODED.encode("utf-16")), None),
    ],
)
def test_the_encoding_is_what_the_bytes_say(data: bytes, said: str | None) -> None:
    read = read_delimited(data, encoding=said)
    assert read.frame.columns == ["name", "author"]
    assert rows(read) == [("Aus bus", "L'Hér."), ("Cus dus", "Müller")]
    assert read.lines.to_list() == [2, 3]


def test_one_line_in_another_encoding_does_not_spoil_the_others() -> None:
    data = "n,a\nAus,Müller\n".encode() + "Bus,L'Hér.\n".encode("cp1252") + "Cus,Łukasz\n".encode()
    read = read_delimited(data)
    assert read.frame["a"].to_list() == ["Müller", "L'Hér.", "Łukasz"]
    assert read.notes == ("1 line read as Windows-1252, being no UTF-8",)


def test_nul_bytes_are_taken_out_and_told() -> None:
    read = read_delimited(b"a,b\n1,x\0y\n\0\0\n2,z\n")
    assert rows(read) == [("1", "xy"), ("2", "z")]
    assert read.notes == ("1 line freed of NUL bytes",)


def test_huge_fields_are_read() -> None:
    huge = "POLYGON " + "1 2, " * 1_000_000
    assert read_delimited(f'a,b\n1,"{huge}"\n2,y\n'.encode()).frame["b"].to_list() == [huge, "y"]
    mended = read_delimited(f'a,b\n1,"{huge}"\n2,y\n\n'.encode() + b"\xe9,3\n")
    assert mended.frame["b"].to_list() == [huge, "y", "3"]


def test_a_column_that_changes_its_type_half_way_is_text() -> None:
    body = "".join(f"{k}\n" for k in range(5000)) + "Q2M4\n1e5\n2024-01-01\n"
    assert read_delimited(f"id,x\n{body.replace(chr(10), ',1' + chr(10))}".encode()).frame["id"][-3:].to_list() == [
        "Q2M4", "1e5", "2024-01-01"
    ]  # fmt: skip


def test_columns_are_chosen_by_name_or_place() -> None:
    data = b"a,b,c\n1,2,3\n4,5,6\n"
    assert read_delimited(data, columns=["c", "a", "no"]).frame.columns == ["a", "c"]
    assert rows(read_delimited(data, columns={2: "third", 0: "first", 9: "no"})) == [("1", "3"), ("4", "6")]
    assert rows(read_delimited(data, header=0)) == [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "6")]
    assert read_delimited(data, header=0).frame.columns == ["column_1", "column_2", "column_3"]
    assert read_delimited(data, header=0, columns=["x", "y"]).frame.columns == ["x", "y", "column_3"]
    assert read_delimited(data, header=2, columns={1: "b"}).frame["b"].to_list() == ["5"]


def test_header_names_are_trimmed_and_unique() -> None:
    assert header_of(b"\xef\xbb\xbf id ,name,,name\n", Dialect(",", '"')) == ["id", "name", "column_3", "name_2"]
    assert read_delimited(b'"two\nlines",b\n1,2\n').frame.columns == ["two\nlines", "b"]
    assert read_delimited(b'"two\nlines",b\n1,2\n').lines.to_list() == [3]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="empty"):
        read_delimited(b"")
    with pytest.raises(Missing, match=r"no\.csv"):
        read_delimited(tmp_path / "no.csv")
    with pytest.raises(BadData, match="one plain letter"):
        read_delimited(b"a,b\n", separator="||")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(ENCODED.encode() * 100)[:-60])
    with pytest.raises(BadData, match=r"a\.csv\.gz: the gzip file is damaged"):
        read_delimited(tmp_path / "a.csv.gz")
    assert read_delimited(b"a,b\n").frame.shape == (0, 2)
    assert read_delimited(b"\n\na,b\n1,2\n", separator=",", header=3).frame.shape == (1, 2)


CELL = st.text(st.sampled_from('ab ,"\t\né'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_is_written_well_is_read_back(cells: list[tuple[str, ...]], end: str, force: bool) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if force or any(c in cell for c in ',"\n') else cell

    kept = [row for row in cells if any(c.strip() for c in row)]
    text = end.join(["x,y,z", *(",".join(quoted(c) for c in row) for row in kept)]) + end
    read = read_delimited(text.encode(), ",", '"')
    assert read.refused.is_empty()
    assert rows(read) == [tuple(c or None for c in row) for row in kept]
    starts, line = [], 2
    for row in kept:
        starts.append(line)
        line += 1 + sum(c.count("\n") for c in row)
    assert read.lines.to_list() == starts


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_or_lose_a_line(data: bytes) -> None:
    try:
        read = read_delimited(b"a,b\n" + data, ",", None)
    except BadData:
        return
    assert len(read.frame) == len(read.lines)
    seen = sorted([*read.lines.to_list(), *read.refused["row"].to_list()])
    assert len(set(seen)) == len(seen)
    if b"\0" not in data:
        plain = [line for line in data.split(b"\n") if line.strip(b" \r")]
        assert len(seen) == len(plain)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    cells = ["x", "", "a b", '"q, q"', '"l\nl"', '""" ""x"""']
    data = "a,b,c\n" + "".join(",".join(chance.choice(cells) for _ in range(3)) + "\n" for _ in range(4000))
    whole = read_delimited(data.encode())
    dialect = Dialect(",", '"')
    for block in (64, 1000, 4096):
        monkeypatch.setattr(lines, "BLOCK", block)
        again = lines.look(io.BytesIO(data.encode()), dialect, 1, 3)
        assert again.clean
        assert again.records == len(whole.frame)
        assert again.lines is not None
        assert again.lines.tolist() == whole.lines.to_list()


def test_the_careful_path_reads_what_the_quick_one_reads() -> None:
    chance = random.Random(4)
    cells = ["x", "", "a b", '"q, q"', '"l\nl"', '""" ""x"""', "é"]
    data = "a,b,c\n" + "".join(",".join(chance.choice(cells) for _ in range(3)) + "\n" for _ in range(2000))
    quick, careful = read_delimited(data.encode()), read_delimited(gzip.compress(data.encode()))
    assert quick.frame.equals(careful.frame)
    assert quick.lines.equals(careful.lines)


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="the real tables of ../shared/data are not here")
def test_real_tables_are_read() -> None:
    synonyms = read_delimited(REAL / "col_acef73_synonyms.txt")
    assert len(synonyms.frame) + len(synonyms.refused) == 9013
    assert "L'Hér. ex DC." in synonyms.frame["AuthorString"].to_list()[1]
    assert any("Windows-1252" in note for note in synonyms.notes)
    assert read_delimited(REAL / "col_xcol_name_103.csv").frame.height == 25181
    for path in sorted(REAL.glob("*.[ct][sx][vt]")):
        read = read_delimited(path)
        assert len(read.refused) < 0.01 * len(read.frame) + 1, (path, read.refused)


@pytest.mark.parametrize(
    ("text", "scanned"),
    [
        ('a,b,c\n"x\ny",2,3\n"q""q",,\\N\n', True),
        ("\ufeffa;b;c\r\n1;2;3\r\n4;5;6", True),
        ("a,b,c\n1,2\n1,2,3\n", False),
        ("a,b,c\n\n1,2,3\n", False),
        ("a,b,c\n", False),
    ],
)
def test_a_scanned_table_is_the_one_that_is_read(tmp_path: Path, text: str, scanned: bool) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8", newline="")
    read = read_delimited(file, columns=["a", "c", "absent"])
    table, refused = scan_delimited(file, ["a", "c", "absent"])
    assert table.collect().equals(read.frame)
    assert refused == len(read.refused)
    assert ("CSV SCAN" in table.explain().upper()) == scanned
    with pytest.raises(Missing):
        scan_delimited(tmp_path / "gone.csv", ["a"])
