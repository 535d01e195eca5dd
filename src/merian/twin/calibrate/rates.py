"""Rates of an ecosystem's food web from the labels of its cameras, by ABC-SMC with tier P as the simulator.

Each rate is the logarithm of itself over what the ecosystem has, normal about 0. A simulation runs some years, so that densities are near rest, brings the
animals before the cameras (exposures as far off as is believed), names them by a matrix drawn from the held-out photos, and is compared by the square roots of
all labels together. Where empty frames are counted the rate of false triggers is looked for too. Rates that leave no mark in the labels keep what was
believed of them: that is said by `left`, the share of the doubt that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadSetting, Unstable, nearest
from merian.core.progress import track
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, Posterior, Simulate, adjusted, infer
from merian.twin.calibrate.labelled import Surveyed
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import FALSE_DAY, scatters, truthful
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb, Integers
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import recorded
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run

__all__ = [
    "FALSE",
    "KINDS",
    "MOST",
    "Rate",
    "chosen",
    "fitted_rates",
    "photographer",
    "priors_of",
    "shifted",
    "simulator",
]

KINDS = ("growth", "loss", "attack", "interference")
MOST = 15
"""Rates that are looked for at once: ABC of more needs more simulations than a day has."""
FALSE = "false triggers per camera and day"
"""What the column of false triggers is called beside those of rates."""
LIMITS = Limits(1e-5, 1e-12)
DRAWN = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate: its kind, and where its species stands in the web (for attack: all links of that eater)."""

    kind: str
    at: int

    def said(self, web: FoodWeb) -> str:
        """kind:NAME."""
        return f"{self.kind}:{web.names[self.at]}"


def chosen(wanted: Sequence[str], web: FoodWeb, species: Sequence[int]) -> list[Rate]:
    """The rates that are asked for, "all" for growth of what the photographed `species` eat, and their loss, attack and interference, as many as MOST allows.

    Raises BadSetting for a rate that the web has not, or more than MOST.
    """
    if list(wanted) == ["all"]:
        food = sorted({int(at) for at in web.eaten[np.isin(web.eater, species)] if web.producer[at]})
        every = [Rate("growth", at) for at in food]
        every += [Rate(kind, at) for kind in ("attack", "loss", "interference") for at in species]
        return [rate for rate in every if _there(rate, web)][:MOST]
    found = []
    for text in wanted:
        kind, sign, name = (part.strip() for part in text.partition(":"))
        if not sign or kind not in KINDS or name not in web.names:
            close = nearest(name, web.names, 1)
            hint = f"; nearest name: {close[0]}" if close else ""
            raise BadSetting("rates", text, f"must read KIND:NAME, KIND one of {', '.join(KINDS)}{hint}", KINDS)
        rate = Rate(kind, web.names.index(name))
        if not _there(rate, web):
            raise BadSetting("rates", text, f"{name} has no {kind} in this food web")
        found.append(rate)
    if len(found) > MOST or len(set(found)) < len(found):
        raise BadSetting("rates", tuple(wanted), f"at most {MOST}, each once")
    return found


def _there(rate: Rate, web: FoodWeb) -> bool:
    """Whether the web has such a rate above 0."""
    if rate.kind == "attack":
        return bool((web.eater == rate.at).any())
    return bool(web[rate.kind][rate.at] > 0)


def shifted(web: FoodWeb, rates: Sequence[Rate], logs: Doubles) -> FoodWeb:
    """The web with each rate multiplied by the exponential of its logarithm [p]."""
    species, links = web.species.copy(), web.links.copy()
    for rate, log in zip(rates, logs.tolist(), strict=True):
        if rate.kind == "attack":
            links[list(LINK).index("attack"), web.eater == rate.at] *= np.exp(log)
        else:
            species[list(SPECIES).index(rate.kind), rate.at] *= np.exp(log)
    return replace(web, species=species, links=links)


