"""Class vectors on frozen towers: the mean of each taxon's images, or a linear head trained on their vectors.

Both are one unit vector a taxon, compared by cosine, so they stand where the vectors of names stand: a store of kind "head" that `merian identify` reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.progress import track
from merian.core.tables import Catalog
from merian.core.tree import Tree
from merian.encode.folder import read_folder
from merian.encode.pixels import Preprocess, decode_many
from merian.encode.torch import ImageGraph
from merian.train.settings import TrainSettings

__all__ = ["Classes", "image_vectors", "linear", "make_head", "prototypes"]

Floats = NDArray[np.float32]
FORMAT = 1
"""Version of the store of kind "head"."""
BLOCK = 256
"""Images decoded and embedded at a time."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Class vectors `[t, d]` of unit length for the taxa `labels [t]`, and the factor of their cosines."""

    labels: NDArray[np.int32]
    vectors: Floats
    scale: float

    def save(self, folder: Path, tree: Tree, fingerprint: str, inputs: dict[str, str]) -> None:
        """Write them as a head of the encoder with `fingerprint`."""
        from safetensors.numpy import save

        calibration = {"scale": self.scale, "slope": 0.0, "bias": 0.0, "images": 0}
        tensors = save({"labels": self.labels, "vectors": self.vectors})
        given = {"tree": tree.version, "encoder": fingerprint, "labels": store.digest_bytes(tensors)} | inputs
        work = store.begin(folder, "head", FORMAT, calibration, given, overwrite=True)
        if work.done:
            return
        tree.save(folder / "tree.parquet")
        with store.atomic(folder / "head.safetensors") as out:
            out.write(tensors)
        store.write_json(folder / "head.json", {"fingerprint": fingerprint, "calibration": calibration})
        work.finish()


def prototypes(vectors: Floats, taxon: NDArray[np.integer[Any]], scale: float) -> Classes:
    """The direction of the mean vector of each taxon: `vectors [n, d]` unit rows of images that show `taxon [n]`.

    Source: Wang et al. 2019 (SimpleShot, arXiv:1911.04623), its variant L2N; the variant that subtracts a mean first has no unit vectors to keep.
    """
    labels, of = np.unique(taxon, return_inverse=True)
    total = np.zeros((len(labels), vectors.shape[1]), np.float64)
    np.add.at(total, of.reshape(-1), vectors.astype(np.float64))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = total / np.where(length > 0, length, 1.0)
    return Classes(labels.astype(np.int32), unit.astype(np.float32), scale)


def linear(vectors: Floats, taxon: NDArray[np.integer[Any]], scale: float, settings: TrainSettings) -> Classes:
    """A linear head: unit rows `[t, d]` and one factor, trained by cross-entropy of `factor * cosine` from the prototypes on; no bias.

    `epochs`, `batch`, `lr` and `seed` are those of the settings; AdamW, half a cosine down to 0.
    """
    start = prototypes(vectors, taxon, scale)
    known, truth = torch.from_numpy(vectors), torch.from_numpy(np.searchsorted(start.labels, taxon))
    rows = torch.from_numpy(start.vectors).clone().requires_grad_()
    factor = torch.tensor(math.log(scale), requires_grad=True)
    optimizer = torch.optim.AdamW([rows, factor], lr=settings.lr, weight_decay=0.0)
    batch = min(settings.batch, len(vectors))
    steps = settings.epochs * (len(vectors) // batch)
    step = 0
    with track("Training the head", total=steps, unit="steps") as advance:
        for epoch in range(settings.epochs):
            order = torch.from_numpy(stream(settings.seed, "head", epoch).permutation(len(vectors)))
            for at in range(len(vectors) // batch):
                here = order[at * batch : (at + 1) * batch]
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * 0.5 * (1 + math.cos(math.pi * step / steps))
                loss = F.cross_entropy(factor.exp() * known[here] @ F.normalize(rows, dim=1).T, truth[here])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                with torch.no_grad():
                    factor.clamp_(0.0, math.log(settings.logit_scale_max))
                step += 1
                advance(1)
    with torch.no_grad():
        unit = F.normalize(rows, dim=1).numpy()
        return Classes(start.labels, unit, factor.exp().item())


def image_vectors(
    model: Any, catalog: Catalog, frame: pl.DataFrame, look: Preprocess, device: torch.device, threads: int = 1
) -> Floats:
    """Unit vectors `[n, d]` of the images of `frame` by an open_clip model. Images that cannot be decoded are refused as in training."""
    graph = ImageGraph(model, look).eval().to(device)
    parts = []
    with track("Embedding images", total=len(frame), unit="images") as advance, torch.inference_mode():
        for start in range(0, len(frame), BLOCK):
            rows = frame[start : start + BLOCK]
            decoded = decode_many(list(catalog.images(rows)), look, threads)
            if decoded.reasons:
                bad = [f"{rows['id'][row]}: {why}" for row, why in decoded.reasons.items()]
                raise BadData(catalog.path, "images cannot be decoded; curate again", bad)
            parts.append(graph(torch.from_numpy(decoded.pixels).to(device)).float().cpu().numpy())
            advance(len(rows))
    return np.concatenate(parts)


def make_head(
    kind: Literal["linear", "prototypes"],
    model: Any,
    catalog: Catalog,
    frame: pl.DataFrame,
    folder: Path,
    settings: TrainSettings,
    device: torch.device,
    threads: int,
) -> Classes:
    """The class vectors of the taxa that the images of `frame` show, written to `folder / kind`; `folder` holds the exported `model`."""
    known = read_folder(folder)
    vectors = image_vectors(model, catalog, frame, known.preprocess, device, threads)
    taxon = frame["taxon"].to_numpy()
    scale = known.logit_scale
    made = prototypes(vectors, taxon, scale) if kind == "prototypes" else linear(vectors, taxon, scale, settings)
    made.save(folder / kind, catalog.tree, known.fingerprint("fp32"), {"catalog": catalog.hash})
    return made
