"""The catalog's photos as a browser takes them: the bytes as they are, or a thumbnail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from merian.core.errors import Missing
from merian.web.parts import Parts

__all__ = ["LARGEST", "Picture", "Thumbnails", "original"]
