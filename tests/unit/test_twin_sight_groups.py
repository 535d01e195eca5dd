"""What hunters see and how many they meet: laws of optics, of cover, of gases and of groups, and that animals one by one follow them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.engine import Engine, Moment
from merian.twin.foodweb import FoodWeb
from merian.twin.herds.eating import Eating, Meeting
from merian.twin.herds.groups import Groups, grouped, groups_of, helped, sought
from merian.twin.herds.sight import (
    Seeing,
    Sight,
    acuity_of_mass,
    body_m,
    clear_m,
    hours_of_light,
    sight_of,
    strip_m,
)
from merian.twin.herds.window import Animals, WindowSettings, window
from merian.twin.landscape import generated
from merian.twin.senses.optics import LIGHTS, sees_body_at_m
from merian.twin.solver import run

NOON, MIDNIGHT = 80.5, 80.0
ACTIVE = {name: np.ones(3) for name in ("active_day", "active_twilight", "active_night")}


def test_a_zebra_is_seen_as_far_as_optics_say_and_less_at_night() -> None:
    size = float(body_m(250_000.0))
    assert size == pytest.approx(0.63, abs=0.01)
    lion = float(sees_body_at_m(size, 13.0))
    # it fills 1/13 degree there
    assert math.degrees(2 * math.atan(size / 2 / lion)) == pytest.approx(1 / 13, rel=1e-6)
    assert lion == pytest.approx(469, abs=1)
    assert [light.acuity for light in LIGHTS.values()] == sorted(
        (light.acuity for light in LIGHTS.values()), reverse=True
    )
    assert acuity_of_mass([20.0, 4e6]) == pytest.approx([1.05, 19.5], rel=0.02)


def test_cover_hides_as_random_obstacles_do() -> None:
    assert strip_m(100.0, 1e9) == pytest.approx(100.0)
    assert strip_m(1e6, 30.0) == pytest.approx(30.0)
    # the sum of what is seen at each distance
    offsets = (np.arange(200_000) + 0.5) / 200_000 * 80.0
    assert strip_m(80.0, 50.0) == pytest.approx(np.exp(-offsets / 50.0).mean() * 80.0, rel=1e-6)
    sight = Sight(np.ones(1), np.ones(1), np.ones((3, 1)), open_m=900.0, closed_m=9.0)
    assert clear_m(np.array([0.0, 0.5, 1.0]), sight) == pytest.approx([900.0, 90.0, 9.0])


@pytest.mark.parametrize("latitude", [0.0, 45.0, -30.0])
def test_day_and_night_are_equal_at_the_equinox_and_not_in_summer(latitude: float) -> None:
    day, twilight, night = hours_of_light(latitude, 80.0, 1.0)
    assert day + twilight + night == pytest.approx(1.0)
    assert day == pytest.approx(0.5, abs=0.02)
    assert 0.04 < twilight < 0.12
    summer = 172.0 if latitude >= 0 else 355.0
    assert hours_of_light(latitude, summer, 1.0)[0] > day + (0.05 if latitude else -0.02)
    assert hours_of_light(latitude, NOON, 1 / 24).tolist() == [1.0, 0.0, 0.0]
    assert hours_of_light(latitude, MIDNIGHT, 1 / 24).tolist() == [0.0, 0.0, 1.0]
    assert hours_of_light(80.0, 172.0, 1.0)[0] == 1.0
    with pytest.raises(BadSetting, match="latitude"):
        hours_of_light(100.0, 0.0, 1.0)


def field(exponent: float = 1.0, handling: float = 8.0) -> FoodWeb:
    species = {"growth": [1 / 60, 0, 0], "capacity": [500.0, math.inf, math.inf], "loss": [0, 8e-3, 4e-3]}
    links = {"attack": [4e-4, 3e-3], "handling": [5.0, handling], "efficiency": [0.3, 0.5], "exponent": [1.0, exponent]}
    return FoodWeb.of(["grass", "hare", "fox"], [(1, 0), (2, 1)], species, links)


def test_sight_leaves_the_mean_of_days_and_land_and_favours_light_and_open_land() -> None:
    trees = np.zeros((4, 4))
    trees[:2] = 0.9
    sight, evidence = sight_of(np.array([0.0, 3000.0, 6000.0]), np.array([np.nan, np.nan, 5.0]), ACTIVE)
    assert evidence == ("assumed", "assumed", "observed")
    land = np.ones((4, 4), bool)
    process = Seeing(field(), sight, land, trees, 0.0)
    values = {"seen": np.zeros((2, 4, 4))}
    total = np.zeros((2, 4, 4))
    for hour in range(24):
        process.step(values, Moment(hour, 80 + hour / 24, 1 / 24, draws.key(0)))
        total += values["seen"] / 24
        if hour == 12:
            noon = values["seen"].copy()
        if hour == 0:
            night = values["seen"].copy()
    assert total[1].mean() == pytest.approx(1.0, rel=1e-6)
    assert (noon[1] > night[1]).all()
    # hares of 0.14 m: 41 m by day and 7 m by night, in open land; trees hide little of what is so near
    far = np.array([41.3, 41.3 * 0.18])
    assert noon[1, 3, 3] / night[1, 3, 3] == pytest.approx(float(np.divide(*strip_m(far, 1000.0))), rel=0.01)
    assert noon[1, 3, 3] > noon[1, 0, 0]
    # grass is found alike at all times
    assert (noon[0] == 1.0).all()


def test_eyes_that_cannot_be() -> None:
    with pytest.raises(Mismatch, match="columns of sight"):
        Sight(np.ones(2), np.ones(3), np.ones((3, 2)))
    with pytest.raises(BadData, match="acuity is above 0"):
        Sight(np.zeros(2), np.ones(2), np.ones((3, 2)))
    with pytest.raises(BadData, match="sees no farther"):
        Sight(np.ones(1), np.ones(1), np.ones((3, 1)), open_m=5.0, closed_m=10.0)
    lazy = Sight(np.ones(3), np.ones(3), np.zeros((3, 3)))
    with pytest.raises(BadData, match=r"active at some time of the day \(fox\)"):
        Seeing(field(), lazy, np.ones((2, 2), bool), np.zeros((2, 2)), 0.0)


def test_many_eyes_and_hands() -> None:
    always = np.array([0.0, 0.1, 1.0])
    assert [1 - sought(n, always) for n in (1.0, 10.0, 50.0)] == pytest.approx([0.1, 0.6513, 0.9948], abs=1e-4)
    alone = np.array([0.0, 0.1, 0.5])
    assert sought(10.0, alone) == pytest.approx(1 - 0.5 * 0.6513, abs=1e-4)
    assert sought(7.0, np.array([1.0, 0.1, 0.0])) == 7.0
    assert sought(9.0, np.array([0.5, 0.1, 0.0])) == pytest.approx(3.0)
    # two hunters of 0.2 succeed in 0.36 of hunts, each gets half
    assert helped(2.0, 0.2) == pytest.approx(0.36 / 2 / 0.2)
    assert helped(5.0, 0.0) == helped(1.0, 0.3) == 1.0
    with pytest.raises(BadData, match="scan"):
        Groups(np.ones(1), np.full(1, 1.5), np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(BadData, match="no prey"):
        Groups(np.ones(1), np.ones(1), np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(BadData, match="count 1 or more"):
        Groups(np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))


def test_grouping_lowers_what_hunters_eat_and_steadies_them() -> None:
    """Fryxell et al. 2007: grouping of either lowers intake; with a lower attack rate cycles begin at a capacity as many times as high (Rosenzweig 1971)."""
    web = FoodWeb.of(
        ["prey", "hunter"],
        [(1, 0)],
        {"growth": [1.0, 0.0], "capacity": [5.0, math.inf], "loss": [0.0, 0.2]},
        {"attack": 1.0, "handling": 1.0, "efficiency": 0.5},
    )
    # what grows is not met in groups
    assert grouped(web, np.array([4.0, 3.0]), groups_of(np.ones(2)))["attack"][0] == 1.0
    chain, loners = field(), groups_of(np.ones(3))
    rates = [grouped(chain, np.array([1.0, n, m]), loners)["attack"] for n, m in ((1, 1), (6, 1), (1, 3), (6, 3))]
    assert all(rate[0] == chain["attack"][0] for rate in rates)
    fox = np.array([rate[1] for rate in rates]) / chain["attack"][1]
    assert fox[0] == pytest.approx(1.0)
    assert fox[1] == pytest.approx((1 - 0.5 * (1 - 0.9**6)) / (6 * 0.95))
    assert fox[2] == pytest.approx((1 - 0.8**3) / (3 * 0.2))
    assert fox[3] == pytest.approx(fox[1] * fox[2])
    assert grouped(chain, np.array([1.0, 6.0, 3.0]), groups_of(np.array([1.0, 6.0, 3.0])))["attack"] == pytest.approx(
        chain["attack"]
    )
    # the attack rate of loners cycles at a capacity of 5 (from 2.33 on), that of groups with a half of it does not (from 4.67 on)
    swings = []
    for share in (1.0, 0.4):
        late = run(web.changed(attack=share), [1.0, 0.5], np.linspace(0, 3000, 6001)).biomass[4000:, 0]
        swings.append(np.ptp(late))
    assert swings[0] > 1.0
    assert swings[1] < 1e-3


def hunted(prey_herd: int, hunters: int, groups: Groups | None, seen: np.ndarray | None = None) -> float:
    """Hares killed per fox and day in one cell of 10 km2, with 3,000 hares in herds and 300 foxes in packs; few enough that nothing runs short."""
    web = field(handling=0.0).changed(attack=[1e-9, 3e-2])
    area, hares, foxes = 1e7, 3000, 300
    number = np.concatenate([np.full(hares // prey_herd, prey_herd), np.full(foxes // hunters, hunters)])
    kind = np.repeat([1, 2], [hares // prey_herd, foxes // hunters])
    mass = np.where(kind == 1, 3000.0, 6000.0)
    biomass = np.zeros((3, 1, 1))
    np.add.at(biomass[:, 0, 0], kind, number * mass / area)
    values = {
        "who": np.arange(len(kind)),
        "species": kind,
        "cell": np.zeros(len(kind), np.int64),
        "number": number,
        "mass": mass,
    }
    values |= {"biomass": biomass, "plants": np.zeros((1, 1, 1))}
    if seen is not None:
        values["seen"] = seen
    eating, killed = Eating(web, area, 1, Meeting(groups, seen is not None)), 0.0
    for step in range(40):
        now = {name: value.copy() for name, value in values.items()}
        eating.step(now, Moment(step, float(step), 1.0, draws.key(1, "hunt")))
        killed += hares - now["number"][kind == 1].sum()
    return killed / 40 / foxes


def test_animals_one_by_one_meet_groups_as_the_law_says() -> None:
    """Each figure is of some 2,000 kills or more: 4 standard errors are 9 % at most."""
    loners = groups_of(np.ones(3))
    plain = hunted(1, 1, None)
    # 0.03 m2 g-1 day-1 at 0.9 g m-2 for 6 kg: 162 g a day, 0.054 hares
    assert plain == pytest.approx(0.054, rel=0.1)
    assert hunted(6, 3, None) == pytest.approx(plain, rel=0.12)
    web = field()
    for prey, hunters in ((6, 1), (1, 3), (6, 3)):
        share = grouped(web, np.array([1.0, prey, hunters]), loners)["attack"][1] / web["attack"][1]
        assert hunted(prey, hunters, loners) == pytest.approx(plain * share, rel=0.25 if prey > 1 else 0.12)
        assert hunted(prey, hunters, loners) < 0.85 * plain
    usual = groups_of(np.array([1.0, 6.0, 3.0]))
    assert hunted(6, 3, usual) == pytest.approx(plain, rel=0.12)


def test_what_is_not_seen_is_not_killed() -> None:
    seen = np.ones((2, 1, 1))
    plain = hunted(1, 1, None, seen)
    assert plain == hunted(1, 1, None)
    seen[1] = 0.5
    assert hunted(1, 1, None, seen) == pytest.approx(0.5 * plain, rel=0.15)
    seen[1] = 0.0
    assert hunted(1, 1, None, seen) == 0.0


def test_small_groups_lose_more_of_each_than_large_ones() -> None:
    """Herds of 2 and of 20 are met alike, so that an animal among 20 is killed a tenth as often (dilution), and less still (many eyes)."""
    web = field(handling=0.0).changed(attack=[1e-9, 0.15])
    number = np.concatenate([np.full(100, 2), np.full(100, 20), np.full(200, 1)])
    kind = np.repeat([1, 2], [200, 200])
    lost = np.zeros(200)
    for step in range(60):
        values = {"who": np.arange(400), "species": kind, "cell": np.zeros(400, np.int64), "number": number.copy()}
        values |= {"mass": np.where(kind == 1, 3000.0, 6000.0), "plants": np.zeros((1, 1, 1))}
        values["biomass"] = np.array([0.0, 2.0, 1.0])[:, None, None]
        Eating(web, 3e6, 1, Meeting(groups_of(np.ones(3), scan=0.1, escape=0.5))).step(
            values, Moment(step, 0.0, 1.0, draws.key(5))
        )
        lost += (number - values["number"])[:200]
    small, large = lost[:100].sum() / 2, lost[100:].sum() / 20
    expected = 10 * (1 - 0.5 * (1 - 0.9**2)) / (1 - 0.5 * (1 - 0.9**20))
    assert lost.sum() > 300
    assert small / large == pytest.approx(expected, rel=0.3)


def whole(threads: int) -> Engine:
    sight, _ = sight_of(np.array([0.0, 3000.0, 6000.0]), np.array([np.nan, 3.0, 5.0]), ACTIVE)
    who = Animals(
        np.array([1.0, 3000.0, 6000.0]),
        np.array([0.0, 1e-3, 1e-3]),
        np.array([0.0, 1e5, 1e6]),
        np.array([1.0, 4.0, 2.0]),
        sight=sight,
        groups=groups_of(np.array([1.0, 4.0, 2.0])),
    )
    settings = WindowSettings(days=1 / 4, seed=7, threads=threads)
    return window(
        field(), np.array([300.0, 5.0, 1.0]), who, generated("plain", 1, 4, 200.0, (60.0,) * 12), 22.0, settings
    )


def test_a_window_with_eyes_and_groups_keeps_its_books_for_any_number_of_threads() -> None:
    one, two = whole(1), whole(2)
    one.run(60)
    two.run(60)
    assert one.world.digest() == two.world.digest()
    assert [p.name for p in one.processes].index("sight") < [p.name for p in one.processes].index("eating")
