"""The great-circle distance is one: it agrees with two other formulas, is a metric, and is longest between antipodes."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.identify.place import EARTH, great_circle

POINTS = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
METRE = 1e-3
LAWS = settings(deadline=None, max_examples=150)


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """km between two points in degrees, north and east."""
    frame = pl.DataFrame([(*a, *b)], schema=["n", "e", "m", "f"], orient="row", strict=False).cast(pl.Float64)
    both = great_circle(pl.col("n"), pl.col("e"), pl.col("m"), pl.col("f"))
    fixed = great_circle(pl.col("n"), pl.col("e"), *b)
    found, again = frame.select(both=both, fixed=fixed).row(0)
    assert found == again
    return float(found)


def unit(point: tuple[float, float]) -> np.ndarray:
    """A point on the unit sphere."""
    north, east = np.radians(point)
    return np.array([math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)])


@LAWS
@given(POINTS, POINTS)
def test_it_is_the_angle_between_vectors_and_the_law_of_cosines(a: tuple[float, float], b: tuple[float, float]) -> None:
    u, v = unit(a), unit(b)
    angle = math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v))  # well conditioned everywhere
    assert distance(a, b) == pytest.approx(EARTH * angle, abs=METRE)
    (north, east), (there, other) = np.radians(a), np.radians(b)
    cosine = math.sin(north) * math.sin(there) + math.cos(north) * math.cos(there) * math.cos(east - other)
    if abs(cosine) < 0.999:  # near 1 the arc cosine loses digits
        assert distance(a, b) == pytest.approx(EARTH * math.acos(cosine), abs=METRE)


@LAWS
@given(POINTS, POINTS, POINTS)
def test_it_is_a_metric(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> None:
    assert distance(a, a) == 0
    assert distance(a, b) == pytest.approx(distance(b, a), abs=METRE)
    assert 0 <= distance(a, b) <= math.pi * EARTH
    assert distance(a, c) <= distance(a, b) + distance(b, c) + METRE


@LAWS
@given(POINTS)
def test_antipodes_are_farthest_and_a_turn_changes_nothing(a: tuple[float, float]) -> None:
    north, east = a
    assert distance(a, (-north, east - 180)) == pytest.approx(math.pi * EARTH, abs=METRE)
    assert distance(a, (north, east + 360)) == pytest.approx(0, abs=METRE)
    assert distance(a, (90, 0)) == pytest.approx(EARTH * math.radians(90 - north), abs=METRE)


def test_a_degree_of_latitude_and_a_known_flight() -> None:
    assert distance((0, 0), (1, 0)) == pytest.approx(111.195, abs=1e-3)
    assert distance((47.4647, 8.5492), (40.6398, -73.7789)) == pytest.approx(6330, rel=0.006)
