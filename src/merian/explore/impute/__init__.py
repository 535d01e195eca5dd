"""Traits for species that lack them, from relatives and pictures. The verb is `merian.explore.impute.run.impute`."""

from merian.explore.impute.settings import ImputeSettings

__all__ = ["ImputeSettings"]
