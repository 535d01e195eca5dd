"""The numbers of one trait: skill when species, genera and families are left out, coverage, what pictures add, and controls that should give nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.report import Number
from merian.explore.impute.conformal import fewest, held_quantile
from merian.explore.impute.folds import LeftOut, at_level, deepest_of, leave_out
from merian.explore.impute.gaps import Examined
from merian.explore.impute.probabilities import answers, calibration_error, held_probabilities, held_sets
from merian.explore.impute.process import Design, fit, shares
from merian.explore.impute.settings import ImputeSettings
from merian.explore.impute.skill import Groups, Interval, f1, skills

__all__ = ["numbers_of"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
PLURAL = {"species": "single species", "genus": "whole genera", "family": "whole families"}


def numbers_of(tested: Examined, settings: ImputeSettings) -> tuple[list[Number], list[str]]:
    """The Numbers of a tested trait, and what they mean where they mean little."""
    name = tested.trait.name
    numbers, remarks = _shares(tested), list(tested.remarks)
    for left, alone in zip(tested.left_out, tested.alone, strict=True):
        inside = left.nearest < deepest_of(tested.design.nest)
        if inside.sum() < settings.fewest:
            remarks.append(
                f"{name}: leaving out {PLURAL[left.scheme]} leaves only {int(inside.sum())} with a relative in the order"
            )
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
            remarks.append(
                f"{name}: no skill is shown when {PLURAL[left.scheme]} are left out: the simple means do as well there"
            )
    empty = [number.name for number in numbers if not np.isfinite(number.value)]
    if empty:
        remarks.append(f"{', '.join(empty)} cannot be computed: what they are held against makes no error at all")
    return [replace(number, group=f"Trait: {name}") for number in numbers if np.isfinite(number.value)], remarks


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
        ends = (max(value - reach, 0.0), min(value + reach, 1.0)) if reach > 1e-6 else (np.nan, np.nan)
        note = f"jackknife over {len(drawn)} folds, by {tested.left_out[-1].scheme}"
        numbers.append(_number(f"{tested.trait.name}.variance.{part}", (value, *ends), n, note=note))
    return numbers


def _told(tested: Examined, left: LeftOut) -> Doubles:
    """What would have been said [n, m] of left-out species, on the model's scale: amounts within their bounds, or calibrated probabilities."""
    if tested.trait.states:
        return held_probabilities(left.mean, tested.truth, left.folds, tested.floor)
    return tested.scale.bound(left.mean)


