"""`merian embed`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.say import REFUSED, path_of, say

if TYPE_CHECKING:
    from merian.cli.photos import Photos

__all__ = ["embed", "embed_store"]


def embed(
    images: Annotated[list[Path], Parameter(allow_leading_hyphen=True, json_list=False)],
    /,
    *,
    model: Annotated[Path, Parameter(name=["--model", "-m"])],
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    backend: str = "auto",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Turn images into unit vectors: OUT/embeddings.parquet with id and vector, and the fingerprint of what made them.

    Parameters
    ----------
    images
        A catalog made by `merian curate`, or photos: files, folders, globs, lists (@list.txt) or - for a list on standard input.
    model
        A model folder.
    out
        The folder to write.
    backend
        openvino, onnx, torch, toy, or auto: the fastest that the model folder has.
    overwrite
        Replace embeddings of another run.
    """
    from merian.cli.photos import expand, options_of
    from merian.core.store import MANIFEST

    if len(images) == 1 and (images[0] / MANIFEST).is_file():
        count = embed_store(images[0], model, out, backend, overwrite)
        say(f"{path_of(out)}  {count:,} vectors")
        return 0
    return _embed_photos(expand(images, options=options_of(embed)), model, out, backend, overwrite)


def embed_store(catalog_path: Path, model: Path, out: Path, backend: str = "auto", overwrite: bool = False) -> int:
    """Embed all kept images of a catalog into the store `out`; how many there are."""
    from merian.core import store
    from merian.core.tables import Catalog
    from merian.encode import open_encoder
    from merian.identify import embed_catalog

    catalog = Catalog.open(catalog_path)
    encoder = open_encoder(model, backend)
    inputs = {"catalog": catalog.hash, "encoder": encoder.fingerprint}
    work = store.begin(out, "embeddings", 1, {}, inputs, overwrite)
    if not work.done:
        embed_catalog(catalog, encoder, catalog.kept()).save(out / "embeddings.parquet")
        work.finish()
    return len(catalog.kept())


def _embed_photos(photos: Photos, model: Path, out: Path, backend: str, overwrite: bool) -> int:
    import numpy as np
    import polars as pl

    from merian.cli.photos import shown
    from merian.core import progress, store
    from merian.core.vectors import Embeddings
    from merian.encode import decode_many, open_encoder

    encoder = open_encoder(model, backend)
    listing = store.digest_bytes("\n".join(shown(p) for p in photos.paths).encode())
    work = store.begin(out, "embeddings", 1, {}, {"photos": listing, "encoder": encoder.fingerprint}, overwrite)
    reasons = dict(photos.refused)
    ids, vectors = [], [np.zeros((0, encoder.dim), np.float32)]
    if work.done:
        say(f"{path_of(out)}  is already done")
        return REFUSED if (out / "refused.csv").is_file() else 0
    with progress.track("Embedding images", len(photos.paths), "photos") as advance:
        for start in range(0, len(photos.paths), 32):
            part = photos.paths[start : start + 32]
            decoded = decode_many(part, encoder.preprocess)
            vectors.append(encoder.embed_images(decoded.pixels))
            ids += [shown(part[row]) for row in decoded.rows]
            reasons |= {shown(part[row]): reason for row, reason in decoded.reasons.items()}
            advance(len(part))
    Embeddings(pl.Series("id", ids, pl.String), np.concatenate(vectors), encoder.fingerprint).save(
        out / "embeddings.parquet"
    )
    if reasons:
        frame = pl.DataFrame({"path": list(reasons), "reason": list(reasons.values())})
        with store.atomic(out / "refused.csv") as stream:
            frame.write_csv(stream)
    work.finish()
    say(
        f"{path_of(out)}  {len(ids):,} vectors"
        + (f", {len(reasons):,} refused: {path_of(out / 'refused.csv')}" if reasons else "")
    )
    return REFUSED if reasons else 0
