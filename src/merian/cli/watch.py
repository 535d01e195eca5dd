"""`merian twin watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.twin.observe.settings import WatchSettings

__all__ = ["watch"]


@with_settings(WatchSettings, "watch")
def watch(
    ecosystem: str,
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: WatchSettings,
) -> int:
    """Photograph a running ecosystem: a window of it lives animal by animal, and cameras shoot who walks past, as drawn animals.

    OUT is a camera-trap project (Camtrap DP) whose photos nobody has named, with labelled drawings held out to try a classifier on, and the truth apart. The
    loop closes with:

        merian identify OUT/photos OUT/held_out --model MODEL -o names.csv
        merian twin calibrate ECOSYSTEM OUT RESULT --names names.csv

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale. Species of the drawn tree are drawn as themselves, other
        mammals and birds are played by drawn ones (OUT/cast.csv).
    out
        The folder to write: photos/, held_out/, deployments.csv, media.csv, observations.csv, cast.csv, truth.parquet, report.json.
    overwrite
        Replace a world of other settings.
    """
    from merian.twin.observe.watch import watch as run
    from merian.twin.worked import opened

    world = opened(ecosystem, settings.seed)
    report = run(world, out, settings, {"ecosystem": world.digest()}, command_line(), overwrite)
    say(f"{report['photos'].value:,.0f} photos")
    for number in report.numbers:
        if number.group == "Truth":
            say(f"  {escaped(number.name):<32} {number.value:8.3g} km-2  [dim]{escaped(number.note)}[/dim]")
    for remark in report.remarks:
        say(f"[yellow]{escaped(remark)}[/yellow]")
    where = f"{out / 'photos'} {out / 'held_out'}"
    say(
        f"\n{path_of(out)}  next: merian identify {where} --model MODEL -o names.csv, with a model that knows the species of cast.csv"
    )
    return 0
