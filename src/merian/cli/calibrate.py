"""`merian twin calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.twin.calibrate.settings import CalibrateSettings

__all__ = ["calibrate"]

SHOWN = 12
"""Sentences that are said; all are on the page."""


@with_settings(CalibrateSettings, "calibrate")
def calibrate(
    ecosystem: str,
    counts: Path,
    out: Path,
    /,
    *,
    names: Path | None = None,
    confusion: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: CalibrateSettings,
) -> int:
    """Learn from cameras how many animals there are: densities in each period beside what was believed, and with --rates the rates of the food web.

    What a classifier says goes through its confusion matrix, estimated from held-out photos with its uncertainty; "unknown" stays unknown. A member of the
    belief is one ecosystem of those that the evidence allows, run on from period to period by the food-web equations.

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale.
    counts
        A table with the columns deployment, label, count, days and perhaps period; a Camtrap DP folder; or a folder made by `merian twin watch`, with --names.
    out
        The folder to write: calibration.html, densities.parquet, draws.parquet, rates.parquet, report.json.
    names
        What `merian identify OUT/photos OUT/held_out -o FILE` said of the photos of a watched world (CSV or Parquet).
    confusion
        Held-out photos of a classifier whose counts these are: columns species, label, photos. Without it labels are taken as true.
    overwrite
        Replace a calibration of other settings or counts.
    """
    from merian.twin.calibrate.page import sentence
    from merian.twin.calibrate.run import PAGE, Given
    from merian.twin.calibrate.run import calibrate as run
    from merian.twin.worked import opened

    world = opened(ecosystem, settings.seed)
    report = run(world, Given(counts, names, confusion), out, settings, command_line(), overwrite)
    from polars import read_parquet

    table = read_parquet(out / "densities.parquet", glob=False)
    common = dict(zip(world.species.names, world.species.common, strict=True))
    every = list(dict.fromkeys(table["species"]))
    for name in every[:SHOWN]:
        say(escaped(sentence(table, name, common[name] or name)))
    if len(every) > SHOWN:
        say(f"   and {len(every) - SHOWN} more species on the page")
    for number in report.numbers:
        if number.group == "Rates":
            say(f"  {escaped(number.name):<36} {escaped(number.text)}  [dim]{escaped(number.note)}[/dim]")
    for remark in report.remarks:
        say(f"[yellow]{escaped(remark)}[/yellow]")
    say(f"\n{path_of(out / PAGE)}  what was believed beside what the cameras say: open it in a browser")
    return 0
