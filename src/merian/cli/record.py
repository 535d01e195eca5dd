"""`merian twin record`."""

from __future__ import annotations

import json
from pathlib import Path

from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.core.errors import BadSetting
from merian.core.progress import track
from merian.twin.frames.settings import SUFFIX, RecordSettings

__all__ = ["record"]


@with_settings(RecordSettings, "record")
def record(
    ecosystem: str,
    out: Path,
    /,
    *,
    scenario: Path | None = None,
    pages: Path | None = None,
    settings: RecordSettings,
) -> int:
    """Record a run of an ecosystem, herd by herd, for an exhibit that plays it without Python.

    The file holds the frames that the live viewer would be sent, of the world as it is and, with a scenario, of the world under it beside that. No place and
    no animal in it is real: the ground is made by seed.

    Parameters
    ----------
    ecosystem
        A folder made by `merian twin build`, or a worked ecosystem: savanna, isle-royale.
    out
        The file to write, ending in .twin. One that is there is replaced.
    scenario
        A TOML file of changes, as for `merian simulate`; years count from the first day.
    pages
        A new folder for the pages that play the run: put it on any web server of files, and open its index.html there.
    """
    from merian.twin.frames.playback import record as run
    from merian.twin.scenario import read_scenario
    from merian.twin.worked import opened

    if out.suffix != SUFFIX:
        raise BadSetting("out", str(out), f"ends in {SUFFIX}")
    asked = None if scenario is None else read_scenario(scenario)
    steps = max(round(settings.shot_hours / settings.step_hours), 1)
    shots = max(round(settings.days * 24.0 / (steps * settings.step_hours)), 1)
    with track("shots", shots) as advance:
        told = run(opened(ecosystem, settings.seed), out, settings, asked, advance)
    for warning in told["warnings"]:
        say(f"[yellow]{escaped(warning)}[/yellow]")
    size = out.stat().st_size / 1e6
    played = told["shots"] * told["shot_seconds"]
    say(f"{told['days']:g} days in {told['shots']:,} shots, {size:.1f} MB, {played:.0f} s to play\n{path_of(out)}")
    if told["beside"]:
        more = len(json.dumps(told["beside"], ensure_ascii=False).encode()) / 1e6
        say(f"{more:.1f} MB of it are the food web, the fans of {settings.members} pairs of runs, eyes and evidence")
    if pages is not None:
        from merian.web.exhibit import write_exhibit

        write_exhibit(out, pages)
        say(path_of(pages / "index.html"))
    return 0
