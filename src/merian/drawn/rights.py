"""Licences as portals give them: a mix of kinds, each in several spellings, some missing. They are part of the fiction: all drawn pictures are CC0."""

from __future__ import annotations

from itertools import accumulate

import polars as pl

from merian.core.chance import fraction
from merian.drawn.world import DrawSettings

__all__ = ["LICENCE_MIX", "license_records"]

CC = "creativecommons.org/licenses"
LICENCE_MIX: tuple[tuple[float, tuple[tuple[str, str], ...]], ...] = (
    (
        0.22,
        (
            ("CC0-1.0", "CC0_1_0"),
            ("CC0-1.0", "http://creativecommons.org/publicdomain/zero/1.0/legalcode"),
            ("CC0-1.0", "CC0"),
        ),
    ),
    (
        0.24,
        (
            ("CC-BY-4.0", "CC_BY_4_0"),
            ("CC-BY-4.0", f"http://{CC}/by/4.0/legalcode"),
            ("CC-BY-4.0", f"https://{CC}/by/4.0/"),
            ("CC-BY-4.0", "CC BY 4.0"),
            ("CC-BY", "cc-by"),
        ),
    ),
    (
        0.34,
        (
            ("CC-BY-NC-4.0", "CC_BY_NC_4_0"),
            ("CC-BY-NC-4.0", f"http://{CC}/by-nc/4.0/"),
            ("CC-BY-NC-4.0", "Attribution-NonCommercial 4.0 International"),
            ("CC-BY-NC", "CC BY-NC"),
        ),
    ),
    (0.07, (("CC-BY-SA-4.0", f"https://{CC}/by-sa/4.0/"), ("CC-BY-SA-3.0", "CC BY-SA 3.0"))),
    (0.03, (("CC-BY-ND-4.0", "CC-BY-ND-4.0"), ("CC-BY-ND-4.0", f"http://{CC}/by-nd/4.0"))),
    (
        0.06,
        (("all rights reserved", "© All rights reserved"), ("all rights reserved", "Copyright, all rights reserved")),
    ),
    (0.04, (("", ""),)),
)
"""Share, and the pairs of canonical id and spelling, equally likely. The shares are a guess; the spellings are such as portals export."""


def license_records(table: pl.DataFrame, settings: DrawSettings) -> pl.DataFrame:
    """`table` with the columns `licence` (canonical id, "" when missing) and `licence_given` (as the record spells it, null when missing).

    The photos of one event share a licence; a duplicate, sent in by someone else, has its own.
    """
    if not settings.licence_mix:
        return table.with_columns(licence=pl.lit("CC0-1.0"), licence_given=pl.lit("CC0-1.0"))
    pairs = [_draw(settings.seed, event) for event in table["eventID"]]
    return table.with_columns(
        pl.Series("licence", [canonical for canonical, _ in pairs], dtype=pl.String),
        pl.Series("licence_given", [given or None for _, given in pairs], dtype=pl.String),
    )


def _draw(seed: int, event: str) -> tuple[str, str]:
    """Canonical id and spelling of the licence of one event."""
    at = fraction(seed, f"licence {event}")
    edges = list(accumulate(share for share, _ in LICENCE_MIX))
    spellings = next((s for edge, (_, s) in zip(edges, LICENCE_MIX, strict=True) if at < edge), LICENCE_MIX[-1][1])
    return spellings[int(fraction(seed, f"spelling {event}") * len(spellings))]
