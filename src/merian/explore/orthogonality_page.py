"""The three-dimensional figure of variation within and between species as one HTML file that can be turned by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from merian.explore.atlas_page import page
from merian.explore.orthogonality import Panel

__all__ = ["MOST", "orthogonality_page"]

MOST = 20_000
"""More images than this are thinned evenly on the page; the means are of all."""


def orthogonality_page(panel: Panel, title: str, subtitle: str = "") -> str:
    """The page of a panel: drag or use the arrow keys to turn it; the legend shows species alone. Nothing is fetched; the same panel gives the same bytes."""
    from merian.explore.plots.colour import GREY, NIGHT, NIGHT_GREY, PIGMENTS
    from merian.explore.plots.orthogonal import TURN_DEG, UP_DEG, scaled, told

    points, means, half = scaled(panel)
    counts = np.bincount(panel.of_species, minlength=len(panel.species))
    order = np.lexsort((np.arange(len(counts)), -counts))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    chosen = np.unique(np.linspace(0, len(points) - 1, min(len(points), MOST)).astype(np.int64))
    data: dict[str, Any] = {
        "points": np.round(points[chosen], 4).tolist(),
        "species": place[panel.of_species[chosen]].tolist(),
        "variant": panel.of_variant[chosen].tolist(),
        "names": [panel.species[s] for s in order],
        "counts": counts[order].tolist(),
        "variants": list(panel.variants),
        "means": [[None if np.isnan(m[0]) else np.round(m, 4).tolist() for m in means[s]] for s in order],
        "half": np.round(half, 4).tolist(),
        "turn": TURN_DEG,
        "up": UP_DEG,
        "day": {"pigments": list(PIGMENTS.values()), "grey": GREY},
        "night": {"pigments": list(NIGHT.values()), "grey": NIGHT_GREY},
    }
    words = {"title": title, "subtitle": subtitle, "caption": told(panel)}
    return page("orthogonality.html.j2", ("turn.js",), data, words)
