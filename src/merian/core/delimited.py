"""Tables in text files (CSV, TSV and their cousins) as they really are: odd encodings, stray quotes, ragged rows, NUL bytes.

The file is looked through once, in blocks. What is clean goes to polars as it is, in parallel; what is not is first written anew line by line,
and the lines that cannot be a row are refused with their number and the reason.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import polars as pl

from merian.core import lines as text
from merian.core.archives import gunzip
from merian.core.errors import BadData, Missing
from merian.core.lines import Dialect

__all__ = ["REFUSED", "Delimited", "header_of", "read_delimited", "scan_delimited", "sniff"]

REFUSED = {"row": pl.Int64, "text": pl.String, "reason": pl.String}
"""Columns of the refused rows: the line of the file (the first is 1), what stands there (cut short), why it is no row."""
HEAD = 1 << 16
"""Bytes that are looked at to tell the separator."""
GUESS = "guess"
GZIP = b"\x1f\x8b"
NO_TEXT = {
    b"PK\x03\x04": "a ZIP archive or Excel workbook",
    b"PK\x05\x06": "an empty ZIP archive",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF-": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"SQLite format 3": "an SQLite database",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
}
"""First bytes of files that people take for a table by their name."""
CONTROL = bytes(set(range(1, 27)) - set(b"\t\n\f\r"))
"""Bytes that text does not hold; NUL is another matter."""
MOST_CONTROL = 0.05
"""Share of them in the first bytes from which a file is no text; of random bytes they are 9 %."""


@dataclass(frozen=True, slots=True)
class Delimited:
    """A table of text.

    frame: all columns String ("" and \\N as null). lines: Int64 [n], where in the file each row begins (the first line is 1). refused: the rows that
    could not be read (columns REFUSED). notes: what was mended, in words.
    """

    frame: pl.DataFrame
    lines: pl.Series
    refused: pl.DataFrame
    notes: tuple[str, ...] = ()


def sniff(file: Path | bytes, encoding: str | None = None) -> tuple[str, str | None]:
    """The separator (tab, comma, semicolon or pipe) and the quote (None: quotes are letters) of a text table, from its first 64 KiB.

    Tab-separated biodiversity tables (ColDP, GBIF) do not quote, so a quote counts there only when the header is quoted.
    """
    with _stream(file) as stream:
        head = io.BytesIO(stream.read(HEAD))
    lines = [line for line, _ in text.lines_of(head, encoding) if line.strip()][:20]
    if not lines:
        return ",", '"'
    best, score = ",", (0, 0)
    for separator in "\t,;|":
        counts = [_outside(line, separator) for line in lines]
        found = (sum(c == counts[0] for c in counts), counts[0])
        if counts[0] and found > score:
            best, score = separator, found
    quoted = best != "\t" or (lines[0].count('"') >= 2 and lines[0].lstrip().startswith('"'))
    return best, '"' if quoted else None


def header_of(file: Path | bytes, dialect: Dialect, header: int = 1) -> list[str]:
    """The names in the last header line (the fields of the first row when `header` is 0): trimmed, made unique, an empty one "column_<n>"."""
    with _stream(file) as stream:
        return _unique(text.first_record(stream, dialect, max(header, 1))[0])


def read_delimited(
    file: Path | bytes,
    separator: str | None = None,
    quote: str | None = GUESS,
    header: int = 1,
    columns: Sequence[str] | Mapping[int, str] | None = None,
    encoding: str | None = None,
) -> Delimited:
    """The rows of a text table (also gzipped), and those refused.

    separator: None to find out. quote: None when quotes are letters, "guess" to find out. header: lines before the first row. columns: with a header
    the names to keep (all when None; absent ones are left out), without one all names in order (column_1 ... when None); or a mapping from position
    to name, whatever a header says. encoding: what the file is said to be in, believed as far as its bytes allow: a line that is no UTF-8 is read as
    Windows-1252, and noted. Raises Missing, and BadData when nothing in the file is a table.
    """
    where = str(file) if isinstance(file, Path) else "table"
    if isinstance(file, Path) and not file.is_file():
        raise Missing("the table", file, "is the path right?")
    dialect = _dialect(file, separator, quote, encoding, where)
    with _stream(file) as stream:
        fields, skip = text.first_record(stream, dialect, max(header, 1))
    if not fields:
        raise BadData(where, "the file is empty")
    names, keep = _names(fields, header, columns)
    skip = skip if header else 0
    if not _gzipped(file):
        with _stream(file) as stream:
            look = text.look(stream, dialect, skip, len(names))
        if look.clean:
            frame = _parse(file if isinstance(file, Path) else io.BytesIO(file), where, dialect, names, keep, skip)
            if len(frame) == look.records:
                lines = np.arange(skip + 1, skip + 1 + len(frame)) if look.lines is None else look.lines
                return Delimited(frame, pl.Series("line", lines, pl.Int64), pl.DataFrame(schema=REFUSED))
    return _mended(file, where, dialect, names, keep, skip)


def scan_delimited(file: Path, columns: Sequence[str]) -> tuple[pl.LazyFrame, int]:
    """These columns (absent ones are left out) of a text table with a header, all String, and how many lines of it are no rows.

    A clean file that is not gzipped is scanned when its rows are asked for, never held as a whole; any other is read. Raises what `read_delimited` does.
    """
    where = str(file)
    if not file.is_file():
        raise Missing("the table", file, "is the path right?")
    dialect = _dialect(file, None, GUESS, None, where)
    with _stream(file) as stream:
        fields, skip = text.first_record(stream, dialect, 1)
    names, keep = _names(fields, 1, columns)
    if keep and not _gzipped(file):
        with _stream(file) as stream:
            look = text.look(stream, dialect, skip, len(names))
        if look.clean and look.records:
            table = pl.scan_csv(file, **_how(dialect, names, skip)).select(*keep)
            try:
                if table.select(pl.len()).collect(engine="streaming").item() == look.records:
                    return table, 0
            except pl.exceptions.PolarsError as error:
                raise BadData(where, f"not a readable table: {str(error).splitlines()[0]}") from error
    read = read_delimited(file, columns=columns)
    return read.frame.lazy(), len(read.refused)


def _mended(
    file: Path | bytes, where: str, dialect: Dialect, names: list[str], keep: dict[str, str], skip: int
) -> Delimited:
    with tempfile.TemporaryDirectory(prefix="merian-") as folder:
        scratch = Path(folder) / "clean.csv"
        with _stream(file) as stream, scratch.open("wb") as out:
            mended = text.mend(stream, out, dialect, skip, len(names))
        if mended.refused and not mended.lines:
            raise BadData(where, f"no row fits the header of {len(names)} columns", [r[2] for r in mended.refused[:1]])
        frame = _parse(scratch, where, dialect, names, keep, 0)
    lines = pl.Series("line", mended.lines, pl.Int64)
    if mended.broken:
        sound = np.ones(len(frame), bool)
        sound[mended.broken] = False
        frame, lines = frame.filter(sound), lines.filter(sound)
    notes = tuple(f"{count:,} line{'s' * (count != 1)} {what}" for what, count in mended.counts.items())
    refused = pl.DataFrame(mended.refused, schema=REFUSED, orient="row")
    return Delimited(frame, lines, refused, notes)


def _parse(
    file: Path | io.BytesIO, where: str, dialect: Dialect, names: list[str], keep: dict[str, str], skip: int
) -> pl.DataFrame:
    if isinstance(file, Path) and not file.stat().st_size:
        return pl.DataFrame(schema=dict.fromkeys(keep.values(), pl.String))
    try:
        frame = pl.read_csv(
            file, columns=[k for k, name in enumerate(names) if name in keep] or [0], **_how(dialect, names, skip)
        )
    except pl.exceptions.PolarsError as error:
        raise BadData(where, f"not a readable table: {str(error).splitlines()[0]}") from error
    return frame.select(pl.col(name).alias(new) for name, new in keep.items())


def _how(dialect: Dialect, names: list[str], skip: int) -> dict[str, Any]:
    """What polars is told of a clean file."""
    return {
        "has_header": False,
        "skip_lines": skip,
        "schema": dict.fromkeys(names, pl.String),
        "separator": dialect.separator,
        "quote_char": dialect.quote,
        "null_values": ["", "\\N"],
        "glob": False,
        "raise_if_empty": False,
    }


def _names(
    fields: list[str], header: int, columns: Sequence[str] | Mapping[int, str] | None
) -> tuple[list[str], dict[str, str]]:
    """The name of every column of the file, and of those to keep the name in the table."""
    names = _unique(fields) if header else [f"column_{k + 1}" for k in range(len(fields))]
    if isinstance(columns, Mapping):
        return names, {names[k]: new for k, new in sorted(columns.items()) if k < len(names)}
    if columns is None:
        return names, {name: name for name in names}
    if not header:
        names = _unique([*columns, *names[len(columns) :]])[: len(names)]
        return names, {name: name for name in names}
    return names, {name: name for name in names if name in columns}


def _unique(names: list[str]) -> list[str]:
    unique: dict[str, None] = {}
    for k, name in enumerate(names):
        plain = name.replace("\0", "").strip().removeprefix("\ufeff") or f"column_{k + 1}"
        new, repeat = plain, 2
        while new in unique:
            new, repeat = f"{plain}_{repeat}", repeat + 1
        unique[new] = None
    return list(unique)


def _dialect(file: Path | bytes, separator: str | None, quote: str | None, encoding: str | None, where: str) -> Dialect:
    if separator is None or quote == GUESS:
        found = sniff(file, encoding)
        if quote == GUESS:
            quote = found[1] if separator in (None, found[0]) else (None if separator == "\t" else '"')
        separator = separator or found[0]
    if len(separator.encode()) != 1 or (quote is not None and len(quote.encode()) != 1):
        raise BadData(where, "separator and quote must be one plain letter each", [repr(separator), repr(quote)])
    return Dialect(separator, quote, encoding)


def _outside(line: str, separator: str) -> int:
    """How often the separator stands outside quotes."""
    return sum(part.count(separator) for part in line.split('"')[::2])


def _gzipped(file: Path | bytes) -> bool:
    with _opened(file) as stream:
        return stream.peek(2).startswith(GZIP)


def _opened(file: Path | bytes) -> io.BufferedReader:
    return file.open("rb") if isinstance(file, Path) else io.BufferedReader(io.BytesIO(file))


@contextlib.contextmanager
def _stream(file: Path | bytes) -> Iterator[IO[bytes]]:
    """The text of a table, unpacked; BadData that is raised while it is open names the file."""
    where = str(file) if isinstance(file, Path) else "table"
    try:
        with _opened(file) as packed:
            stream = gunzip(packed, where) if packed.peek(2).startswith(GZIP) else packed
            with stream:
                _refuse_other(cast(io.BufferedReader, stream).peek(HEAD))
                yield stream
    except BadData as error:
        raise BadData(where, error.rule, error.offenders) from error


def _refuse_other(head: bytes) -> None:
    """Raise BadData when a file with these first bytes is no text."""
    kind = next((kind for mark, kind in NO_TEXT.items() if head.startswith(mark)), None)
    if kind is not None:
        raise BadData("table", f"is {kind}, not a text table: give it the ending of what it is, or save it as CSV")
    if head and not head.strip(b"\0"):
        raise BadData("table", f"is no text: its first {len(head):,} bytes are all zero")
    odd = len(head) - len(head.translate(None, CONTROL))
    if odd > MOST_CONTROL * len(head) and text.codec_of(head, None)[0] is None:
        raise BadData("table", f"is no text: {odd:,} of its first {len(head):,} bytes are control characters")
