"""Laws of hazards: no animal comes of a disease and none is below 0, a fire that passes more easily burns no less, names do not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from merian.twin import draws
from merian.twin.foodweb import Doubles
from merian.twin.hazards.disease import Pathogen, course, final_size, r0
from merian.twin.hazards.fire import reached
from merian.twin.hazards.people import PoachingSettings, taken
from merian.twin.herds.groups import helped, sought
from merian.twin.herds.sight import strip_m


@st.composite
def ills(draw: st.DrawFn) -> tuple[Pathogen, Doubles]:
    """A pathogen of some species, and a start."""
    count = draw(st.integers(1, 3))

    def numbers(low: float, high: float, size: int = count) -> Doubles:
        return np.array(draw(st.lists(st.floats(low, high), min_size=size, max_size=size)))

    contact = numbers(0, 2, count * count).reshape(count, count)
    days = numbers(0.1, 20), numbers(0.5, 30), numbers(0, 1), numbers(1, 1000), numbers(0, 0.05)
    found = Pathogen(contact, *days, density=draw(st.booleans()))
    return found, numbers(0, 3, 4 * count).reshape(4, count)


@settings(deadline=None, max_examples=60)
@given(ills())
def test_a_disease_makes_no_animal_and_the_order_of_species_does_not_matter(drawn: tuple[Pathogen, Doubles]) -> None:
    found, start = drawn
    states = course(found, start, np.array([0.0, 1.0, 10.0, 60.0]))
    assert (states >= -1e-12).all()
    heads = states.sum(1)
    assert (np.diff(heads, axis=0) <= 1e-9 * (1 + heads[:-1])).all()
    kept = course(Pathogen(found.contact, found.incubation_days, found.infectious_days, 0 * found.fatal, found.immune_days,
                           found.renewal, found.density), start, np.array([0.0, 60.0]))  # fmt: skip
    assert np.allclose(kept[1].sum(0), start.sum(0), rtol=1e-10)
    turned = np.arange(len(found.fatal))[::-1].copy()
    other = course(found.among(turned), start[:, turned], np.array([0.0, 60.0]))[1]
    assert np.allclose(other[:, ::-1], course(found, start, np.array([0.0, 60.0]))[1], rtol=1e-7, atol=1e-9)
    assert np.isclose(r0(found, start.sum(0)), r0(found.among(turned), start.sum(0)[turned]), rtol=1e-6, atol=1e-9)


@settings(deadline=None)
@given(st.floats(0, 50))
def test_the_final_size_solves_its_equation_and_rises_with_r0(number: float) -> None:
    size = final_size(number)
    assert 0 <= size <= 1
    assert abs(1 - size - np.exp(-number * size)) < 1e-9
    assert final_size(number + 0.5) >= size


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 1000))
def test_a_fire_that_passes_more_easily_reaches_all_that_it_reached(one: float, other: float, step: int) -> None:
    lit = np.zeros((12, 15), bool)
    lit[6, 7] = True
    low, high = sorted((one, other))
    key = draws.key(4, "law")
    small, large = (reached(np.full(lit.shape, chance), lit, key, step) for chance in (low, high))
    assert small[6, 7]
    assert not (small & ~large).any()


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 1), st.floats(0, 1), st.floats(1e3, 1e7))
def test_people_take_no_more_from_afar_or_where_guarded(
    near: float, more: float, zone: float, guarded: float, mass: float
) -> None:
    how = PoachingSettings(guarded=guarded)
    km, zones = np.array([[near, near + more, near]]), np.array([[0.0, 0.0, zone]])
    rates = taken(how, km, zones, np.array([mass]))[0, 0]
    assert 0 <= rates[1] <= rates[0] <= how.rate_year / 365.25
    assert rates[2] <= rates[0]


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0, 0.9), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.9))
def test_a_member_of_a_larger_group_is_killed_no_more_and_of_a_larger_pack_eats_no_more(
    number: int, scan: float, escape: float, conspicuous: float, single: float
) -> None:
    how = np.array([conspicuous, scan, escape])
    assert sought(number + 1.0, how) / (number + 1) <= sought(float(number), how) / number * (1 + 1e-12)
    assert helped(number + 1.0, single) <= helped(float(number), single) * (1 + 1e-12)


@settings(deadline=None)
@given(st.floats(0.01, 1e5), st.floats(0.01, 1e5))
def test_nobody_sees_farther_than_eyes_or_cover_allow(far: float, clear: float) -> None:
    assert 0 < strip_m(far, clear) <= min(far, clear) * (1 + 1e-12)
