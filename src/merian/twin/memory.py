"""What a run will take of memory is reckoned before it starts, and refused where the machine has not so much."""

from __future__ import annotations

import os
from pathlib import Path

from merian.core.errors import BadSetting

__all__ = ["free_bytes", "room_for"]

GIGA = 1e9


def free_bytes() -> float:
    """Bytes that could still be used: of the machine, or of this process where it is limited to less; infinite where that cannot be told."""
    free = float("inf")
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                free = 1024.0 * int(rest.split()[0])
    elif hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= set(os.sysconf_names):
        free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(free, _limit())


def _limit() -> float:
    """The limit of this process's address space, infinite where there is none."""
    try:
        import resource
    except ImportError:
        return float("inf")
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return float("inf") if soft == resource.RLIM_INFINITY else float(soft)


def room_for(needed: float, setting: str, value: object, remedy: str) -> None:
    """Raise BadSetting when `needed` bytes are more than there are, naming the setting that asks for them and what would help."""
    free = free_bytes()
    if needed > free:
        raise BadSetting(
            setting,
            value,
            f"needs some {needed / GIGA:,.1f} GB of memory, and {free / GIGA:,.1f} GB are free: {remedy}",
        )
