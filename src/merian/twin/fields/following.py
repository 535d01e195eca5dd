"""Isle Royale followed winter by winter: the twin begun anew from what was counted so far says the next count, beside rules that know no ecology.

A free run of 61 winters cannot know of parvovirus, hard winters or wolves that walk over the ice. What can be asked of the twin is the next winter: an ensemble
Kalman filter (merian.twin.calibrate.kalman) corrects members by each count, along with a drift of each species that stands for what members are wrong about
(Dee & da Silva 1998, doi:10.1002/qj.49712454512), and the members are run one year on. Rules beside it, each fitted to the counts
before the winter that it says: as now; Gompertz, ln N' = a + b ln N; logistic (Ricker), ln N' = ln N + r - k N; and both species, ln N' = a + b ln M + c ln W.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from merian.core.chance import stream
from merian.twin.calibrate.kalman import analysis
from merian.twin.calibrate.scores import covered
from merian.twin.calibrate.state import LEAST, Members, believed
from merian.twin.ecosystem import Ecosystem, made
from merian.twin.fields.asked import Asked, Course, Picture, absent, picture
from merian.twin.fields.isle import MOOSE, VUCETICH, WOLF, read_isle
from merian.twin.fields.series import Series
from merian.twin.foodweb import Doubles
from merian.twin.pools import YEAR_DAYS
from merian.twin.solver import Limits, run
from merian.twin.theory import Row
from merian.twin.worked import shipped

__all__ = ["RULES", "Ahead", "following", "forecasts", "ruled", "scored"]

MEMBERS, SEED = 64, 11
LEARN = 12
"""Winters before the first that is scored: rules need something to be fitted to."""
COUNT_SD = np.array([0.07, 0.05])
"""Errors of the counts, natural logarithms; the table does not say. Moose: no more than this, since half of all counts are within 7 % of the winter before
(1.48 times the median change, over the root of 2). Wolves are counted nearly one by one: a choice."""
FIRST_SD = np.array([0.2, 0.2])
"""Noise of a year before there are errors to take it from. A choice."""
DRIFT_SD = (0.2, 0.03)
"""Of the drift of a year at first, and how it changes from year to year. Choices."""
EXACT = Limits(1e-5, 1e-12)
RULES = ("as now", "Gompertz", "logistic", "both species")


@dataclass(frozen=True, eq=False)
class Ahead:
    """What was said of each count [t] before it: `drawn` [t, m, 2], ln moose and ln wolves, and the counts themselves, `told` [t, 2]; NaN before the first."""

    drawn: Doubles
    told: Doubles

    @property
    def mean(self) -> Doubles:
        """Means [t, 2]."""
        return np.asarray(self.drawn.mean(1))


def _logs(counts: Series) -> Doubles:
    """ln moose and ln wolves [t, 2]."""
    return np.log(np.column_stack([counts["moose"], counts["wolves"]]))


def forecasts(counts: Series, ecosystem: Ecosystem, members: Members, seed: int = SEED) -> Ahead:
    """One winter ahead by the twin: members corrected by each count (both known to COUNT_SD), run a year, and spread by the noise that past errors show."""
    told, rng = _logs(counts), stream(seed, "following")
    names, mass, area = members.webs[0].names, ecosystem.species["mass_g"], ecosystem.area_km2
    own = [names.index(name) for name in (MOOSE, WOLF)]
    heads = np.log(area * 1e6 / mass[own])
    size = members.start.shape[1]
    # what each year adds to moose and wolves that no equation says: learnt along with them
    drift = DRIFT_SD[0] * rng.standard_normal((len(members.start), 2))
    states, drawn = np.column_stack([members.start, drift]), [np.full((len(members.start), 2), np.nan)]
    # before the first count nothing is known of moose and wolves but the spread of the ecosystem
    states = analysis(states, states[:, own] + heads, told[0], 4 * COUNT_SD**2)
    errors: list[Doubles] = []
    for count in told[1:]:
        for member, web in zip(states, members.webs, strict=True):
            grown = run(web, np.exp(member[:size]), [0.0, YEAR_DAYS], EXACT).biomass[-1]
            member[:size] = np.log(np.maximum(grown, LEAST))
        states[:, size:] += DRIFT_SD[1] * rng.standard_normal((len(states), 2))
        states[:, own] += states[:, size:]
        states[:, own] += _noise(errors, states[:, own]) * rng.standard_normal((len(states), 2))
        said = states[:, own] + heads
        drawn.append(said + COUNT_SD * rng.standard_normal(said.shape))
        errors.append(said.mean(0) - count)
        states = analysis(states, said, count, COUNT_SD**2)
    return Ahead(np.array(drawn), told)


def _noise(errors: Sequence[Doubles], states: Doubles) -> Doubles:
    """The standard deviation [2] that members lack, of what past errors show beyond the counts' own and beyond the spread that there is."""
    if len(errors) < LEARN - 1:
        return FIRST_SD
    shown = (np.array(errors) ** 2).mean(0)
    return np.asarray(np.sqrt(np.maximum(shown - COUNT_SD**2 - states.var(0), 0.05**2)))


