"""The hyperbolic head against a slow twin in NumPy float64: points, distances, angles by the hyperbolic law of cosines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merian.train.lorentz import Lorentz, angle, aperture, lifted, near

Doubles = NDArray[np.float64]
FAR = st.floats(0.3, 3.0)


def distance(x: Doubles, y: Doubles, c: float) -> float:
    """Of two points (time, space), by the definition of the Lorentz product."""
    return math.acosh(max(1.0, c * (x[0] * y[0] - float(x[1:] @ y[1:])))) / math.sqrt(c)


def points(vectors: Doubles, c: float) -> Doubles:
    found = []
    for v in vectors:
        r = math.sqrt(c) * math.sqrt(float(v @ v))
        space = math.sinh(r) / r * v
        found.append(np.concatenate([[math.sqrt(1 / c + float(space @ space))], space]))
    return np.array(found)


def tensor(values: Doubles | float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10.0), FAR)
def test_points_lie_on_the_hyperboloid_as_far_out_as_their_vectors_are_long(seed: int, c: float, far: float) -> None:
    vectors = np.random.default_rng(seed).standard_normal((5, 4))
    vectors *= far / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = lifted(tensor(vectors), tensor(c)).numpy()
    assert np.allclose(found, points(vectors, c), rtol=1e-10)
    assert np.allclose((found[:, 1:] ** 2).sum(1) - found[:, 0] ** 2, -1 / c, rtol=1e-6)
    origin = np.array([1 / math.sqrt(c), 0, 0, 0, 0])
    assert [distance(origin, point, c) for point in found] == pytest.approx([far] * 5, rel=1e-6)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10.0))
def test_scores_are_distances(seed: int, c: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = (points(rng.standard_normal((n, 4)), c) for n in (3, 5))
    found = near(tensor(2.5), tensor(c))(tensor(a), tensor(b)).numpy()
    assert np.allclose(found, [[-2.5 * distance(x, y, c) for y in b] for x in a], rtol=1e-6)
    assert np.allclose(found, near(tensor(2.5), tensor(c))(tensor(b), tensor(a)).numpy().T)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10.0))
def test_angles_are_those_of_triangles(seed: int, c: float) -> None:
    """At the general point, between the way to the origin and the way to the special one, by the three sides; the cone's angle is pi minus that."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((2, 4))
    vectors *= rng.uniform(0.5, 2.0, (2, 1)) / np.linalg.norm(vectors, axis=1, keepdims=True) / math.sqrt(c)
    x, y = points(vectors, c)
    origin, k = np.array([1 / math.sqrt(c), 0, 0, 0, 0]), math.sqrt(c)
    to_origin, to_special, across = (k * distance(*pair, c) for pair in ((x, origin), (x, y), (y, origin)))
    cosine = (math.cosh(to_origin) * math.cosh(to_special) - math.cosh(across)) / (
        math.sinh(to_origin) * math.sinh(to_special)
    )
    found = angle(tensor(x[None]), tensor(y[None]), tensor(c)).item()
    assert found == pytest.approx(math.pi - math.acos(cosine), abs=5e-3)


def test_what_lies_behind_is_entailed_and_what_lies_beside_is_not() -> None:
    c, one = tensor(1.0), np.array([[1.0, 0.0, 0.0]])
    general = lifted(tensor(one), c)
    behind, beside = (lifted(tensor(v), c) for v in (2 * one, np.array([[0.0, 2.0, 0.0]])))
    opening = aperture(general, c).item()
    assert angle(general, behind, c).item() < opening < angle(general, beside, c).item()
    assert opening == pytest.approx(math.asin(2 * 0.1 / math.sinh(1.0)), rel=1e-4)
    assert aperture(lifted(tensor(0.5 * one), c), c).item() > opening


def test_the_head_starts_and_stays_in_its_bounds() -> None:
    head = Lorentz(16)
    long = torch.full((1, 16), 1.0)
    assert lifted(long * head.image.exp(), torch.ones(()))[0, 0].item() == pytest.approx(math.cosh(1.0), rel=1e-5)
    with torch.no_grad():
        head.curvature.fill_(9.0)
        head.text.fill_(3.0)
    head.clamp()
    assert (head.curvature.exp().item(), head.text.item()) == (pytest.approx(10.0), 0.0)
