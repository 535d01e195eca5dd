"""Random numbers by counter: a draw is a function of (key, who, step, slot) and of nothing else.

So the same seed gives the same world for any number of threads and any order of agents, and a scenario and its baseline share every draw that both
make. The function is Philox4x32-10 (Salmon et al. 2011, SC11, doi:10.1145/2063384.2063405): a key of two words, a counter of four.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

from merian.twin.compiled import compiled

__all__ = ["Key", "blocks", "branch", "key", "normal", "pairs", "philox", "row", "uniform", "uniforms", "words"]

Key = npt.NDArray[np.uint32]
"""Two words that stand for a seed and the name of a stream: uint32 [2]."""

FIRST, SECOND = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)
TINY = 2.0**-53
"""Distance of neighbouring uniforms."""


def key(seed: int, *names: str | int) -> Key:
    """The key of the stream called by the path `names` in the world of `seed`; other names give other, independent streams."""
    text = "\0".join([str(seed), *map(str, names)])
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=8).digest(), "<u4").copy()


def branch(stem: Key, *names: str | int) -> Key:
    """The key of the stream called by the path `names` within the stream of `stem`: for a part that is handed one key and needs several."""
    return key(int(stem[0]) | int(stem[1]) << 32, "branch", *names)


Long = np.uint64
"""A word of 32 bits in 64: so the compiled functions widen nothing on the way."""


@compiled
def _mixed(left: Long, right: Long, a: Long, b: Long, c: Long, d: Long) -> tuple[Long, Long, Long, Long]:
    """The rounds of the function on a key and a counter of words of 32 bits."""
    for _ in range(ROUNDS):
        one, two = FIRST * a, SECOND * c
        a, c = (two >> WORD) ^ b ^ left, (one >> WORD) ^ d ^ right
        b, d = two & LOW, one & LOW
        left, right = (left + WEYL[0]) & LOW, (right + WEYL[1]) & LOW
    return a, b, c, d


@compiled
def philox(
    key: Key, counter: tuple[np.uint32, np.uint32, np.uint32, np.uint32]
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Four random words uint32 for a counter of four words uint32."""
    left, right = np.uint64(key[0]), np.uint64(key[1])
    one, two, three, four = counter
    a, b, c, d = _mixed(left, right, np.uint64(one), np.uint64(two), np.uint64(three), np.uint64(four))
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


@compiled
def words(key: Key, who: int, step: int, slot: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Four independent words of 32 bits, for `who` (64 bits), `step` and `slot` (32 bits each)."""
    number, when, where = np.uint64(who), np.uint64(np.uint32(step)), np.uint64(np.uint32(slot))
    a, b, c, d = _mixed(np.uint64(key[0]), np.uint64(key[1]), number & LOW, number >> WORD, when, where)
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


@compiled
def blocks(key: Key, who: npt.NDArray[np.int64], step: int, slot: int, out: npt.NDArray[np.uint32]) -> None:
    """The `words` of each of `who` [n] into `out`, uint32 [4, n or more].

    The rounds stand here once more: without a call a processor does several counters at a time, in a tenth of the time of one by one.
    """
    first, second, third, fourth = out[0], out[1], out[2], out[3]
    left_key, right_key = np.uint64(key[0]), np.uint64(key[1])
    when, where = np.uint64(np.uint32(step)), np.uint64(np.uint32(slot))
    for at in range(len(who)):
        number = np.uint64(who[at])
        a, b, c, d, left, right = number & LOW, number >> WORD, when, where, left_key, right_key
        for _ in range(ROUNDS):
            one, two = FIRST * a, SECOND * c
            a, c = (two >> WORD) ^ b ^ left, (one >> WORD) ^ d ^ right
            b, d = two & LOW, one & LOW
            left, right = (left + WEYL[0]) & LOW, (right + WEYL[1]) & LOW
        first[at], second[at], third[at], fourth[at] = a, b, c, d


@compiled
def uniforms(key: Key, who: int, step: int, slot: int) -> tuple[float, float]:
    """Two independent uniforms in [0, 1) with 53 bits, for `who` (64 bits), `step` and `slot` (32 bits each)."""
    number, when, where = np.uint64(who), np.uint64(np.uint32(step)), np.uint64(np.uint32(slot))
    # as `words`, which costs twice as much to go through
    a, b, c, d = _mixed(np.uint64(key[0]), np.uint64(key[1]), number & LOW, number >> WORD, when, where)
    first, second = (a << WORD | b) >> np.uint64(11), (c << WORD | d) >> np.uint64(11)
    return first * TINY, second * TINY


@compiled
def pairs(
    key: Key,
    who: npt.NDArray[np.int64],
    step: int,
    slot: int,
    words: npt.NDArray[np.uint32],
    out: npt.NDArray[np.float64],
) -> None:
    """The `uniforms` of each of `who` [n] into `out`, float64 [2, n or more], by their `words`, uint32 [4, n or more]: several at a time, as `blocks`."""
    blocks(key, who, step, slot, words)
    one, other, first, second = words[0], words[1], out[0], out[1]
    for at in range(len(who)):
        first[at] = ((np.uint64(one[at]) << WORD | np.uint64(other[at])) >> np.uint64(11)) * TINY
    one, other = words[2], words[3]
    for at in range(len(who)):
        second[at] = ((np.uint64(one[at]) << WORD | np.uint64(other[at])) >> np.uint64(11)) * TINY


@compiled
def uniform(key: Key, who: int, step: int, slot: int) -> float:
    """One uniform in [0, 1)."""
    return uniforms(key, who, step, slot)[0]


@compiled
def normal(key: Key, who: int, step: int, slot: int) -> float:
    """One standard normal (Box and Muller 1958)."""
    first, second = uniforms(key, who, step, slot)
    return math.sqrt(-2.0 * math.log1p(-first)) * math.cos(2.0 * math.pi * second)


@compiled
def row(key: Key, count: int, step: int, slot: int) -> npt.NDArray[np.float64]:
    """The first uniforms of who = 0 to `count` - 1: float64 [count]."""
    values = np.empty(count)
    for who in range(count):
        values[who] = uniforms(key, who, step, slot)[0]
    return values
