"""Explanations as files: maps laid on photos (PNG), the numbers (JSON), and one page that holds all of it and fetches nothing.

A map is laid on the grey photo in the two ends of one ramp (`plots.RAMP`), which differ in lightness and in blue against yellow, so that they stay apart for
colour-blind eyes: bright ochre for what speaks for the taxon, dark indigo for what speaks for the other.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from merian import __version__
from merian.core import store
from merian.encode import Pixels
from merian.explore.explain.concepts import Active
from merian.explore.explain.explanation import EXAMPLES, Explanation
from merian.explore.explain.faithful import Faithful
from merian.explore.explain.nearest import Neighbours, credit
from merian.explore.explain.saliency import enlarged

__all__ = ["numbers", "overlay", "page", "write"]

Floats = npt.NDArray[np.float32]
TOP = 0.995
"""The quantile of a map's size that gets the full colour: a single bright pixel does not pale the rest."""
OPAQUE = 0.86
FOR, AGAINST = 0.0, 0.85
"""Places on the ramp."""
WIDE, HIGH = 300, 110
"""Size of the drawing of a curve, in its own units."""
SHOWN = ("id", "source", "name", "rank", "similarity", "licence", "rights_holder", "publisher", "references", "url")
"""What is told of a neighbour."""
BASE = ("concept", "name", "kind", "auroc", "low", "high", "lift", "strength", "share", "activation", "adds")
"""What is told of a concept."""


def overlay(photo: Pixels, values: npt.NDArray[np.floating], signed: bool) -> Pixels:
    """The photo `[p, p, 3]` in grey with a map [s, s] on it: its positive values, or with `signed` both, each in its own colour."""
    from merian.explore.plots import RAMP

    side = len(photo)
    fine = enlarged(values[None], side)[0].astype(np.float64)
    strong = np.abs(fine) if signed else np.maximum(fine, 0)
    top = float(np.quantile(strong, TOP)) or float(strong.max())
    share = np.clip(strong / top, 0, 1) if top > 0 else np.zeros_like(strong)
    colour = np.asarray(RAMP(np.where(fine >= 0, FOR, AGAINST)))[..., :3]
    grey = (photo @ np.array([0.299, 0.587, 0.114])) / 255 * 0.62 + 0.2
    opaque = (OPAQUE * share)[..., None]
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
            named = {"name": found.names[part], "common_name": found.common[part] or None, "taxon": taxon}
            answers.append({**named, **scored})
    return {
        "photo": name,
        "for": answers[0],
        "against": answers[1] if len(answers) > 1 else None,
        "none_of_these": found.none,
        "method": {"name": found.maps.method, "passes": found.maps.passes, "cells_across": found.maps.cells},
        "maps": ["for", "against"][: len(found.maps.values)],
        "tests": [_tested(test) for test in found.tests],
        "neighbours": _nearest(found.neighbours),
        "neighbours_of_other": _nearest(found.others),
        "concepts": None if found.concepts is None else _parts(found.concepts),
        "remarks": list(found.remarks),
    }


def _nearest(beside: Neighbours | None) -> dict[str, object] | None:
    if beside is None:
        return None
    images = beside.table.select(*SHOWN).to_dicts()
    return {"among": beside.among, "typical_similarity": _number(beside.typical), "images": images}


def _parts(active: Active) -> dict[str, object]:
    rest = {"shared": active.shared.tolist(), "left": active.left.tolist()}
    return {"active": active.table.select(*BASE).to_dicts(), **rest}


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

    def colour(at: float) -> str:
        return "#" + "".join(f"{round(255 * c):02x}" for c in RAMP(at)[:3])

    return template.render(
        photos=[_shown(name, one) for name, one in found.items()],
        refused=refused,
        command=command,
        about=about,
        version=__version__,
        style=(files / "explain.css").read_text(encoding="utf-8"),
        colours={"for": colour(FOR), "against": colour(AGAINST)},
    )


def _percent(value: float) -> str:
    return f"{value * 100:.1f}\u00a0%"


