"""Pictures that collections hold beside their organisms: labels, pages of text, line drawings, and whole drawers of specimens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import skia

from merian.drawn import lettering
from merian.drawn.ink import Ink
from merian.drawn.naming import words
from merian.drawn.organism import Organism, Style
from merian.drawn.pigment import INK, PAPER, Pigment
from merian.drawn.plans import paint
from merian.drawn.styles import Scene

__all__ = ["PAGES"]

Rng: TypeAlias = np.random.Generator
Floats: TypeAlias = npt.NDArray[np.float32]

LATIN = words(
    "ala alba anthera apex apice ater basis bracteis brevis capite caput caulis colore corpus cuneata densa dorso elytra femora "
    "flavo folia fusco glabra griseo habitat hirta in lateribus latis linea longis macula margine medio montium nigro ovata pallida "
    "parte pedibus petala pilis prope punctis ramis rubro scutello silvis species stria subtus supra tarsis thorace tibia valde "
    "ventre viridi vix"
)
"""Words of which pages are made: they describe nothing."""
HOUSES = ("THE DRAWN CABINET", "MUSEUM OF DRAWN NATURE", "HERBARIUM MERIAN", "DRAWN CABINET, ENTOMOLOGY")


def _rectangle(ink: Ink, wide: float, high: float) -> skia.Path:
    return ink.poly([(-wide / 2, -high / 2), (wide / 2, -high / 2), (wide / 2, high / 2), (-wide / 2, high / 2)])


def _ground(ink: Ink, colour: Pigment) -> None:
    ink.wash(
        ink.poly([(0, 0), (1, 0), (1, 1), (0, 1)]),
        (0, 0),
        (1, 1),
        [colour.tone(0.03).argb(), colour.tone(-0.05).argb()],
    )


def _paper_tone(rng: Rng) -> Pigment:
    return PAPER.tone(float(rng.normal(0, 0.02))).turn(float(rng.normal(0, 12)))


def _sentence(rng: Rng, count: int) -> str:
    return " ".join(LATIN[int(i)] for i in rng.integers(0, len(LATIN), count))


def _handwriting(ink: Ink, at: tuple[float, float], room: float, high: float, rng: Rng, colour: int) -> None:
    """A line of joined-up writing `room` wide with letters `high` tall: loops between two lines, words apart."""
    x = at[0]
    while x < at[0] + room - 0.5 * high:
        strokes = int(rng.integers(5, 15))
        heights = high * rng.choice([0.45, 0.5, 0.55, 1.0, -0.4], strokes, p=[0.3, 0.25, 0.22, 0.15, 0.08])
        points = [(x, at[1])]
        for tall in heights.tolist():
            lean = 0.3 * tall
            points += [(x + 0.2 * high + lean, at[1] - tall), (x + 0.26 * high, at[1] - 0.04 * high)]
            x += 0.42 * high * float(rng.uniform(0.7, 1.3))
            if x > at[0] + room:
                break
        ink.line(ink.curve(points, closed=False), colour, high * 0.085)
        x += 0.45 * high


def _barcode(ink: Ink, at: tuple[float, float], wide: float, high: float, rng: Rng) -> None:
    """Bars of four widths, and their number below."""
    x, bars = at[0], []
    while x < at[0] + wide:
        thick, gap = (wide / 95 * rng.integers(1, 4, 2)).tolist()
        bars.append((x, at[1], x + thick, at[1] + high))
        x += thick + gap
    for left, top, right, bottom in bars:
        ink.fill(ink.poly([(left, top), (right, top), (right, bottom), (left, bottom)]), INK.argb(0.95))
    number = f"DC-{int(rng.integers(10**6, 10**7))}"
    lettering.typeset(
        ink.canvas, number, (at[0] + wide / 2, at[1] + 1.5 * high), 0.45 * high, INK.argb(), face="mono", anchor=0.5
    )


def _card(ink: Ink, wide: float, high: float, rng: Rng) -> None:
    """A piece of paper around the origin with its shadow and its stains."""
    tone = _paper_tone(rng)
    with ink.at(0.008, 0.012):
        ink.soft(_rectangle(ink, wide, high), INK.argb(0.45), 0.01)
    card = _rectangle(ink, wide, high)
    ink.wash(card, (-wide / 2, -high / 2), (wide / 2, high / 2), [tone.tone(0.02).argb(), tone.tone(-0.04).argb()])
    with ink.clip(card):
        spots = rng.uniform((-wide / 2, -high / 2, 0.02), (wide / 2, high / 2, 0.12), (4, 3)).tolist()
        for x, y, r in spots:
            ink.dome(ink.oval(x, y, r), (x, y), r, [tone.tone(-0.18).argb(0.22), tone.tone(-0.18).argb(0.0)])


def _fitted(text: str, room: float, size: float, italic: bool = False) -> float:
    """The type size, at most `size`, at which a line fits into `room`."""
    wide = lettering.width_of(text, size, italic=italic)
    return size * min(1.0, room / wide) if wide else size


def _details(scene: Scene) -> tuple[str, list[str]]:
    """The name on a label and the lines below it; words in Latin where the shot has no text."""
    given = [line for line in scene.shot.label.split("\n") if line]
    name = given[0] if given else _sentence(scene.rng, 2).capitalize()
    place = f"{_sentence(scene.rng, 2).title()}, {int(scene.rng.integers(20, 2400))} m"
    return name, [place, *given[1:]] if len(given) > 1 else [place, f"{int(scene.rng.integers(1880, 1995))}"]


def _label(scene: Scene) -> None:
    """A label by itself, as collections photograph them: a sheet's label with its barcode, a pin's small labels, or a tag on a string."""
    kind = float(scene.rng.random())
    (_sheet_label if kind < 0.5 else _pin_labels if kind < 0.75 else _tag)(scene)


def _sheet_label(scene: Scene) -> None:
    ink, rng = scene.ink, scene.rng
    grounds = (Pigment(0.25, 0.01, 260), Pigment(0.55, 0.012, 250), Pigment(0.9, 0.03, 86), Pigment(0.4, 0.055, 55))
    _ground(ink, grounds[int(rng.integers(4))])
    wide, high = (float(v) for v in rng.uniform((0.8, 0.56), (0.94, 0.78)))
    name, lines = _details(scene)
    with ink.at(0.5, 0.5 + float(rng.normal(0, 0.02)), float(rng.normal(0, 2.5))):
        _card(ink, wide, high, rng)
        ink.line(_rectangle(ink, wide - 0.05, high - 0.05), INK.argb(0.75), 0.005)
        house = HOUSES[int(rng.integers(len(HOUSES)))]
        room = wide * 0.84
        lettering.typeset(
            ink.canvas, house, (0, -high * 0.33), _fitted(house, room, 0.07), INK.argb(), bold=True, anchor=0.5
        )
        ink.hatch([(-room / 2, -high * 0.28, room / 2, -high * 0.28)], INK.argb(0.8), 0.005)
        size = _fitted(name, room, 0.095, italic=True)
        lettering.typeset(ink.canvas, name, (0, -high * 0.12), size, INK.argb(), italic=True, anchor=0.5)
        pen = Pigment(0.3, 0.08, 265 if rng.random() < 0.5 else 50).argb(0.9)
        for k, line in enumerate(lines[:2]):
            y = high * (-0.01 + 0.105 * k)
            lettering.typeset(ink.canvas, line, (-room / 2, y), _fitted(line, room, 0.095 * high), INK.argb(0.9))
        ink.hatch([(-room / 2, high * 0.245, room / 2, high * 0.245)], INK.argb(0.4), 0.003)
        _handwriting(ink, (-room / 2, high * 0.23), room * float(rng.uniform(0.6, 1.0)), 0.055, rng, pen)
        if rng.random() < 0.75:
            _barcode(ink, (-room * 0.3, high * 0.29), room * 0.6, high * 0.1, rng)
        else:
            _handwriting(ink, (-room / 2, high * 0.4), room * 0.7, 0.055, rng, pen)


def _pin_labels(scene: Scene) -> None:
    ink, rng = scene.ink, scene.rng
    _ground(ink, Pigment(float(rng.uniform(0.78, 0.95)), 0.012, 90))
    ink.dots(rng.uniform((0, 0, 0.002), (1, 1, 0.005), (50, 3)).tolist(), INK.argb(0.12))
    name, lines = _details(scene)
    texts = [[*lines, _sentence(rng, 3)], ["det.", name], [f"DC {int(rng.integers(10**4, 10**6))}"]]
    y = 0.2
    for rows in texts[: int(rng.integers(2, 4))]:
        wide, high = float(rng.uniform(0.6, 0.8)), 0.09 + 0.075 * len(rows)
        with ink.at(0.5 + float(rng.normal(0, 0.03)), y + high / 2 - 0.08, float(rng.normal(0, 4))):
            _card(ink, wide, high, rng)
            for k, row in enumerate(rows):
                at = (-wide * 0.44, -high / 2 + 0.085 + 0.075 * k)
                if rng.random() < 0.35:
                    _handwriting(ink, at, wide * float(rng.uniform(0.5, 0.85)), 0.055, rng, INK.argb(0.85))
                else:
                    lettering.typeset(ink.canvas, row, at, _fitted(row, wide * 0.88, 0.068, row == name), INK.argb())
            ink.dots([(wide * 0.02, 0.0, 0.008)], INK.argb(0.8))
        y += high + 0.035
    if y < 0.8:
        _scale(ink, (0.1, 0.955), 0.35, "10 mm")


def _tag(scene: Scene) -> None:
    ink, rng = scene.ink, scene.rng
    _ground(ink, Pigment(float(rng.uniform(0.3, 0.75)), 0.015, 240))
    name, lines = _details(scene)
    wide, high = 0.86, float(rng.uniform(0.34, 0.48))
    with ink.at(0.53, 0.5, float(rng.normal(0, 7))):
        _card(ink, wide, high, rng)
        hole = (-wide / 2 + 0.055, 0.0)
        ink.dots([(*hole, 0.03)], Pigment(0.6, 0.08, 50).argb())
        ink.dots([(*hole, 0.014)], INK.argb(0.9))
        string = [hole, (hole[0] - 0.1, float(rng.normal(0, 0.1))), (hole[0] - 0.3, float(rng.normal(0, 0.2)))]
        ink.line(ink.curve(string, closed=False), Pigment(0.9, 0.03, 85).argb(), 0.012)
        left, room = -wide / 2 + 0.13, wide - 0.18
        house = HOUSES[int(rng.integers(len(HOUSES)))]
        lettering.typeset(ink.canvas, house, (left, -high * 0.29), _fitted(house, room, 0.05), INK.argb(0.85))
        lettering.typeset(
            ink.canvas, name, (left, -high * 0.07), _fitted(name, room, 0.075, True), INK.argb(), italic=True
        )
        pen = Pigment(0.3, 0.07, 265 if rng.random() < 0.6 else 40).argb(0.9)
        for k, _ in enumerate(lines[:2]):
            y = high * (0.17 + 0.22 * k)
            ink.hatch([(left, y + 0.012, left + room, y + 0.012)], INK.argb(0.35), 0.003)
            _handwriting(ink, (left, y), room * float(rng.uniform(0.5, 0.95)), 0.065, rng, pen)


def _scale(ink: Ink, at: tuple[float, float], wide: float, text: str) -> None:
    """A scale bar, black and white in turn."""
    for k in range(5):
        with ink.at(at[0] + wide * (k + 0.5) / 5, at[1]):
            ink.fill(_rectangle(ink, wide / 5, 0.022), INK.argb() if k % 2 else 0xFFF4F0E6)
            ink.line(_rectangle(ink, wide / 5, 0.022), INK.argb(), 0.003)
    lettering.typeset(ink.canvas, text, (at[0] + wide + 0.02, at[1] + 0.015), 0.045, INK.argb())


def _text_page(scene: Scene) -> None:
    """A scanned page: a chapter in one column or two, or a leaf of a field book."""
    ink, rng = scene.ink, scene.rng
    tone = _paper_tone(rng)
    _ground(ink, Pigment(0.2, 0.01, 260) if rng.random() < 0.5 else tone.tone(-0.1))
    wide, high = (float(v) for v in rng.uniform((0.86, 0.93), (1.02, 1.06)))
    with ink.at(0.5 + float(rng.normal(0, 0.01)), 0.5 + float(rng.normal(0, 0.01)), float(rng.normal(0, 1.6))):
        _card(ink, wide, high, rng)
        side = 1 if rng.random() < 0.5 else -1
        gutter = [tone.tone(-0.3).argb(0.7), tone.tone(-0.3).argb(0.0)]
        ink.wash(_rectangle(ink, wide, high), (side * wide / 2, 0), (side * (wide / 2 - 0.14), 0), gutter)
        kind = float(rng.random())
        if kind < 0.25:
            _field_book(scene, wide, high)
        else:
            _chapter(scene, wide, high, 2 if kind > 0.7 else 1)


def _chapter(scene: Scene, wide: float, high: float, columns: int) -> None:
    rng, canvas = scene.rng, scene.ink.canvas
    room, top = wide * 0.8, -high * 0.42
    colour = INK.argb(0.88)
    number = str(int(rng.integers(3, 480)))
    lettering.typeset(canvas, number, (room / 2, top), 0.032, colour, anchor=1.0)
    lettering.typeset(canvas, _sentence(rng, 2).upper(), (0, top), 0.028, colour, anchor=0.5)
    top += 0.055
    if rng.random() < 0.6:
        title = _details(scene)[0]
        lettering.typeset(canvas, title, (0, top + 0.05), _fitted(title, room, 0.075), colour, bold=True, anchor=0.5)
        top += 0.1
    size = float(rng.uniform(0.028, 0.04))
    each = (room - 0.045 * (columns - 1)) / columns
    for c in range(columns):
        left, y = -room / 2 + c * (each + 0.045), top + 1.4 * size
        while y < high * 0.43:
            short = rng.random() < 0.16
            indent = size * (rng.random() < 0.16)
            line, goal = _sentence(rng, int(each / size / 1.6)), each - indent
            fits = lettering.width_of(line, size)
            stretch = goal / fits if fits else 1.0
            drawn = line[: int(len(line) * float(rng.uniform(0.3, 0.8)))] if short else line
            lettering.typeset(canvas, drawn, (left + indent, y), size * min(1.25, stretch), colour)
            y += 1.42 * size


def _field_book(scene: Scene, wide: float, high: float) -> None:
    ink, rng = scene.ink, scene.rng
    gap = float(rng.uniform(0.06, 0.085))
    lines = np.arange(-high * 0.38, high * 0.46, gap).tolist()
    ink.hatch([(-wide / 2, y, wide / 2, y) for y in lines], Pigment(0.6, 0.07, 245).argb(0.55), 0.003)
    ink.hatch([(-wide * 0.36, -high / 2, -wide * 0.36, high / 2)], Pigment(0.6, 0.12, 20).argb(0.5), 0.004)
    pen = Pigment(0.3, 0.07, 265 if rng.random() < 0.6 else 50).argb(0.88)
    for y in lines[: int(rng.integers(7, len(lines) + 1))]:
        start = -wide * (0.34 if rng.random() < 0.8 else 0.27)
        _handwriting(ink, (start, y - 0.01), wide * float(rng.uniform(0.35, 0.76)), 0.62 * gap, rng, pen)


def _drawing(scene: Scene) -> None:
    """The organism in pencil or ink on paper, hatched in its shadows, with a caption."""
    ink, rng = scene.ink, scene.rng
    tone = _paper_tone(rng)
    _ground(ink, tone)
    for x, y, r in rng.uniform((0, 0, 0.04), (1, 1, 0.16), (5, 3)).tolist():
        ink.dome(ink.oval(x, y, r), (x, y), r, [tone.tone(-0.2).argb(0.14), tone.tone(-0.2).argb(0.0)])
    pencil = bool(rng.random() < 0.5)
    colour = Pigment(0.38, 0.006, 260) if pencil else (INK if rng.random() < 0.6 else Pigment(0.36, 0.07, 50))
    if scene.figure is not None:
        lines = _line_art(scene.figure.image, pencil, rng)
        red, green, blue = (colour.argb() >> shift & 255 for shift in (16, 8, 0))
        pixels = np.empty((*lines.shape, 4), np.uint8)
        pixels[..., :3] = red, green, blue
        pixels[..., 3] = np.rint(255 * lines)
        drawn = skia.Image.fromarray(pixels, skia.kRGBA_8888_ColorType)
        cubic = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
        ink.canvas.drawImageRect(drawn, skia.Rect(1, 1), cubic, skia.Paint())
    number = f"Fig. {int(rng.integers(1, 60))}."
    caption = f"{number} {_details(scene)[0]}" if rng.random() < 0.6 else number
    lettering.typeset(
        ink.canvas, caption, (0.5, 0.955), _fitted(caption, 0.9, 0.06), colour.argb(0.85), italic=True, anchor=0.5
    )
    if rng.random() < 0.5:
        _handwriting(ink, (0.72, 0.1), 0.2, 0.04, rng, colour.argb(0.7))
    if rng.random() < 0.35:
        edge = float(rng.uniform(0.02, 0.04))
        with ink.at(0.5, 0.5):
            ink.line(_rectangle(ink, 1 - 2 * edge, 1 - 2 * edge), colour.argb(0.7), 0.005)


def _line_art(image: skia.Image, pencil: bool, rng: Rng) -> Floats:
    """How much ink [s, s] (0 to 1) draws the figure `image` of side s: its outlines, and strokes where it is dark."""
    layers = image.toarray(colorType=skia.kRGBA_8888_ColorType).astype(np.float32) / 255.0
    inside = layers[..., 3]
    light = layers[..., :3].mean(-1) * inside + 1.0 - inside
    side = len(light)

    def steepness(field: Floats) -> Floats:
        down, right = np.gradient(field)
        return np.asarray(np.hypot(down, right), np.float32)

    soft = (light + np.roll(light, 1, 0) + np.roll(light, 1, 1) + np.roll(light, (1, 1), (0, 1))) / 4.0
    outline = np.clip(3.0 * steepness(inside) - 0.1, 0, 1)
    inner = np.clip(5.5 * steepness(soft) * inside - 0.2, 0, 1)
    y, x = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32), indexing="ij")
    # Strokes must stand two pixels apart in the picture, which is half as large as the figure.
    gap = side / (float(rng.uniform(0.75, 1.0)) * min(90.0, side / 4.6))
    angle = float(rng.uniform(0.4, 1.1))
    bend = 0.5 * gap * np.sin(y * (5.0 / side) + x * (3.0 / side))
    strokes = np.zeros_like(light)
    dark = 1.0 - light
    low, high = np.quantile(dark[inside > 0.5], (0.15, 0.97)) if (inside > 0.5).any() else (0.0, 1.0)
    # The tones of the figure from white to black, under a lamp at the upper left, as engravers have it.
    lamp = 0.7 + 0.6 * (x + y) / (2 * side)
    shade = np.clip((dark - low) / max(float(high - low), 0.1), 0, 1) * lamp * inside
    # A darker tone has wider strokes, and a second set across the first.
    for turn, floor in ((0.0, 0.2), (1.25, 0.62)):
        across = (x * np.cos(angle + turn) + y * np.sin(angle + turn) + bend) / gap
        wave = np.abs(across % 1.0 - 0.5) * 2.0
        width = np.clip(0.9 * (shade - floor), 0, 0.5)
        strokes = np.maximum(strokes, np.clip((width - wave) * gap * 0.5 + 0.5, 0, 1) * (shade > floor))
    lines = np.maximum(np.maximum(outline, 0.85 * inner), 0.8 * strokes)
    if pencil:
        grain = rng.uniform(0.55, 1.0, light.shape).astype(np.float32)
        lines = 0.85 * lines * grain + 0.22 * shade * grain
    return np.asarray(np.clip(lines, 0, 1), dtype=np.float32)


def _drawer(scene: Scene) -> None:
    """A drawer with rows of small specimens of one species, pinned over their labels."""
    ink, rng = scene.ink, scene.rng
    wood = Pigment(float(rng.uniform(0.3, 0.5)), 0.06, float(rng.uniform(48, 68)))
    _ground(ink, wood)
    floor = PAPER.tone(float(rng.normal(-0.03, 0.03)))
    edge = float(rng.uniform(0.02, 0.06))
    with ink.at(0.5, 0.5):
        tray = _rectangle(ink, 1 - 2 * edge, 1 - 2 * edge)
        ink.fill(tray, floor.argb())
        with ink.clip(tray):
            ink.line(tray, INK.argb(0.35), 0.03)
    columns, rows = int(rng.integers(4, 8)), int(rng.integers(4, 7))
    kinds = _specimens(scene, round(scene.size * 1.15 / columns))
    wide, high = (1 - 2 * edge) / columns, (1 - 2 * edge) / rows
    trays = [(edge + c * wide, edge, edge + c * wide, 1 - edge) for c in range(1, columns)]
    ink.hatch(trays if rng.random() < 0.6 else trays[1::2], floor.tone(-0.22).argb(0.9), 0.008)
    gone, last = rng.random((rows, columns)), int(rng.integers(1, columns + 1))
    side = 0.88 * min(wide, high)
    labels = rng.random() < 0.7
    linear = skia.SamplingOptions(skia.FilterMode.kLinear, skia.MipmapMode.kLinear)
    for r in range(rows):
        for c in range(columns):
            if gone[r, c] < 0.04 or (r == rows - 1 and c >= last):
                continue
            x, y = edge + (c + 0.5) * wide, edge + (r + 0.5) * high - 0.02 * high
            dx, dy, turn = rng.normal(0, (0.03 * wide, 0.03 * high, 4.0)).tolist()
            if labels:
                with ink.at(x, y + 0.42 * high):
                    ink.fill(_rectangle(ink, 0.6 * wide, 0.13 * high), 0xFFFBF7EC)
                    ink.hatch([(-0.22 * wide, 0.0, 0.2 * wide, 0.0)], INK.argb(0.6), 0.02 * high)
            with ink.at(x + dx, y + dy, turn):
                ink.fill(ink.oval(0.05 * side, 0.07 * side, 0.27 * side, 0.24 * side), INK.argb(0.22))
                to = skia.Rect.MakeXYWH(-side / 2, -side / 2, side, side)
                ink.canvas.drawImageRect(kinds[int(rng.integers(len(kinds)))], to, linear, skia.Paint())
                ink.dots([(0.0, -0.02 * side, 0.006)], Pigment(0.25, 0.01, 80).argb())


def _specimens(scene: Scene, side: int) -> list[skia.Image]:
    """Four siblings of the scene's organism, each alone on a transparent square."""
    side = max(side, 12)
    found = []
    for k in range(4):
        surface = skia.Surface(side, side)
        canvas = surface.getCanvas()
        canvas.translate(side / 2, side / 2)
        canvas.scale(side * 0.95, side * 0.95)
        if scene.organism is not None:
            own: Organism = replace(scene.organism, individual=scene.organism.individual ^ (k * 0x51ED27))
            paint(Ink(canvas), own)
        found.append(surface.makeImageSnapshot())
    return found


PAGES: dict[Style, Callable[[Scene], None]] = {
    "label": _label,
    "text page": _text_page,
    "drawing": _drawing,
    "drawer of many": _drawer,
}
"""What paints each of these pictures into the unit square."""
