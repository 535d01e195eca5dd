"""Names read per second on one core, and 1.4 million on all of them; the floor is Python's `re` that only splits a name on blanks.

There is no Python binding of gnparser to stand beside. The names are made: 90 in 100 of usual shape, the rest with what real tables hold.

    .venv/bin/python bench/parse.py [names]
"""

from __future__ import annotations

import re
import sys
import time

import numpy as np
import polars as pl

from merian.names.parse import parse, parse_all

WHOLE, PROMISE = 1_400_000, 25.0
SHAPES = (
    *(
        "{g} {e} ({a}, {y})",
        "{g} {e} {a}, {y}",
        "{g} {e}",
        "{g} {e} {a} & {b}, {y}",
        "{g} {e} ({a}) {b}",
        "{g} {e} {i} {a}, {y}",
        "{g} {a}, {y}",
    ),
    *("{g} {e} var. {i} ({a}) {b}", "{g} ({h}) {e} {a}, {y}"),
    *(
        "{g} × {e} {a}",
        "{g} sp. BOLD:AAA{y}",
        "{g}_{e}",
        "{g} cf. {e}",
        "{g} {e} {a} subsp. {i} {b}",
        "{g} {e} {a} ex {b} f.",
        "<i>{g} {e}</i> {a}",
        "{g} {e} sensu {a}",
    ),
)
USUAL = 9


def made(count: int) -> list[str]:
    """Names drawn from syllables: all different."""
    rng = np.random.default_rng(0)
    syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "ar", "is")]
    words = ["".join(rng.choice(syllables, 3)) for _ in range(60_000)]
    people = [word.capitalize() for word in words[:20_000]] + [
        f"{word[0].upper()}.{word.capitalize()}" for word in words[20_000:30_000]
    ]
    pick = rng.integers(0, 30_000, (count, 6))
    shape = np.where(rng.random(count) < 0.9, rng.integers(0, USUAL, count), rng.integers(USUAL, len(SHAPES), count))
    return [
        SHAPES[s].format(
            g=words[p[0]].capitalize(),
            h=words[p[1]].capitalize(),
            e=words[p[2]] + "us",
            i=words[p[3]] + "a",
            a=people[p[4]],
            b=people[p[5]],
            y=1758 + p[0] % 250,
        )
        for s, p in zip(shape, pick, strict=True)
    ]


def main(count: int) -> None:
    names = made(count)
    split = re.compile(r"\s+").split
    start = time.perf_counter()
    for name in names:
        split(name)
    floor = time.perf_counter() - start
    start = time.perf_counter()
    for name in names:
        parse(name)
    ours = time.perf_counter() - start
    print(
        f"one core, {count:,} names: merian {count / ours:,.0f} names/s ({1e6 * ours / count:.1f} us each), re.split {count / floor:,.0f}"
    )
    series = pl.Series(names)
    start = time.perf_counter()
    table = parse_all(series)
    wall = time.perf_counter() - start
    print(
        f"parse_all on all cores: {wall:.1f} s, {count / wall:,.0f} names/s; {WHOLE:,} names in {WHOLE * wall / count:.1f} s (promise: {PROMISE:.0f})"
    )
    print(f"read as a name: {(table['kind'] == 'name').sum() / count:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
