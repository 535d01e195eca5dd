"""Traits across species: the axis found out of clade, the Mantel tests and the phylogenetic regression beside it, and the plane of one trait's axis.

The response of the regression is the trait as it is read from species of other clades, not the leading components of the vectors: those need not hold the
trait, and trying several would need a correction for trying.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.explore.axes import correlation, explained, fitted, out_of_clade, ranks_agree, species_means, unit
from merian.explore.emergence.measures import Measure, bootstrapped, p_value
from merian.explore.emergence.relations import (
    Kinship,
    associate,
    distances,
    kinship,
    mantel,
    pgls,
    signal,
    standardised,
    tree_distance,
)
from merian.explore.emergence.study import Known, Study

__all__ = ["PART", "PREDICTED", "Plane", "measure_traits", "plane_of", "signals"]

Doubles = npt.NDArray[np.float64]
PART = "traits"
PREDICTED = {
    "trait": pl.String,
    "unit": pl.String,
    "taxon": pl.Int32,
    "species": pl.String,
    "value": pl.Float64,
    "predicted": pl.Float64,
    "read": pl.Float64,
}
"""Columns of the table of predictions: the trait's value, what is predicted out of clade, and what was read, the place along the direction that the other
clades give."""
LEAVE_ONE = 60
"""The species of the plane are left out one by one up to this number, above it in as many groups."""


def signals(study: Study) -> list[Measure]:
    """Pagel's lambda of every trait, which does not depend on vectors."""
    found = []
    for known in study.traits:
        own = signal(kinship(study.tree, known.taxa), known.values)
        if own is not None:
            note = "0: as if species were strangers; 1: Brownian motion on the taxonomy"
            found.append(
                Measure(
                    PART, known.trait, "lambda", own.strength, len(known.taxa), own.low, own.high, p=own.p, note=note
                )
            )
    return found


def measure_traits(study: Study, vectors: npt.NDArray[np.floating]) -> tuple[list[Measure], pl.DataFrame]:
    """The measures of every trait for these vectors [n, d] of the study's images, and the predictions (columns PREDICTED).

    rho, r2: the trait against what is read out of clade; p against the trait dealt to the species, p_evolved against traits that evolved on the tree.
    mantel, partial_mantel: distance of the vectors against distance of the trait, the second given tree distance. pgls: the partial correlation of
    the reading and the trait in the phylogenetic regression.
    """
    of, means = species_means(vectors, study.rows["species"].to_numpy())
    found: list[Measure] = []
    tables = [pl.DataFrame(schema=PREDICTED)]
    for known in study.traits:
        own = means[np.searchsorted(of, known.taxa)]
        kin = kinship(study.tree, known.taxa)
        strength = signal(kin, known.values)
        m = study.settings.shuffles
        evolved = kin.evolved(
            known.values, 0.0 if strength is None else strength.strength, m, study.chance("evolved", known.trait)
        )
        rng = study.chance("dealt", known.trait)
        dealt = np.stack([rng.permutation(known.values) for _ in range(m)], 1)
        columns = np.concatenate([known.values[:, None], dealt, evolved], 1)
        predicted, read = out_of_clade(own, columns, known.folds)
        tables.append(_table(study, known, predicted[:, 0], read[:, 0]))
        found += _axis(study, known, columns, (predicted, read))
        found += _mantels(study, known, own, evolved)
        if np.ptp(read[:, 0]) > 0:
            real = np.r_[0, m + 1 : columns.shape[1]]  # the trait and those that evolved
            found.append(_regression(known, kin, columns[:, real], read[:, real]))
    return found, pl.concat(tables)


def _table(study: Study, known: Known, predicted: Doubles, read: Doubles) -> pl.DataFrame:
    columns = {
        "trait": [known.trait] * len(known.taxa),
        "unit": [known.unit] * len(known.taxa),
        "taxon": known.taxa,
        "species": [study.named(t) for t in known.taxa],
        "value": known.values,
        "predicted": predicted,
        "read": read,
    }
    return pl.DataFrame(columns, schema=PREDICTED)


def _axis(study: Study, known: Known, columns: Doubles, told: tuple[Doubles, Doubles]) -> list[Measure]:
    """rho of what was read and r2 of the predictions (`told` are both), with their bootstrap over species and both nulls."""
    s, m = len(known.taxa), study.settings.shuffles
    drawn = study.chance("bootstrap", known.trait).integers(s, size=(study.settings.resamples, s))
    predicted, read = told
    found = []
    for name, statistic, own in (("rho", ranks_agree, read), ("r2", explained, predicted)):
        values = statistic(columns, own)
        again = statistic(columns[drawn, 0].T, own[drawn, 0].T)
        note = f"read with whole groups of {known.rank} left out"
        measure = bootstrapped(Measure(PART, known.trait, name, float(values[0]), s, chance=0.0, note=note), again)
        measure = measure.against(values[1 : m + 1])
        found.append(replace(measure, p_evolved=p_value(float(values[0]), values[m + 1 :])))
    return found


