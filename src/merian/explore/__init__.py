"""Embeddings -> Report: layouts, neighbours, traits that can be read off the vectors. The verb is `merian.explore.run.explore`."""

from merian.explore.settings import ExploreSettings

__all__ = ["ExploreSettings"]
