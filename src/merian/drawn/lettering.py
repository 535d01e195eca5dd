"""Printed words: one serif face and one typewriter face of the machine, or silence where it has no fonts."""

from __future__ import annotations

from functools import lru_cache

import skia

__all__ = ["typeset", "width_of", "wrapped"]

FACES: dict[str, tuple[str, ...]] = {
    "serif": (
        "Liberation Serif",
        "EB Garamond",
        "Libertinus Serif",
        "Times New Roman",
        "Georgia",
        "DejaVu Serif",
        "serif",
    ),
    "mono": ("Liberation Mono", "DejaVu Sans Mono", "Courier New", "monospace"),
}


@lru_cache(maxsize=8)
def _typeface(face: str, italic: bool, bold: bool) -> skia.Typeface | None:
    """The first face of the list that the machine has, or None."""
    manager = skia.FontMgr()
    if manager.countFamilies() == 0:
        return None
    slant = skia.FontStyle.kItalic_Slant if italic else skia.FontStyle.kUpright_Slant
    weight = skia.FontStyle.kBold_Weight if bold else skia.FontStyle.kNormal_Weight
    style = skia.FontStyle(weight, skia.FontStyle.kNormal_Width, slant)
    for family in FACES[face]:
        found = manager.matchFamilyStyle(family, style)
        if found is not None:
            return found
    return manager.legacyMakeTypeface("", style)


def _font(size: float, face: str, italic: bool, bold: bool) -> skia.Font | None:
    typeface = _typeface(face, italic, bold)
    if typeface is None:
        return None
    font = skia.Font(typeface, size)
    font.setSubpixel(True)
    font.setEdging(skia.Font.Edging.kAntiAlias)
    font.setHinting(skia.FontHinting.kNone)
    font.setLinearMetrics(True)
    return font


def width_of(text: str, size: float, face: str = "serif", italic: bool = False, bold: bool = False) -> float:
    """The width of a line of text in the units of `size`; 0 without fonts."""
    font = _font(64.0, face, italic, bold)
    return 0.0 if font is None else float(font.measureText(text)) * size / 64.0


def typeset(
    canvas: skia.Canvas,
    text: str,
    at: tuple[float, float],
    size: float,
    colour: int,
    *,
    face: str = "serif",
    italic: bool = False,
    bold: bool = False,
    anchor: float = 0.0,
) -> None:
    """Print a line of text with its baseline at `at`, `anchor` 0 from, 0.5 around, 1 up to that point; nothing without fonts."""
    font = _font(64.0, face, italic, bold)
    if font is None or not text:
        return
    canvas.save()
    canvas.translate(at[0] - anchor * width_of(text, size, face, italic, bold), at[1])
    canvas.scale(size / 64.0, size / 64.0)
    canvas.drawString(text, 0, 0, font, skia.Paint(AntiAlias=True, Color=colour))
    canvas.restore()


def wrapped(text: str, room: float, size: float, *, italic: bool = False) -> list[str]:
    """The text as lines no wider than `room`, broken at its line ends and between words."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            longer = f"{line} {word}".strip()
            if line and width_of(longer, size, italic=italic) > room:
                lines.append(line)
                line = word
            else:
                line = longer
        if line:
            lines.append(line)
    return lines
