"""`merian simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.core.errors import BadSetting
from merian.twin.ensemble import EnsembleSettings

if TYPE_CHECKING:
    from merian.twin.ecosystem import Ecosystem

__all__ = ["simulate"]

SHOWN = 12
"""Species whose effects are said; all are on the page."""


@with_settings(EnsembleSettings, "simulate")
def simulate(
    ecosystem: str,
    scenario: Path,
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: EnsembleSettings,
) -> int:
    """Ask what-if: run an ecosystem with a change and without it, in pairs that share rates, start and weather.

    The answer is a range and a sentence for each species ("leopard rises in 58 of 64 runs"), never one line. OUT/simulation.html shows fans of biomass with and
    without the change and the food web with its flows; OUT/ensemble.parquet holds every run.

    A scenario is a TOML file:

        title = "Drought, then fewer lions"
        [[change]]
        what = "rain"            # remove, introduce, harvest, protect, habitat, rain, warming or refuge
        amount = 0.6             # times as much
        year = 10
        until = 15
        [[change]]
        what = "harvest"
        species = "Panthera leo"
        amount = 0.3             # of its biomass in a year
        year = 5
        ramp = 10

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale.
    scenario
        A TOML file of changes.
    out
        The folder to write: simulation.html, ensemble.parquet, effects.parquet, report.json.
    overwrite
        Replace the run of other settings.
    """
    from polars import read_parquet

    from merian.twin.scenario import read_scenario
    from merian.twin.simulate import PAGE
    from merian.twin.simulate import simulate as run

    asked = read_scenario(scenario)
    report = run(_ecosystem(ecosystem, settings.seed), asked, out, settings, command_line(), overwrite)
    said = read_parquet(out / "effects.parquet")
    moved = said.with_columns(moved=said["fell"] + said["rose"]).sort("moved", descending=True, maintain_order=True)
    for words in moved["words"].head(SHOWN):
        say(escaped(words))
    if len(said) > SHOWN:
        say(f"   and {len(said) - SHOWN} more species on the page")
    for remark in report.remarks:
        say(f"[yellow]{escaped(remark)}[/yellow]")
    say(f"\n{path_of(out / PAGE)}  fans, food web and sentences: open it in a browser")
    return 0


def _ecosystem(name: str, seed: int) -> Ecosystem:
    """The ecosystem in a folder, or the worked one of this name."""
    from merian.twin.ecosystem import Ecosystem, made
    from merian.twin.worked import WORKED, shipped

    if Path(name).is_dir():
        return Ecosystem.load(Path(name))
    if name not in WORKED:
        raise BadSetting(
            "ecosystem", name, f"is a folder made by `merian twin build`, or one of {', '.join(WORKED)}", WORKED
        )
    worked = shipped(name)
    return made(worked.facts, worked.landscape(seed))