def ruled(told: Doubles, rule: str) -> Doubles:
    """What a rule says of each count [t, 2] from those before it [t, 2]; NaN for the first LEARN."""
    out = np.full_like(told, np.nan)
    for at in range(LEARN, len(told)):
        past, after = told[: at - 1], told[1:at]
        for own in (0, 1):
            last = told[at - 1]
            if rule == "as now":
                out[at, own] = last[own]
            else:
                # the logistic rule is of growth on numbers, the others of logarithms on logarithms
                columns = [0, 1] if rule == "both species" else [own]
                grows = rule == "logistic"
                seen = np.exp(past[:, columns]) if grows else past[:, columns]
                wanted = after[:, own] - past[:, own] if grows else after[:, own]
                known = np.column_stack([np.ones(len(past)), seen])
                weights = np.linalg.lstsq(known, wanted, rcond=None)[0]
                now = np.exp(last[columns]) if grows else last[columns]
                out[at, own] = weights[0] + now @ weights[1:] + (last[own] if grows else 0.0)
    return out


def scored(said: Doubles, told: Doubles) -> Doubles:
    """The root of the mean squared error of logarithms [2], of the winters from LEARN on."""
    return np.asarray(np.sqrt(((said - told)[LEARN:] ** 2).mean(0)))


ROWS = (
    Asked(
        "followed, the next winter's moose",
        "error (rms of ln) over that of saying 'as now': 1 or less",
        VUCETICH,
        0.5,
        0.5,
    ),
    Asked(
        "followed, the next winter's wolves",
        "error (rms of ln) over that of saying 'as now': 1 or less",
        VUCETICH,
        0.5,
        0.5,
    ),
    Asked(
        "followed, moose against rules",
        "the same over the best of Gompertz, logistic, both species: 1 or less",
        VUCETICH,
        0.5,
        0.5,
    ),
    Asked(
        "followed, wolves against rules",
        "the same over the best of Gompertz, logistic, both species: 1 or less",
        VUCETICH,
        0.5,
        0.5,
    ),
    Asked(
        "followed, moose within the forecast",
        "share of counts within nine tenths of the members: 0.8 or more",
        VUCETICH,
        0.9,
        0.1,
    ),
    Asked(
        "followed, wolves within the forecast",
        "share of counts within nine tenths of the members: 0.8 or more",
        VUCETICH,
        0.9,
        0.1,
    ),
)


def following(path: Path | None) -> list[Row | Picture]:
    """The rows of the twin that is told each count, and its forecasts beside the counts."""
    if path is None:
        return [*absent(ROWS, "isle_royale")]
    counts = read_isle(path)
    worked = shipped("isle-royale")
    ecosystem = made(worked.facts, worked.landscape(0, rows=8))
    found = forecasts(counts, ecosystem, believed(ecosystem, MEMBERS, SEED))
    errors = {rule: scored(ruled(found.told, rule), found.told) for rule in RULES}
    twin = scored(found.mean, found.told)
    best = np.min([errors[rule] for rule in RULES[1:]], axis=0)
    inside = covered(found.drawn[LEARN:].transpose(1, 0, 2), found.told[LEARN:]).mean(0)
    moved = np.diff(found.told, axis=0)[LEARN - 1 :]
    meant = (found.mean[1:] - found.told[:-1])[LEARN - 1 :]
    along = [float(np.corrcoef(moved[:, own], meant[:, own])[0, 1]) for own in (0, 1)]
    said = [f"{twin[own]:.2f}; " + ", ".join(f"{rule} {errors[rule][own]:.2f}" for rule in RULES) for own in (0, 1)]
    numbers = (
        *((twin[own] / errors["as now"][own], said[own]) for own in (0, 1)),
        *((twin[own] / best[own], f"changes said and seen correlate by {along[own]:.2f}") for own in (0, 1)),
        *(
            (inside[own], f"{MEMBERS} members, {len(found.told) - LEARN} winters, noise of past errors")
            for own in (0, 1)
        ),
    )
    rows: list[Row | Picture] = [
        asked.row(float(value), words) for asked, (value, words) in zip(ROWS, numbers, strict=True)
    ]
    told = f"Points: counted. Line and band: what the twin said the winter before, nine tenths of {MEMBERS} members. It is told each count."
    for own, name in enumerate(("moose", "wolves")):
        low, high = np.exp(np.quantile(found.drawn[1:, :, own], [0.05, 0.95], axis=1))
        times = counts.times[1:]
        lines = [
            Course("members", times, low, own + 1, upper=high),
            Course(name, times, np.exp(found.mean[1:, own]), own + 1),
            Course(name, times, counts[name][1:], own + 1, field=True),
        ]
        rows.append(picture(f"Isle Royale followed: {name}", told, lines, name))
    return rows
