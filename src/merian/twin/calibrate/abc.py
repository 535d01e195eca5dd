"""Parameters by approximate Bayesian computation: populations of parameters whose simulations come closer and closer to what was observed.

A generation proposes from the one before by normal steps of twice its covariance, weighs what it keeps by prior over proposal (Beaumont et al. 2009,
doi:10.1093/biomet/asp052; Toni et al. 2009, doi:10.1098/rsif.2008.0172), and measures distance by summaries each divided by its median absolute deviation
over all simulations of the generation, those refused among them (Prangle 2017, doi:10.1214/16-BA1002). What tolerance is left can be corrected by regression
on the summaries (Beaumont, Zhang & Balding 2002).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch
from merian.twin import draws
from merian.twin.calibrate.particle import systematic
from merian.twin.calibrate.priors import Prior
from merian.twin.foodweb import Doubles, Integers

__all__ = ["MOST_TAKEN", "Plan", "Posterior", "Simulate", "adjusted", "infer", "nearest"]

MOST_TAKEN = 0.9
"""Share of the variance that a regression is believed to have taken up at most: beyond it has as many coefficients as simulations."""
Simulate = Callable[[Doubles, draws.Key], Doubles]
"""Summaries [s] of a world with parameters [p]; all its chance comes from the key."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard to look: `kept` parameters in each generation, the best `share` of those that the last tolerance lets pass; at most `generations`, and no more
    than `simulations` in all: the generation in which they are spent keeps the best of fewer, or is thrown away where fewer than `kept` have passed."""

    kept: int = 400
    share: float = 0.5
    generations: int = 8
    simulations: int = 40_000

    def __post_init__(self) -> None:
        if self.kept < 10:
            raise BadSetting("kept", self.kept, "10 or more")
        if not 0 < self.share < 1:
            raise BadSetting("share", self.share, "above 0 and below 1")
        if self.generations < 1 or self.simulations < self.kept / self.share:
            raise BadSetting(
                "simulations", self.simulations, f"{round(self.kept / self.share)} or more, one generation or more"
            )


@dataclass(frozen=True, eq=False)
class Posterior:
    """`parameters` [n, p] and their `weights` [n] (sum 1), `summaries` [n, s], `distances` [n], the `scale` [s] of each summary, the `tolerances` of the
    generations and the number of `simulations` in all."""

    parameters: Doubles
    weights: Doubles
    summaries: Doubles
    distances: Doubles
    scale: Doubles
    tolerances: tuple[float, ...]
    simulations: int

    def drawn(self, count: int, rng: np.random.Generator) -> Doubles:
        """Equally weighted parameters [count, p], in an order of chance."""
        return np.asarray(self.parameters[rng.permutation(systematic(self.weights, count, float(rng.uniform())))])

    @property
    def effective(self) -> float:
        """How many equally weighted parameters the population is worth: 1 / sum of squared weights."""
        return float(1.0 / (self.weights**2).sum())


def infer(
    prior: Prior,
    simulate: Simulate,
    observed: npt.ArrayLike,
    seed: int,
    plan: Plan = Plan(),
    first: Prior | None = None,
) -> Posterior:
    """Parameters whose simulated summaries are near the `observed` [s].

    Simulation number i of generation g has the key draws.key(seed, "abc", g, i): the answer does not depend on the order in which simulations are made. The
    first generation is proposed from `first` and weighed by prior over proposal (None: from the prior itself): the answer is the same, and is had sooner
    where the data say at once about where a parameter is. Raises BadData for a summary that is no number, BadSetting for a `first` that hardly meets the prior.
    """
    target = np.asarray(observed, float)
    if target.ndim != 1 or not np.isfinite(target).all():
        raise BadData("observed summaries", "are numbers in one row")
    wanted = round(plan.kept / plan.share)
    begun = (first or prior).draw(wanted, stream(seed, "abc", 0))
    begun = begun[np.isfinite(prior.log_density(begun))]
    if len(begun) < plan.kept:
        raise BadSetting("first", len(begun), f"proposes parameters that can be, {plan.kept} or more of {wanted}")
    summaries = _simulated(simulate, begun, target, seed, (0, 0))
    logs = np.zeros(len(begun)) if first is None else prior.log_density(begun) - first.log_density(begun)
    found = _kept((begun, summaries, summaries), logs, target, plan.kept, ())
    spent = len(begun)
    for generation in range(1, plan.generations):
        if spent >= plan.simulations:
            break
        tried = _generation(prior, simulate, target, (seed, generation, wanted, plan.simulations - spent), found)
        spent += len(tried[2])
        if len(tried[0]) < plan.kept:
            return replace(found, simulations=spent)
        passed = tried[0]
        logs = prior.log_density(passed) - _log_mixture(passed, found)
        found = _kept(tried, logs, target, plan.kept, found.tolerances)
    return replace(found, simulations=spent)


def nearest(parameters: Doubles, summaries: Doubles, observed: npt.ArrayLike, kept: int) -> Posterior:
    """The `kept` of parameters drawn from a prior [n, p] whose summaries [n, s] are nearest to the `observed` [s]: rejection, one generation of `infer`."""
    return _kept((parameters, summaries, summaries), np.zeros(len(parameters)), np.asarray(observed, float), kept, ())


def _generation(
    prior: Prior, simulate: Simulate, target: Doubles, numbers: tuple[int, int, int, int], last: Posterior
) -> tuple[Doubles, Doubles, Doubles]:
    """Parameters [<= wanted, p] that pass the last tolerance, their summaries, and all summaries simulated; `numbers`: seed, generation, wanted, budget."""
    seed, generation, wanted, budget = numbers
    rng = stream(seed, "abc", generation)
    root = np.linalg.cholesky(_spread(last))
    passed, close, everything, spent = list[Doubles](), list[Doubles](), list[Doubles](), 0
    while sum(map(len, passed)) < wanted and spent < budget:
        block = min(wanted, budget - spent)
        centres = last.parameters[rng.choice(len(last.weights), block, p=last.weights)]
        proposed = centres + rng.normal(size=centres.shape) @ root.T
        proposed = proposed[np.isfinite(prior.log_density(proposed))]
        summaries = _simulated(simulate, proposed, target, seed, (generation, spent))
        # a proposal that cannot be costs no simulation but counts, so that a prior that is never met ends too
        spent += block
        near = _distances(summaries, target, last.scale) <= last.tolerances[-1]
        passed.append(proposed[near])
        close.append(summaries[near])
        everything.append(summaries)
    return np.concatenate(passed)[:wanted], np.concatenate(close)[:wanted], np.concatenate(everything)


def _simulated(simulate: Simulate, parameters: Doubles, target: Doubles, seed: int, at: tuple[int, int]) -> Doubles:
    """Summaries [n, s] of parameters [n, p], the simulations numbered from `at` = (generation, number) on."""
    generation, start = at
    out = np.empty((len(parameters), len(target)))
    for number, row in enumerate(parameters):
        found = np.asarray(simulate(row, draws.key(seed, "abc", generation, start + number)), float)
        if found.shape != target.shape:
            raise Mismatch("simulated and observed summaries", found.shape, target.shape)
        if not np.isfinite(found).all():
            raise BadData("simulation", f"gives numbers; parameters {row.tolist()} gave", found.tolist())
        out[number] = found
    return out


def _kept(
    tried: tuple[Doubles, Doubles, Doubles], logs: Doubles, target: Doubles, kept: int, tolerances: tuple[float, ...]
) -> Posterior:
    """The nearest of those that passed, with the scale of all that were simulated."""
    parameters, summaries, everything = tried
    scale = _scale(everything)
    distances = _distances(summaries, target, scale)
    near: Integers = np.argsort(distances, kind="stable")[:kept]
    weights = np.exp(logs[near] - logs[near].max())
    last = (*tolerances, float(distances[near[-1]]))
    return Posterior(
        parameters[near], weights / weights.sum(), summaries[near], distances[near], scale, last, len(everything)
    )


def _scale(summaries: Doubles) -> Doubles:
    """Median absolute deviations [s]; infinite where a summary is the same for half of the simulations or more, so that it does not count."""
    deviations = np.median(np.abs(summaries - np.median(summaries, axis=0)), axis=0)
    if not (deviations > 0).any():
        raise BadData("simulation", "its summaries do not depend on parameters nor chance")
    return np.asarray(np.where(deviations > 0, deviations, np.inf))


def _distances(summaries: Doubles, target: Doubles, scale: Doubles) -> Doubles:
    return np.asarray(np.sqrt((((summaries - target) / scale) ** 2).sum(1)))


def _spread(population: Posterior) -> Doubles:
    """Twice the weighted covariance [p, p], with a little on the diagonal so that it has a root."""
    about = population.parameters - population.weights @ population.parameters
    spread = 2.0 * (population.weights[:, None] * about).T @ about
    return np.asarray(spread + np.eye(len(spread)) * (1e-9 * np.trace(spread) + 1e-300))


def _log_mixture(parameters: Doubles, population: Posterior) -> Doubles:
    """Log density [n], but for a constant, of parameters [n, p] under the steps from a population."""
    root = np.linalg.cholesky(_spread(population))
    mine, theirs = (np.linalg.solve(root, rows.T).T for rows in (parameters, population.parameters))
    apart = (mine**2).sum(1)[:, None] - 2.0 * mine @ theirs.T + (theirs**2).sum(1)
    logs = np.log(np.maximum(population.weights, 1e-300)) - 0.5 * np.maximum(apart, 0.0)
    top = logs.max(1)
    return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(1)))


def adjusted(posterior: Posterior, prior: Prior, observed: npt.ArrayLike) -> Posterior:
    """The posterior moved to where its summaries would be the observed: local linear regression, near simulations counting more (Epanechnikov), on the scale
    without bounds of the prior (Beaumont, Zhang & Balding 2002, Genetics 162:2025).

    Residuals of a regression are too small by what its coefficients took up, and the line where it is read is not known exactly: both are given back, so that
    few kept simulations and many summaries make intervals wide and not narrow.
    """
    target, tolerance = np.asarray(observed, float), max(float(posterior.distances.max()), 1e-300)
    closeness = posterior.weights * np.maximum(1.0 - (posterior.distances / tolerance) ** 2, 1e-9)
    closeness = closeness / closeness.sum()
    counts = np.isfinite(posterior.scale)
    away = ((posterior.summaries - target) / posterior.scale)[:, counts]
    design = np.column_stack([np.ones(len(away)), away])
    free, root = prior.free(posterior.parameters), np.sqrt(closeness)[:, None]
    slopes = np.linalg.lstsq(root * design, root * free, rcond=None)[0]
    moved = slopes[0] + _widening(design, closeness) * (free - design @ slopes)
    return replace(posterior, parameters=prior.bound(moved), weights=closeness)


def _widening(design: Doubles, weights: Doubles) -> float:
    """What residuals of a regression with these `weights` [n] are short of errors of a prediction at the first unit vector of its design [n, q], for errors of
    one variance: with M = X'WX and B = X'W^2 X, W of sum 1, E[sum w r^2] = (1 - tr M^-1 B) sigma^2, and the intercept has the variance (M^-1 B M^-1)_11
    sigma^2 (generalised least squares; Seber & Lee 2003, Linear Regression Analysis, sections 3.3 and 5.3, for equal weights)."""
    inverse = np.linalg.pinv((weights[:, None] * design).T @ design)
    both = inverse @ ((weights[:, None] ** 2 * design).T @ design)
    taken = min(float(np.trace(both)), MOST_TAKEN)
    return float(np.sqrt((1.0 + (both @ inverse)[0, 0]) / (1.0 - taken)))
