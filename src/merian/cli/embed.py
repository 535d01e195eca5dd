"""`merian embed`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from cyclopts import Parameter

from merian.cli.photos import Photos, shown
from merian.cli.say import REFUSED, path_of, say
from merian.core import store
from merian.core.errors import BadData, BadSetting, Missing

if TYPE_CHECKING:
    from merian.encode import Encoder

__all__ = ["Vectors", "embed", "embed_store"]

Floats = npt.NDArray[np.float32]
BATCH, TEXTS = 32, 256
"""Photos, and texts, at a time."""


def embed(
    images: Annotated[list[Path] | None, Parameter(allow_leading_hyphen=True, json_list=False)] = None,
    /,
    *,
    model: Annotated[Path, Parameter(name=["--model", "-m"])],
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    texts: Path | None = None,
    format: Annotated[Literal["parquet", "npy"], Parameter(name=["--format", "-f"])] = "parquet",
    raw: Annotated[bool, Parameter(negative=())] = False,
    backend: str = "auto",
    precision: Literal["own", "auto", "fp32", "bf16", "int8"] = "own",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Turn images, or texts, into unit vectors: OUT/embeddings.parquet with id and vector, and the fingerprint of what made them.

    Parameters
    ----------
    images
        A catalog made by `merian curate`, or photos: files, folders, globs, lists (@list.txt) or - for a list on standard input.
    model
        A model folder, or a model by its name (`merian models`).
    out
        The folder to write.
    texts
        A text file instead of images: each line is embedded, as it stands.
    format
        parquet, or npy: OUT/vectors.npy, float32 [n, d], and OUT/ids.csv in the same order.
    raw
        With npy: vectors as long as they come from the tower, not brought to length 1.
    backend
        openvino, onnx, torch, toy, or auto: the fastest that the model folder has.
    precision
        own: fp32, or what a converted model was converted to; auto, bf16 and int8 as for `merian identify`. Vectors of different
        precisions are not to be mixed: their fingerprints differ.
    overwrite
        Replace embeddings of another run.
    """
    from merian.cli.photos import expand, options_of
    from merian.core.store import MANIFEST

    if (images is None) == (texts is None):
        raise BadSetting("images", str(texts or ""), "or --texts: exactly one of them is embedded")
    if raw and format != "npy":
        raise BadSetting("raw", True, "needs --format npy: embeddings.parquet holds unit vectors only")
    if images is not None and len(images) == 1 and (images[0] / MANIFEST).is_file():
        if format != "parquet":
            raise BadSetting("format", format, "is for photos and texts; the vectors of a catalog are parquet")
        count = embed_store(images[0], model, out, backend, overwrite, precision)
        say(f"{path_of(out)}  {count:,} vectors")
        return 0
    chosen = Photos() if images is None else expand(images, options=options_of(embed))
    return Vectors(model, out, format, raw, (backend, precision), overwrite).write(chosen, texts)


def embed_store(
    catalog_path: Path,
    model: Path,
    out: Path,
    backend: str = "auto",
    overwrite: bool = False,
    precision: str = "own",
) -> int:
    """Embed all kept images of a catalog into the store `out`; how many there are."""
    from merian.core.tables import Catalog
    from merian.encode import open_encoder
    from merian.identify import embed_catalog

    catalog = Catalog.open(catalog_path)
    encoder = open_encoder(model, backend, precision)
    inputs = {"catalog": catalog.hash, "encoder": encoder.fingerprint}
    work = store.begin(out, "embeddings", 1, {}, inputs, overwrite)
    if not work.done:
        embed_catalog(catalog, encoder, catalog.kept()).save(out / "embeddings.parquet")
        work.finish()
    return len(catalog.kept())


