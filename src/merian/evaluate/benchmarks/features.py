"""One pass of a model over the images and texts of data sets, kept on disk: each is embedded once, whatever tasks ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import store
from merian.core.errors import BadData
from merian.core.progress import Advance, track
from merian.encode import Encoder, decode_ahead
from merian.encode.seam import at_once
from merian.evaluate.benchmarks.items import image_bytes

__all__ = ["PART", "Features", "contents", "features", "texts"]

Floats = npt.NDArray[np.float32]
PART = 2048
"""Images, or texts, in one file of the cache: what a stopped run has to do again at most."""
Schema = dict[str, pl.DataType]
CONTENTS: Schema = {"key": pl.String(), "digest": pl.String()}


@dataclass(frozen=True, eq=False)
class Features:
    """Unit vectors [k, d] of the images that could be read, where they stand in the list that was asked for (`rows` [k]), and why others could not."""

    rows: npt.NDArray[np.int64]
    vectors: Floats
    refused: dict[str, str]


def contents(paths: Sequence[str], cache: Path, what: str) -> list[str]:
    """The SHA-256 of the bytes of each image (paths as in `Items.frame`), "" for one that cannot be read.

    A file whose size and time of change are as they were is not read again.
    """
    keys = [_key(path) for path in paths]
    place = dict(zip(keys, paths, strict=True))

    def make(part: Sequence[str], advance: Advance) -> pl.DataFrame:
        made = pl.DataFrame({"key": part, "digest": [_digest(place[key], advance) for key in part]}, schema=CONTENTS)
        return made.filter(pl.col("digest") != "")  # what cannot be read now is tried again

    found = _held(keys, cache / "contents" / what, CONTENTS, make, (f"Reading {what}", "images"))
    return [digest or "" for digest in found["digest"].to_list()]


def features(paths: Sequence[str], encoder: Encoder, cache: Path, what: str) -> Features:
    """The Features of the images at `paths` (as in `Items.frame`), from the folder `cache` where they are there, else computed and added to it.

    An image is known by its bytes, a cache by the encoder's fingerprint: what another model made, or what was made of a file that has changed since, is not
    taken. Raises BadData for vectors that are no numbers.
    """
    keys = contents(paths, cache, what)
    place = {key: path for key, path in zip(keys, paths, strict=True) if key}
    schema = _schema(encoder)

    def make(part: Sequence[str], advance: Advance) -> pl.DataFrame:
        vectors, reasons = _images([place[key] for key in part], encoder, advance)
        return _rows((part, [place[key] for key in part]), vectors, reasons, schema)

    folder = cache / encoder.fingerprint / "images" / what
    found = _held([key for key in keys if key], folder, schema, make, (f"Embedding {what}", "images"))
    read = np.array([bool(key) for key in keys], bool)
    seen = np.flatnonzero(read)
    readable = found["reason"].is_null().to_numpy()
    vectors = np.ascontiguousarray(found["vector"].to_numpy()[readable], np.float32)
    rows = seen[readable]
    reasons = {int(row): str(found["reason"][int(k)]) for k, row in enumerate(seen) if not readable[k]}
    reasons |= dict.fromkeys(np.flatnonzero(~read).tolist(), "the file cannot be read")
    return Features(rows, vectors, {paths[row]: reasons[row] for row in sorted(reasons)})


def texts(words: Sequence[str], encoder: Encoder, cache: Path) -> Floats:
    """Unit vectors [n, d] of texts, from the folder `cache` where they are there, else computed and added to it. Raises BadData where they are no numbers."""
    schema = _schema(encoder)

    def make(part: Sequence[str], advance: Advance) -> pl.DataFrame:
        vectors = encoder.embed_texts(part)
        advance(len(part))
        return _rows((part, part), vectors, {}, schema)

    found = _held(words, cache / encoder.fingerprint / "texts", schema, make, ("Embedding texts", "texts"))
    return np.ascontiguousarray(found["vector"].to_numpy(), np.float32)


def _schema(encoder: Encoder) -> Schema:
    return {"key": pl.String(), "reason": pl.String(), "vector": pl.Array(pl.Float32, encoder.dim)}


def _rows(
    named: tuple[Sequence[str], Sequence[str]], vectors: Floats, reasons: Mapping[int, str], schema: Schema
) -> pl.DataFrame:
    """Rows of the cache with these keys; raises BadData for vectors that are no numbers, with what they are of: such are not kept."""
    keys, names = named
    bad = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(bad):
        raise BadData(
            "the model", f"its vectors of {len(bad):,} images or texts are no numbers", [names[k] for k in bad.tolist()]
        )
    told = [reasons.get(row) for row in range(len(keys))]
    return pl.DataFrame({"key": keys, "reason": told, "vector": pl.Series(vectors, dtype=schema["vector"])}, schema)


def _held(
    keys: Sequence[str],
    folder: Path,
    schema: Schema,
    make: Callable[[Sequence[str], Advance], pl.DataFrame],
    words: tuple[str, str],
) -> pl.DataFrame:
    """The columns of `schema` for each of the keys, what the folder lacks made and written there, PART at a time."""
    known = _known(folder, schema)
    held = set(known["key"].to_list())
    lacking = [key for key in dict.fromkeys(keys) if key not in held]
    if lacking:
        with track(words[0], len(lacking), words[1]) as advance:
            for start in range(0, len(lacking), PART):
                part = lacking[start : start + PART]
                made = make(part, advance)
                name = store.digest_bytes("\n".join(part).encode())[:16]
                with store.atomic(folder / f"{name}.parquet") as stream:
                    made.write_parquet(stream)
                known = pl.concat([known, made])
    asked = pl.DataFrame({"key": pl.Series(keys, dtype=pl.String)})
    return asked.join(known.unique("key", keep="last"), on="key", how="left", maintain_order="left")


def _known(folder: Path, schema: Schema) -> pl.DataFrame:
    files = sorted(folder.glob("*.parquet"))
    try:
        return pl.concat([pl.DataFrame(schema=schema), *(pl.read_parquet(file, glob=False) for file in files)])
    except pl.exceptions.PolarsError as error:
        raise BadData(folder, f"is no cache of Merian's ({error}); delete it, it is made again") from error


def _digest(path: str, advance: Advance) -> str:
    advance(1)
    try:
        return store.digest_bytes(image_bytes(path))
    except BadData:
        return ""


def _key(path: str) -> str:
    """What an image is known by until it is read. One that is not there has a key too."""
    file = Path(path)
    if not file.is_file():
        file = Path(path.rpartition("#")[0])
    try:
        told = file.stat()
    except OSError:
        return f"{path}\nabsent"
    return f"{path}\n{told.st_size}\n{told.st_mtime_ns}"


def _images(paths: Sequence[str], encoder: Encoder, advance: Advance) -> tuple[Floats, dict[int, str]]:
    """Vectors of the images, zeros where one cannot be read, and why."""
    vectors, reasons = np.zeros((len(paths), encoder.dim), np.float32), dict[int, str]()
    batch = at_once(encoder)
    parts = [paths[start : start + batch] for start in range(0, len(paths), batch)]
    sources = [[_source(path) for path in part] for part in parts]
    for number, decoded in enumerate(decode_ahead(sources, encoder.preprocess)):
        start = number * batch
        if len(decoded.rows):
            vectors[start + decoded.rows] = encoder.embed_images(decoded.pixels)
        reasons |= {start + row: reason for row, reason in decoded.reasons.items()}
        advance(len(parts[number]))
    return vectors, reasons


def _source(path: str) -> Path | bytes:
    """A file by its path, an image inside a table by its bytes; none where these cannot be read."""
    if Path(path).is_file() or "#" not in path:
        return Path(path)
    try:
        return image_bytes(path)
    except BadData:
        return b""
