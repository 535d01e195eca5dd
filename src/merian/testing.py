"""Conformance suites: what every built-in keeps, and a stranger's plug-in must keep too.

from merian.testing import check_encoder, check_source
def test_mine() -> None:
    check_encoder(my_package.open_model("..."))
    check_source(my_package.open_source(Path("...")))
"""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData, Mismatch
from merian.core.tables import CATALOG
from merian.core.tree import RANKS
from merian.curate.sources import REFUSED, NoBytes, Source
from merian.encode import Encoder, Pixels, Vectors

__all__ = ["agreement", "check_encoder", "check_source", "sample_pixels", "sample_texts"]

ROUNDING = 2e-5
"""How far two float32 results of the same sums in another order may lie apart, per component of a unit vector."""
SENT = 32 << 20
"""Bytes that a source may take when it is sent to a worker."""
READ = 50
"""Images that are read to see that a source gives bytes."""


def check_encoder(encoder: Encoder) -> None:
    """Return quietly when `encoder` keeps the contract of `merian.encode.Encoder`.

    Raise AssertionError with what it breaks.

        Checked: types and shapes, unit rows, the empty batch, independence of batching and order, repeatability, refusal of
        other pixels, a stable fingerprint, a positive scale, and that different inputs get different vectors.
    """
    _must(isinstance(encoder, Encoder), "it lacks a member of the Encoder protocol")
    _must(encoder.dim > 0, f"dim must be positive, is {encoder.dim}")
    _must(np.isfinite(encoder.logit_scale) and encoder.logit_scale > 0, f"logit_scale is {encoder.logit_scale}")
    _must(bool(encoder.fingerprint.strip()), "the fingerprint is empty")
    _must(encoder.fingerprint == encoder.fingerprint, "the fingerprint changes from call to call")
    pixels, texts = sample_pixels(encoder, 5), sample_texts()
    images, words = encoder.embed_images(pixels), encoder.embed_texts(texts)
    _check_rows("embed_images", images, len(pixels), encoder.dim)
    _check_rows("embed_texts", words, len(texts), encoder.dim)
    _check_rows("embed_images of nothing", encoder.embed_images(pixels[:0]), 0, encoder.dim)
    _check_rows("embed_texts of nothing", encoder.embed_texts([]), 0, encoder.dim)
    _must(np.array_equal(images, encoder.embed_images(pixels)), "embed_images gives another answer the second time")
    _must(np.array_equal(words, encoder.embed_texts(texts)), "embed_texts gives another answer the second time")
    for size in (1, 2, 3):
        parts = [encoder.embed_images(pixels[i : i + size]) for i in range(0, len(pixels), size)]
        _same(f"embed_images in batches of {size}", np.concatenate(parts), images)
        parts = [encoder.embed_texts(texts[i : i + size]) for i in range(0, len(texts), size)]
        _same(f"embed_texts in batches of {size}", np.concatenate(parts), words)
    many = np.concatenate([pixels] * 15)[::-1]
    _same("embed_images of 75 in reverse", encoder.embed_images(many)[::-1][: len(pixels)], images)
    _must(_apart(images), "different images get the same vector")
    _must(_apart(words), "different texts get the same vector")
    _check_refusals(encoder, pixels)


def check_source(source: Source) -> pl.DataFrame:
    """All rows of `source`, when it keeps the contract of `merian.curate.sources.Source`; raise AssertionError with what it breaks.

    Checked: declared columns and types, the same in every shard and the second time; ids that are there and unique; places on Earth; boxes inside their
    image; a stable hash; refused rows with reasons; that `read` gives bytes or raises NoBytes, whatever it is asked; that it reaches other processes.
    """
    _source_must(isinstance(source, Source), "it lacks a member of the Source protocol")
    _source_must(bool(source.name.strip()) and bool(source.hash.strip()), "its name or hash is empty")
    _source_must(source.shards >= 1, f"it has {source.shards} shards; one may be empty, none is none")
    shards = [source.rows(k) for k in range(source.shards)]
    types = {c.name: c.type for c in CATALOG} | dict.fromkeys(RANKS, pl.String)
    for frame in shards:
        _source_must(frame.schema == shards[0].schema, "its shards differ in their columns")
    for name, kind in shards[0].schema.items():
        _source_must(name in types, f"the column {name!r} is not one of the catalog's, nor a rank")
        _source_must(kind == types[name], f"the column {name!r} is {kind}, not {types[name]}")
    for name in ("id", "path", *RANKS):
        _source_must(name in shards[0].columns, f"the column {name!r} is absent")
    for k, frame in enumerate(shards):
        _source_must(frame.equals(source.rows(k)), f"shard {k} is another the second time")
    rows = pl.concat(shards)
    _source_must(rows["id"].null_count() == 0 and rows["id"].is_unique().all(), "an id is absent or there twice")
    texts = [c for c, kind in rows.schema.items() if kind == pl.String]
    empty = [c for c in texts if (rows[c] == "").any()]
    _source_must(not empty, f'nothing is written "" and not null in {empty}')
    for name, most in (("latitude", 90.0), ("longitude", 180.0)):
        if name in rows.columns:
            _source_must(rows[name].drop_nulls().is_between(-most, most).all(), f"a {name} is beyond {most:g} degrees")
    if "box" in rows.columns:
        edges = [[float(x) for x in box.split(",")] for box in rows["box"].drop_nulls()]
        inside = all(len(b) == 4 and min(b) >= 0 and b[0] + b[2] <= 1.00001 and b[1] + b[3] <= 1.00001 for b in edges)
        _source_must(inside, "a box is not x,y,width,height in shares of its image")
    _source_must(dict(source.refused.schema) == REFUSED, f"refused has the columns {source.refused.columns}")
    _source_must(source.refused["reason"].null_count() == 0, "a row is refused without a reason")
    _source_must(source.taxa is None or source.taxa.exists(), f"its taxonomy {source.taxa} is not there")
    _check_reading(source, rows)
    sent = bytes(ForkingPickler.dumps(source))
    _source_must(len(sent) <= SENT, f"it takes {len(sent):,} bytes to send to a worker; at most {SENT:,}")
    twin = ForkingPickler.loads(sent)
    _source_must(twin.hash == source.hash, "in another process its hash is another")
    _source_must(
        rows.equals(pl.concat([twin.rows(k) for k in range(twin.shards)])), "in another process its rows differ"
    )
    return rows


