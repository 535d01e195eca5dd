"""One pass of a model over the images and texts of data sets, kept on disk: each is embedded once, whatever tasks ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

__all__ = ["PART", "Features", "features", "texts"]

Floats = npt.NDArray[np.float32]
PART = 2048
"""Images, or texts, in one file of the cache: what a stopped run has to do again at most."""
Made = tuple[Floats, dict[int, str]]
"""Vectors [n, d], and why some have none."""


@dataclass(frozen=True, eq=False)
class Features:
    """Unit vectors [k, d] of the images that could be read, where they stand in the list that was asked for (`rows` [k]), and why others could not."""

    rows: npt.NDArray[np.int64]
    vectors: Floats
    refused: dict[str, str]


def features(paths: Sequence[str], encoder: Encoder, cache: Path, what: str) -> Features:
    """The Features of the images at `paths` (as in `Items.frame`), from the folder `cache` where they are there, else computed and added to it.

    An image is known by path, size and time of change, a cache by the encoder's fingerprint: what another model made, or what was made of a file that has
    changed since, is not taken. Raises BadData for vectors that are no numbers.
    """
    keys = [_key(path) for path in paths]
    place = dict(zip(keys, paths, strict=True))

    def make(part: Sequence[str], advance: Advance) -> Made:
        return _images([place[key] for key in part], encoder, advance)

    found = _held(keys, cache / encoder.fingerprint / what, encoder.dim, make, (f"Embedding {what}", "images"))
    readable = found["reason"].is_null().to_numpy()
    rows = np.flatnonzero(readable)
    vectors = np.ascontiguousarray(found["vector"].to_numpy()[rows], np.float32)
    bad = rows[~np.isfinite(vectors).all(1)]
    if len(bad):
        raise BadData(
            what, "the model's vectors of these images are no numbers", [paths[row] for row in bad[:10].tolist()]
        )
    refused = {paths[row]: str(found["reason"][row]) for row in np.flatnonzero(~readable).tolist()}
    return Features(rows, vectors, refused)


def texts(words: Sequence[str], encoder: Encoder, cache: Path) -> Floats:
    """Unit vectors [n, d] of texts, from the folder `cache` where they are there, else computed and added to it."""

    def make(part: Sequence[str], advance: Advance) -> Made:
        vectors = encoder.embed_texts(part)
        advance(len(part))
        return vectors, {}

    found = _held(words, cache / encoder.fingerprint / "texts", encoder.dim, make, ("Embedding texts", "texts"))
    return np.ascontiguousarray(found["vector"].to_numpy(), np.float32)


def _held(
    keys: Sequence[str],
    folder: Path,
    dim: int,
    make: Callable[[Sequence[str], Advance], Made],
    words: tuple[str, str],
) -> pl.DataFrame:
    """Columns key, reason, vector for each of the keys, what the folder lacks made and written there, PART at a time."""
    known = _known(folder, dim)
    held = set(known["key"].to_list())
    lacking = [key for key in dict.fromkeys(keys) if key not in held]
    if lacking:
        with track(words[0], len(lacking), words[1]) as advance:
            for start in range(0, len(lacking), PART):
                part = lacking[start : start + PART]
                vectors, reasons = make(part, advance)
                made = pl.DataFrame(
                    [
                        pl.Series("key", part, pl.String),
                        pl.Series("reason", [reasons.get(row) for row in range(len(part))], pl.String),
                        pl.Series("vector", vectors, pl.Array(pl.Float32, dim)),
                    ]
                )
                name = store.digest_bytes("\n".join(part).encode())[:16]
                with store.atomic(folder / f"{name}.parquet") as stream:
                    made.write_parquet(stream)
                known = pl.concat([known, made])
    asked = pl.DataFrame({"key": pl.Series(keys, dtype=pl.String)})
    return asked.join(known.unique("key", keep="last"), on="key", how="left", maintain_order="left")


def _known(folder: Path, dim: int) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "key": pl.String,
        "reason": pl.String,
        "vector": pl.Array(pl.Float32, dim),
    }
    files = sorted(folder.glob("*.parquet"))
    try:
        return pl.concat([pl.DataFrame(schema=schema), *(pl.read_parquet(file, glob=False) for file in files)])
    except pl.exceptions.PolarsError as error:
        raise BadData(folder, f"holds no vectors of this model ({error}); delete it, they are made again") from error


def _key(path: str) -> str:
    """What an image is known by. One that is not there has a key too, and is refused when it is read."""
    file = Path(path)
    if not file.is_file():
        file = Path(path.rpartition("#")[0])
    try:
        told = file.stat()
    except OSError:
        return f"{path}\nabsent"
    return f"{path}\n{told.st_size}\n{told.st_mtime_ns}"


def _images(paths: Sequence[str], encoder: Encoder, advance: Advance) -> Made:
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
