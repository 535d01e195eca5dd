"""What the vectors came to hold without being taught it, beside its controls. The verb is `merian.explore.emergence.run.emergence`."""

from merian.explore.emergence.settings import EmergenceSettings

__all__ = ["EmergenceSettings"]