def priors_of(seen: Surveyed, rates: Sequence[Rate], settings: CalibrateSettings) -> tuple[Normal, Normal | None]:
    """What is believed of the logarithms of the rates [p], and behind them of false triggers where empty frames are counted [p + 1]; and from where ABC sets
    out where that is nearer (None: from what is believed).

    False triggers are believed within a factor of fifty either way (FALSE_DAY), as the filters believe them, and the photos tell much of them at once: ABC sets
    out from as many as make, through the expected matrix, the labels that are there (least squares without negatives), several times as unsure as that is.
    """
    mean, sd = np.zeros(len(rates)), np.full(len(rates), settings.rate_sd)
    if seen.confusion is None or not seen.empty:
        return Normal(mean, sd), None
    from scipy.optimize import nnls

    labels = seen.counts.counts.sum((0, 1)).astype(float)
    root = np.sqrt(labels + 1.0)
    nothing = max(float(nnls(seen.confusion.mean.T / root[:, None], labels / root)[0][-1]), 0.5)
    days = seen.exposure[:, :, -1]
    k = float(scatters(seen.counts.counts, seen.names, seen.exposure)[-1])
    unsure = np.sqrt(1.0 / nothing + (days**2).sum() / (k * days.sum() ** 2))
    start = np.append(mean, np.log(nothing / days.sum()))
    prior = Normal(np.append(mean, FALSE_DAY[0]), np.append(sd, FALSE_DAY[1]))
    return prior, Normal(start, np.append(sd, min(0.3 + 3.0 * unsure, FALSE_DAY[1])))


def photographer(
    ecosystem: Ecosystem, seen: Surveyed, rates: Sequence[Rate], settings: CalibrateSettings
) -> Callable[[Doubles, draws.Key], Integers]:
    """What the cameras of a survey bring home of a world with logarithms of rates [p], or [p + 1] with that of false triggers: labels [t * c, l].

    Exposure, matrix and the scatter of cameras are drawn anew for each key from what is known of them.
    """
    balance = ecosystem.balance()
    heads = 1e6 / ecosystem.species["mass_g"][list(seen.species)]
    exposure = seen.exposure.reshape(-1, seen.exposure.shape[2])
    k = scatters(seen.counts.counts, seen.names, seen.exposure)
    fixed = truthful(seen.names, len(seen.species))
    days = [0.0, YEAR_DAYS * settings.rate_years]

    def photographed(logs: Doubles, key: draws.Key) -> Integers:
        rng = stream(int(key[0]) | int(key[1]) << 32, "simulated")
        matrix = fixed if seen.confusion is None else seen.confusion.drawn(rng)
        off = np.exp(seen.off * rng.standard_normal(len(seen.species)))
        try:
            web = shifted(balance.web, rates, logs[: len(rates)])
            density = run(web, balance.start, days, LIMITS).biomass[-1][list(seen.species)] * heads
        except Unstable:
            density = np.zeros(len(seen.species))
        there = np.append(np.maximum(density, 0.0) * off, np.exp(logs[len(rates) :]))
        shown = counts(there * exposure, k, draws.branch(key, "shown"))
        return recorded(shown, matrix, draws.branch(key, "labels"))

    return photographed


def simulator(
    ecosystem: Ecosystem, seen: Surveyed, rates: Sequence[Rate], settings: CalibrateSettings
) -> tuple[Simulate, npt.NDArray[np.bool_]]:
    """Square roots of the labels of all cameras together that are looked at; and which labels are [l]: those that the matrix can give."""
    weights = truthful(seen.names, len(seen.species)) if seen.confusion is None else seen.confusion.weights
    photographed, used = photographer(ecosystem, seen, rates, settings), np.asarray(weights.sum(0) > 0)
    return lambda logs, key: np.asarray(np.sqrt(photographed(logs, key).sum(0)[used])), used


def fitted_rates(
    ecosystem: Ecosystem, seen: Surveyed, rates: Sequence[Rate], settings: CalibrateSettings
) -> tuple[Doubles, Posterior]:
    """Equally weighted draws of the logarithms of the rates [DRAWN, p], behind them of false triggers per camera and day where empty frames are counted,
    adjusted by regression; and the posterior they are from."""
    simulate, used = simulator(ecosystem, seen, rates, settings)
    observed = np.sqrt(seen.counts.counts.sum((0, 1))[used])
    plan = Plan(settings.kept, 0.5, 8, max(settings.simulations, 2 * settings.kept))
    prior, first = priors_of(seen, rates, settings)
    with track("Fitting rates", plan.simulations, "simulations") as advance:

        def counting(logs: Doubles, key: draws.Key) -> Doubles:
            advance()
            return simulate(logs, key)

        found = infer(prior, counting, observed, settings.seed, plan, first)
    moved = adjusted(found, prior, observed)
    return moved.drawn(DRAWN, stream(settings.seed, "rates", "drawn")), moved