@dataclass(frozen=True)
class Vectors:
    """Where vectors go, and how they are made."""

    model: Path
    out: Path
    format: str
    raw: bool
    how: tuple[str, str]
    """Backend and precision."""
    overwrite: bool

    def write(self, photos: Photos, texts: Path | None) -> int:
        """Embed the photos, or the lines of `texts`, into the store; the exit code."""
        lines = None if texts is None else _lines(texts)
        named = [shown(path) for path in photos.paths] if lines is None else lines
        encoder = _encoder(self.model, self.how, self.raw)
        listing = store.digest_bytes("\n".join(named).encode())
        inputs = {"photos" if lines is None else "texts": listing, "encoder": encoder.fingerprint}
        how = {"format": self.format, "raw": self.raw} if self.format != "parquet" else {}
        work = store.begin(self.out, "embeddings", 1, how, inputs, self.overwrite)
        if work.done:
            say(f"{path_of(self.out)}  is already done")
            return REFUSED if (self.out / "refused.csv").is_file() else 0
        reasons = dict(photos.refused)
        if lines is None:
            ids, vectors = _of_photos(encoder, photos, reasons, self.raw)
        else:
            ids, vectors = lines, _of_texts(encoder, lines, self.raw)
        self._save(ids, vectors, encoder.fingerprint)
        if reasons:
            frame = pl.DataFrame({"path": list(reasons), "reason": list(reasons.values())})
            with store.atomic(self.out / "refused.csv") as stream:
                frame.write_csv(stream)
        work.finish()
        told = f", {len(reasons):,} refused: {path_of(self.out / 'refused.csv')}" if reasons else ""
        say(f"{path_of(self.out)}  {len(ids):,} vectors{told}")
        return REFUSED if reasons else 0

    def _save(self, ids: list[str], vectors: Floats, fingerprint: str) -> None:
        from merian.core.vectors import Embeddings

        names = pl.Series("id", ids, pl.String)
        if self.format == "parquet":
            Embeddings(names, vectors, fingerprint).save(self.out / "embeddings.parquet")
            return
        with store.atomic(self.out / "vectors.npy") as stream:
            np.save(stream, vectors)
        with store.atomic(self.out / "ids.csv") as stream:
            names.to_frame().write_csv(stream)


def _encoder(model: Path, how: tuple[str, str], raw: bool) -> Encoder:
    """The encoder; with `raw`, one whose runners give vectors as long as they come."""
    from merian.encode import open_encoder
    from merian.encode.hub import repo_of, resolve
    from merian.encode.openvino import open_model

    if not raw:
        return open_encoder(model, *how)
    if how[0] not in ("auto", "openvino"):
        raise BadSetting("raw", True, f"is made by OpenVINO from a model's weights, not by {how[0]}")
    if how[1] == "int8":
        raise BadSetting("precision", "int8", "is not to be had with --raw: a converted model gives unit vectors only")
    return open_model(str(resolve(model) if repo_of(str(model)) else model), how[1], unit=False)


def _of_photos(encoder: Encoder, photos: Photos, reasons: dict[str, str], raw: bool) -> tuple[list[str], Floats]:
    """The names and vectors of the photos that can be read; why others cannot goes into `reasons`."""
    from merian.core import progress
    from merian.encode import decode_ahead
    from merian.encode.folder import FolderEncoder

    ids, vectors = [], [np.zeros((0, encoder.dim), np.float32)]
    parts = [photos.paths[start : start + BATCH] for start in range(0, len(photos.paths), BATCH)]
    with progress.track("Embedding images", len(photos.paths), "photos") as advance:
        for part, decoded in zip(parts, decode_ahead(parts, encoder.preprocess), strict=True):
            if raw and isinstance(encoder, FolderEncoder) and len(decoded.pixels):
                vectors.append(np.array(encoder.runner("image")(decoded.pixels), np.float32))
            else:
                vectors.append(encoder.embed_images(decoded.pixels))
            ids += [shown(part[row]) for row in decoded.rows]
            reasons |= {shown(part[row]): reason for row, reason in decoded.reasons.items()}
            advance(len(part))
    return ids, np.concatenate(vectors)


def _of_texts(encoder: Encoder, lines: list[str], raw: bool) -> Floats:
    from merian.core import progress
    from merian.encode.folder import FolderEncoder

    vectors = []
    with progress.track("Embedding texts", len(lines), "texts") as advance:
        for start in range(0, len(lines), TEXTS):
            part = lines[start : start + TEXTS]
            if raw and isinstance(encoder, FolderEncoder):
                vectors.append(np.array(encoder.runner("text")(encoder.tokens.encode(part)), np.float32))
            else:
                vectors.append(encoder.embed_texts(part))
            advance(len(part))
    return np.concatenate(vectors)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise Missing("the texts", path, "give a text file with one in each line")
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    if not (found := [line.strip() for line in lines if line.strip()]):
        raise BadData(path, "has no line of text")
    return found
