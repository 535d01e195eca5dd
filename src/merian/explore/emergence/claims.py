"""What papers claim of emergent properties, and the rules by which measured numbers decide each claim. No verdict is written down anywhere.

A claim names a measure, the side on which it must lie, and what it is held against: the level of chance, and the same measure of control vectors (an untrained
model, histograms), species drawn together. With L and H the ends of the 95 % interval of the measure, l and h those of its difference from a control, both
turned so that more is what the claim says, c the level of chance and m the margin:

- fails: H < c + m (no more than m above chance), or h < m for some control (no more than m above what vectors give that know nothing of it); where the
  values under permutation lean to one side, as those of readings out of clade lean below 0, c is here the middle of these if that is lower;
- holds: L > c, q <= 0.05 where the measure has a permutation test (Benjamini & Hochberg 1995 over the subjects), and l > 0 for every control;
- not decided: all else, and wherever there is no interval, or no control where the claim needs one.

The margin is that of the settings for correlations, AUROCs and triplets, 0 for ratios and shares of variance. A change along a series is
judged by the interval of last less first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import polars as pl

from merian.explore.emergence.measures import Measure, adjusted, difference

__all__ = ["CHANGES", "CLAIMS", "FOUND", "SOURCE", "Claim", "Verdict", "changes", "judged", "summary", "table", "text"]

Word = Literal["holds", "fails", "not decided"]
Measures = Mapping[tuple[str, str, str], Measure]
SOURCE = "BioCLIP 2 (Gu et al. 2025)"
FOUND = 0.05
"""The most of what is called found that may not be."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`words` of whom, and the measure (`part`, `measure`; a star stands for any end) that decides them.

    side: where the measure must lie. chance: whether beyond its level of chance; evolved: whether p is that against traits evolved on the tree. controls:
    whether it must surpass them, by `compare` instead of the measure where given, and `factor` times theirs. margin: whether less than the margin is none.
    """

    name: str
    words: str
    source: str
    part: str
    measure: str
    side: Literal["more", "less"] = "more"
    chance: bool = True
    evolved: bool = False
    controls: bool = True
    compare: str = ""
    factor: float = 1.0
    margin: bool = False

    def asks(self, key: tuple[str, str, str]) -> bool:
        """Whether a measure of this key decides the claim for its subject."""
        part, _, name = key
        fits = name.startswith(self.measure[:-1]) if self.measure.endswith("*") else name == self.measure
        return part == self.part and fits


THEORY = "theory: the loss is curved along the differences of siblings"
CLAIMS: tuple[Claim, ...] = (
    Claim("axis", "Species are laid out along the trait", SOURCE, "traits", "rho", margin=True),
    Claim(
        "beyond",
        "They are so beyond what kinship alone gives",
        "",
        "traits",
        "pgls",
        evolved=True,
        compare="rho",
        margin=True,
    ),
    Claim("apart", "Variants of a species lie apart", SOURCE, "within", "fdr"),
    Claim(
        "shared",
        "One direction tells the variants of species never seen",
        SOURCE,
        "within",
        "probe_across",
        margin=True,
    ),
    Claim(
        "orthogonal",
        "Variation within species is orthogonal to that between them",
        SOURCE,
        "within",
        "rho.k*",
        "less",
        controls=False,
    ),
    Claim(
        "turned", "It is nearer to orthogonal than without training", SOURCE, "within", "rho.k*", "less", chance=False
    ),
    Claim(
        "siblings",
        "It avoids the differences between sibling species",
        THEORY,
        "within",
        "rho_siblings",
        "less",
        controls=False,
    ),
    Claim(
        "kept",
        "Variation within species is kept: over half of a control's share",
        SOURCE,
        "within",
        "retained",
        chance=False,
        factor=0.5,
    ),
    Claim("triplets", "Nearer relatives lie closer", SOURCE, "hierarchy", "triplets", margin=True),
    Claim("ranks", "Taxa of the rank stand apart among their relatives", SOURCE, "hierarchy", "closer", margin=True),
)
CHANGES: tuple[Claim, ...] = (
    Claim("apart along", "Variants of a species move apart along the series", SOURCE, "within", "fdr"),
    Claim(
        "orthogonal along",
        "Variation turns away from that between species along the series",
        SOURCE,
        "within",
        "rho.k*",
        "less",
    ),
    Claim(
        "siblings along",
        "Variation leaves the differences of siblings along the series",
        THEORY,
        "within",
        "rho_siblings",
        "less",
    ),
    Claim(
        "shared along",
        "Probes tell variants of unseen species better along the series",
        SOURCE,
        "within",
        "probe_across",
    ),
    Claim("kept along", "The share of variance within species grows along the series", "", "within", "retained"),
    Claim("axis along", "Traits are laid out better along the series", SOURCE, "traits", "rho"),
    Claim("triplets along", "The taxonomy is followed better along the series", SOURCE, "hierarchy", "triplets"),
)
"""What is said of a series of models (data scale, or temperature): the change from its first to its last member."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim decided for one subject: the numbers and the rule that decided. The control is the one that is hardest to surpass; nan where there is none."""

    claim: str
    words: str
    source: str
    subject: str
    measure: str
    verdict: Word
    reason: str
    value: float
    low: float
    high: float
    species: int
    chance: float
    q: float
    control: str
    control_value: float
    difference: float
    difference_low: float
    difference_high: float


