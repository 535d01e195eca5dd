"""Shards: WebDataset tars (`<key>.jpg` + `<key>.json`) whose bytes depend on their content alone, with an index for random access."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

import polars as pl

from merian.core import store

__all__ = ["HASH", "INDEX", "write_shard"]

HASH = ".sha256"

INDEX = {"id": pl.String, "shard": pl.Int32, "offset": pl.Int64, "size": pl.Int64}


def write_shard(path: Path, number: int, samples: Iterable[tuple[str, str, bytes, dict[str, object]]]) -> pl.DataFrame:
    """Write samples (id, extension, bytes, what is known of it) as one tar and give back its index (columns of INDEX).

    Times, owners and modes are fixed, so the same samples make the same bytes. The tar's hash and then the index are written beside it: a tar without an index
    is unfinished. Source: the WebDataset convention of files that share a key.
    """
    rows = []
    with store.atomic(path) as file:
        hashed = store.Hashed(file)
        with tarfile.open(fileobj=cast(IO[bytes], hashed), mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for row, (name, extension, data, known) in enumerate(samples):
                key = f"{number:05d}-{row:06d}"
                info = tarfile.TarInfo(f"{key}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
                rows.append(
                    (name, number, tar.offset - -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, len(data))
                )
                text = json.dumps(known, ensure_ascii=False, sort_keys=True).encode()
                info = tarfile.TarInfo(f"{key}.json")
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
    store.write_text(path.with_suffix(HASH), hashed.digest)
    index = pl.DataFrame(rows, schema=INDEX, orient="row")
    with store.atomic(path.with_suffix(".parquet")) as stream:
        index.write_parquet(stream)
    return index
