"""The faults of real collections, planted on purpose and written down: duplicates, wrong names, broken and blank files, blur, and pictures of no organism."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.drawn.organism import Style
from merian.drawn.sightings import SPECIMENS, collectors, key
from merian.drawn.world import DrawnTree, DrawSettings

__all__ = ["BROKEN", "PAGE_STYLES", "UNMARRED", "blank_frame", "break_file", "near_duplicate", "plant", "planted"]

Pixels = NDArray[np.uint8]

BROKEN = ("truncated", "zero bytes", "not an image")
"""The ways a file can be broken, planted in turn."""

PAGE_STYLES: dict[str, Style] = {
    "drawing": "drawing",
    "label": "label",
    "text page": "text page",
    "museum drawer": "drawer of many",
}
"""Faults that put another picture in the place of the organism's, and the style in which that is drawn. A "museum drawer" is a whole drawer of
many specimens; the style of that name is a photo of a single one, and no fault."""

UNMARRED: dict[str, pl.Expr] = {"fault": pl.lit("")} | dict.fromkeys(
    ("defocus_px", "smear_px", "smear_deg"), pl.lit(0.0)
)
"""Columns of an image without any fault of the picture."""

DEFOCUS_PX, SMEAR_PX = (3.2, 5.7), (14.0, 28.0)
"""Standard deviation of the blur of lenses out of focus, and length of shaken ones' smear, in pixels of a 96-px frame. Sound photos have
at most about 1.5 and 0; at the lower ends a person still sees that something is there and no longer what."""

NOT_AN_IMAGE = b"<!doctype html>\n<title>404 Not Found</title>\n<p>The picture that you asked for has moved.</p>\n"
"""What careless downloads save under the name of a picture."""

CONGENERS_FIRST = 0.6
"""Share of wrong labels that name a relative of the same family, as confusions do."""


def plant(table: pl.DataFrame, world: DrawnTree) -> pl.DataFrame:
    """`table` with the columns `fault`, `fault_of`, `given_tip` and `given_rank` added, and the rows of the planted duplicates.

    `fault_of` is the `occurrenceID` of a duplicate's original, or the true name behind a wrong label. `given_tip` and `given_rank`
    are the label: a species, cut off at genus or family for coarse ones. `defocus_px` is the standard deviation of the blur of a "blurred" image,
    or `smear_px` and `smear_deg` how far and where the camera moved. An image has one fault at most.
    """
    s = world.settings
    rng = stream(s.seed, "faults")
    organisms = np.flatnonzero((table["subject"] == "organism").to_numpy())
    counts, replaced = _wanted(s)
    total = sum(counts.values()) + sum(replaced.values())
    if total > len(organisms):
        raise BadSetting("duplicates, wrong_labels, ...", total, f"at most {len(organisms)} faults in all")
    order = table["occurrenceID"].arg_sort().to_numpy()
    # By occurrenceID, not by row: then the choice does not hang on the order in which species were planned.
    order = order[np.isin(order, organisms)]
    chosen = rng.permutation(order)[: sum(counts.values())]
    parts = dict(zip(counts, np.split(chosen, np.cumsum(list(counts.values()))[:-1]), strict=True))

    fault = np.full(len(table), "", dtype=object)
    fault_of = np.full(len(table), "", dtype=object)
    given = table["tip"].to_numpy(writable=True).astype(np.float64)
    rank = np.where(np.isnan(given), "", "species").astype(object)
    fault[parts["wrong label"]] = "wrong label"
    fault[parts["blank"]] = "blank"
    for k, i in enumerate(parts["broken"]):
        fault[i] = BROKEN[k % len(BROKEN)]
    for k, i in enumerate(parts["coarse"]):
        rank[i] = ("genus", "family")[k % 2]
    names = table["scientificName"].to_list()
    for i in parts["wrong label"]:
        fault_of[i] = names[i]
        given[i] = _mistaken(world.species, int(given[i]), rng)
    labels = pl.DataFrame(
        {
            "fault": fault.tolist(),
            "fault_of": fault_of.tolist(),
            "given_tip": pl.Series(given).fill_nan(None).cast(pl.Int32),
            "given_rank": rank.tolist(),
        }
    )
    table = pl.concat([table, labels], how="horizontal")
    spared = set(parts["exact duplicate"].tolist()) | set(parts["near duplicate"].tolist())
    table = _spoil(table, order[~np.isin(order, list(spared))], replaced, s.seed)
    people = collectors(s.seed)
    copies = [_copies(table[parts[f].tolist()], f, s.seed, people) for f in ("exact duplicate", "near duplicate")]
    return pl.concat([table, *copies])


def _wanted(s: DrawSettings) -> tuple[dict[str, int], dict[str, int]]:
    """How many images get each fault: those that share one stream, in its order, and those with a stream of their own."""
    first = {
        "wrong label": s.wrong_labels,
        "broken": s.broken,
        "blank": s.blank,
        "coarse": s.coarse_labels,
        "exact duplicate": s.duplicates,
        "near duplicate": s.near_duplicates,
    }
    later = {
        "blurred": s.blurred,
        "drawing": s.drawings,
        "label": s.labels,
        "text page": s.text_pages,
        "museum drawer": s.drawers,
    }
    one, two = ({fault: round(s.images * share) for fault, share in kinds.items()} for kinds in (first, later))
    return one, two


def _spoil(table: pl.DataFrame, order: NDArray[np.int64], counts: dict[str, int], seed: int) -> pl.DataFrame:
    """`table` with the faults of `counts` planted among the rows of `order` that have none yet, each kind from a stream of its own.

    Specimens' records become labels and pages, insects' drawers, photos drawings; when those are too few, any record not of a camera trap.
    """
    fault = table["fault"].to_numpy().astype(object)
    style, plan = table["style"].to_numpy().astype(object), table["plan"].to_numpy().astype(object)
    sound = (table["fault"] == "").to_numpy() & (table["given_rank"] == "species").to_numpy()
    specimen = np.isin(style, SPECIMENS)
    pinned = (style == "museum drawer") & np.isin(plan, ("beetle", "butterfly", "bird"))
    first = {"drawing": style == "close-up", "label": specimen, "text page": specimen, "museum drawer": pinned}
    marks = np.zeros((len(table), 3))
    for kind, wanted in counts.items():
        rng = stream(seed, "faults", kind)
        free = rng.permutation(order[sound[order]])
        if kind != "blurred":
            free = free[~np.isin(style[free], ("camera trap day", "camera trap infrared"))]
            free = np.concatenate([free[first[kind][free]], free[~first[kind][free]]])
        if len(free) < wanted:
            raise BadSetting(f"the share of {kind!r}", wanted, f"at most {len(free)} images that have no other fault")
        chosen = free[:wanted]
        fault[chosen], sound[chosen] = kind, False
        for i in chosen.tolist() if kind == "blurred" else ():
            shaken, amount = rng.random() < 0.5, float(rng.random())
            low, high = SMEAR_PX if shaken else DEFOCUS_PX
            value = round(low + amount * (high - low), 2)
            marks[i] = (0.0, value, round(float(rng.uniform(0, 180)), 1)) if shaken else (value, 0.0, 0.0)
    names = ("defocus_px", "smear_px", "smear_deg")
    return table.with_columns(
        pl.Series("fault", fault.tolist(), dtype=pl.String),
        *(pl.Series(name, marks[:, k], dtype=pl.Float64) for k, name in enumerate(names)),
    )


def _mistaken(species: pl.DataFrame, tip: int, rng: np.random.Generator) -> int:
    """Another species that `tip` could be mistaken for: mostly of its family, else of its plan, else any."""
    plan, family = species["plan"].to_numpy(), species["family"].to_numpy()
    others = np.arange(len(species)) != tip
    kin, same = others & (family == family[tip]), others & (plan == plan[tip])
    pool = kin if kin.any() and rng.random() < CONGENERS_FIRST else same if same.any() else others
    return int(rng.choice(np.flatnonzero(pool)))


def _copies(originals: pl.DataFrame, fault: str, seed: int, people: list[str]) -> pl.DataFrame:
    """The rows of duplicates: the same picture sent in once more, by someone else, as an event of its own."""
    ids = originals["occurrenceID"].to_list()
    senders = [people[int(stream(seed, fault, i).integers(len(people)))] for i in ids]
    return originals.with_columns(
        pl.Series("occurrenceID", [key(seed, fault, i) for i in ids], dtype=pl.String),
        pl.Series("eventID", [key(seed, fault, "event", i) for i in ids], dtype=pl.String),
        pl.Series("recorded_by", senders, dtype=pl.String),
        pl.lit(fault).alias("fault"),
        pl.Series("fault_of", ids, dtype=pl.String),
    )


def near_duplicate(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The image [s, s, 3] slightly cropped, turned and brightened, as a second export of the same photo would be."""
    side = len(pixels)
    angle = np.radians(rng.uniform(-2.5, 2.5))
    zoom = rng.uniform(0.90, 0.97)
    gain = rng.uniform(0.92, 1.08)
    shift = rng.uniform(-0.02, 0.02, 2) * side
    centre = (side - 1) / 2.0
    y, x = np.meshgrid(np.arange(side) - centre, np.arange(side) - centre, indexing="ij")
    u = np.clip(zoom * (np.cos(angle) * x - np.sin(angle) * y) + centre + shift[0], 0, side - 1.001)
    v = np.clip(zoom * (np.sin(angle) * x + np.cos(angle) * y) + centre + shift[1], 0, side - 1.001)
    i, j = v.astype(np.int64), u.astype(np.int64)
    down, right = (v - i)[..., None], (u - j)[..., None]
    image = pixels.astype(np.float64)
    top = image[i, j] * (1 - right) + image[i, j + 1] * right
    bottom = image[i + 1, j] * (1 - right) + image[i + 1, j + 1] * right
    turned = top * (1 - down) + bottom * down
    return np.asarray(np.clip(np.rint(gain * turned), 0, 255), dtype=np.uint8)


def blank_frame(side: int, rng: np.random.Generator) -> Pixels:
    """A frame [side, side, 3] of one colour and a little sensor noise: a lens cap, a fogged lens, an empty drawer."""
    colour = rng.uniform(5, 250) + rng.uniform(-6, 6, 3)
    noisy = colour + 1.2 * rng.standard_normal((side, side, 3))
    return np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8)


def break_file(data: bytes, fault: str, rng: np.random.Generator) -> bytes:
    """The bytes of a file with the `fault` of `BROKEN`: cut short, none at all, or those of a web page."""
    if fault == "truncated":
        return data[: max(2, int(len(data) * rng.uniform(0.2, 0.7)))]
    return b"" if fault == "zero bytes" else NOT_AN_IMAGE


def planted(table: pl.DataFrame) -> dict[str, int]:
    """How many images have each fault, by its name."""
    counted = table.filter(pl.col("fault") != "").group_by("fault").len().sort("fault")
    return dict(counted.iter_rows())
