"""Text tables of any length in blocks: from a file, a gzipped file or a member of a ZIP, each row with the line it stands on."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from merian.core.archives import Archive, gunzip
from merian.core.delimited import header_of, read_delimited, sniff
from merian.core.errors import BadData
from merian.core.lines import Dialect, codec_of
from merian.curate.sources.gather import refusals
from merian.curate.sources.seam import REFUSED

__all__ = ["LINE", "Block", "TextTable", "need", "text_file", "text_member"]

LINE = "_line"
"""Name of the column that holds the line of the file on which a row begins (the first is 1)."""
BLOCK = 64 << 20
"""Bytes of text that are parsed at once."""
FORCED = 4 * BLOCK
"""Bytes without a line end outside of quotes, after which a quote is taken for a stray one; without any line end the file is no table."""
HEAD = 1 << 16
"""Bytes of a table that are looked at to know its columns."""
GZIP = b"\x1f\x8b"
PACKED = 5
"""Bytes of text in a gzipped byte, about: for the progress that is shown."""


class Block(NamedTuple):
    """Some rows of a text table, all columns text but LINE, the lines refused, and the bytes of input that they took."""

    frame: pl.DataFrame
    refused: pl.DataFrame
    size: int


@dataclass(frozen=True)
class TextTable:
    """A text table that can be opened again and again. separator and quote None: found out; columns: position -> name, None: the header's;
    constants: what a column holds where it is empty or absent."""

    label: str
    where: str
    open: Callable[[], IO[bytes]]
    size: int
    separator: str | None = None
    quote: str | None = "guess"
    header: int = 1
    encoding: str | None = None
    columns: Mapping[int, str] | Sequence[str] | None = None
    constants: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The names in the header."""
        head = self.head()
        separator, quote = self._dialect(head)
        try:
            return header_of(head, Dialect(separator, quote, self.encoding), self.header) if head else []
        except BadData as error:
            raise BadData(self.where, error.rule, error.offenders) from error

    def head(self) -> bytes:
        """The first 64 KiB."""
        with self.open() as stream:
            return stream.read(HEAD)

    def blocks(self) -> Iterator[Block]:
        """The rows, in order; raises BadData when the file is damaged or no table."""
        head = self.head()
        separator, quote = self._dialect(head)
        before = 0
        last: pl.DataFrame | None = None
        wide = codec_of(head, self.encoding)[0]
        with self.open() as opened:
            stream = opened if wide is None else codecs.EncodedFile(opened, "utf-8", wide, "replace")
            top = b"".join(stream.readline(FORCED) for _ in range(self.header))
            for chunk in _chunks(stream, None if quote is None else quote.encode(), self.where):
                if not (top + chunk).strip():
                    raise BadData(self.where, "the file is empty")
                try:
                    read = read_delimited(top + chunk, separator, quote, self.header, self.columns, self.encoding)
                except BadData as error:
                    if last is None:
                        raise BadData(self.where, error.rule, error.offenders) from error
                    count = chunk.count(b"\n")
                    # what was read before stands; the lines of this block are none of this table's
                    wrong = refusals(
                        self.label, [self.header + before + 1], f"from here for {count:,} lines: {error.rule}"
                    )
                    yield Block(last, wrong, len(chunk))
                    before += count
                    continue
                frame = read.frame.with_columns((read.lines + before).alias(LINE))
                frame = frame.with_columns(
                    (pl.col(c).fill_null(v) if c in frame.columns else pl.lit(v)).alias(c)
                    for c, v in self.constants.items()
                )
                bad = read.refused
                told = [refusals(self.label, [None], f"mended: {note}") for note in read.notes]
                if len(bad):
                    told.append(refusals(self.label, bad["row"] + before, bad["reason"]))
                yield Block(frame, pl.concat([pl.DataFrame(schema=REFUSED), *told]), len(chunk))
                before += chunk.count(b"\n")
                last = frame.clear()

    def whole(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """All rows at once, and the lines refused: for tables that are known to be small."""
        blocks = list(self.blocks())
        return pl.concat([b.frame for b in blocks], how="diagonal"), pl.concat([b.refused for b in blocks])

    def _dialect(self, head: bytes) -> tuple[str, str | None]:
        if self.separator is not None and self.quote != "guess":
            return self.separator, self.quote
        try:
            separator, quote = sniff(head, self.encoding)
        except BadData as error:
            raise BadData(self.where, error.rule, error.offenders) from error
        if self.separator is not None:
            separator = self.separator
        return separator, quote if self.quote == "guess" else self.quote


def text_file(file: Path, separator: str | None = None, quote: str | None = "guess") -> TextTable:
    """The table in a file, which may be gzipped."""
    with file.open("rb") as stream:
        packed = stream.read(2) == GZIP
    size = file.stat().st_size

    def opened() -> IO[bytes]:
        return gunzip(file.open("rb"), str(file)) if packed else file.open("rb")

    return TextTable(file.name, str(file), opened, size * (PACKED if packed else 1), separator, quote)


def text_member(archive: Archive, name: str, separator: str | None = None, quote: str | None = "guess") -> TextTable:
    """The table in a member of an archive (folder or ZIP) that stays open meanwhile."""
    where, size = f"{archive.path}: {name}", archive.size(name)
    packed = name.casefold().endswith(".gz")

    def opened() -> IO[bytes]:
        stream = archive.open_member(name)
        return gunzip(stream, where) if packed else stream

    return TextTable(name, where, opened, size * (PACKED if packed else 1), separator, quote)


def need(names: Sequence[str], wanted: Sequence[str], where: object) -> None:
    """Return quietly when all `wanted` columns are among `names`; raise BadData that names those that are absent."""
    if not names:
        raise BadData(where, "the file is empty")
    absent = [w for w in wanted if w not in names]
    if absent:
        raise BadData(where, f"lacks the columns {', '.join(absent)}; it has", list(names))


def _chunks(stream: IO[bytes], quote: bytes | None, where: str) -> Iterator[bytes]:
    """Pieces of about BLOCK bytes that end with a row: at a line end outside of quotes."""
    rest = b""
    yielded = False
    while True:
        data = stream.read(BLOCK)
        if not data:
            break
        rest += data
        cut = rest.rfind(b"\n") + 1
        while quote is not None and cut and rest.count(quote, 0, cut) % 2:
            cut = rest.rfind(b"\n", 0, cut - 1) + 1
        if cut == 0 and len(rest) > FORCED:
            cut = rest.rfind(b"\n") + 1  # a stray quote: the lines as they are
            if cut == 0:
                raise BadData(where, f"a line is longer than {FORCED:,} bytes: this is no table")
        if cut:
            yield rest[:cut]
            yielded = True
            rest = rest[cut:]
    if rest or not yielded:
        yield rest
