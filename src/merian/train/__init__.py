"""From a catalog to an encoder: two towers trained so that a photo and its names meet. Imports torch only when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from merian.train.settings import TrainSettings

if TYPE_CHECKING:
    from merian.train.loop import train

__all__ = ["TrainSettings", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":
        try:
            from merian.train.loop import train
        except ImportError as error:
            from merian.core.errors import MissingExtra

            raise MissingExtra("torch and open_clip", "train") from error
        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
