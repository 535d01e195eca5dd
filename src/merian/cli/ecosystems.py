"""The ecosystem that a verb is given: a folder made by `merian twin build`, or a worked one by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from merian.core.errors import BadSetting

if TYPE_CHECKING:
    from merian.twin.ecosystem import Ecosystem

__all__ = ["opened"]


def opened(name: str, seed: int) -> Ecosystem:
    """The ecosystem in a folder, or the worked one of this name with a ground made by seed. Raises BadSetting for what is neither."""
    from merian.twin.ecosystem import Ecosystem, made
    from merian.twin.worked import WORKED, drawn_ecosystem, shipped

    if Path(name).is_dir():
        return Ecosystem.load(Path(name))
    if name not in WORKED:
        allowed = f"is a folder made by `merian twin build`, or one of {', '.join(WORKED)}"
        raise BadSetting("ecosystem", name, allowed, WORKED)
    worked = drawn_ecosystem("grassland", 160, 0) if name == "drawn" else shipped(name)
    return made(worked.facts, worked.landscape(seed))
