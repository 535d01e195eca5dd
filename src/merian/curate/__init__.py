"""From sources to a Catalog: read, filter, split, shard."""

from merian.curate.run import CurateSettings, curate

__all__ = ["CurateSettings", "curate"]
