"""A part of the training images: a share of the groups, chosen so that a larger share holds every smaller one."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from merian.core.chance import fraction
from merian.core.errors import BadSetting
from merian.core.tables import Catalog

__all__ = ["thinned"]


def thinned(catalog: Catalog, share: float, seed: int) -> Catalog:
    """`catalog` with about `share` (0 to 1) of the groups of its split "train" left; other splits are as they were.

    A group (specimen, observation; an image without one is its own) has a number in [0, 1) that `seed` and its name fix, and stays when that is below
    `share`: subsets are nested, and do not change when other groups are added. Raises BadSetting for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise BadSetting("share", share, "must be above 0 and at most 1")
    if share == 1:
        return catalog
    group = pl.coalesce("group", "id")
    names = catalog.frame.filter(pl.col("split") == "train").select(group).to_series().unique()
    left = pl.Series([name for name in names if fraction(seed, f"ladder {name}") < share], dtype=pl.String)
    stays = (pl.col("split") != "train").fill_null(True) | group.is_in(left.implode())
    return replace(catalog, frame=catalog.frame.filter(stays))
