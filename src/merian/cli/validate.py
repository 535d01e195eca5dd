"""`merian twin validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.say import escaped, path_of, say

__all__ = ["validate"]


def validate(
    out: Path,
    /,
    *,
    tables: Path | None = None,
    only: tuple[str, ...] = (),
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Hold the twin against what theory and field data demand: a panel of rows with target, result and whether it holds.

    Exact theory of food webs, disease and space, one tier against the other, predators against prey along a gradient of rain, species by area, the Serengeti
    after rinderpest; with tables the slopes of body mass, Isle Royale's wolves and moose, hares and lynx. A row that does not hold is shown like the rest, and
    no error; one whose table is not there is not run, which is not a pass.

    Parameters
    ----------
    out
        The folder to write: panel.html, panel.parquet, report.json.
    tables
        A folder with PanTHERIA, TetraDENSITY, EltonTraits (mammals and birds), isle_royale, hare_lynx, veilleux, food_web (who eats whom) and the tables
        of Portal (Portal_rodent, Portal_rodent_trapping, Portal_plots), by their names.
    only
        A group to compute, as often as there are some: food-webs, space, books, cohorts, mass, community, isle-royale, cycles, serengeti, portal,
        links, regulation; all when none is named.
    overwrite
        Replace a panel of other tables.
    """
    from merian.twin.validate import PAGE
    from merian.twin.validate import validate as run

    report = run(out, tables, only, command_line(), overwrite)
    held = report["held"]
    for number in report.numbers:
        if number.note.startswith("does not hold"):
            say(f"[yellow]{escaped(number.name)}: {number.value:.4g}, {escaped(number.note)}[/yellow]")
    for remark in report.remarks:
        say(escaped(remark))
    say(f"{held.value * (held.n or 0):.0f} of {held.n} rows hold")
    say(f"{path_of(out / PAGE)}  the panel: open it in a browser")
    return 0
