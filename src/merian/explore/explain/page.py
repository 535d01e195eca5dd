"""Explanations as files: maps laid on photos (PNG), the numbers (JSON), and one page that holds all of it and fetches nothing.

A map is laid on the grey photo in one ramp (`plots.RAMP`), whose ends differ in lightness and in blue against yellow, so that they stay apart for
colour-blind eyes: bright ochre for what speaks for the taxon, dark indigo for what speaks for the other.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from merian import __version__
from merian.core import store
from merian.encode import Pixels
from merian.explore.explain.explanation import Explanation
from merian.explore.explain.faithful import Faithful
from merian.explore.explain.saliency import enlarged

__all__ = ["numbers", "overlay", "page", "write"]

Floats = npt.NDArray[np.float32]
TOP = 0.995
"""The quantile of a map's size that gets the full colour: a single bright pixel does not pale the rest."""
OPAQUE = 0.86
WIDE, HIGH = 300, 110
"""Size of the drawing of a curve, in its own units."""
SHOWN = ("id", "name", "rank", "similarity", "licence", "rights_holder", "publisher", "references", "url")
"""What is told of a neighbour."""


def overlay(photo: Pixels, values: npt.NDArray[np.floating], signed: bool) -> Pixels:
    """The photo `[p, p, 3]` in grey with a map [s, s] on it: its positive values, or with `signed` both, the negative in the dark end of the ramp."""
    from merian.explore.plots import RAMP

    side = len(photo)
    fine = enlarged(values[None], side)[0].astype(np.float64)
    strong = np.abs(fine) if signed else np.maximum(fine, 0)
    top = float(np.quantile(strong, TOP)) or float(strong.max())
    share = np.clip(strong / top, 0, 1) if top > 0 else np.zeros_like(strong)
    at = np.where(fine >= 0, 0.35 * (1 - share), 0.75 + 0.1 * share)
    colour = np.asarray(RAMP(at))[..., :3]
    grey = (photo @ np.array([0.299, 0.587, 0.114])) / 255 * 0.62 + 0.2
    opaque = (OPAQUE * share**0.8)[..., None]
    return np.asarray(((1 - opaque) * grey[..., None] + opaque * colour) * 255, np.float64).round().astype(np.uint8)


def _image(pixels: Pixels, kind: str = "PNG") -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return stream.getvalue()


def _address(pixels: Pixels, kind: str = "PNG") -> str:
    return f"data:image/{kind.lower()};base64,{base64.b64encode(_image(pixels, kind)).decode()}"


def _number(value: float) -> float | None:
    """A number for JSON, which has none for what is not finite."""
    return float(value) if np.isfinite(value) else None


def _tested(test: Faithful) -> dict[str, object]:
    curves = {"deletion": test.deletion.tolist(), "insertion": test.insertion.tolist()}
    control = {"centre": _number(test.centre), "chance": test.chance.tolist(), "chance_beaten": test.beaten}
    return {"gap": _number(test.gap), **control, **curves, "words": test.words}


def numbers(name: str, found: Explanation) -> dict[str, object]:
    """All that was found of a photo but the maps, as plain values for JSON."""
    question = found.question
    answers = []
    for part, taxon in enumerate((question.taxon, question.against)):
        if taxon >= 0:
            scored = {"score": found.scores[part], "probability": question.chances[part]}
            answers.append({"name": found.names[part], "taxon": taxon, **scored})
    beside = found.neighbours
    return {
        "photo": name,
        "for": answers[0],
        "against": answers[1] if len(answers) > 1 else None,
        "none_of_these": found.none,
        "method": {"name": found.maps.method, "passes": found.maps.passes, "cells_across": found.maps.cells},
        "maps": ["for", "against"][: len(found.maps.values)],
        "tests": [_tested(test) for test in found.tests],
        "neighbours": None
        if beside is None
        else {
            "among": beside.among,
            "typical_similarity": _number(beside.typical),
            "images": beside.table.select(*SHOWN).to_dicts(),
        },
        "concepts": None if found.concepts is None else found.concepts.drop("examples").to_dicts(),
        "remarks": list(found.remarks),
    }


def write(
    out: Path, found: Mapping[str, Explanation], refused: Mapping[str, str], command: str, about: Mapping[str, str]
) -> None:
    """Write explanation.json, explanation.html, maps.safetensors and two PNGs a photo to the folder `out`.

    `found`: the name of each photo and its Explanation; `refused`: the names of others with the reason; `about`: facts of the run, in words.
    """
    from safetensors.numpy import save

    tensors, told = {}, []
    for place, (name, one) in enumerate(found.items(), 1):
        stem = f"{place:03d}"
        files = dict(zip(("for", "against"), one.maps.values, strict=False))
        for kind, values in files.items():
            tensors[f"{stem}-{kind}"] = np.ascontiguousarray(values)
            with store.atomic(out / f"{stem}-{kind}.png") as stream:
                stream.write(_image(overlay(one.photo, values, kind == "against")))
        told.append({**numbers(name, one), "files": [f"{stem}-{kind}.png" for kind in files]})
    with store.atomic(out / "maps.safetensors") as stream:
        stream.write(save(tensors))
    reasons = [{"photo": name, "reason": reason} for name, reason in refused.items()]
    document = {"format": 1, "command": command, "about": dict(about), "photos": told, "refused": reasons}
    store.write_json(out / "explanation.json", document)
    store.write_text(out / "explanation.html", page(found, refused, command, about))


