"""Whether maps say what the model does, and lie where the organism is: each method beside maps without knowledge, on real photos or on drawn organisms.

Of photos of a catalog, one a taxon and the data sets in turn, so that intervals are over taxa, the maps of two questions by each method: what speaks for the
model's first answer, and what tells it from the second.

- gap: insertion less deletion (`merian.explore.explain.faithful`), and in how many photos it is larger than that of a blob in the middle, and than the median
  of nine maps of chance
- with --source, the folder that `merian draw` made and the catalog was curated from, whose outlines are known to the pixel, also points inside: the highest
  place lies on the organism (chance: a random place), and inside: the share of the positive values on it (chance: its share of the photo)

    .venv/bin/python bench/saliency.py --catalog work/catalog --model pocket [--photos 60] [--methods occlusion,gradient]
    .venv/bin/python bench/saliency.py --catalog work/drawn-catalog --model work/drawn-model --source work/drawn --photos 40
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.core.settings import load
from merian.core.tables import Catalog
from merian.drawn.scene import FILL, pose
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.world import DrawSettings, draw_tree
from merian.encode import Pixels, decode
from merian.evaluate.filters import wilson
from merian.explore.explain.faithful import centre_map, chance_maps, faithful, inside_share, points_inside
from merian.explore.explain.saliency import Lens, Occlusion, open_lens
from merian.identify import Identifier

SOLID = 128
"""From this opacity on a pixel is the organism's."""
REPLICATES = 2000
QUESTIONS = ("what speaks for the first answer", "what tells it from the second")
COLUMNS = ("gap", "> middle", "> chance", "points inside", "inside")
MIDDLE, CHANCE = "a blob in the middle", "chance"
Rows = dict[tuple[str, str], list[tuple[float, ...]]]