def judged(model: Measures, controls: Mapping[str, Measures], margin: float) -> list[Verdict]:
    """Every claim decided for every subject that was measured, claim by claim."""
    found = []
    for claim in CLAIMS:
        own = [m for key, m in model.items() if claim.asks(key)]
        q = adjusted([m.p_evolved if claim.evolved else m.p for m in own])
        found += [_judged(claim, m, q[k], model, controls, margin) for k, m in enumerate(own)]
    return found


def _judged(
    claim: Claim, measure: Measure, q: float, model: Measures, controls: Mapping[str, Measures], margin: float
) -> Verdict:
    name = claim.compare or measure.name
    mine = model.get((measure.part, measure.subject, name))
    sign, small = (1.0 if claim.side == "more" else -1.0), (margin if claim.margin else 0.0)
    others: list[tuple[str, Measure, tuple[float, float, float]]] = []
    for control, measures in controls.items():
        theirs = measures.get((measure.part, measure.subject, name))
        if mine is not None and theirs is not None:
            gap = difference(mine, theirs, claim.factor)
            others.append((control, theirs, gap if sign > 0 else (-gap[0], -gap[2], -gap[1])))
    others.sort(key=lambda other: (np.isfinite(other[2][1]), other[2][1]))
    verdict, reason = _ruled(claim, measure, q, others, (sign, small))
    named, theirs, gap = others[0] if others else ("", None, (np.nan, np.nan, np.nan))
    shown = gap if sign > 0 else (-gap[0], -gap[2], -gap[1])
    value = theirs.value if theirs is not None else np.nan
    return _verdict(claim, measure, (verdict, reason), q, (named, value), shown)


def _verdict(
    claim: Claim,
    measure: Measure,
    ruled: tuple[Word, str],
    q: float,
    control: tuple[str, float],
    gap: tuple[float, float, float],
) -> Verdict:
    """The row of a claim and a subject."""
    return Verdict(
        claim=claim.name,
        words=claim.words,
        source=claim.source,
        subject=measure.subject,
        measure=measure.name,
        verdict=ruled[0],
        reason=ruled[1],
        value=measure.value,
        low=measure.low,
        high=measure.high,
        species=measure.n,
        chance=measure.chance,
        q=q,
        control=control[0],
        control_value=control[1],
        difference=gap[0],
        difference_low=gap[1],
        difference_high=gap[2],
    )


def _ruled(
    claim: Claim,
    measure: Measure,
    q: float,
    others: Sequence[tuple[str, Measure, tuple[float, float, float]]],
    how: tuple[float, float],
) -> tuple[Word, str]:
    """The verdict by the rules at the head of this module, and which of them decided."""
    sign, small = how
    low, high = sorted((sign * measure.low, sign * measure.high))
    chance = sign * measure.chance
    middle = sign * (measure.null_low + measure.null_high) / 2
    level = min(chance, middle) if np.isfinite(middle) else chance
    if not np.isfinite(measure.value):
        return "not decided", measure.note
    if not np.isfinite(low):
        return "not decided", f"{measure.n} species are too few for an interval"
    if claim.chance and high < level + small:
        side = "above" if sign > 0 else "below"
        return "fails", f"not {side} chance" if not small else f"no more than {small:g} {side} chance"
    doubts = []
    if claim.controls:
        for name, _, (_, gap_low, gap_high) in others:
            if np.isfinite(gap_high) and gap_high < small:
                return "fails", f"{name} does as well" if claim.factor == 1 else f"below {claim.factor:g} of {name}"
            if not gap_low > 0:
                known = f"the difference from {name} may be 0"
                doubts.append(known if np.isfinite(gap_low) else f"there is no interval of the difference from {name}")
        if not others:
            return "not decided", "no control was given"
    if claim.chance and low <= chance:
        return "not decided", "the interval holds the level of chance"
    if claim.chance and np.isfinite(q) and q > FOUND:
        return "not decided", f"q = {q:.2f}" + (
            " against traits that evolved on the tree" if claim.evolved else " under permutation"
        )
    if doubts:
        return "not decided", doubts[0]
    return "holds", "beyond every control" if claim.controls else "beyond chance"