def page(found: Mapping[str, Explanation], refused: Mapping[str, str], command: str, about: Mapping[str, str]) -> str:
    """All explanations as one HTML document, with its pictures inside."""
    from jinja2 import Environment, StrictUndefined

    from merian.explore.plots import RAMP

    files = resources.files("merian.explore") / "templates"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files / "explain.html.j2").read_text(encoding="utf-8"))

    def stops(places: Sequence[float]) -> str:
        return ", ".join("#" + "".join(f"{round(255 * c):02x}" for c in RAMP(at)[:3]) for at in places)

    return template.render(
        photos=[_shown(name, one) for name, one in found.items()],
        refused=refused,
        command=command,
        about=about,
        version=__version__,
        style=(files / "explain.css").read_text(encoding="utf-8"),
        ramps={"for": stops((0.35, 0.18, 0.0)), "against": stops((0.0, 0.35))},
        dark=stops((0.75, 0.85)),
    )


def _percent(value: float) -> str:
    return f"{value * 100:.1f}\u00a0%"


def _shown(name: str, one: Explanation) -> dict[str, Any]:
    """What the page shows of a photo, in words and addresses."""
    maps = []
    for part, values in enumerate(one.maps.values):
        signed = part == 1
        words = f"What speaks for {one.names[0]}" if not signed else f"What tells {one.names[0]} from {one.names[1]}"
        if not signed and one.maps.method.startswith("attention"):
            words = "What the model attends to, whatever the question"
        test = one.tests[part] if one.tests else None
        drawn = None if test is None else _curve(test)
        address = _address(overlay(one.photo, values, signed), "JPEG")
        maps.append({"words": words, "address": address, "signed": signed, "test": test, "curve": drawn})
    answers = [
        {"name": named, "chance": _percent(chance), "score": f"{score:+.3f}"}
        for named, chance, score in zip(one.names, one.question.chances, one.scores, strict=True)
        if named
    ]
    return {
        "name": name,
        "photo": _address(one.photo, "JPEG"),
        "answers": answers,
        "none": _percent(one.none),
        "maps": maps,
        "method": f"{one.maps.method}; {one.maps.passes} passes through the model, {one.maps.cells} cells across",
        "neighbours": _neighbours(one),
        "concepts": _concepts(one),
        "remarks": one.remarks,
    }


def _neighbours(one: Explanation) -> dict[str, Any] | None:
    if one.neighbours is None:
        return None
    images = []
    for row, picture in zip(one.neighbours.table.iter_rows(named=True), one.pictures, strict=True):
        holder = row["rights_holder"] or row["publisher"] or "rights holder not told"
        images.append(
            {
                "address": None if picture is None else _address(picture, "JPEG"),
                "name": row["name"] or "no taxon",
                "similarity": f"{row['similarity']:.3f}",
                "credit": f"{holder}; {row['licence'] or 'licence not told'}",
                "page": next((u for u in (row["references"], row["url"]) if str(u or "").startswith("http")), ""),
            }
        )
    found = one.neighbours
    return {
        "images": images,
        "among": f"{found.among:,}",
        "typical": f"{found.typical:.3f}" if found.among else "not known",
    }


def _concepts(one: Explanation) -> list[dict[str, str]] | None:
    if one.concepts is None:
        return None
    rows = []
    for row in one.concepts.iter_rows(named=True):
        why = ""
        if row["auroc"] is not None:
            why = f"AUROC {row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f}), {row['lift']:.1f} times as often"
        elif row["name"] is not None:
            why = f"cosine {row['strength']:.2f} with the word"
        adds = [f"{value:+.3f}" for value in row["adds"]]
        rows.append(
            {
                "number": str(row["concept"]),
                "name": row["name"] or "unnamed",
                "why": why,
                "activation": f"{row['activation']:.2f}",
                "share": _percent(row["share"]),
                "adds": adds[0],
                "tells": adds[1] if len(adds) > 1 else "",
            }
        )
    return rows


def _curve(test: Faithful) -> dict[str, str]:
    """Points of the two curves in a drawing of WIDE by HIGH, and its ends in words."""
    low, high = (float(f(np.concatenate([test.deletion, test.insertion]))) for f in (np.min, np.max))
    span = max(high - low, 1e-9)
    across = np.linspace(0, WIDE, len(test.deletion))

    def points(curve: npt.NDArray[np.float64]) -> str:
        return " ".join(f"{x:.1f},{HIGH * (1 - (y - low) / span):.1f}" for x, y in zip(across, curve, strict=True))

    ends = {"low": f"{low:.2f}", "high": f"{high:.2f}"}
    return {"deletion": points(test.deletion), "insertion": points(test.insertion), **ends}
