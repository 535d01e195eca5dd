"""Pen and brush over a Skia canvas: the few strokes that all plates are made of. The one way the plans touch the graphics library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import skia

__all__ = ["Ink", "Path", "curve", "moved", "oval", "poly", "ribbon"]

Path: TypeAlias = skia.Path
Point: TypeAlias = tuple[float, float]


def poly(points: Iterable[Point], closed: bool = True) -> Path:
    """The path through points joined by straight lines."""
    path = skia.Path()
    it = iter(points)
    path.moveTo(*next(it))
    for x, y in it:
        path.lineTo(x, y)
    if closed:
        path.close()
    return path


def curve(points: Sequence[Point], closed: bool = True, tension: float = 1 / 6) -> Path:
    """The smooth path through points: a Catmull-Rom spline as cubic Bezier pieces (Catmull & Rom 1974)."""
    n = len(points)
    path = skia.Path()
    path.moveTo(*points[0])
    for i in range(n if closed else n - 1):
        p1, p2 = points[i], points[(i + 1) % n]
        p0 = points[i - 1] if closed or i else p1
        p3 = points[(i + 2) % n] if closed or i + 2 < n else p2
        path.cubicTo(
            p1[0] + (p2[0] - p0[0]) * tension,
            p1[1] + (p2[1] - p0[1]) * tension,
            p2[0] - (p3[0] - p1[0]) * tension,
            p2[1] - (p3[1] - p1[1]) * tension,
            p2[0],
            p2[1],
        )
    if closed:
        path.close()
    return path


def oval(x: float, y: float, rx: float, ry: float | None = None) -> Path:
    """The ellipse around (x, y) with half-axes rx, ry."""
    ry = rx if ry is None else ry
    path = skia.Path()
    path.addOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))
    return path


def ribbon(points: Sequence[Point], widths: Sequence[float]) -> Path:
    """The smooth band along points with the given width at each: legs, horns, stems, tapering pen strokes."""
    left: list[Point] = []
    right: list[Point] = []
    last = len(points) - 1
    for i, (x, y) in enumerate(points):
        (ax, ay), (bx, by) = points[max(0, i - 1)], points[min(last, i + 1)]
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length * widths[i] / 2, (bx - ax) / length * widths[i] / 2
        left.append((x + nx, y + ny))
        right.append((x - nx, y - ny))
    path = curve(left, closed=False)
    n = len(right)
    path.lineTo(*right[-1])
    for i in range(n - 1, 0, -1):
        p1, p2 = right[i], right[i - 1]
        p0, p3 = right[min(n - 1, i + 1)], right[max(0, i - 2)]
        path.cubicTo(
            p1[0] + (p2[0] - p0[0]) / 6,
            p1[1] + (p2[1] - p0[1]) / 6,
            p2[0] - (p3[0] - p1[0]) / 6,
            p2[1] - (p3[1] - p1[1]) / 6,
            p2[0],
            p2[1],
        )
    path.close()
    return path


def moved(path: Path, to: Point, angle_deg: float = 0.0, scale: float = 1.0) -> Path:
    """A copy of a path, scaled and turned about the origin and then moved."""
    matrix = skia.Matrix.Translate(*to)
    matrix.preRotate(angle_deg)
    matrix.preScale(scale, scale)
    copy = skia.Path()
    path.transform(matrix, copy)
    return copy


class Ink:
    """A canvas with a brush. Colours are 0xAARRGGBB, lengths are in the canvas's current units."""

    nothing = staticmethod(skia.Path)
    curve = staticmethod(curve)
    moved = staticmethod(moved)
    oval = staticmethod(oval)
    poly = staticmethod(poly)
    ribbon = staticmethod(ribbon)

    def __init__(self, canvas: skia.Canvas) -> None:
        self.canvas = canvas
        matrix = canvas.getTotalMatrix()
        self.pixels_per_unit = math.hypot(matrix.getScaleX(), matrix.getSkewY())
        self.eyes: list[tuple[float, float, float]] = []
        """Device x, y and radius (pixels) of the eyes drawn so far; flash light comes back from them."""
        self._fill = skia.Paint(AntiAlias=True)
        self._line = skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style)
        self._line.setStrokeCap(skia.Paint.kRound_Cap)
        self._line.setStrokeJoin(skia.Paint.kRound_Join)
        self._shaded = skia.Paint(AntiAlias=True)
        self._soft = skia.Paint(AntiAlias=True)

    @property
    def fine(self) -> bool:
        """Whether strokes of a five-hundredth of the organism are worth drawing at this size."""
        return self.pixels_per_unit > 150

    def fill(self, path: Path, colour: int) -> None:
        """Fill a path flat."""
        self._fill.setColor(colour)
        self.canvas.drawPath(path, self._fill)

    def line(self, path: Path, colour: int, width: float) -> None:
        """Stroke a path with round ends."""
        self._line.setColor(colour)
        self._line.setStrokeWidth(width)
        self.canvas.drawPath(path, self._line)

    def wash(self, path: Path, start: Point, end: Point, colours: list[int], stops: list[float] | None = None) -> None:
        """Fill a path with colours running from `start` to `end`."""
        self._shaded.setShader(skia.GradientShader.MakeLinear([skia.Point(*start), skia.Point(*end)], colours, stops))
        self.canvas.drawPath(path, self._shaded)

    def dome(
        self, path: Path, centre: Point, radius: float, colours: list[int], stops: list[float] | None = None
    ) -> None:
        """Fill a path with colours running outwards from `centre`: what makes a flat shape round."""
        self._shaded.setShader(skia.GradientShader.MakeRadial(skia.Point(*centre), max(radius, 1e-4), colours, stops))
        self.canvas.drawPath(path, self._shaded)

    def soft(self, path: Path, colour: int, sigma: float) -> None:
        """Fill a path with a blurred edge of standard deviation `sigma`."""
        self._soft.setColor(colour)
        self._soft.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, max(sigma, 1e-4)))
        self.canvas.drawPath(path, self._soft)

    def hatch(self, strokes: Iterable[tuple[float, float, float, float]], colour: int, width: float) -> None:
        """Draw straight strokes (x0, y0, x1, y1) in one go."""
        path = skia.Path()
        for x0, y0, x1, y1 in strokes:
            path.moveTo(x0, y0)
            path.lineTo(x1, y1)
        self.line(path, colour, width)

    def dots(self, spots: Iterable[tuple[float, float, float]], colour: int) -> None:
        """Draw discs (x, y, radius) in one go."""
        path = skia.Path()
        for x, y, radius in spots:
            path.addCircle(x, y, radius)
        self.fill(path, colour)

    def eye(self, x: float, y: float, radius: float, iris: int) -> None:
        """Draw an eye with iris, pupil and a catch light, and remember where it is."""
        self.dots([(x, y, radius)], iris)
        self.line(oval(x, y, radius), 0xFF14100C, radius * 0.22)
        self.dots([(x, y, radius * 0.62)], 0xFF0C0A08)
        self.dots([(x - radius * 0.25, y - radius * 0.3, radius * 0.24)], 0xF0FFFFFF)
        matrix = self.canvas.getTotalMatrix()
        place = matrix.mapXY(x, y)
        scale = math.hypot(matrix.getScaleX(), matrix.getSkewY())
        self.eyes.append((place.x(), place.y(), radius * scale))

    @contextmanager
    def clip(self, path: Path) -> Iterator[None]:
        """Let nothing be drawn outside of a path."""
        self.canvas.save()
        self.canvas.clipPath(path, doAntiAlias=True)
        yield
        self.canvas.restore()

    @contextmanager
    def at(
        self, x: float, y: float, angle_deg: float = 0.0, sx: float = 1.0, sy: float | None = None
    ) -> Iterator[None]:
        """Draw in a frame moved to (x, y), turned and scaled."""
        self.canvas.save()
        self.canvas.translate(x, y)
        if angle_deg:
            self.canvas.rotate(angle_deg)
        if sx != 1.0 or sy is not None:
            self.canvas.scale(sx, sx if sy is None else sy)
        yield
        self.canvas.restore()
