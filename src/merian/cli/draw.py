"""`merian draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.drawn.folder import draw_source
from merian.drawn.world import DrawSettings

__all__ = ["draw"]


@with_settings(DrawSettings, "draw")
def draw(
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: DrawSettings,
) -> int:
    """Draw the tree of life: photos of made-up organisms whose lineage, traits, sex, stage, health and place are known.

    The folder is an ordinary source for `merian curate`: JPEG files and Darwin Core tables. What only a test may know
    lies apart in truth.parquet; contact_sheet.png shows the species.

    Parameters
    ----------
    out
        The folder to write.
    overwrite
        Replace a folder that other settings made.
    """
    truth = draw_source(out, settings, overwrite)
    say(
        f"{path_of(out)}\n   {len(truth):,} images of {settings.species} species; plate: {path_of(out / 'contact_sheet.png')}"
    )
    return 0
