"""Photos as files: moments before cameras drawn and written, each once, whatever stops the run."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from merian.core.progress import track
from merian.core.workers import over_processes
from merian.twin.observe.cast import Cast, Moment, shot

__all__ = ["Photo", "draw"]

CHUNK = 48
"""Photos that a worker draws before it reports."""
QUALITY = 88

Photo = tuple[str, Moment]
"""Where the file lies, relative to a folder, and what it shows."""


def draw(folder: Path, photos: Sequence[Photo], cast: Cast, seed: int, size: int) -> None:
    """Write the photos that `folder` lacks, `size` x `size` px. A file takes its name when it is whole, so a stopped run goes on to the same bytes."""
    for part in sorted({(folder / place).parent for place, _ in photos}):
        part.mkdir(parents=True, exist_ok=True)
        for unfinished in part.glob(".*.part"):
            unfinished.unlink(missing_ok=True)
    missing = [photo for photo in photos if not (folder / photo[0]).is_file()]
    chunks = [missing[at : at + CHUNK] for at in range(0, len(missing), CHUNK)]
    work = functools.partial(_drawn, folder=folder, cast=cast, seed=seed, size=size)
    with track("Drawing photos", len(photos), "photos", len(photos) - len(missing)) as advance:
        for _, count in over_processes(work, chunks):
            advance(count)


def _drawn(chunk: Sequence[Photo], folder: Path, cast: Cast, seed: int, size: int) -> int:
    from merian.drawn.scene import encode_jpeg, render

    for place, moment in chunk:
        organism, how = shot(cast, moment, seed)
        target = folder / place
        scratch = target.with_name(f".{target.name}.{os.getpid()}.part")
        scratch.write_bytes(encode_jpeg(render(how, organism, size), QUALITY))
        scratch.replace(target)
    return len(chunk)
