"""`merian simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.core.errors import BadSetting
from merian.twin.space.settings import MapSettings

if TYPE_CHECKING:
    from merian.core.report import Report

__all__ = ["simulate"]

WHERE = Group("Where it runs", sort_key=9)
SHOWN = 12
"""Species whose effects are said at most; all are on the page."""
FEWEST = 3
"""Species of which something is said even where none moves."""


@with_settings(MapSettings, "simulate")
def simulate(
    ecosystem: Annotated[str, Parameter(show_default=False)] = "",
    scenario: Annotated[str, Parameter(show_default=False)] = "",
    out: Path | None = None,
    /,
    *,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
    runner: Annotated[str, Parameter(group=WHERE)] = "local",
    address: Annotated[str, Parameter(group=WHERE)] = "",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: MapSettings,
) -> int:
    """Ask what-if: run an ecosystem with a change and without it, in pairs that share rates, start and weather.

    The answer is a range and a sentence for each species ("leopard rises in 58 of 64 runs"), never one line. OUT/simulation.html shows fans of biomass with and
    without the change, the food web with its flows, and on a map (--tier grid or herds) where it happens; OUT/ensemble.parquet holds every run.

    A scenario is one of those that ship with Merian (--list), or a TOML file:

        title = "Drought, then a fence"
        [[change]]
        what = "drought"         # or another kind of those in docs/how/simulate.md
        amount = 0.4             # of the rain fails
        year = 10
        until = 15
        [[change]]
        what = "fence"           # needs a map
        path = [0.5, 0, 0.5, 1]  # x, y, x, y as shares of the map from its north-west corner
        year = 5

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale.
    scenario
        A TOML file of changes, or the name of a scenario that ships with Merian.
    out
        The folder to write: simulation.html, ensemble.parquet, effects.parquet, maps.parquet (on a map), report.json.
    list_
        Only list the scenarios that ship with Merian, a line each, with the ecosystem that they are for.
    runner
        local: processes of this machine (--threads of them); ray: a Ray cluster, which must see OUT under the same path.
    address
        The Ray cluster (host:port, or auto); without it one is started on this machine.
    overwrite
        Replace the run of other settings.
    """
    if list_:
        return _listed()
    if not ecosystem or not scenario or out is None:
        missing = "ecosystem" if not ecosystem else "scenario" if not scenario else "out"
        raise BadSetting(missing, "", "merian simulate ECOSYSTEM SCENARIO OUT needs all three; --list shows scenarios")
    report = _run(ecosystem, scenario, out, settings, (runner, address, overwrite))
    return _said(out, report.remarks, settings)


def _listed() -> int:
    """Say which scenarios there are."""
    from merian.twin.shipped import SCENARIOS, shipped_scenario

    for name in SCENARIOS:
        found = shipped_scenario(name)
        tier = f" --tier {found.tier}" if found.tier != "web" else ""
        say(f"{name:<16} {escaped(found.about)} ({found.ecosystem}{tier})")
    return 0


def _run(ecosystem: str, scenario: str, out: Path, settings: MapSettings, where: tuple[str, str, bool]) -> Report:
    """Run it. where: runner, address, and whether to overwrite."""
    from merian.twin.scenario import read_scenario
    from merian.twin.shipped import scenario_file, shipped_scenario
    from merian.twin.simulate import Call
    from merian.twin.simulate import simulate as run
    from merian.twin.worked import opened

    runner, address, overwrite = where
    asked, over = read_scenario(scenario_file(scenario)), None
    if runner != "local" or address:
        from merian.curate.runner import open_runner

        # workers elsewhere stand in other folders
        out, over = out.absolute(), open_runner(runner, address, settings.threads).map
    call = Call(command_line(), overwrite, over)
    try:
        return run(opened(ecosystem, settings.seed), asked, out, settings, call)
    except BadSetting as error:
        if error.key != "species" or Path(scenario).is_file():
            raise
        written = shipped_scenario(scenario).ecosystem
        told = f"was written for {written}, and {error.value!r} is not in {ecosystem}"
        raise BadSetting("scenario", scenario, told) from error


def _said(out: Path, remarks: tuple[str, ...], settings: MapSettings) -> int:
    """Say what came of it, what moved most first; the exit code."""
    import polars as pl

    from merian.twin.ensemble import last_years
    from merian.twin.simulate import PAGE

    said = pl.read_parquet(out / "effects.parquet")
    years = settings.years
    said = said.sort("moved", "furthest", descending=True, maintain_order=True)
    say(f"With the change beside without it, in the mean of the last {last_years(years):.3g} of {years:g} years:\n")
    shown = said.head(min(SHOWN, max(FEWEST, len(said.filter(said["moved"] > 0)))))
    for words in shown["words"]:
        say(escaped(words))
    if len(rest := said[len(shown) :]):
        still = ", which move by less than 5 % in every run" if rest["moved"].sum() == 0 else ""
        say(f"   and {len(rest)} more species on the page{still}")
    for remark in remarks:
        say(f"[yellow]{escaped(remark)}[/yellow]")
    maps = "maps, " if settings.tier in ("grid", "herds") else ""
    say(f"\n{path_of(out / PAGE)}  fans, {maps}food web and sentences: open it in a browser")
    return 0
