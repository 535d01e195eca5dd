"""What a detector of animals and people would say of the camera traps: MegaDetector's batch format 1.6, with the mistakes that one makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from merian.core.chance import stream
from merian.drawn.faults import BROKEN
from merian.drawn.shots import organism_of, shot_of

__all__ = ["FALSE_BOXES", "MISSED", "megadetector", "true_boxes"]

Box = tuple[float, float, float, float]
"""Left, top, width and height, over the frame's sides."""

MISSED, FALSE_BOXES = 0.04, 0.04
"""Share of animals and people without a box of `TYPICAL` confidence, and of empty frames with one. Assumptions, of the order that users report."""
MISSED_BLURRED = 0.5
"""The same for frames that are blurred beyond use: an assumption too."""
TYPICAL, CONSERVATIVE = 0.2, 0.05
"""The confidences from which users take a box for true, and for worth a look."""
WHISPERS = 0.3
"""Share of frames with a box of next to no confidence, as real files have."""
SIDE = 48
"""Pixels of the frame on which an organism's outline is taken: boxes are true to two hundredths."""


def true_boxes(table: pl.DataFrame) -> list[Box | None]:
    """Where the animal or the person stands in each camera-trap frame of `table` (of `shots.plan_images`); None for all other images."""
    return [_true_box(row) for row in table.iter_rows(named=True)]


def _true_box(row: Mapping[str, Any]) -> Box | None:
    from merian.drawn.scene import outline

    if not row["style"].startswith("camera trap") or row["subject"] == "empty" or row["fault"] == "blank":
        return None
    return outline(shot_of(row), organism_of(row), SIDE)


def megadetector(table: pl.DataFrame, paths: list[str], boxes: list[Box | None], seed: int) -> str:
    """The JSON text for all camera-trap frames of `table`, whose files are `paths` and whose true boxes are `boxes`.

    A file that cannot be opened has a `failure`; an exact duplicate has its original's detections, for a detector is given the same bytes.
    """
    images = []
    for row, path, box in zip(table.iter_rows(named=True), paths, boxes, strict=True):
        if row["style"].startswith("camera trap"):
            images.append({"file": path, **_seen(row, box, seed)})
    info = {
        "format_version": "1.6",
        "detector": "simulated",
        "detector_metadata": {
            "megadetector_version": "simulated",
            "typical_detection_threshold": TYPICAL,
            "conservative_detection_threshold": CONSERVATIVE,
        },
    }
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    images.sort(key=lambda image: str(image["file"]))
    content = {"info": info, "detection_categories": categories, "images": images}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _seen(row: Mapping[str, Any], box: Box | None, seed: int) -> dict[str, Any]:
    """The detections in one frame, the surest first; or the failure."""
    fault = row["fault"]
    if fault in BROKEN:
        return {"detections": None, "failure": "Failure image access"}
    rng = stream(seed, "detector", row["fault_of"] if fault == "exact duplicate" else row["occurrenceID"])
    found: list[dict[str, Any]] = []
    if box is not None:
        missed = rng.random() < (MISSED_BLURRED if fault == "blurred" else MISSED)
        # The sure ones are near 0.9, as those of MegaDetector 5 are; a missed animal has at best a whisper of a box.
        sure = CONSERVATIVE + 0.1 * rng.random() if missed else TYPICAL + (0.97 - TYPICAL) * rng.beta(6.0, 1.3)
        category = "2" if row["subject"] == "person" else "1"
        if not missed or rng.random() < 0.5:
            found.append(_detection(category, float(sure), _shaken(box, rng)))
    elif rng.random() < FALSE_BOXES:
        found.append(_detection("1", TYPICAL + 0.5 * float(rng.beta(1.2, 3.0)), _anywhere(rng)))
    if rng.random() < WHISPERS:
        category = "12"[int(rng.random() < 0.1)]
        found.append(_detection(category, 0.005 + 0.1 * float(rng.random()) ** 2, _anywhere(rng)))
    found.sort(key=lambda detection: -detection["conf"])
    return {"detections": found}


def _detection(category: str, confidence: float, box: Box) -> dict[str, Any]:
    return {"category": category, "conf": round(confidence, 3), "bbox": [round(v, 4) for v in box]}


def _shaken(box: Box, rng: np.random.Generator) -> Box:
    """A box whose edges are off by a few hundredths of its size, inside the frame."""
    left, top, wide, high = box
    off = 0.025 * rng.standard_normal(4)
    x0, x1 = np.clip([left + off[0] * wide, left + wide + off[1] * wide], 0, 1).tolist()
    y0, y1 = np.clip([top + off[2] * high, top + high + off[3] * high], 0, 1).tolist()
    return x0, y0, x1 - x0, y1 - y0


def _anywhere(rng: np.random.Generator) -> Box:
    wide, high = rng.uniform(0.05, 0.3, 2).tolist()
    left, top = float(rng.uniform(0, 1 - wide)), float(rng.uniform(0.2, 1.0)) * (1 - high)
    return left, top, wide, high
