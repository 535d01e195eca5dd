"""Rates of an ecosystem's food web from the labels of its cameras, by ABC-SMC with tier P as the simulator.

Each rate is the logarithm of itself over what the ecosystem has, normal about 0. A simulation runs some years, so that densities are near rest, brings the
animals before the cameras (exposures as far off as is believed), names them by a matrix drawn from the held-out photos, and is compared by the square roots of
all labels together. Rates that leave no mark in the labels keep what was believed of them: that is said by `left`, the share of the doubt that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from merian.core.chance import stream
from merian.core.errors import BadSetting, Unstable, nearest
from merian.core.progress import track
from merian.twin import draws
from merian.twin.calibrate.abc import Plan, Posterior, adjusted, infer
from merian.twin.calibrate.labelled import Surveyed
from merian.twin.calibrate.priors import Normal
from merian.twin.calibrate.settings import CalibrateSettings
from merian.twin.calibrate.state import scatters, truthful
from merian.twin.ecosystem import Ecosystem
from merian.twin.foodweb import LINK, SPECIES, Doubles, FoodWeb
from merian.twin.observe.camera import counts
from merian.twin.observe.labels import recorded
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run

__all__ = ["KINDS", "MOST", "Rate", "chosen", "fitted_rates", "shifted"]

KINDS = ("growth", "loss", "attack", "interference")
MOST = 15
"""Rates that are looked for at once: ABC of more needs more simulations than a day has."""
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


def _false_triggers(seen: Surveyed) -> Doubles:
    """False triggers per camera and day [1], as many as are said to be empty over the share of them that is; [0] where they are not counted."""
    if seen.confusion is None or not seen.empty:
        return np.zeros(0)
    own = len(seen.species)
    said = float(seen.counts.counts[:, :, own].sum()) / float(seen.counts.effort.sum())
    return np.array([said / seen.confusion.mean[own, own]])


def fitted_rates(
    ecosystem: Ecosystem, seen: Surveyed, rates: Sequence[Rate], settings: CalibrateSettings
) -> tuple[Doubles, Posterior]:
    """Equally weighted draws of the logarithms of the rates [DRAWN, p], adjusted by regression, and the posterior they are from."""
    balance = ecosystem.balance()
    heads = 1e6 / ecosystem.species["mass_g"][list(seen.species)]
    exposure = seen.exposure.reshape(-1, seen.exposure.shape[2])
    k, rest = scatters(seen.counts.counts, seen.names, seen.exposure), _false_triggers(seen)
    fixed = truthful(seen.names, len(seen.species))
    used = (fixed.sum(0) if seen.confusion is None else seen.confusion.weights.sum(0)) > 0
    days = [0.0, YEAR_DAYS * settings.rate_years]
    observed = np.sqrt(seen.counts.counts.sum((0, 1))[used])
    plan = Plan(settings.kept, 0.5, 8, max(settings.simulations, 2 * settings.kept))
    prior = Normal(np.zeros(len(rates)), np.full(len(rates), settings.rate_sd))
    with track("Fitting rates", plan.simulations, "simulations") as advance:

        def simulate(logs: Doubles, key: draws.Key) -> Doubles:
            rng = stream(int(key[0]) | int(key[1]) << 32, "simulated")
            matrix = fixed if seen.confusion is None else seen.confusion.drawn(rng)
            off = np.exp(seen.off * rng.standard_normal(len(seen.species)))
            advance()
            try:
                web = shifted(balance.web, rates, logs)
                density = run(web, balance.start, days, LIMITS).biomass[-1][list(seen.species)] * heads
            except Unstable:
                density = np.zeros(len(seen.species))
            there = np.append(np.maximum(density, 0.0) * off, rest)
            shown = counts(there * exposure, k, draws.branch(key, "shown"))
            return np.asarray(np.sqrt(recorded(shown, matrix, draws.branch(key, "labels")).sum(0)[used]))

        found = infer(prior, simulate, observed, settings.seed, plan)
    moved = adjusted(found, prior, observed)
    return moved.drawn(DRAWN, stream(settings.seed, "rates", "drawn")), moved
