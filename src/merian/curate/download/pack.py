"""Complete parts become tars with an index, and the index becomes the rows of a source.

All in the order of the rows, so that the same answers make the same bytes whatever the order in which they came.
"""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import polars as pl

from merian.core import store
from merian.curate.download.plan import LENGTHS, Plan, checksum, digests_of
from merian.curate.download.spool import Outcome, Spool
from merian.curate.sources.seam import NoBytes, Source

__all__ = ["ADDED", "INDEX", "bytes_at", "index_file", "pack", "reopen", "spool_of", "write_rows"]

INDEX = {
    "row": pl.Int64, "place": pl.String, "size": pl.Int64, "reason": pl.String, "passing": pl.Boolean, "sha256": pl.String,
    "http_status": pl.Int32, "content_type": pl.String, "etag": pl.String, "final_url": pl.String, "attempts": pl.Int32,
    "host": pl.String, "extension": pl.String,
}  # fmt: skip
"""Columns of the index of a part. `place` says where the bytes are: tar, offset and size."""
ADDED = ("sha256", "http_status", "content_type", "etag", "final_url", "attempts")
"""Columns that a download adds to the source's rows, besides `path` and `reason`."""


def index_file(folder: Path, part: int) -> Path:
    """The index of a part: there when the part is packed."""
    return folder / "index" / f"part-{part:06d}.parquet"


def spool_of(folder: Path, part: int) -> Spool:
    """The spool of a part: there while the part is not packed."""
    return Spool(folder / "spool" / f"part-{part:06d}.log")


def pack(plan: Plan, part: int, folder: Path, source: Source, tar_bytes: int) -> None:
    """Write the tars and then the index of a part all of whose rows have an outcome, and drop its spool."""
    spool, rows = spool_of(folder, part), plan.part(part).sort("row")
    outcomes = spool.last()
    with _Tars(folder / "images", part, tar_bytes) as tars:
        table = []
        for row, kind, reason, place, host in rows.select("row", "kind", "reason", "place", "host").iter_rows():
            outcome, data = Outcome(row=row, reason=reason), b""
            if kind == "fetch":
                outcome, at, size = outcomes[row]
                data = b"" if outcome.reason else spool.bytes_at(outcome, at, size)
            elif kind == "local":
                outcome, data = _copied(source, row, place)
            where = tars.add(row, outcome.extension or "jpg", data) if outcome.reason is None else None
            table.append(_indexed(outcome, where, len(data), host))
    path = index_file(folder, part)
    with store.atomic(path) as stream:
        pl.DataFrame(table, schema=INDEX, orient="row").write_parquet(stream)
    spool.path.unlink(missing_ok=True)


def reopen(plan: Plan, part: int, folder: Path) -> int:
    """How many rows of a part are to be tried again: those whose reason may pass. Their outcomes are forgotten, the part's others go back to its spool."""
    path, spool = index_file(folder, part), spool_of(folder, part)
    packed = path.is_file()
    fetched = set(plan.part(part).filter(kind="fetch")["row"].to_list())
    known = _indexes(path) if packed else [outcome for outcome, _, _ in spool.last().values()]
    again = {outcome.row for outcome in known if outcome.passing} & fetched
    if not again:
        return 0
    new = Spool(spool.path.with_suffix(".new"))
    new.path.parent.mkdir(parents=True, exist_ok=True)
    new.path.write_bytes(b"")
    for outcome, data in _recorded(folder, part):
        if outcome.row in fetched - again:
            new.append(outcome, data)
    new.path.replace(spool.path)
    path.unlink(missing_ok=True)
    for tar in (folder / "images").glob(f"part-{part:06d}-*.tar"):
        tar.unlink()
    return len(again)


def write_rows(plan: Plan, folder: Path, source: Source) -> None:
    """Write `rows/shard-*.parquet`: the source's rows with the place of the bytes as `path`, the reason of those that failed, and the columns of ADDED."""
    read = functools.lru_cache(maxsize=64)(lambda part: pl.read_parquet(index_file(folder, part), glob=False))
    first = 0
    for shard in range(source.shards):
        path = folder / "rows" / f"shard-{shard:06d}.parquet"
        rows, parts = source.rows(shard), plan.parts.filter(shard=shard)["part"].to_list()
        first, begin = first + len(rows), first
        if path.is_file():
            continue
        shared = plan.shared.filter(pl.col("row").is_between(begin, first, closed="left"))
        index = pl.concat([*(read(p) for p in parts), _shared(plan, shared, read)]).sort("row")
        index = _verified(rows, index, shared, folder)
        added = [pl.Series("path", index["place"]), index["reason"], *(index[name] for name in ADDED)]
        with store.atomic(path) as stream:
            rows.with_columns(added).write_parquet(stream)


