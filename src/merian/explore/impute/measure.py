"""The numbers of one trait: skill when species, genera and families are left out, coverage, what pictures add, and controls that should give nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.report import Number
from merian.explore.impute.conformal import fewest, held_quantile
from merian.explore.impute.folds import PLURAL, LeftOut, at_level, deepest_of, leave_out
from merian.explore.impute.gaps import Examined
from merian.explore.impute.probabilities import answers, calibration_error, commonest, held_probabilities, held_sets
from merian.explore.impute.process import Design, shares
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.skill import Groups, Interval, f1, skills

__all__ = ["doubts_of", "numbers_of"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def numbers_of(tested: Examined, settings: ImputeSettings) -> tuple[list[Number], list[str]]:
    """The Numbers of a tested trait, and what they mean where they mean little."""
    name = tested.trait.name
    numbers, remarks = _shares(tested), list(tested.remarks)
    for left, alone in zip(tested.left_out, tested.alone, strict=True):
        what = PLURAL[left.scheme]
        inside = left.nearest < deepest_of(tested.design.nest)
        if inside.sum() < settings.fewest:
            continue
        rng = stream(settings.seed, "bootstrap", name, left.scheme)
        groups = Groups.draw(left.groups[inside], rng, settings.resamples)
        found, skill = _skill(tested, left, inside, groups, settings)
        numbers += found
        numbers += (_accuracy if tested.trait.states else _errors)(tested, left, inside, groups)
        numbers += _coverage(tested, left, settings)
        if tested.design is not tested.taxonomy:
            numbers += _pictures(tested, left, alone, inside, settings)
        if not skill[1] > 0:
            but = f", save when {what} are each counted once" if _shown(found, f"{name}.{left.scheme}") else ""
            remarks.append(
                f"{name}: no skill is shown when {what} are left out: the simple means do as well there{but}"
            )
    empty = [number.name for number in numbers if not np.isfinite(number.value)]
    if empty:
        remarks.append(f"{', '.join(empty)} cannot be computed: what they are held against makes no error at all")
    numbers = [replace(number, group=f"Trait: {name}") for number in numbers if np.isfinite(number.value)]
    return numbers, remarks + [f"{name}: {doubt}" for doubt in doubts_of(tested, numbers, settings) if doubt]


def _shown(numbers: Sequence[Number], name: str) -> bool:
    """Whether skill is shown for a clade drawn at random, as against a species."""
    return any(n.name == f"{name}.skill.clades" and n.low is not None and n.low > 0 for n in numbers)


def doubts_of(tested: Examined, numbers: Sequence[Number], settings: ImputeSettings) -> list[str]:
    """Why the species that each scheme of `tested.left_out` stands for cannot be known well, by its numbers; empty where they can."""
    found, doubts = {number.name: number for number in numbers}, []
    for left in tested.left_out:
        name, what = f"{tested.trait.name}.{left.scheme}", PLURAL[left.scheme]
        skill = found.get(f"{name}.skill.all")
        covered = found.get(f"{name}.coverage.clades", found.get(f"{name}.coverage"))
        near = np.unique(left.groups[left.nearest < deepest_of(tested.design.nest)])
        judges = np.unique(left.groups[at_level(left, tested.design.nest)])
        words = []
        if skill is None or skill.low is None:
            words.append(
                f"with {what} left out no skill can be tested: only {len(near)} then have a relative near enough"
            )
        elif skill.low <= 0 and not _shown(numbers, name):
            words.append(f"with {what} left out no better than the mean of all")
        simple = found.get(f"{name}.skill.relatives")
        if simple is not None and simple.high is not None and simple.high < 0 and not _shown(numbers, name):
            words.append(f"with {what} left out worse than the mean of the nearest relatives")
        if covered is not None and covered.high is not None and covered.high < settings.level:
            words.append(f"with {what} left out intervals held {covered.text}, not {100 * settings.level:g} %")
        if covered is None and len(judges) >= fewest(settings.level):
            words.append(f"intervals rest on only {len(judges)} {what}")
        doubts.append("; ".join(words))
    return doubts


def _number(name: str, found: Interval, n: int, unit: str = "share", note: str = "") -> Number:
    value, low, high = found
    if not (np.isfinite(low) and np.isfinite(high)):
        return Number(name, value, unit=unit, n=n, note=note)
    return Number(name, value, low, high, unit, n, note)


def _shares(tested: Examined) -> list[Number]:
    """The share of the variance at each rank, with intervals from a jackknife over the folds of the largest clades that were left out."""
    nest, pictures = tested.design.nest, tested.design is not tested.taxonomy
    whole, n = shares(nest, tested.components, pictures), int(tested.known.sum())
    if not tested.left_out:
        return [Number(f"{tested.trait.name}.variance.{k}", v, unit="share", n=n) for k, v in whole.items()]
    parts = [shares(nest, c, pictures) for c in tested.left_out[-1].components]
    numbers = []
    for part, value in whole.items():
        drawn = np.array([p[part] for p in parts])
        reach = 1.96 * float(np.sqrt((len(drawn) - 1) * drawn.var()))
        # a variance that is at its bound in every fold has no spread, which is not certainty
        ends = (max(value - reach, 0.0), min(value + reach, 1.0)) if reach > 1e-3 else (np.nan, np.nan)
        note = f"jackknife over {len(drawn)} folds, by {tested.left_out[-1].scheme}"
        numbers.append(_number(f"{tested.trait.name}.variance.{part}", (value, *ends), n, note=note))
    return numbers


def _said(tested: Examined, means: Doubles, y: Doubles, left: LeftOut) -> Doubles:
    """What would be said [n, m] of left-out species from means [n, m] on the model's scale: amounts within their bounds, or calibrated probabilities.

    y [n, m] is their truth, by which the probabilities of the other folds are calibrated.
    """
    if tested.trait.states:
        return held_probabilities(means, y.argmax(1), left.folds, tested.floor)
    return tested.scale.bound(means)


def _squares(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(((a - b) ** 2).sum(1))


def _rivals(tested: Examined, y: Doubles, left: LeftOut) -> Doubles:
    """Squared errors [n, 3] of what would be said, of the nearest relatives' mean and of the mean of all that were left in, all calibrated alike."""
    mean = np.empty_like(y)
    for fold in np.unique(left.folds):
        out = left.folds == fold
        mean[out] = y[~out].mean(0)
    return np.stack([_squares(y, _said(tested, each, y, left)) for each in (left.mean, left.base, mean)], 1)