def changes(series: Sequence[tuple[str, Measures]]) -> list[Verdict]:
    """The claims of CHANGES decided for every subject that the first and the last of the series have in common; value is the last's, control the first."""
    if len(series) < 2:
        return []
    (first_name, first), (last_name, last) = series[0], series[-1]
    found = []
    for claim in CHANGES:
        for key, measure in last.items():
            if not claim.asks(key) or key not in first:
                continue
            gap = difference(measure, first[key])
            sign = 1.0 if claim.side == "more" else -1.0
            low, high = sorted((sign * gap[1], sign * gap[2]))
            span = f"from {first_name} to {last_name}"
            verdict: Word = (
                "not decided" if not np.isfinite(low) or low <= 0 <= high else "holds" if low > 0 else "fails"
            )
            reason = f"{'rises' if gap[0] > 0 else 'falls'} {span}"
            if verdict == "not decided":
                reason = _open(((first_name, first[key]), (last_name, measure)), span, low)
            found.append(_verdict(claim, measure, (verdict, reason), np.nan, (first_name, first[key].value), gap))
    return found


def _open(ends: tuple[tuple[str, Measure], tuple[str, Measure]], span: str, low: float) -> str:
    """Why a change is not decided: an end that could not be measured, too few species, or an interval that holds 0."""
    for name, measure in ends:
        if not np.isfinite(measure.value):
            return f"{name}: {measure.note}"
    if np.isfinite(low):
        return f"the change {span} may be 0"
    few = ends[0][1].n == ends[1][1].n
    return f"{ends[1][1].n} species are too few for an interval" if few else "the two were measured in other species"


def table(verdicts: Sequence[Verdict]) -> pl.DataFrame:
    """The verdicts as a table, a row each, columns named as the fields."""
    types = {str: pl.String, int: pl.Int64, float: pl.Float64}
    hints = {"species": int} | dict.fromkeys(
        ("claim", "words", "source", "subject", "measure", "verdict", "reason", "control"), str
    )
    schema = {name: types[hints.get(name, float)] for name in Verdict.__slots__}
    return pl.DataFrame([asdict(v) for v in verdicts], schema=schema)


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each claim: the verdict, or for which subjects it holds, fails and stays open."""
    lines = []
    for words in dict.fromkeys(v.words for v in verdicts):
        own = [v for v in verdicts if v.words == words]
        by = {word: [v for v in own if v.verdict == word] for word in ("holds", "fails", "not decided")}
        told = [f"{word} for {_listed(some)}" for word, some in by.items() if some]
        if len(told) == 1:
            lines.append(f"{words}: {told[0]}")
        else:
            lines.append(f"{words}: depends on {_what(own)}: {'; '.join(told)}")
    return lines


def _what(verdicts: Sequence[Verdict]) -> str:
    """What differs between the subjects of a claim."""
    part = {"within": "the variants", "hierarchy": "the rank", "traits": "the trait"}
    names = {v.measure for v in verdicts}
    claim = next(c for c in (*CLAIMS, *CHANGES) if c.name == verdicts[0].claim)
    what = part[claim.part]
    several = len({v.subject for v in verdicts}) > 1
    return " and ".join(([what] if several else []) + (["the span's dimensions"] if len(names) > 1 else [])) or what


def _listed(verdicts: Sequence[Verdict]) -> str:
    shown = [v.subject + (f" ({v.measure.partition('.')[2]})" if "." in v.measure else "") for v in verdicts]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def text(title: str, verdicts: Sequence[Verdict], remarks: Sequence[str]) -> str:
    """The verdicts as a page in Markdown: what holds, fails or depends on what, then each with its numbers, then the remarks."""
    lines = [f"# {title}", "", *(f"- {line}" for line in summary(verdicts)), "", "## By subject", ""]
    for words in dict.fromkeys(v.words for v in verdicts):
        own = [v for v in verdicts if v.words == words]
        lines += [f"### {words}" + (f" ({own[0].source})" if own[0].source else ""), ""]
        lines += [
            "| subject | verdict | why | measure | value | chance | q | control | control's | difference |",
            "|---" * 10 + "|",
        ]
        lines += [_row(v) for v in own]
        lines.append("")
    lines += ["## Remarks", "", *(f"- {r}" for r in remarks)]
    return "\n".join(lines) + "\n"


def _row(v: Verdict) -> str:
    value = _told(v.value, v.low, v.high)
    gap = _told(v.difference, v.difference_low, v.difference_high)
    cells = (
        v.subject,
        v.verdict,
        v.reason,
        v.measure,
        f"{value}, n = {v.species}",
        _told(v.chance),
        _told(v.q),
        v.control,
        _told(v.control_value),
        gap,
    )
    return "| " + " | ".join(c.replace("|", "/") for c in cells) + " |"


def _told(value: float, low: float = np.nan, high: float = np.nan) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:.3f}" + (f" ({low:.3f} to {high:.3f})" if np.isfinite(low) else "")