def bytes_at(folder: Path, place: str) -> bytes:
    """The bytes at a place of this store. Raises NoBytes."""
    tar, _, span = place.partition("#")
    offset, _, size = span.partition("+")
    name = Path(tar)
    if name.parent.as_posix() != "images" or not (offset.isdigit() and size.isdigit()):
        raise NoBytes("not a path")
    try:
        with (folder / "images" / name.name).open("rb") as stream:
            stream.seek(int(offset))
            data = stream.read(int(size))
    except FileNotFoundError as error:
        raise NoBytes("file not found") from error
    except OSError as error:
        raise NoBytes(f"file cannot be read: {error.strerror}") from error
    if len(data) != int(size):
        raise NoBytes("truncated image")
    return data


class _Tars:
    """Writes a part's images into tars, one after the other, each closed when it is full."""

    def __init__(self, folder: Path, part: int, most: int) -> None:
        self.folder, self.part, self.most = folder, part, most
        self.number = -1
        self.stack = ExitStack()
        self.tar: tarfile.TarFile | None = None

    def __enter__(self) -> _Tars:
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)

    def add(self, row: int, extension: str, data: bytes) -> str:
        """Write one image and say where it is."""
        if self.tar is None or self.tar.offset + len(data) > self.most:
            self.stack.close()
            self.number += 1
            stream: IO[Any] = self.stack.enter_context(store.atomic(self.folder / self._name))
            self.tar = self.stack.enter_context(tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT))
        info = tarfile.TarInfo(
            f"{row:012d}.{extension}"
        )  # times, owners and modes stay zero: the same images, the same bytes
        info.size = len(data)
        self.tar.addfile(info, io.BytesIO(data))
        offset = self.tar.offset - -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        return f"images/{self._name}#{offset}+{len(data)}"

    @property
    def _name(self) -> str:
        return f"part-{self.part:06d}-{self.number:03d}.tar"


def _copied(source: Source, row: int, place: str) -> tuple[Outcome, bytes]:
    """The bytes of a row whose source has them itself."""
    try:
        data = source.read(place)
    except NoBytes as error:
        return Outcome(row=row, reason=error.reason), b""
    extension = Path(place).suffix.lower().lstrip(".")
    return Outcome(row=row, sha256=store.digest_bytes(data), extension=extension if extension.isalnum() else None), data


def _indexed(outcome: Outcome, place: str | None, size: int, host: str) -> tuple[object, ...]:
    return (
        outcome.row, place, size if place else None, outcome.reason, outcome.passing, outcome.sha256 if place else None,
        outcome.status, outcome.content_type, outcome.etag, outcome.final_url, outcome.attempts, host, outcome.extension,
    )  # fmt: skip


def _recorded(folder: Path, part: int) -> Iterator[tuple[Outcome, bytes]]:
    """Every outcome of a part with its bytes, from its index and tars or, when it is not packed, from its spool."""
    path, spool = index_file(folder, part), spool_of(folder, part)
    if not path.is_file():
        spool.mend()
        for outcome, at, size in spool.last().values():
            yield outcome, b"" if outcome.reason else spool.bytes_at(outcome, at, size)
        return
    places = pl.read_parquet(path, columns=["row", "place"], glob=False)["place"]
    for outcome, place in zip(_indexes(path), places, strict=True):
        yield outcome, bytes_at(folder, place) if place else b""


def _indexes(path: Path) -> list[Outcome]:
    """The outcomes in the index of a part, in its order."""
    frame = pl.read_parquet(path, glob=False).rename({"http_status": "status"}).drop("place", "size", "host")
    return [Outcome(**facts) for facts in frame.iter_rows(named=True)]


def _shared(plan: Plan, shared: pl.DataFrame, read: Any) -> pl.DataFrame:
    """The index of rows that repeat an earlier link: what came of its owner."""
    found = [pl.DataFrame(schema=INDEX)]
    by_part: dict[int, list[tuple[int, int]]] = {}
    for row, owner in shared.select("row", "owner").iter_rows():
        by_part.setdefault(plan.part_of(owner), []).append((row, owner))
    for part, pairs in sorted(by_part.items()):
        frame = pl.DataFrame(pairs, schema={"repeat": pl.Int64, "row": pl.Int64}, orient="row")
        joined = frame.join(read(part), on="row", how="left", maintain_order="left")
        found.append(joined.with_columns(row="repeat").select(list(INDEX)))
    return pl.concat(found)


def _verified(rows: pl.DataFrame, index: pl.DataFrame, shared: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """`index` where a row that shares another's image but not its checksum is refused."""
    sums = [name for name in LENGTHS if name in rows.columns]
    if not sums or shared.is_empty():  # the owners' own were held against their bytes as they came
        return index
    first = int(index["row"][0])
    repeats, reasons, places = set(shared["row"].to_list()), index["reason"].to_list(), index["place"].to_list()
    for k, values in enumerate(rows.select(sums).iter_rows()):
        if first + k in repeats and places[k]:
            text = " ".join(
                f"{n}:{v.strip().lower()}"
                for n, v in zip(sums, values, strict=True)
                if v and len(v.strip()) == LENGTHS[n]
            )
            data = bytes_at(folder, places[k]) if text else b""
            if any(checksum(name, data) != wanted for name, wanted in digests_of(text)):
                reasons[k], places[k] = "checksum differs", None
    return index.with_columns(pl.Series("reason", reasons, pl.String), pl.Series("place", places, pl.String))