def _shown(name: str, one: Explanation) -> dict[str, Any]:
    """What the page shows of a photo, in words and addresses."""
    maps, credits = [], list[str]()
    for part, values in enumerate(one.maps.values):
        words = "What speaks for it" if part == 0 else "What tells it from the other"
        if part == 0 and one.maps.method.startswith("attention"):
            words = "What the model attends to, whatever the question"
        test = one.tests[part] if one.tests else None
        drawn = None if test is None or not np.isfinite(test.gap) else _curve(test)
        address = _address(overlay(one.photo, values, part == 1), "JPEG")
        maps.append({"words": words, "address": address, "signed": part == 1, "test": test, "curve": drawn})
    answers = [
        {
            "name": named,
            "common": common,
            "chance": _percent(chance),
            "share": f"{chance:.4f}",
            "score": f"{score:+.3f}",
        }
        for named, common, chance, score in zip(one.names, one.common, one.question.chances, one.scores, strict=True)
        if named
    ]
    return {
        "name": name,
        "photo": _address(one.photo, "JPEG"),
        "aspect": f"{one.aspect:.4f}",
        "answers": answers,
        "none": {"chance": _percent(one.none), "share": f"{one.none:.4f}"},
        "maps": maps,
        "method": f"{one.maps.method}; {one.maps.passes} passes through the model, {one.maps.cells} cells across",
        "neighbours": _neighbours(one, one.neighbours, credits),
        "others": _neighbours(one, one.others, credits),
        "concepts": None if one.concepts is None else _concepts(one, one.concepts, credits),
        "credits": credits,
        "remarks": one.remarks,
    }


def _neighbours(one: Explanation, found: Neighbours | None, credits: list[str]) -> dict[str, Any] | None:
    """What the page shows of neighbours; whom to credit is added to the credits."""
    if found is None:
        return None
    images = []
    for row in found.table.iter_rows(named=True):
        images.append(
            {
                "address": _address(one.pictures[row["id"]].pixels, "JPEG") if row["id"] in one.pictures else None,
                "name": row["name"] or "no taxon",
                "similarity": f"{row['similarity']:.3f}",
                "credit": _numbered(credit(row), credits),
                "id": row["id"],
                "source": row["source"] or "no source told",
                "page": next((u for u in (row["references"], row["url"]) if str(u or "").startswith("http")), ""),
            }
        )
    typical = f"{found.typical:.3f}" if found.among else "not known"
    return {"images": images, "pictured": one.pictured, "among": f"{found.among:,}", "typical": typical}


def _numbered(words: str, credits: list[str]) -> int:
    """The number of a credit, from 1; added to the credits when it is new."""
    if words not in credits:
        credits.append(words)
    return credits.index(words) + 1


def _concepts(one: Explanation, active: Active, credits: list[str]) -> dict[str, Any]:
    """Rows of the table of concepts, each with what it adds, and what is left, so that the columns sum to the scores; credits as for neighbours."""
    rows: list[dict[str, Any]] = []
    for row in active.table.iter_rows(named=True):
        why = ""
        if row["auroc"] is not None:
            why = f"AUROC {row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f}), {row['lift']:.1f} times as often"
        elif row["name"] is not None:
            why = f"cosine {row['strength']:.2f} with the word"
        seen = [one.pictures[image] for image in (row["examples"] or [])[:EXAMPLES] if image in one.pictures]
        rows.append(
            {
                "number": row["concept"],
                "name": row["name"] or "unnamed",
                "why": why,
                "share": _percent(row["share"]),
                "pictures": [_address(picture.pixels, "JPEG") for picture in seen],
                "credits": sorted({_numbered(picture.credit, credits) for picture in seen}),
                "adds": row["adds"],
            }
        )
    rows.append({"name": "what all images share", "adds": active.shared.tolist()})
    rows.append({"name": "what no concept holds", "adds": active.left.tolist()})
    directions = range(len(active.shared))
    total = [sum(row["adds"][part] for row in rows) for part in directions]
    widest = [max(abs(row["adds"][part]) for row in rows) or 1.0 for part in directions]
    for row in rows:
        row["adds"] = [_bar(row["adds"][part], widest[part]) for part in directions]
    return {"rows": rows, "any": len(active.table) > 0, "total": [f"{value:+.3f}" for value in total]}


def _bar(value: float, widest: float) -> dict[str, str]:
    """A number in words, and as a bar from the middle of its cell: where it begins, and how long it is, in percent."""
    share = 50 * abs(value) / widest
    return {"text": f"{value:+.3f}", "from": f"{50 - share if value < 0 else 50:.1f}", "long": f"{share:.1f}"}


def _curve(test: Faithful) -> dict[str, str]:
    """Points of the two curves in a drawing of WIDE by HIGH, and its ends in words."""
    low, high = (float(f(np.concatenate([test.deletion, test.insertion]))) for f in (np.min, np.max))
    span = max(high - low, 1e-9)
    across = np.linspace(0, WIDE, len(test.deletion))

    def points(curve: npt.NDArray[np.float64]) -> str:
        return " ".join(f"{x:.1f},{HIGH * (1 - (y - low) / span):.1f}" for x, y in zip(across, curve, strict=True))

    ends = {"low": f"{low:.2f}", "high": f"{high:.2f}"}
    return {"deletion": points(test.deletion), "insertion": points(test.insertion), **ends}
