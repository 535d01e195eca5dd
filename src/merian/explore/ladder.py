"""A data ladder (`merian train --ladder`) read back: how accuracy goes with the number of images, as numbers and as a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from merian.core.errors import BadData, Missing
from merian.core.report import Number, Report

__all__ = ["GROUP", "Line", "climbed", "figure"]

GROUP = "Data ladder"
SERIES = {"val_accuracy": "among all taxa", "val_accuracy_known": "taxa it was shown, among those"}
"""Numbers of a step -> what the figure calls them."""


Line = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def climbed(path: Path) -> tuple[list[Number], dict[str, Line]]:
    """The steps' accuracies and what ten times the images gave, from a ladder.json; and the lines of the figure: name -> images, shares.

    The gain is the slope of a straight line through accuracy over log10 of the images (least squares), told of two steps or more. Raises Missing and
    BadData for what is no report of a ladder.
    """
    if not path.is_file():
        raise Missing("the report of a ladder", path, "make it with: merian train CATALOG OUT --ladder 5%,25%,100%")
    steps = []
    for step, numbers in Report.load(path).groups():
        told = {number.name.removeprefix(f"{step}."): number.value for number in numbers}
        if not {"images", "steps"} <= told.keys():
            raise BadData(path, "is a report, but not of a ladder: it tells no images and steps")
        steps.append((step, told))
    found, lines = [], {}
    for name, words in SERIES.items():
        known = [(step, told) for step, told in steps if name in told]
        if not known:
            continue
        images, share = (np.array([told[key] for _, told in known]) for key in ("images", name))
        lines[words] = images, share
        for (step, told), value in zip(known, share.tolist(), strict=True):
            said = f"{words}; {told['images']:,.0f} images, {told['steps']:,.0f} steps"
            found.append(Number(f"ladder.{step}.{name}", value, unit="share", note=said, group=GROUP))
        if len(np.unique(images)) > 1:
            gain = float(np.polyfit(np.log10(images), share, 1)[0])
            said = f"{words}: gained with ten times the images"
            found.append(Number(f"ladder.{name}.tenfold", gain, unit="share", n=len(known), note=said, group=GROUP))
    if not found:
        raise BadData(path, "tells no accuracy: the catalog of the ladder had no split 'val'")
    return found, lines


def figure(lines: dict[str, Line]) -> str:
    """The lines of `climbed` as SVG."""
    from merian.explore import plots

    title = "What more images of the same kind are worth"
    return plots.growth(lines, title, "training images", "validation accuracy")