def _mantels(study: Study, known: Known, means: Doubles, evolved: Doubles) -> list[Measure]:
    s, settings = len(known.taxa), study.settings
    weights = study.weights(s, "mantel")
    steps = tree_distance(study.tree, known.taxa)
    sides = distances(means), distances(known.values[:, None])
    x = standardised(sides[0])
    others = [standardised(np.abs(column[:, None] - column)) for column in evolved.T]
    found = []
    for name, given in (("mantel", None), ("partial_mantel", steps)):
        rng = study.chance("mantel", known.trait)
        test = mantel(*sides, rng, settings.permutations, given, weights)
        if test is None or not np.isfinite(test.r):
            continue
        note = (
            "finds too much when both sides follow the tree: see pgls"
            if given is not None
            else "kinship is not taken out"
        )
        measure = bootstrapped(Measure(PART, known.trait, name, test.r, s, chance=0.0, note=note), test.replicates)
        measure = measure.against(test.null)
        z = None if given is None else standardised(steps)
        null = np.array([associate(x, y, z) for y in others if x is not None and y is not None])
        found.append(replace(measure, p_evolved=p_value(test.r, null)))
    return found


def _regression(known: Known, kin: Kinship, columns: Doubles, predicted: Doubles) -> Measure:
    """The partial correlation of the regression, its interval that of the slope; p_evolved holds traits that evolved on the tree against their own readings."""
    from scipy.special import stdtrit

    fit = pgls(kin, columns, predicted)
    left = len(known.taxa) - 2
    reach = float(stdtrit(left, 0.975))
    low, high = (float(t / np.sqrt(t**2 + left)) for t in (fit.t[0] - reach, fit.t[0] + reach))
    kind = (
        "no two species share a branch: ordinary least squares"
        if kin.flat
        else f"lambda of the residuals {fit.strength[0]:.2f}"
    )
    note = f"t = {fit.t[0]:.2f} with {left} degrees of freedom; {kind}"
    s = left + 2
    measure = Measure(PART, known.trait, "pgls", float(fit.r[0]), s, low, high, 0.0, p=float(fit.p[0]), note=note)
    # what traits give that evolved on the tree: the same order by r as by t
    evolved = measure.against(fit.r[1:])
    return replace(evolved, p=measure.p, p_evolved=evolved.p)


@dataclass(frozen=True, eq=False)
class Plane:
    """The axis of one trait as two coordinates, and its measures.

    species: trait, unit, taxon, species, genus, family, images, value, axis, other; images: id, taxon, axis, other. axis is the place along the direction
    that the other species give, from their mean, in the unit of the vectors; other the first principal component at right angles to the axis of all.
    """

    species: pl.DataFrame
    images: pl.DataFrame
    measures: list[Measure]


def plane_of(study: Study, vectors: npt.NDArray[np.floating], known: Known) -> Plane:
    """Each species of a trait placed by directions that were found without it: a point lies where it lies because the others say so.

    What the papers draw (Darwin's finches along beak size), with a number: the correlation of axis and trait, its interval and p against the trait dealt to the
    species.
    """
    rows = study.rows.with_row_index("row").filter(pl.col("species").is_in(known.taxa.tolist()))
    at = np.searchsorted(known.taxa, rows["species"].to_numpy())
    own = vectors[rows["row"].to_numpy()].astype(np.float64)
    _, means = species_means(own, at)
    centre, s = means.mean(0), len(known.taxa)
    _, _, directions = np.linalg.svd(means - centre, full_matrices=False)
    points, images = (means - centre) @ directions.T, (own - centre) @ directions.T
    rng = study.chance("plane dealt", known.trait)
    columns = np.stack([known.values, *(rng.permutation(known.values) for _ in range(study.settings.shuffles))], 1)
    folds = study.chance("plane", known.trait).permutation(s) % min(s, LEAVE_ONE)
    placed, read = np.empty_like(columns), np.empty(len(own))
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        base, weights = fitted(points[~out], columns[~out])
        placed[out] = (points[out] - base) @ unit(weights)
        read[out[at]] = (images[out[at]] - base) @ unit(weights)[:, 0]
    slope = unit(fitted(points, columns[:, :1])[1])[:, 0]
    _, _, turned = np.linalg.svd(points - np.outer(points @ slope, slope), full_matrices=False)
    second = turned[0] * (1 if turned[0][np.abs(turned[0]).argmax()] > 0 else -1)
    drawn = study.chance("plane bootstrap", known.trait).integers(s, size=(study.settings.resamples, s))
    found = []
    for name, statistic in (("axis_rho", ranks_agree), ("axis_r", correlation)):
        values = statistic(columns, placed)
        measure = Measure(
            PART, known.trait, name, float(values[0]), s, chance=0.0, note="each species read by the others alone"
        )
        found.append(bootstrapped(measure, statistic(columns[drawn, 0].T, placed[drawn, 0].T)).against(values[1:]))
    table = _placed(study, known, np.bincount(at, minlength=s), placed[:, 0], points @ second)
    shown = {"id": rows["id"], "taxon": known.taxa[at], "axis": read, "other": images @ second}
    return Plane(table, pl.DataFrame(shown), found)


def _placed(study: Study, known: Known, images: npt.NDArray[np.integer], axis: Doubles, other: Doubles) -> pl.DataFrame:
    paths = study.tree.lineages(known.taxa)
    columns = {
        "trait": [known.trait] * len(known.taxa),
        "unit": [known.unit] * len(known.taxa),
        "taxon": known.taxa,
        "species": paths["species"],
        "genus": paths["genus"],
        "family": paths["family"],
        "images": images,
        "value": known.values,
        "axis": axis,
        "other": other,
    }
    return pl.DataFrame(columns)
