"""Figures in one style, as SVG text: paper, ink, pigments, a book's serif. The only home of matplotlib. The same data give the same bytes."""

from merian.explore.plots.accuracy import clade_accuracy
from merian.explore.plots.charts import (
    Bar,
    agreement,
    curve,
    densities,
    grouped_bars,
    growth,
    points,
    reliability_diagram,
)
from merian.explore.plots.colour import INK, PAPER, PIGMENTS, RAMP
from merian.explore.plots.layouts import by_clade, by_place, by_value, thumbnail_plate, with_thumbnails
from merian.explore.plots.leaves import leaf_scatter
from merian.explore.plots.orthogonal import orthogonality
from merian.explore.plots.traits import species_axis
from merian.explore.plots.trees import tanglegram

__all__ = [
    "INK",
    "PAPER",
    "PIGMENTS",
    "RAMP",
    "Bar",
    "agreement",
    "by_clade",
    "by_place",
    "by_value",
    "clade_accuracy",
    "curve",
    "densities",
    "grouped_bars",
    "growth",
    "leaf_scatter",
    "orthogonality",
    "points",
    "reliability_diagram",
    "species_axis",
    "tanglegram",
    "thumbnail_plate",
    "with_thumbnails",
]
