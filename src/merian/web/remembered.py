"""Answers that cost seconds, remembered: computed once, one at a time, and given up when they were not asked for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Remembered"]

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


@dataclass(eq=False)
class Remembered(Generic[Key, Answer]):
    """The last `most` answers by what was asked; threads wait for each other."""

    most: int
    _found: OrderedDict[Key, Answer] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Key, make: Callable[[], Answer]) -> Answer:
        """The answer, made where it is not there. What `make` raises is not remembered."""
        with self._lock:
            if key not in self._found:
                made = make()
                while len(self._found) >= self.most:
                    self._found.popitem(last=False)
                self._found[key] = made
            self._found.move_to_end(key)
            return self._found[key]
