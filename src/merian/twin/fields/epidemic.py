"""What theory says of an epidemic in one closed population, and what the equations of disease give: rows of the validation panel."""

from __future__ import annotations

import numpy as np

from merian.twin.fields.asked import Asked
from merian.twin.hazards.disease import Pathogen, course
from merian.twin.theory import Row

__all__ = ["epidemic"]

KERMACK = "Kermack & McKendrick 1927, Proc. R. Soc. A 115:700"
ROWS = (
    Asked(
        "SIR, threshold",
        "contacts, times the days of being infectious, from which on an epidemic grows",
        KERMACK,
        1.0,
        1e-3,
    ),
    Asked("SIR, threshold with births", "beta / (gamma + mu), the same", KERMACK, 1.0, 1e-3),
    Asked("SIR, final size, R0 = 2", "share of all that it reaches: 1 - z = exp(-2 z)", KERMACK, 0.796812, 1e-4),
    Asked("SIR, final size, R0 = 4", "share of all that it reaches: 1 - z = exp(-4 z)", KERMACK, 0.980173, 1e-4),
)
DAYS = 5.0
"""How long an animal is infectious; nothing depends on it."""


def _disease(contacts_day: float, births_day: float = 0.0) -> Pathogen:
    """A disease of one species without incubation, of which none dies and to which all who had it are immune for life."""
    one = np.ones(1)
    return Pathogen(contacts_day * one[:, None], 0 * one, DAYS * one, 0 * one, np.inf * one, births_day * one)


def _grows(contacts_day: float, births_day: float) -> bool:
    """Whether a few ill animals among many become more."""
    start = np.array([[1.0 - 1e-9], [0.0], [1e-9], [0.0]])
    after = course(_disease(contacts_day, births_day), start, np.array([0.0, 50 * DAYS]))
    return bool(after[-1, 2, 0] > start[2, 0])


def _threshold(births_day: float) -> float:
    """Contacts, over the rate at which animals are no longer infectious, from which on the ill become more: by halving."""
    out, low, high = 1 / DAYS + births_day, 0.5, 2.0
    for _ in range(16):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _grows(middle * out, births_day) else (middle, high)
    return 0.5 * (low + high)


def _reached(r0: float) -> float:
    """The share that had it when all is over."""
    start = np.array([[1.0 - 1e-7], [0.0], [1e-7], [0.0]])
    return 1 - float(course(_disease(r0 / DAYS), start, np.array([0.0, 100 * DAYS]))[-1, 0, 0])


def epidemic() -> list[Row]:
    """The rows of SIR."""
    found = (_threshold(0.0), _threshold(0.05), _reached(2.0), _reached(4.0))
    return [asked.row(value) for asked, value in zip(ROWS, found, strict=True)]
