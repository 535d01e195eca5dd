"""Plates: organisms on aged paper under thin rules and small captions, as a museum would print them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import skia

from merian.drawn import lettering, scene
from merian.drawn.ink import Ink
from merian.drawn.organism import Organism, Shot
from merian.drawn.pigment import INK, PAPER, Pigment
from merian.drawn.plans import paint
from merian.drawn.styles import soft_shadow

__all__ = ["Cell", "contact_sheet", "encode_png"]

Cell = tuple[Organism, Shot | None, str]
"""What one place of the plate shows: an organism on the paper, or (with a shot) a mounted photograph of it; and its caption."""

MARGIN, TITLE, CAPTION = 0.42, 0.85, 0.24
"""Margin of the plate, height of its cartouche and of a caption, over a cell's side (constants from taste)."""


def contact_sheet(
    cells: Sequence[Cell],
    *,
    columns: int = 6,
    cell_px: int = 220,
    title: str = "",
    subtitle: str = "",
    seed: int = 1705,
) -> npt.NDArray[np.uint8]:
    """The plate [height, width, 3] uint8: one organism per cell, row by row, with captions in italics.

    A line break in a caption starts a second, upright line. `seed` ages the paper. Without fonts the words are left out.
    """
    if columns < 1 or not cells:
        raise ValueError(f"a plate needs cells and columns, got {len(cells)} and {columns}")
    rows = -(-len(cells) // columns)
    head = TITLE if title else 0.0
    width = round(cell_px * (columns + 2 * MARGIN))
    height = round(cell_px * (rows * (1 + CAPTION) + head + 2 * MARGIN))
    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface(pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = surface.getCanvas()
    canvas.scale(cell_px, cell_px)
    ink = Ink(canvas)
    across, down = width / cell_px, height / cell_px
    _paper(ink, across, down, np.random.default_rng((seed, 43)))
    _frame(ink, across, down)
    if title:
        _cartouche(ink, across, title, subtitle)
    for place, cell in enumerate(cells):
        row, column = divmod(place, columns)
        short = len(cells) - row * columns
        shift = (columns - short) / 2 if short < columns else 0.0
        x, y = MARGIN + column + shift, MARGIN + head + row * (1 + CAPTION)
        _cell(ink, cell, (x, y), cell_px)
    surface.flushAndSubmit()
    return np.ascontiguousarray(pixels[:, :, :3])


def _paper(ink: Ink, across: float, down: float, rng: np.random.Generator) -> None:
    """Laid paper: warm, darker at the edges, with fibres, chain lines and foxing."""
    sheet = ink.poly([(0, 0), (across, 0), (across, down), (0, down)])
    ink.fill(sheet, PAPER.argb())
    reach = 0.62 * float(np.hypot(across, down))
    edge = Pigment(0.74, 0.07, 72)
    ink.dome(sheet, (across / 2, down / 2), reach, [edge.argb(0.0), edge.argb(0.06), edge.argb(0.4)], [0, 0.6, 1])
    area = across * down
    for x, y, r, depth in rng.uniform((0, 0, 0.06, 0.02), (across, down, 0.9, 0.09), (int(area * 0.7), 4)).tolist():
        ink.dome(ink.oval(x, y, r), (x, y), r, [edge.argb(depth), edge.argb(0.0)])
    foxing = rng.uniform((0, 0, 0.002), (across, down, 0.009), (int(area * 1.2), 3)).tolist()
    ink.dots(foxing, Pigment(0.6, 0.08, 62).argb(0.22))
    fibres = rng.uniform((0, 0, -0.05, -0.05), (across, down, 0.05, 0.05), (int(area * 14), 4))
    fibres[:, 2:] += fibres[:, :2]
    ink.hatch(fibres[::2].tolist(), Pigment(0.7, 0.05, 75).argb(0.12), 0.004)
    ink.hatch(fibres[1::2].tolist(), Pigment(0.99, 0.01, 90).argb(0.3), 0.004)
    chain = [(x, 0.0, x, down) for x in np.arange(0.16, across, 0.27).tolist()]
    ink.hatch(chain, Pigment(0.75, 0.05, 78).argb(0.07), 0.006)


def _frame(ink: Ink, across: float, down: float) -> None:
    """A double rule around the plate, thin inside and stronger outside."""
    for inset, width, alpha in ((0.16, 0.009, 0.75), (0.2, 0.0035, 0.6)):
        corners = [(inset, inset), (across - inset, inset), (across - inset, down - inset), (inset, down - inset)]
        ink.line(ink.poly(corners), INK.argb(alpha), width)


def _cartouche(ink: Ink, across: float, title: str, subtitle: str) -> None:
    """The plate's title in spaced capitals, a rule with a lozenge, and a line in italics."""
    canvas, middle = ink.canvas, across / 2
    words = title.upper()
    room = across - 1.2
    size, gap = 0.26, 0.055
    wide = lettering.width_of(words, size) + gap * len(words)
    shrink = min(1.0, room / wide)
    x = middle - shrink * (wide - gap) / 2
    for letter in words:
        lettering.typeset(canvas, letter, (x, 0.66), size * shrink, INK.argb(0.92))
        x += shrink * (lettering.width_of(letter, size) + gap)
    y = 0.82
    half = min(room / 2, 1.7)
    ink.hatch([(middle - half, y, middle - 0.09, y), (middle + 0.09, y, middle + half, y)], INK.argb(0.6), 0.004)
    ink.fill(
        ink.poly([(middle - 0.05, y), (middle, y - 0.022), (middle + 0.05, y), (middle, y + 0.022)]),
        Pigment(0.45, 0.12, 30).argb(0.9),
    )
    if subtitle:
        fit = lettering.width_of(subtitle, 0.135, italic=True)
        lettering.typeset(
            canvas,
            subtitle,
            (middle, 1.02),
            0.135 * (min(1.0, room / fit) if fit else 1.0),
            INK.argb(0.8),
            italic=True,
            anchor=0.5,
        )


def _cell(ink: Ink, cell: Cell, corner: tuple[float, float], cell_px: int) -> None:
    organism, shot, caption = cell
    x, y = corner
    canvas = ink.canvas
    canvas.save()
    canvas.translate(x, y)
    if shot is None:
        _specimen(ink, organism, cell_px)
    else:
        _photograph(ink, organism, shot, cell_px)
    lines = caption.split("\n")[:2]
    for k, line in enumerate(lines):
        size = 0.088 if k == 0 else 0.07
        wide = lettering.width_of(line, size, italic=k == 0)
        size *= min(1.0, 0.96 / wide) if wide else 1.0
        lettering.typeset(
            canvas, line, (0.5, 1.06 + 0.085 * k), size, INK.argb(0.9 - 0.15 * k), italic=k == 0, anchor=0.5
        )
    canvas.restore()


def _specimen(ink: Ink, organism: Organism, cell_px: int) -> None:
    """The organism on the paper with its soft shadow."""
    side = round(cell_px * 1.1)
    surface = skia.Surface(side, side)
    own = surface.getCanvas()
    own.translate(side / 2, side / 2)
    own.scale(cell_px * 0.92, cell_px * 0.92)
    paint(Ink(own), organism)
    image = surface.makeImageSnapshot()
    canvas = ink.canvas
    canvas.save()
    canvas.scale(1 / cell_px, 1 / cell_px)
    canvas.translate(-(side - cell_px) / 2, -(side - cell_px) / 2)
    soft_shadow(canvas, image, (0.018 * cell_px, 0.026 * cell_px), 9, 0.32)
    canvas.drawImage(image, 0, 0)
    canvas.restore()


def _photograph(ink: Ink, organism: Organism, shot: Shot, cell_px: int) -> None:
    """The photograph, mounted on card."""
    side = round(cell_px * 0.84)
    pixels = scene.render(shot, organism, side)
    image = skia.Image.fromarray(np.dstack([pixels, np.full((side, side), 255, np.uint8)]), skia.kRGBA_8888_ColorType)
    mount = ink.poly([(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)])
    with ink.at(0.012, 0.018):
        ink.soft(mount, INK.argb(0.3), 0.012)
    ink.fill(mount, Pigment(0.975, 0.012, 90).argb())
    to = skia.Rect.MakeXYWH(0.08, 0.08, 0.84, 0.84)
    ink.canvas.drawImageRect(image, to, skia.SamplingOptions(skia.FilterMode.kLinear), skia.Paint())


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The pixels [height, width, 3] as a PNG file."""
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    image = skia.Image.fromarray(np.ascontiguousarray(opaque), skia.kRGBA_8888_ColorType)
    data = image.encodeToData(skia.kPNG, 100)
    return bytes(data)
