"""Chance comes in by name: every draw belongs to a stream whose seed follows from one number and a path of names.

Two streams with different names are independent; adding a stream changes no other (numpy SeedSequence, O'Neill 2015 hash).
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["fraction", "stream"]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on `seed` and the path of `names` alone, on every platform."""
    words = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
    for name in names:
        words += np.frombuffer(hashlib.blake2b(str(name).encode(), digest_size=16).digest(), "<u4").tolist()
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def fraction(seed: int, key: str) -> float:
    """A number in [0, 1) fixed by `seed` and `key`: for splits that must not move when rows are added."""
    digest = hashlib.blake2b(f"{seed}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2.0**64
