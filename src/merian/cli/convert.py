"""`merian models convert`: a model that opens faster, in half the bytes, or computes in eight bits; and how well it agrees."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from cyclopts import Parameter

from merian.cli.say import path_of, say
from merian.core.errors import BadData, BadSetting, Missing

if TYPE_CHECKING:
    from merian.encode import Pixels, Preprocess
    from merian.identify import Head

__all__ = ["Conversion", "converted"]

CALIBRATING, COMPARED = 128, 256
"""Photos on which the ranges of eight-bit numbers are found, and others on which the agreement is measured."""
LEAST = 8


Kind = Annotated[
    Literal["fp32", "bf16", "int8"],
    Parameter(
        help="For convert: fp32 (all numbers, opens faster), bf16 (half the bytes) or int8 (a quarter, and the fastest on most processors)."
    ),
]
Photos = Annotated[
    Path | None,
    Parameter(
        help="For convert: a folder of photos like those to be named, or a catalog. With int8 some find the ranges of the numbers; others tell how well the "
        "answers agree. Drawn organisms when none is named."
    ),
]
Output = Annotated[
    Path | None,
    Parameter(
        name=["--output", "-o"],
        help="For convert: a folder for the model; otherwise it is kept in the cache, where --precision of other verbs finds it.",
    ),
]
InTaxa = Annotated[
    Path | None, Parameter(help="For convert: taxa in which the agreement is told, when the model has none of its own.")
]


@Parameter(name="*", help="How `merian models convert` makes a model.")
@dataclass(frozen=True)
class Conversion:
    """How `merian models convert` makes a model."""

    precision: Kind = "int8"
    photos: Photos = None
    output: Output = None
    taxa: InTaxa = None


def converted(name: str, how: Conversion) -> None:
    """Convert the model and say how well it agrees with what it was made of. Raises BadData for too few photos, and what `merian.encode.convert` does."""
    from merian.encode import open_encoder
    from merian.encode.convert import convert, note
    from merian.encode.folder import read_folder
    from merian.encode.hub import resolve
    from merian.encode.openvino import converted_place
    from merian.identify import HEADS
    from merian.identify.agreement import agreement

    model = resolve(name)
    folder = read_folder(model)
    out = how.output or converted_place(folder, how.precision)
    if out.exists() and not (out / "image.xml").is_file():
        raise BadSetting("output", str(out), "is there and no converted model; name a new folder")
    exact = open_encoder(model, "openvino", "fp32")
    calibrating = CALIBRATING if how.precision == "int8" else 0
    pixels = _photos(how.photos, calibrating + COMPARED, exact.preprocess)
    source = "drawn organisms" if how.photos is None else "photos"
    cut = len(pixels) * calibrating // (calibrating + COMPARED)
    if cut:
        say(f"finding the ranges of the numbers on {cut} {source} ...")
    made = convert(model, out, how.precision, pixels[:cut])
    # what is kept in the cache is opened by the model's own name, with its own heads
    for own in HEADS if how.output else ():
        if (model / own).is_dir():
            shutil.copytree(model / own, out / own)
    fast = open_encoder(made.path)
    told = agreement(exact, fast, pixels[cut:], _head(Path(name), how.taxa))
    note(out, asdict(told) | {"calibrated_on": cut, "source": source})
    size = sum(path.stat().st_size for path in out.glob("*.bin")) / 1e6
    before = sum(path.stat().st_size for path in model.glob("open_clip_model.safetensors")) / 1e6
    say(f"{path_of(out)}  {size:,.0f} MB; the model's weights have {before:,.0f}")
    say(f"on {told.photos} {source}: cosine to fp32 at least {told.least_cosine:.5f}, median {told.median_cosine:.5f}")
    if told.same:
        shares = ", ".join(f"{rank} {count / told.photos:.1%}" for rank, count in reversed(told.same.items()))
        say(
            f"the same best of {told.labels:,} taxa: {shares}; probabilities differ by at most {told.largest_change:.3f}"
        )
    else:
        say("how often the best taxon is the same was not measured: the model has no taxa; name some with --taxa")
    how_to = f"--model {out}" if how.output else f"--model {name} --precision {how.precision}"
    say(f"use it with: merian identify PHOTO {how_to}")


def _head(model: Path, taxa: Path | None) -> Head | None:
    """The labels in which answers are compared: those of `taxa`, or the model's own; None when it has none here."""
    from merian.identify import Identifier

    try:
        return Identifier.open(model, taxa, "openvino", precision="fp32").head
    except Missing:
        if taxa is not None:
            raise
        return None


def _photos(folder: Path | None, count: int, look: Preprocess) -> Pixels:
    """`count` photos `uint8 [n, s, s, 3]` of a folder, or drawn, in an order of chance."""
    from merian.cli.photos import expand
    from merian.core.chance import stream
    from merian.encode import decode_many

    if folder is None:
        return _drawn(count, look)
    if (folder / "catalog.parquet").is_file():
        return _catalogued(folder, count, look)
    paths = expand([folder]).paths
    order = stream(0, "convert", "photos").permutation(len(paths))[:count]
    pixels = decode_many([paths[at] for at in order], look).pixels
    if len(pixels) < LEAST:
        raise BadData(folder, f"has {len(pixels)} readable photos; at least {LEAST} are needed, {count} are better")
    return pixels


def _catalogued(folder: Path, count: int, look: Preprocess) -> Pixels:
    """`count` training images of a catalog."""
    from merian.core.chance import stream
    from merian.core.tables import Catalog
    from merian.encode import decode_many

    catalog = Catalog.open(folder)
    rows = catalog.kept("train")
    rows = rows[np.sort(stream(0, "convert", "photos").permutation(len(rows))[:count]).tolist()]
    if len(rows) < LEAST:
        raise BadData(folder, f"has {len(rows)} images to train on; at least {LEAST} are needed, {count} are better")
    pixels = decode_many(list(catalog.images(rows)), look).pixels
    return pixels[stream(0, "convert", "order").permutation(len(pixels))]


def _drawn(count: int, look: Preprocess) -> Pixels:
    from merian.core import progress
    from merian.drawn.scene import encode_jpeg, render
    from merian.drawn.shots import organism_of, plan_images, shot_of
    from merian.drawn.world import DrawSettings, draw_tree
    from merian.encode import decode

    rows = plan_images(draw_tree(DrawSettings(species=64, images=2 * count))).sample(count, seed=0).rows(named=True)
    pixels = []
    with progress.track("Drawing photos", count, "photos") as advance:
        for row in rows:
            pixels.append(decode(encode_jpeg(render(shot_of(row), organism_of(row), look.size)), look))
            advance(1)
    return np.stack(pixels)