def _skill(
    tested: Examined, left: LeftOut, inside: Flags, groups: Groups, settings: ImputeSettings
) -> tuple[list[Number], Interval]:
    """Skill against the better simple answer and against each, and that of the same procedure on a shuffled trait."""
    name, n, what = f"{tested.trait.name}.{left.scheme}", int(inside.sum()), PLURAL[left.scheme]
    errors = _rivals(tested, tested.y[tested.known], left)[inside]
    least, taxonomy, overall = skills(errors, groups)
    numbers = [
        _number(f"{name}.skill", least, n, note=f"{what} left out; against the better of both simple means"),
        _number(f"{name}.skill.relatives", taxonomy, n, note="against the mean of the nearest known relatives"),
        _number(f"{name}.skill.all", overall, n, note="against the mean of all that were left in"),
    ]
    if left.scheme != "species":
        once, _, _ = skills(errors / np.bincount(groups.of)[groups.of][:, None], groups)
        numbers.append(_number(f"{name}.skill.clades", once, n, note=f"the same with {what} each counted once"))
    return numbers + _control(tested, left, inside, groups, settings), least


def _control(tested: Examined, left: LeftOut, inside: Flags, groups: Groups, settings: ImputeSettings) -> list[Number]:
    """The skill of the same procedure, in the same folds, on the values dealt to species at random."""
    held, known = tested.y.copy(), tested.known
    held[known] = held[known][stream(settings.seed, "shuffle", tested.trait.name).permutation(int(known.sum()))]
    try:
        dealt = leave_out(tested.design, held, known, _scheme(tested, left), left.folds)
    except BadData:
        return []  # so few values differ that a fold of shuffled ones has none: there is no control
    nothing, _, _ = skills(_rivals(tested, held[known], dealt)[inside], groups)
    note = "control: values dealt to species at random"
    return [_number(f"{tested.trait.name}.{left.scheme}.skill.shuffled", nothing, int(inside.sum()), note=note)]


def _scheme(tested: Examined, left: LeftOut) -> tuple[str, Ints]:
    """The scheme that made `left`, for all species."""
    groups = np.zeros(len(tested.known), np.int64)
    groups[tested.known] = left.groups
    return left.scheme, groups


def _errors(tested: Examined, left: LeftOut, inside: Flags, groups: Groups) -> list[Number]:
    """The typical error of an amount, beside that of the relatives' mean."""
    y, name = tested.y[tested.known], f"{tested.trait.name}.{left.scheme}"
    numbers = []
    pairs = (
        ("rmse", tested.scale.bound(left.mean), ""),
        ("rmse.relatives", left.base, "the mean of the nearest known relatives"),
    )
    for what, said, note in pairs:
        value, low, high = np.sqrt(groups.mean(_squares(y, said)[inside]))
        numbers.append(_number(f"{name}.{what}", (value, low, high), int(inside.sum()), tested.unit, note))
    return numbers


