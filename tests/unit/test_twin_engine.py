"""The ledger, the world and the engine: order, what a process may see, bounds, budgets, and going on after a kill."""

from __future__ import annotations

import numpy as np
import pytest

from merian.core.errors import BadData, BadSetting, Mismatch, Missing, Unstable
from merian.twin import draws
from merian.twin.engine import Engine, Moment, ordered
from merian.twin.ledger import Budget, Flow, Ledger, Variable
from merian.twin.world import World, latest

LEDGER = Ledger.of(
    [
        Variable("rain", "mm day-1", ("cell",), "what falls", 0, 500, "made"),
        Variable("grass", "kg", ("cell",), "what grows", 0, 1e6),
        Variable("mass", "kg", ("animal",), "of each animal", 0, 1e4),
        Variable("place", "1", ("animal",), "the cell where it is", 0, 3),
    ],
    [Budget("biomass", "kg", lambda v: float(v["grass"].sum() + v["mass"].sum()), "all that lives")],
)


class Rain:
    """Rain falls, by chance."""

    name = "rain"
    reads = ()
    writes = ("rain",)

    def step(self, values, moment: Moment):
        for cell in range(len(values["rain"])):
            values["rain"][cell] = 10 * draws.uniform(moment.chance, cell, moment.step, 0)
        return {}


class Growth:
    """Grass grows with rain."""

    name = "growth"
    reads = ("rain",)
    writes = ("grass",)

    def step(self, values, moment: Moment):
        more = values["rain"] * moment.days
        values["grass"] += more
        return {"biomass": Flow(came=float(more.sum()))}


class Grazing:
    """Animals eat a tenth of the grass where they are; half of it stays in them."""

    name = "grazing"
    reads = ("place",)
    writes = ("grass", "mass")
    lies = 0.0

    def step(self, values, moment: Moment):
        eaten = 0.1 * values["grass"][values["place"]] / np.bincount(values["place"], minlength=4)[values["place"]]
        np.subtract.at(values["grass"], values["place"], eaten)
        values["mass"] += 0.5 * eaten
        return {"biomass": Flow(went=float(0.5 * eaten.sum()) + self.lies)}


class Birth:
    """The heaviest animal has a calf of a tenth of its mass."""

    name = "birth"
    reads = ()
    writes = ("mass", "place")

    def step(self, values, moment: Moment):
        mother = int(values["mass"].argmax())
        mass = values["mass"].copy()
        calf = 0.1 * mass[mother]
        mass[mother] -= calf
        values["mass"] = np.append(mass, calf)
        values["place"] = np.append(values["place"], values["place"][mother])
        return {}


def meadow(seed: int = 1) -> World:
    values = {
        "rain": np.zeros(4),
        "grass": np.full(4, 100.0),
        "mass": np.array([50.0, 30.0]),
        "place": np.array([0, 2]),
    }
    return World(LEDGER, values, seed)


def engine(seed: int = 1) -> Engine:
    return Engine(meadow(seed), [Grazing(), Growth(), Birth(), Rain()], days=7)


def test_what_is_made_comes_before_what_reads_it_and_else_the_order_given_holds() -> None:
    assert [process.name for process in engine().processes] == ["grazing", "birth", "rain", "growth"]


def test_order_that_cannot_be() -> None:
    class Drought(Rain):
        name = "drought"

    class Clouds(Rain):
        name, reads, writes = "clouds", ("haze",), ("rain",)

    class Haze(Rain):
        name, reads, writes = "haze", ("rain",), ("haze",)

    with pytest.raises(BadData, match=r"'rain': is made by one process \(rain, drought\)"):
        ordered(LEDGER, [Rain(), Drought()])
    with pytest.raises(BadData, match=r"'growth': reads what no process makes \(rain\)"):
        ordered(LEDGER, [Growth()])
    with pytest.raises(BadSetting, match="each has a name of its own"):
        ordered(LEDGER, [Rain(), Rain()])
    ring = Ledger.of([*LEDGER.variables.values(), Variable("haze", "1", ("cell",), "", kind="made")])
    with pytest.raises(BadSetting, match="each waits for what another of them makes"):
        ordered(ring, [Clouds(), Haze()])
    with pytest.raises(BadData, match="has no variable 'haze'"):
        ordered(LEDGER, [Haze()])


def test_a_step_moves_what_it_says_and_the_budget_closes() -> None:
    run = engine()
    before = run.world.total("biomass")
    moved = run.step()
    came = moved["growth"]["biomass"].came
    went = moved["grazing"]["biomass"].went
    assert came > 0
    assert went > 0
    assert run.world.total("biomass") == pytest.approx(before + came - went, rel=1e-12)
    assert (run.world.step, run.world.day, len(run.world.values["mass"])) == (1, 7.0, 3)


