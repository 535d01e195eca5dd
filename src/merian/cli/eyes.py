"""`merian twin eyes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import bold, escaped, path_of, say
from merian.core import store
from merian.core.errors import BadSetting, Missing
from merian.twin.senses.montage import EyesSettings

__all__ = ["eyes"]

FIRST = ("plains zebra", "lion", "blue tit", "honeybee", "human")
"""Who looks when nobody is named."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@with_settings(EyesSettings, "eyes")
def eyes(
    photo: Path,
    out: Path | None = None,
    /,
    *,
    species: Annotated[tuple[str, ...], Parameter(name=["--as", "-a"], negative=(), consume_multiple=False)] = FIRST,
    facts: Annotated[bool, Parameter(negative=())] = False,
    settings: EyesSettings,
) -> int:
    """Show a photo as animals would take it in from a distance: acuity, colours and light of each, on one sheet.

    A reconstruction from optics; nobody knows what it feels like. Each fact says whether it was measured, estimated from anatomy, taken from a relative or from
    the size of the body. The photo is not made larger: the distance decides how much of it the eye can still tell apart.

    Parameters
    ----------
    photo
        Any image. Its colours are taken as light at noon; it holds no ultraviolet.
    out
        The sheet to write: .png, .jpg or .webp. Unless given, the photo's name with -eyes.png, here.
    species
        Who looks, by common or scientific name ("zebra", "Panthera leo"). May be given several times.
    facts
        Say every fact of each species with its source.
    """
    from merian.encode.files import upright
    from merian.twin.senses.eyes import FACTS, eyes_of
    from merian.twin.senses.montage import CAPTION, captions, sheet

    out = out or Path(f"{photo.stem}-eyes.png")
    if out.suffix.lower() not in SUFFIXES:
        raise BadSetting("out", str(out), f"ends in one of {', '.join(SUFFIXES)}")
    who = [eyes_of(name) for name in species]
    if not photo.is_file():
        raise Missing("the photo", photo, "give the path of an image")
    pixels = np.asarray(upright(photo.read_bytes()))
    page = sheet(pixels, who, settings)
    with store.atomic(out) as file:
        page.save(file, {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(out.suffix.lower(), "PNG"))
    for one in who:
        name, *lines = captions(one, settings)
        say(f"{bold(name)}  {escaped(lines[0])}")
        if facts:
            for key, fact in one.facts.items():
                say(f"  {key:<14} {escaped(fact.words)} {FACTS[key][0]}  [dim]{escaped(fact.source)}[/dim]")
    say(f"\n{CAPTION}\n{path_of(out)}")
    return 0
