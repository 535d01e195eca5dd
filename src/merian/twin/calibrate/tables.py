"""Many known truths for the price of one: simulations of draws from the prior, each of which is a known world to the others.

By rejection, the posterior of any observation is the simulations near it (Pritchard et al. 1999, doi:10.1093/oxfordjournals.molbev.a026091), and they are the
same for every observation: they are made once. Each row is left out in turn, taken for what was observed, and its parameters are ranked among what is found
(Prangle et al. 2014, doi:10.1111/anzs.12087). Ranks of worlds that share a table are not quite independent: p values are a little too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting, Mismatch
from merian.twin import draws
from merian.twin.calibrate.abc import Posterior, Simulate, adjusted, nearest
from merian.twin.calibrate.priors import Prior
from merian.twin.foodweb import Doubles

__all__ = ["DRAWN", "Table"]

DRAWN = 99
"""Draws among which a truth is ranked: a hundred ranks, so that intervals of 90 % have whole ends."""


@dataclass(frozen=True, eq=False)
class Table:
    """`parameters` [n, p] from the `prior` and `summaries` [n, s] simulated of them."""

    prior: Prior
    parameters: Doubles
    summaries: Doubles

    def __post_init__(self) -> None:
        if self.parameters.ndim != 2 or self.summaries.ndim != 2 or len(self.parameters) != len(self.summaries):
            raise Mismatch("parameters and summaries", self.parameters.shape, self.summaries.shape)

    @classmethod
    def of(cls, prior: Prior, simulate: Simulate, count: int, seed: int) -> Table:
        """So many simulations of draws from the prior; number i has the key draws.key(seed, "table", i)."""
        parameters = prior.draw(count, stream(seed, "table"))
        rows = [simulate(row, draws.key(seed, "table", at)) for at, row in enumerate(parameters)]
        return cls(prior, parameters, np.asarray(rows, float))

    def posterior(self, observed: Doubles, kept: int, without: int = -1) -> Posterior:
        """The `kept` simulations nearest to the `observed` [s], adjusted by regression; row `without` is left out.

        Raises BadSetting where there are not so many.
        """
        if not 10 <= kept < len(self.parameters):
            raise BadSetting("kept", kept, f"10 or more, and fewer than the {len(self.parameters)} simulations")
        rest = np.arange(len(self.parameters)) != without
        found = nearest(self.parameters[rest], self.summaries[rest], observed, kept)
        return adjusted(found, self.prior, observed)

    def answers(self, worlds: int, kept: int, seed: int, seen: Doubles | None = None) -> Doubles:
        """Posterior draws [worlds, DRAWN, p] for the first rows, each by all others; `seen` [>= worlds, s] is what these worlds show where that is not what the
        table thinks of them."""
        shown = self.summaries if seen is None else seen
        return np.array(
            [
                self.posterior(shown[at], kept, at).drawn(DRAWN, stream(seed, "table", "drawn", at))
                for at in range(worlds)
            ]
        )
