"""`merian twin odd`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from merian.cli.say import path_of, say

__all__ = ["odd"]


def odd(
    ecosystem: str,
    out: Path,
    /,
    *,
    tier: Literal["grid", "cohorts", "herds"] = "grid",
    scenario: str = "",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Describe a twin by the ODD protocol (Grimm et al. 2006, 2020), from its own ledger and processes, so that it cannot say what the code does not do.

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale.
    out
        The folder to write: odd.html, odd.md.
    tier
        grid: densities in the cells of the landscape; cohorts: animals by age and stage there; herds: animals one by one or in herds in a window.
    scenario
        Describe it under this scenario too, with what threatens it: a TOML file, or one of those of `merian simulate --list`.
    overwrite
        Replace the page of another ecosystem or tier.
    """
    from merian.twin.describe import PAGE, described
    from merian.twin.scenario import read_scenario
    from merian.twin.shipped import scenario_file
    from merian.twin.worked import opened

    asked = read_scenario(scenario_file(scenario)) if scenario else None
    described(opened(ecosystem, 0), out, tier, overwrite, asked)
    say(f"{path_of(out / PAGE)}  the description: open it in a browser")
    return 0
