"""The filters of curation as one table: each with its reason, its knobs, and an expression over columns that were measured once.

Thresholds can be changed and the table run again without decoding an image. Every filter sees only the rows that those above it let pass, so the first reason
wins, and "the first of its copies" means the first that is otherwise good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

from merian.core.settings import knob
from merian.curate.licences import allowed

__all__ = ["FILTERS", "Filter", "FilterSettings", "counts", "refusals"]


@dataclass(frozen=True, kw_only=True)
class FilterSettings:
    """Which images are refused."""

    min_side: int = knob(32, "Refuse images whose shorter side is below this", unit="px", ge=1, le=4096)
    max_side: int = knob(20_000, "Refuse images whose longer side is above this", unit="px", ge=64, le=65_535)
    min_contrast: float = knob(
        3.0,
        "Refuse near-uniform images: standard deviation of the brightness (0-255) of the image at 32 x 32 below this",
        ge=0,
        le=128,
    )
    min_sharpness: float = knob(
        0.15,
        "Refuse blurred images: sharpness from 0 to about 1, measured at 224 x 224, below this; 0: off",
        ge=0,
        le=1,
        source="docs/numbers.md; after Crete et al. 2007",
    )
    licences: str = knob(
        "any", 'Licences to keep: "any", "known", "open", "commercial", "derivatives", or a list of these and of ids'
    )
    animals: Literal["keep", "drop empties", "crop"] = knob(
        "drop empties",
        "Where a detector looked: keep all frames, refuse those without an animal, or make each animal's box a sample",
    )
    people: Literal["keep", "drop", "blur"] = knob(
        "drop", "Where a detector saw a person: keep the image, refuse it, or blur the whole person"
    )
    detection_threshold: float = knob(
        0.2, "Confidence from which a detector's box counts", ge=0, le=1, source="MegaDetector's typical threshold"
    )
    crop_margin: float = knob(
        0.1, "With animals = crop: widen each box by this share of its sides", ge=0, le=1, source="from taste"
    )
    duplicates: bool = knob(True, "Refuse an image whose bytes an earlier row has too")
    kind_certainty: float = knob(
        0.8,
        "With examples of unwanted kinds (support): refuse an image from this probability on; 1: off",
        ge=0.5,
        le=1,
    )
    near_difference: float = knob(
        4.0,
        "Refuse a near duplicate: laid upon an earlier image, no patch of it differs by more than this; 0: off",
        unit="grey levels",
        ge=0,
        le=64,
        source="docs/numbers.md",
    )
    near_radius: int = knob(
        31,
        "Also compare images whose fingerprints differ in at most so many of 256 bits; -1: only the most alike ones",
        unit="bits",
        ge=-1,
        le=64,
        source="Facebook 2019, PDQ",
    )
    near_cosine: float = knob(
        0.0,
        "Refuse an image whose embedding has this cosine to an earlier one's (of --model, else of a descriptor without weights); 0: off",
        ge=0,
        le=1,
        source="SemDeDup: Abbas et al. 2023, arXiv:2303.09540",
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """One line of the table."""

    reason: str
    """What a refused row says; for `kind` the name of the kind."""
    needs: tuple[str, ...]
    """Columns that it looks at; without them it refuses nothing."""
    knobs: tuple[str, ...]
    """Settings that switch and tune it."""
    refuses: Callable[[FilterSettings], pl.Expr | None]
    """The settings -> whether a row is refused (null: no); None when it is switched off."""
    says: str = ""
    """The column that holds the reason, when it is not one for all."""


def _licence(s: FilterSettings) -> pl.Expr | None:
    if s.licences == "any":
        return None
    return pl.col("licence").map_batches(lambda given: ~allowed(given, s.licences), return_dtype=pl.Boolean)


def _certain(s: FilterSettings) -> pl.Expr | None:
    return pl.col("kind_probability") >= s.kind_certainty if s.kind_certainty < 1 else None


FILTERS = (
    Filter(
        "person",
        ("person",),
        ("people", "detection_threshold"),
        lambda s: pl.col("person") >= s.detection_threshold if s.people == "drop" else None,
    ),
    Filter(
        "no animal found",
        ("animal",),
        ("animals", "detection_threshold"),
        lambda s: pl.col("animal") < s.detection_threshold if s.animals != "keep" else None,
    ),
    Filter("licence not allowed", ("licence",), ("licences",), _licence),
    Filter(
        "too small", ("width", "height"), ("min_side",), lambda s: pl.min_horizontal("width", "height") < s.min_side
    ),
    Filter(
        "too large", ("width", "height"), ("max_side",), lambda s: pl.max_horizontal("width", "height") > s.max_side
    ),
    Filter(
        "blank",
        ("contrast",),
        ("min_contrast",),
        lambda s: pl.col("contrast") < s.min_contrast if s.min_contrast > 0 else None,
    ),
    Filter(
        "blurred",
        ("sharpness",),
        ("min_sharpness",),
        lambda s: pl.col("sharpness") < s.min_sharpness if s.min_sharpness > 0 else None,
    ),
    Filter(
        "duplicate bytes",
        ("hash",),
        ("duplicates",),
        lambda s: pl.col("hash").is_not_null() & ~pl.col("hash").is_first_distinct() if s.duplicates else None,
    ),
    Filter("kind", ("kind", "kind_probability"), ("kind_certainty",), _certain, says="kind"),
    Filter(
        "near duplicate",
        ("copy_of",),
        ("near_difference", "near_radius"),
        lambda s: pl.col("copy_of").is_not_null() if s.near_difference > 0 else None,
    ),
    Filter(
        "near duplicate by embedding",
        ("like",),
        ("near_cosine",),
        lambda s: pl.col("like").is_not_null() if s.near_cosine > 0 else None,
    ),
)
"""The filters in the order in which they are asked."""


def refusals(rows: pl.DataFrame, settings: FilterSettings) -> pl.Series:
    """The reason of each of `rows`, null for those that are kept: its own `reason` if it has one, else that of the first filter that refuses it.

    Columns: `person`, `animal` (confidences of the surest boxes, null where no detector looked), `licence`, `width`, `height`, `contrast`, `sharpness`, `hash`,
    `kind`, `kind_probability`, `copy_of`, `like` (the id of the row that it is a near duplicate of; null: of none). Filters whose columns are missing
    are passed over, so that the table can be run again as columns come in.
    """
    own = rows["reason"].cast(pl.String) if "reason" in rows.columns else pl.Series([None] * len(rows), dtype=pl.String)
    rows = rows.with_columns(own.alias("reason"))
    for line in FILTERS:
        refused = line.refuses(settings)
        if refused is None or not set(line.needs) <= set(rows.columns):
            continue
        left = rows.filter(pl.col("reason").is_null())
        out = left.select(refused.fill_null(False)).to_series()
        said = left[line.says].filter(out) if line.says else pl.Series([line.reason] * int(out.sum()), dtype=pl.String)
        rows = rows.with_columns(rows["reason"].scatter(rows["reason"].is_null().arg_true().filter(out), said))
    return rows["reason"]


def counts(reasons: pl.Series) -> pl.DataFrame:
    """How many rows each reason refused: `reason`, `images`, the commonest first."""
    found = reasons.drop_nulls().value_counts(name="images")
    return found.rename({found.columns[0]: "reason"}).sort(["images", "reason"], descending=[True, False])