def _squares(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(((a - b) ** 2).sum(1))


def _simple(y: Doubles, left: LeftOut) -> tuple[Doubles, Doubles]:
    """Squared errors [n] of the nearest relatives' mean, and of the mean of all that were left in."""
    mean = np.empty_like(y)
    for fold in np.unique(left.folds):
        out = left.folds == fold
        mean[out] = y[~out].mean(0)
    return _squares(y, left.base), _squares(y, mean)


def _skill(
    tested: Examined, left: LeftOut, inside: Flags, groups: Groups, settings: ImputeSettings
) -> tuple[list[Number], Interval]:
    """Skill against the better simple answer and against each, and that of the same procedure on a shuffled trait."""
    y, name = tested.y[tested.known], f"{tested.trait.name}.{left.scheme}"
    errors = np.stack([_squares(y, _told(tested, left)), *_simple(y, left)], 1)
    least, taxonomy, overall = skills(errors[inside], groups)
    n, what = int(inside.sum()), f"{PLURAL[left.scheme]} left out"
    numbers = [
        _number(f"{name}.skill", least, n, note=f"{what}; against the better of the two below"),
        _number(f"{name}.skill.relatives", taxonomy, n, note="against the mean of the nearest known relatives"),
        _number(f"{name}.skill.all", overall, n, note="against the mean of all that were left in"),
    ]
    return numbers + _control(tested, left, inside, groups, settings), least


def _control(tested: Examined, left: LeftOut, inside: Flags, groups: Groups, settings: ImputeSettings) -> list[Number]:
    """The skill of the same procedure, in the same folds, on the values dealt to species at random."""
    y, known = tested.y[tested.known], tested.known
    order = stream(settings.seed, "shuffle", tested.trait.name).permutation(len(y))
    held = tested.y.copy()
    held[known] = y[order]
    nest_groups = np.zeros(len(known), np.int64)
    nest_groups[known] = left.groups
    try:
        start = fit(tested.taxonomy.take(known), held[known])
        dealt = leave_out(tested.taxonomy, held, known, (left.scheme, nest_groups), left.folds, start)
    except BadData:
        return []  # so few values differ that a fold of shuffled ones has none: there is no control
    truth = tested.truth[order] if tested.trait.states else None
    said = dealt.mean if truth is None else held_probabilities(dealt.mean, truth, dealt.folds, tested.floor)
    errors = np.stack([_squares(y[order], said), *_simple(y[order], dealt)], 1)
    nothing, _, _ = skills(errors[inside], groups)
    note = "control: values dealt to species at random"
    return [_number(f"{tested.trait.name}.{left.scheme}.skill.shuffled", nothing, int(inside.sum()), note=note)]


def _errors(tested: Examined, left: LeftOut, inside: Flags, groups: Groups) -> list[Number]:
    """The typical error of an amount, beside that of the relatives' mean."""
    y, name = tested.y[tested.known], f"{tested.trait.name}.{left.scheme}"
    unit = f"log10 {tested.trait.unit or 'units'}" if tested.scale.log else tested.trait.unit
    numbers = []
    pairs = (
        ("rmse", _told(tested, left), ""),
        ("rmse.relatives", left.base, "the mean of the nearest known relatives"),
    )
    for what, said, note in pairs:
        value, low, high = np.sqrt(groups.mean(_squares(y, said)[inside]))
        numbers.append(_number(f"{name}.{what}", (value, low, high), int(inside.sum()), unit, note))
    return numbers


def _accuracy(tested: Examined, left: LeftOut, inside: Flags, groups: Groups) -> list[Number]:
    """Accuracy and macro-F1 of the answered state, beside those of the relatives' commonest state; calibration."""
    name, n, truth = f"{tested.trait.name}.{left.scheme}", int(inside.sum()), tested.truth[inside]
    chances = _told(tested, left)[inside]
    # of equally many relatives the state that is commoner among all is taken
    base = left.base[inside] + 1e-9 * tested.y[tested.known].mean(0)
    numbers = []
    pairs = ((chances, "", ""), (base, ".relatives", "the commonest state among the nearest known relatives"))
    for given, suffix, note in pairs:
        answer = answers(given, tested.trait.ordered and not suffix)
        right = (answer == truth).astype(np.float64)
        numbers.append(_number(f"{name}.accuracy{suffix}", groups.mean(right), n, note=note))
        states = f1(truth, answer, len(tested.trait.states), groups)
        numbers.append(_number(f"{name}.macro_f1{suffix}", states, n, note=note))
    most = np.bincount(tested.truth).max() / len(tested.truth)
    note = f"the commonest state, {tested.trait.states[np.bincount(tested.truth).argmax()]}, everywhere"
    numbers.append(Number(f"{name}.accuracy.commonest", float(most), unit="share", n=len(tested.truth), note=note))
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
    if n < 2 * fewest(settings.level):
        return []
    groups = Groups.draw(left.groups[used], stream(settings.seed, "coverage", name), settings.resamples)
    note = f"wanted {settings.level:.0%}".replace("%", " %")
    if tested.trait.states:
        chances = _told(tested, left)[used]
        held = held_sets(chances, tested.truth[used], left.folds[used], settings.level, tested.trait.ordered)
        covered = held[np.arange(n), tested.truth[used]].astype(np.float64)
        size = _number(f"{name}.set_size", groups.mean(held.sum(1).astype(np.float64)), n, "states")
        return [_number(f"{name}.coverage", groups.mean(covered), n, note=note), size]
    scores = (np.abs(tested.y[tested.known] - left.mean)[:, 0] / left.sd[:, 0])[used]
    bounds = held_quantile(scores, left.folds[used], settings.level)
    numbers = [_number(f"{name}.coverage", groups.mean((scores <= bounds).astype(np.float64)), n, note=note)]
    if np.isfinite(bounds).all():
        unit = f"log10 {tested.trait.unit or 'units'}" if tested.scale.log else tested.trait.unit
        reach = groups.mean(bounds * left.sd[used, 0])
        numbers.append(_number(f"{name}.half_width", reach, n, unit, "mean half width of the intervals"))
    return numbers


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
    nest_groups = np.zeros(len(tested.known), np.int64)
    nest_groups[tested.known] = left.groups
    dealt = leave_out(wrong, tested.y, tested.known, (left.scheme, nest_groups), left.folds, tested.components)
    plain = _squares(y, _told(tested, alone))[seen]
    numbers = []
    pairs = (
        (left, "pictures", "1 - MSE with / MSE without pictures"),
        (dealt, "pictures.shuffled", "control: of others"),
    )
    for with_, what, note in pairs:
        gain, _, _ = skills(np.stack([_squares(y, _told(tested, with_))[seen], plain, plain], 1), groups)
        numbers.append(_number(f"{name}.{what}", gain, int(seen.sum()), note=note))
    return numbers
