"""Whether maps lie where the organism is, and say what the model does: on drawn organisms, whose outline is known to the pixel.

For photos of a catalog of drawn organisms (`merian draw`, `merian curate`; one photo a species, so that the interval is over species), the map of the model's
first answer, or with --against of what tells it from the second, by each method:

- points inside: the highest place lies on the organism (chance: a random place of the photo; a blob in the middle)
- inside: share of the positive values on the organism (chance: its share of the photo)
- gap: insertion less deletion (`merian.explore.explain.faithful`), and how often it is larger than that of a blob in the middle, and than the median
  map of chance

    .venv/bin/python bench/saliency.py --source tour/source --catalog tour/catalog --model tour/model [--photos 40] [--methods occlusion,gradient] [--against]
"""

from __future__ import annotations

import argparse
import json
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
from merian.explore.explain.faithful import centre_map, chance_maps, faithful, inside_share, points_inside
from merian.explore.explain.saliency import Lens, Occlusion, open_lens
from merian.identify import Identifier

SOLID = 128
"""From this opacity on a pixel is the organism's."""
REPLICATES = 2000


def main() -> None:
    """Measure, then print a row for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "catalog", "model"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--against", action="store_true")
    parser.add_argument("--methods", default="occlusion,occlusion mean,gradient,attention")
    given = parser.parse_args()
    identifier = Identifier.open(given.model)
    lenses = {name: lens_of(name, identifier) for name in given.methods.split(",")}
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*lenses, "blob in the middle", "chance")}
    for number, (pixels, mask) in enumerate(photos(given.source, given.catalog, given.split, given.photos, identifier)):
        measure((pixels, mask, number), identifier, lenses, rows, given.against)
    print(f"{len(rows['chance'])} photos; the organism fills {np.mean([row[3] for row in rows['chance']]):.1%} of one")
    print(f"{'method':<22}{'points inside':>26}{'inside':>26}{'gap':>30}{'> middle':>12}{'> chance':>12}")
    for name, found in rows.items():
        values = np.array(found)
        cells = [told(values[:, column]) for column in range(3)]
        beats = [f"{values[:, column].mean():.0%}" if np.isfinite(values[:, column]).all() else "" for column in (4, 5)]
        print(f"{name:<22}{cells[0]:>26}{cells[1]:>26}{cells[2]:>30}{beats[0]:>12}{beats[1]:>12}")


def lens_of(name: str, identifier: Identifier) -> Lens:
    """The lens of a method; "occlusion mean" fills with the mean colour."""
    method, _, fill = name.partition(" ")
    return open_lens(method, identifier.encoder, Occlusion(fill="mean" if fill == "mean" else "blur"))


def measure(
    photo: tuple[Pixels, np.ndarray, int],
    identifier: Identifier,
    lenses: dict[str, Lens],
    rows: dict[str, list[tuple[float, ...]]],
    against: bool,
) -> None:
    """Add to each method's row what one photo says: points inside, inside, gap, area, whether the gap beats the middle and the median of chance."""
    pixels, mask, number = photo
    head, encoder = identifier.head, identifier.encoder
    order = np.argsort(-head.probabilities(encoder.embed_images(pixels[None]))[0])
    best, second = np.asarray(head.vectors[order[:2]], np.float32)
    direction = (best - second if against else best)[None]
    maps = np.concatenate([lens(pixels, direction, [against]).values for lens in lenses.values()])
    rng = stream(0, "bench", "saliency", number)
    found = faithful(encoder, pixels, maps, np.repeat(direction, len(maps), 0), rng)
    area, middle, chance = mask.mean(), found[0].centre, float(np.median(found[0].chance))
    for name, values, test in zip(lenses, maps, found, strict=True):
        inside = (points_inside(values, mask), inside_share(values, mask))
        rows[name].append((*inside, test.gap, area, test.gap > middle, test.gap > chance))
    blob = centre_map(len(pixels))
    held = points_inside(blob, mask), inside_share(blob, mask)
    rows["blob in the middle"].append((*held, middle, area, np.nan, middle > chance))
    drawn = chance_maps(len(pixels), 9, stream(0, "bench", "saliency chance", number))
    held = np.mean([points_inside(m, mask) for m in drawn]), np.mean([inside_share(m, mask) for m in drawn])
    rows["chance"].append((*held, found[0].chance.mean(), area, np.nan, np.nan))


def told(values: np.ndarray) -> str:
    """The mean of values, one a species, with its 95 % bootstrap interval."""
    values = values[np.isfinite(values)]
    drawn = stream(0, "bench", "bootstrap").integers(len(values), size=(REPLICATES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def photos(
    source: Path, catalog: Path, split: str, count: int, identifier: Identifier
) -> Iterator[tuple[Pixels, np.ndarray]]:
    """Photos as the encoder sees them, each of another species, and where the organism is [s, s]."""
    settings = json.loads((source / "manifest.json").read_text())["settings"]
    plan = plan_images(draw_tree(load(DrawSettings, None, {k: v for k, v in settings.items() if v is not None})))
    clean = (pl.col("subject") == "organism") & (pl.col("fault") == "") & pl.col("style").is_in(list(FILL))
    opened = Catalog.open(catalog)
    rows = opened.kept(split).join(plan.filter(clean), left_on="id", right_on="occurrenceID", how="inner")
    rows = rows.unique("taxon", keep="first", maintain_order=True).head(count)
    look = identifier.encoder.preprocess
    for row, data in zip(rows.iter_rows(named=True), opened.images(rows), strict=True):
        figure = pose(shot_of(row), organism_of(row), look.size)
        assert figure is not None
        mask = figure.image.toarray()[..., 3] >= SOLID
        if mask.any():
            yield decode(data, look), mask


if __name__ == "__main__":
    main()
