"""The long tail's other end: at most so many images of a taxon, chosen so that what is kept is as varied as it can be."""

from __future__ import annotations

import polars as pl

from merian.core.chance import fraction
from merian.core.errors import BadSetting

__all__ = ["REASON", "over_cap"]

REASON = "over the cap"


def over_cap(rows: pl.DataFrame, cap: int, seed: int, split: str | None = "train") -> pl.Series:
    """[n] which of `rows` (with id, taxon, group and, for `split`, split) are over the cap of `cap` images per taxon; 0 caps nothing.

    A taxon gives one image of each of its groups, then a second of each, and so on, in the order of seeded hashes: a thousand frames of one animal weigh no
    more than they must. The order of a taxon's images is fixed by their ids and the seed alone, so raising the cap only adds, and no other taxon matters.
    Only the rows of `split` are capped (all rows for None): a test split is measured as the source has it, and a model that trains on a flattened tail must
    not be tested on one. Raises BadSetting for a negative cap.
    """
    if cap < 0:
        raise BadSetting("cap", cap, "must be 0 (no cap) or a number of images")
    none = pl.Series("over", [False]).new_from_index(0, len(rows))
    if cap == 0 or rows.is_empty():
        return none
    capped = pl.col("taxon") >= 0
    if split is not None:
        capped &= (pl.col("split") == split).fill_null(False)
    some = rows.with_row_index("row").filter(capped & (pl.len().over("taxon") > cap))
    if some.is_empty():
        return none
    group = pl.col("group").fill_null(pl.col("id"))
    some = some.select("row", "taxon", "id", group=group)
    groups = some["group"].unique()
    dealt = pl.DataFrame({"group": groups, "by_group": [fraction(seed, f"cap group {g}") for g in groups.to_list()]})
    chance = pl.Series("chance", [fraction(seed, f"cap {i}") for i in some["id"].to_list()], pl.Float64)
    some = some.with_columns(chance).join(dealt, on="group", how="left", maintain_order="left")
    # the how-manieth of its group, then the group: one round over the groups after another
    some = some.sort("taxon", "group", "chance", "id").with_columns(round=pl.int_range(pl.len()).over("taxon", "group"))
    some = some.sort("taxon", "round", "by_group", "group", "id")
    over = some.filter(pl.int_range(pl.len()).over("taxon") >= cap)
    return rows.select(over=pl.int_range(pl.len()).is_in(over["row"].cast(pl.Int64).implode())).to_series()