def _accuracy(tested: Examined, left: LeftOut, inside: Flags, groups: Groups) -> list[Number]:
    """Accuracy and macro-F1 of the answered state, beside those of the relatives' commonest state and of the commonest of all; calibration."""
    name, n, truth = f"{tested.trait.name}.{left.scheme}", int(inside.sum()), tested.truth[inside]
    y = tested.y[tested.known]
    chances, overall = _said(tested, left.mean, y, left)[inside], y.mean(0)
    state = tested.trait.states[overall.argmax()]
    said = (
        (answers(chances, tested.trait.ordered), "", ""),
        (commonest(left.base[inside], overall), ".relatives", "the commonest state among the nearest known relatives"),
        (np.full(n, overall.argmax()), ".commonest", f"the commonest state, {state}, everywhere"),
    )
    numbers = []
    for answer, suffix, note in said:
        right = (answer == truth).astype(np.float64)
        numbers.append(_number(f"{name}.accuracy{suffix}", groups.mean(right), n, note=note))
        states = f1(truth, answer, len(tested.trait.states), groups)
        numbers.append(_number(f"{name}.macro_f1{suffix}", states, n, note=note))
    best = chances.max(1)
    right = chances.argmax(1) == truth
    point = calibration_error(best, right)
    drawn = np.array([calibration_error(best, right, row[groups.of]) for row in groups.weights[:200]])
    # resampling inflates it, so the interval is the reflected one
    _, low, high = groups.ends(point, drawn)
    ends = (point, max(2 * point - high, 0.0), max(2 * point - low, 0.0))
    numbers.append(_number(f"{name}.calibration_error", ends, n, note="of the likeliest state, ten bins"))
    return numbers


def _coverage(tested: Examined, left: LeftOut, settings: ImputeSettings) -> list[Number]:
    """How often intervals or sets hold the truth for left-out species, each by the scores of the other folds, and how wide they are."""
    used = at_level(left, tested.design.nest)
    name, n = f"{tested.trait.name}.{left.scheme}", int(used.sum())
    if len(np.unique(left.groups[used])) < 2 * fewest(settings.level):
        return []
    groups = Groups.draw(left.groups[used], stream(settings.seed, "coverage", name), settings.resamples)
    note = f"wanted {100 * settings.level:g} %"
    if tested.trait.states:
        chances = _said(tested, left.mean, tested.y[tested.known], left)[used]
        where = left.folds[used], left.groups[used]
        held = held_sets(chances, tested.truth[used], *where, settings.level, tested.trait.ordered)
        covered = held[np.arange(n), tested.truth[used]]
        size = _number(f"{name}.set_size", groups.mean(held.sum(1).astype(np.float64)), n, "states")
        return [*_covered(name, left.scheme, covered, groups, note), size]
    scores = (np.abs(tested.y[tested.known] - left.mean)[:, 0] / left.sd[:, 0])[used]
    bounds = held_quantile(scores, left.folds[used], left.groups[used], settings.level)
    numbers = _covered(name, left.scheme, scores <= bounds, groups, note)
    if np.isfinite(bounds).all():
        reach = groups.mean(bounds * left.sd[used, 0])
        numbers.append(_number(f"{name}.half_width", reach, n, tested.unit, "mean half width of the intervals"))
    return numbers


def _covered(name: str, scheme: str, held: Flags, groups: Groups, note: str) -> list[Number]:
    """The share of species whose truth was held; and where clades are left out, each clade counted once, which is what is promised."""
    numbers = [_number(f"{name}.coverage", groups.mean(held.astype(np.float64)), len(held), note=note)]
    if scheme == "species":
        return numbers
    each = groups.each(held.astype(np.float64))
    note = f"{note}; {len(np.unique(groups.of))} {PLURAL[scheme]}, each counted once"
    return [*numbers, _number(f"{name}.coverage.clades", each, len(held), note=note)]


def _pictures(tested: Examined, left: LeftOut, alone: LeftOut, inside: Flags, settings: ImputeSettings) -> list[Number]:
    """What pictures add to the taxonomy: 1 - MSE with / MSE without them, over species with pictures, beside pictures dealt to the wrong species."""
    design, y, name = tested.design, tested.y[tested.known], f"{tested.trait.name}.{left.scheme}"
    has = np.asarray(design.features.any(1), np.bool_)
    seen = inside & has[tested.known]
    if seen.sum() < settings.fewest:
        return []
    rng = stream(settings.seed, "pictures", name)
    groups = Groups.draw(left.groups[seen], rng, settings.resamples)
    rows = np.flatnonzero(has)
    order = np.arange(len(has))
    order[rows] = rng.permutation(rows)
    wrong = Design(design.nest, design.features[order], design.slack[order])
    dealt = leave_out(wrong, tested.y, tested.known, _scheme(tested, left), left.folds)
    plain = _squares(y, _said(tested, alone.mean, y, left))[seen]
    numbers = []
    pairs = (
        (left, "pictures", "1 - MSE with / MSE without pictures"),
        (dealt, "pictures.shuffled", "control: of others"),
    )
    for with_, what, note in pairs:
        gain, _, _ = skills(np.stack([_squares(y, _said(tested, with_.mean, y, left))[seen], plain, plain], 1), groups)
        numbers.append(_number(f"{name}.{what}", gain, int(seen.sum()), note=note))
    return numbers