def main() -> None:
    """Measure, then print a table for each question, with a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("catalog", "model"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--methods", default="occlusion,occlusion mean")
    given = parser.parse_args()
    identifier = Identifier.open(given.model)
    lenses = {name: lens_of(name, identifier) for name in given.methods.split(",")}
    rows: Rows = defaultdict(list)
    sets: list[str] = []
    for source, pixels, mask in photos(
        Catalog.open(given.catalog), given.split, given.photos, given.source, identifier
    ):
        measure((pixels, mask, len(sets)), identifier, lenses, rows)
        sets.append(source)
    for question in QUESTIONS:
        tell(question, rows, [*lenses, MIDDLE, CHANCE])
    print("\nThe same by data set: gap by the first method, larger than a blob's in")
    for question in QUESTIONS:
        values = np.array(rows[question, next(iter(lenses))])
        for source in sorted(set(sets)):
            own = values[np.array(sets) == source]
            print(f"  {question:<34}{source:<28}{told(own[:, 0], 3):>26}{told(own[:, 1]):>26}   {len(own)} photos")


def lens_of(name: str, identifier: Identifier) -> Lens:
    """The lens of a method; "occlusion mean" fills with the mean colour."""
    method, _, fill = name.partition(" ")
    return open_lens(method, identifier.encoder, Occlusion(fill="mean" if fill == "mean" else "blur"))


def measure(
    photo: tuple[Pixels, np.ndarray | None, int], identifier: Identifier, lenses: dict[str, Lens], rows: Rows
) -> None:
    """Add to the rows of each question and method what one photo says, in COLUMNS; nan for what is not known of it."""
    pixels, mask, number = photo
    head, encoder = identifier.head, identifier.encoder
    order = np.argsort(-head.probabilities(encoder.embed_images(pixels[None]))[0])
    best, second = np.asarray(head.vectors[order[:2]], np.float32)
    asked = np.stack([best, best - second])
    maps = np.concatenate([lens(pixels, asked, [False, True]).values for lens in lenses.values()])
    rng = stream(0, "bench", "saliency", number)
    found = faithful(encoder, pixels, maps, np.tile(asked, (len(lenses), 1)), rng)
    blob, drawn = centre_map(len(pixels))[None], chance_maps(len(pixels), 9, stream(0, "bench", "chance", number))
    for part, question in enumerate(QUESTIONS):
        own = found[part]
        middle, chance = own.centre, float(np.median(own.chance))
        for place, name in enumerate(lenses):
            one = 2 * place + part
            gap = found[one].gap
            rows[question, name].append((gap, gap > middle, gap > chance, *lying(maps[one : one + 1], mask)))
        rows[question, MIDDLE].append((middle, np.nan, middle > chance, *lying(blob, mask)))
        rows[question, CHANCE].append((float(own.chance.mean()), np.nan, np.nan, *lying(drawn, mask)))


def lying(maps: np.ndarray, mask: np.ndarray | None) -> tuple[float, float]:
    """Points inside and inside, the mean over maps [m, s, s]; nan without a mask [s, s]."""
    if mask is None:
        return np.nan, np.nan
    return float(np.mean([points_inside(m, mask) for m in maps])), float(np.mean([inside_share(m, mask) for m in maps]))


def tell(question: str, rows: Rows, names: list[str]) -> None:
    """Print the table of one question."""
    known = ~np.isnan(np.array([rows[question, name] for name in names])).all((0, 1))
    columns = [column for column, has in enumerate(known) if has]
    print(f"\n{question}, {len(rows[question, CHANCE])} photos")
    print(f"{'':<24}" + "".join(f"{COLUMNS[column]:>26}" for column in columns))
    for name in names:
        values = np.array(rows[question, name])
        print(f"{name:<24}" + "".join(f"{told(values[:, column], 3 * (column == 0)):>26}" for column in columns))


def told(values: np.ndarray, digits: int = 0) -> str:
    """The mean of values, one a taxon, with its 95 % interval: plain with so many digits, else in percent. "" where none is known.

    The interval is Wilson's where all values are 0 or 1, else a bootstrap's.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    if not digits and np.isin(values, (0, 1)).all():
        low, high = wilson(int(values.sum()), len(values))
        return f"{values.mean():.1%} ({100 * low:.1f} to {100 * high:.1f})"
    drawn = stream(0, "bench", "bootstrap").integers(len(values), size=(REPLICATES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    if digits:
        return f"{values.mean():.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
    return f"{values.mean():.1%} ({100 * low:.1f} to {100 * high:.1f})"


def photos(
    catalog: Catalog, split: str, count: int, drawn: Path | None, identifier: Identifier
) -> Iterator[tuple[str, Pixels, np.ndarray | None]]:
    """Photos as the encoder sees them, each of another taxon and the data sets in turn, with the data set and, of drawn ones, where the organism is [s, s]."""
    rows, look = catalog.kept(split), identifier.encoder.preprocess
    if drawn is not None:
        settings = json.loads((drawn / "manifest.json").read_text())["settings"]
        plan = plan_images(draw_tree(load(DrawSettings, None, {k: v for k, v in settings.items() if v is not None})))
        clean = (pl.col("subject") == "organism") & (pl.col("fault") == "") & pl.col("style").is_in(list(FILL))
        rows = rows.join(plan.filter(clean), left_on="id", right_on="occurrenceID", how="inner")
    rows = rows.unique(["source", "taxon"], keep="first", maintain_order=True)
    rows = rows.with_columns(pl.int_range(pl.len()).over("source").alias("_turn")).sort("_turn", maintain_order=True)
    rows = rows.head(count)
    for row, data in zip(rows.iter_rows(named=True), catalog.images(rows), strict=True):
        mask = None
        if drawn is not None:
            figure = pose(shot_of(row), organism_of(row), look.size)
            if figure is None or not (mask := figure.image.toarray()[..., 3] >= SOLID).any():
                continue
        yield row["source"], decode(data, look), mask


if __name__ == "__main__":
    main()