def test_a_budget_that_does_not_close_names_the_process() -> None:
    process = Grazing()
    process.lies = 1e-3
    with pytest.raises(
        Unstable, match=r"'grazing' made 'biomass' unphysical in cell all \(\+0\.001 kg unaccounted for\) at step 0"
    ):
        Engine(meadow(), [process], days=1).step()

    class Other(Growth):
        def step(self, values, moment):
            super().step(values, moment)
            return {"water": Flow(came=1.0)}

    with pytest.raises(BadData, match=r"moves what the ledger has a budget for \(water\)"):
        Engine(meadow(), [Rain(), Other()], days=1).step()


@pytest.mark.parametrize(("value", "said"), [(-1.0, r"value -1\.0"), (np.nan, "value nan"), (np.inf, "value inf")])
def test_values_beyond_their_bounds_name_process_variable_cell_and_step(value: float, said: str) -> None:
    class Flood(Rain):
        def step(self, values, moment):
            values["rain"][2] = value if moment.step == 1 else 0.0
            return {}

    run = Engine(meadow(), [Flood()], days=1)
    run.step()
    with pytest.raises(Unstable, match=rf"'rain' made 'rain' unphysical in cell \(2,\) \({said}\) at step 1"):
        run.step()


def test_a_process_sees_and_writes_only_what_it_declares() -> None:
    class Peeks(Rain):
        def step(self, values, moment):
            assert "grass" not in values
            return {}

    class Tramples(Rain):
        reads = ("grass",)

        def step(self, values, moment):
            values["grass"] -= 1.0
            return {}

    Engine(meadow(), [Peeks()], days=1).step()
    with pytest.raises(ValueError, match="read-only"):
        Engine(meadow(), [Tramples()], days=1).step()


def test_an_axis_changes_as_a_whole_or_not_at_all() -> None:
    class Half(Birth):
        writes = ("mass",)

        def step(self, values, moment):
            values["mass"] = values["mass"][:1] + values["mass"][1:]
            return {}

    with pytest.raises(Mismatch, match="along 'animal'"):
        Engine(meadow(), [Half()], days=1).step()


def test_a_killed_run_ends_with_the_same_bytes(tmp_path) -> None:
    whole = engine()
    whole.run(20)

    def killed(world: World, moved: object) -> None:
        if world.step == 13:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine().run(20, killed, tmp_path / "run", every=5)
    assert [place.name for place in (tmp_path / "run").iterdir()] == ["step-000000010"]
    again = engine()
    again.run(20, folder=tmp_path / "run", every=5)
    assert again.world.digest() == whole.world.digest()
    assert again.world.digest() != engine(2).world.digest()
    done = engine()
    done.run(20, folder=tmp_path / "run")
    assert done.world.digest() == whole.world.digest()


def test_saved_worlds_that_are_not_whole(tmp_path) -> None:
    place = meadow().save(tmp_path)
    assert World.load(place, LEDGER).digest() == meadow().digest()
    np.save(place / "mass.npy", np.array([50.0, 31.0]))
    with pytest.raises(BadData, match="its bytes are not those that were saved"):
        World.load(place, LEDGER)
    (place / "mass.npy").unlink()
    with pytest.raises(BadData, match="not the world of this twin"):
        World.load(place, LEDGER)
    (place / "clock.json").unlink()
    assert latest(tmp_path) is None
    with pytest.raises(Missing, match="a saved world"):
        World.load(place, LEDGER)


def test_worlds_and_ledgers_that_are_none() -> None:
    values = meadow().values
    with pytest.raises(BadData, match=r"these have none \(mass\)"):
        World(LEDGER, {name: array for name, array in values.items() if name != "mass"}, 1)
    with pytest.raises(BadData, match=r"mass lies between 0 and 10000 kg \(-5\.0 at \(1,\)\)"):
        World(LEDGER, values | {"mass": np.array([1.0, -5.0])}, 1)
    with pytest.raises(Mismatch, match="along 'animal'"):
        World(LEDGER, values | {"mass": np.ones(3)}, 1)
    with pytest.raises(Mismatch, match="axes of 'grass'"):
        World(LEDGER, values | {"grass": np.ones((2, 2))}, 1)
    with pytest.raises(BadData, match=r"a name stands for one thing \(rain\)"):
        Ledger.of([*LEDGER.variables.values(), LEDGER["rain"]])
    with pytest.raises(BadData, match="nearest: grass"):
        LEDGER["gras"]
    with pytest.raises(BadSetting, match="more than 0 days"):
        Engine(meadow(), [], days=0)
    with pytest.raises(BadData, match="needs a unit"):
        Variable("a", "", (), "")
    with pytest.raises(BadData, match="no number lies between"):
        Variable("a", "1", (), "", 2, 1)
    with pytest.raises(BadData, match="one word"):
        Variable("two words", "1", (), "")