def _check_reading(source: Source, rows: pl.DataFrame) -> None:
    places = rows["path"].drop_nulls().head(READ).to_list()
    strange = ["no such place", "../outside", "a/../../outside", "no\0place", "x#1+2", "x#0:0/y", "x#0/y", "."]
    for place in [*places, *strange]:
        try:
            data = source.read(place)
        except NoBytes as refusal:
            _source_must(bool(refusal.reason.strip()), f"read({place!r}) raises NoBytes without a reason")
            continue
        _source_must(isinstance(data, bytes), f"read({place!r}) gives {type(data).__name__}, not bytes")
        _source_must(place not in strange, f"read({place!r}) gives bytes")


def _source_must(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(f"not a source by contract: {message}")


def agreement(first: Encoder, second: Encoder) -> float:
    """The smallest cosine between what two encoders make of the same images and texts: 1 when they agree."""
    if first.preprocess != second.preprocess:
        raise Mismatch("two encoders", first.preprocess, second.preprocess, "they must take the same pixels")
    pixels, texts = sample_pixels(first, 9), sample_texts()
    images = np.einsum("nd,nd->n", first.embed_images(pixels), second.embed_images(pixels))
    words = np.einsum("nd,nd->n", first.embed_texts(texts), second.embed_texts(texts))
    return float(min(images.min(), words.min()))


def sample_pixels(encoder: Encoder, n: int) -> Pixels:
    """Images `[n, s, s, 3]` of the size that `encoder` takes: gradients, noise, one black and one white."""
    size = encoder.preprocess.size
    rng = stream(0, "testing", "pixels")
    ramp = np.linspace(0.0, 1.0, size)
    images = np.empty((n, size, size, 3))
    for i in range(n):
        turned = ramp[:, None] * rng.random(3) + ramp[None, :, None] * rng.random(3)
        images[i] = 0.4 * turned + 0.2 * rng.random((size, size, 3))
    images[-2:] = np.arange(2)[:, None, None, None]
    return np.rint(images * 255).astype(np.uint8)


def sample_texts() -> list[str]:
    """A few captions: short and long, with capitals, accents, other scripts, and nothing at all."""
    return [
        "a photo of Pica hudsonia.",
        "a photo of Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia with common name black-billed magpie.",
        "a photo of Öland's “Snabb” ödla 🦎",
        "写真",
        "",
        "a photo of " + "very " * 300 + "long text.",
    ]


def _check_refusals(encoder: Encoder, pixels: Pixels) -> None:
    wrong = {
        "one image without its batch": pixels[0],
        "another size": pixels[:, :-1],
        "four channels": np.concatenate([pixels, pixels[..., :1]], axis=3),
        "floats": pixels.astype(np.float32) / 255,
    }
    for what, array in wrong.items():
        try:
            encoder.embed_images(array)
        except (Mismatch, BadData):
            continue
        raise AssertionError(f"embed_images takes {what} ({array.dtype} {array.shape}) without Mismatch or BadData")


def _check_rows(what: str, vectors: Vectors, n: int, dim: int) -> None:
    _must(isinstance(vectors, np.ndarray), f"{what} gives {type(vectors).__name__}, not a NumPy array")
    _must(vectors.dtype == np.float32, f"{what} gives {vectors.dtype}, not float32")
    _must(vectors.shape == (n, dim), f"{what} gives shape {vectors.shape}, not {(n, dim)}")
    length = np.linalg.norm(vectors.astype(np.float64), axis=1)
    _must(bool(np.all(np.abs(length - 1.0) < 1e-5)), f"{what} gives rows of other lengths than 1: {length[:5]}")


def _same(what: str, given: Vectors, expected: Vectors) -> None:
    off = float(np.abs(given - expected).max())
    _must(off <= ROUNDING, f"{what} differs from all at once by {off:g}; at most {ROUNDING:g} is rounding")


def _apart(vectors: Vectors) -> bool:
    gram = vectors @ vectors.T
    return bool((gram - np.eye(len(gram))).max() < 1.0 - 1e-7)


def _must(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(f"not an encoder by contract: {message}")
