"""Variation within species, and the taxonomy in the vectors, as measures of one set of vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.tree import RANKS
from merian.explore.axes import species_means
from merian.explore.emergence.hierarchy import closer, levels, meeting, triplets
from merian.explore.emergence.measures import ENOUGH, LEVEL, Measure, bootstrapped
from merian.explore.emergence.probes import across, inside
from merian.explore.emergence.relations import distances, mantel, pair_ranks, tree_distance
from merian.explore.emergence.study import Study
from merian.explore.emergence.variants import Contrast, means_of
from merian.explore.emergence.within import (
    Overlap,
    Pairs,
    Separation,
    angles,
    overlap,
    plain_overlap,
    retained,
    separation,
    sibling_overlap,
)

__all__ = ["HIERARCHY", "VARIATION", "WITHIN", "measure_hierarchy", "measure_within"]

Doubles = npt.NDArray[np.float64]
WITHIN, HIERARCHY = "within", "hierarchy"
ALL = "all"
SHORT = "the differences may be noise alone"
VARIATION = {
    "contrast": pl.String,
    "taxon": pl.Int32,
    "species": pl.String,
    "first": pl.UInt32,
    "second": pl.UInt32,
    "fdr": pl.Float64,
    "fdr_plain": pl.Float64,
    "probe_across": pl.Float64,
    "probe_within": pl.Float64,
}
"""Columns of the table of species: specimens of either variant, Fisher's ratio without and with the bias of small samples, the AUROC of both probes."""


def measure_within(study: Study, vectors: npt.NDArray[np.floating]) -> tuple[list[Measure], pl.DataFrame]:
    """The measures of every contrast for these vectors [n, d] of the study's images, and the table of species (columns VARIATION).

    fdr, fdr_plain: Fisher's ratio. rho.k2, rho.k10 ...: the share of the variants' differences inside so many directions of the species; rho_siblings: inside
    the span of the nearest relatives; scatter.*: the same shares of the scatter of specimens within variants; rho_plain.k2: as the papers have it;
    angle.k2: the mean squared cosine of the principal angles. probe_across, probe_within: AUROCs. retained: the share of all variance that lies within
    species.
    """
    found = _retained(study, vectors)
    tables = [pl.DataFrame(schema=VARIATION)]
    for contrast in study.contrasts:
        rng = study.chance("variants", contrast.name)
        means = means_of(vectors, contrast.rows, contrast.case)
        pairs = Pairs.of(means, contrast.species, contrast.is_first, rng, study.settings.shuffles)
        apart = separation(pairs)
        told = across(pairs, study.chance("probe", contrast.name))
        own = inside(pairs)
        found += _separated(study, contrast, apart)
        if told is not None:
            note = "species that the probe was not trained on"
            found.append(_mean(study, contrast, "probe_across", told[0], 0.5, note).against(told[1]))
        found.append(_mean(study, contrast, "probe_within", own, 0.5, "by the other specimens of the species"))
        found += _spans(study, contrast, pairs)
        tables.append(_species(study, contrast, apart, own, None if told is None else told[0]))
    return found, pl.concat(tables)


def _retained(study: Study, vectors: npt.NDArray[np.floating]) -> list[Measure]:
    """The share of the variance within species, over specimens."""
    key = pl.struct("species", pl.coalesce("group", "id").alias("specimen"))
    case = study.rows.select(key.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    _, first = np.unique(case, return_index=True)
    species = study.rows["species"].to_numpy()[first]
    counts = np.unique(species, return_counts=True)[1]
    if counts.max() < 2:
        return []
    own = retained(means_of(vectors, np.arange(len(case)), case), species)
    s = len(counts)
    note = "of all variance; 0: every image lies on its species' point"
    measure = Measure(WITHIN, ALL, "retained", float(own.shares(np.ones((1, s)))[0]), s, unit="share", note=note)
    return [bootstrapped(measure, own.shares(study.weights(s, "retained")))]


def _mean(study: Study, contrast: Contrast, name: str, values: Doubles, chance: float, note: str) -> Measure:
    """The mean over species of what was measured in each [S], bootstrapped; species where it cannot be measured do not count."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Measure(WITHIN, contrast.name, name, np.nan, 0, chance=chance, note="all cases are the same")
    weights = study.weights(len(known), contrast.name)
    measure = Measure(WITHIN, contrast.name, name, float(known.mean()), len(known), chance=chance, note=note)
    return bootstrapped(measure, weights @ known / weights.sum(1))


def _separated(study: Study, contrast: Contrast, apart: Separation) -> list[Measure]:
    free = _mean(study, contrast, "fdr", apart.unbiased, 0.0, "what small samples add is taken off").against(apart.null)
    plain = _mean(
        study, contrast, "fdr_plain", apart.plain, np.nan, "as the papers have it: grows as samples get smaller"
    )
    return [free, plain.against(apart.plain_null)]


def _spans(study: Study, contrast: Contrast, pairs: Pairs) -> list[Measure]:
    """How much of the variation lies along the species' own directions."""
    found = []
    d = pairs.vectors.shape[1]
    asked: list[tuple[str, Overlap | None]] = [(f"rho.k{k}", overlap(pairs, k)) for k in study.settings.spans]
    steps = tree_distance(study.tree, np.unique(contrast.species))
    asked.append(("rho_siblings", sibling_overlap(pairs, steps)))
    for name, own in asked:
        if own is None:
            continue
        s = len(own.whole)
        measure = Measure(WITHIN, contrast.name, name, np.nan, s, chance=own.chance, unit="share", note=SHORT)
        weights = study.weights(s, contrast.name, name)
        if np.quantile(weights @ own.whole, (1 - LEVEL) / 2 if s >= ENOUGH else 0.5) <= 0 or own.whole.sum() <= 0:
            found.append(measure)  # a share of what may be nothing means nothing
            continue
        held = f"the span holds {own.explained:.0%} of the variance of species" if np.isfinite(own.explained) else ""
        note = "; ".join(part for part in (held, own.note) if part)
        found.append(bootstrapped(replace(measure, value=own.share, note=note), own.replicates(weights)))
        note = "of the variance within variants: what a difference along any direction of that scatter gives"
        found.append(replace(measure, name=name.replace("rho", "scatter"), value=own.variance, note=note))
    for k in study.settings.spans:
        plain = plain_overlap(pairs, k)
        if plain is not None:
            note = "as the papers have it: noise goes along"
            measure = Measure(
                WITHIN, contrast.name, f"rho_plain.k{k}", plain[0], len(pairs), chance=k / d, unit="share", note=note
            )
            found.append(measure.against(plain[1], "less"))
        turned = angles(pairs, k)
        if turned is not None:
            note = (
                "mean squared cosine of the principal angles; they are "
                + ", ".join(f"{a:.0f}" for a in turned[0][:5])
                + " degrees"
            )
            found.append(
                Measure(
                    WITHIN,
                    contrast.name,
                    f"angle.k{k}",
                    turned[1],
                    int(pairs.splittable().sum()),
                    chance=k / d,
                    note=note,
                )
            )
    return found


def _species(study: Study, contrast: Contrast, apart: Separation, own: Doubles, told: Doubles | None) -> pl.DataFrame:
    taxa, of = np.unique(contrast.species, return_inverse=True)
    first = np.bincount(of, contrast.is_first, len(taxa)).astype(np.uint32)
    columns = {
        "contrast": [contrast.name] * len(taxa),
        "taxon": taxa,
        "species": [study.named(t) for t in taxa],
        "first": first,
        "second": np.bincount(of).astype(np.uint32) - first,
        "fdr": apart.unbiased,
        "fdr_plain": apart.plain,
        "probe_across": np.full(len(taxa), np.nan) if told is None else told,
        "probe_within": own,
    }
    return pl.DataFrame(columns, schema=VARIATION)


def measure_hierarchy(study: Study, vectors: npt.NDArray[np.floating]) -> list[Measure]:
    """How far these vectors [n, d] follow the taxonomy: over all pairs, rank by rank, and by triplets.

    spearman: tree distance against distance of species means. closer: among relatives of the rank above, pairs within a taxon against pairs across.
    similarity: mean cosine of species whose deepest shared taxon is of the rank. triplets: the share in which the nearer relatives are closer.
    """
    of, all_means = species_means(vectors, study.rows["species"].to_numpy())
    means = all_means[np.searchsorted(of, study.few)]
    s, settings = len(means), study.settings
    steps, gaps = tree_distance(study.tree, study.few), distances(means)
    weights = study.weights(s, "hierarchy")
    found = []
    test = mantel(
        pair_ranks(gaps), pair_ranks(steps), study.chance("hierarchy"), settings.permutations, weights=weights
    )
    if test is not None:
        measure = bootstrapped(Measure(HIERARCHY, ALL, "spearman", test.r, s, chance=0.0), test.replicates)
        found.append(measure.against(test.null))
    for own in closer(study.tree, study.few, gaps, weights, study.chance("closer"), settings.shuffles):
        note = f"{own.within:,} pairs within against {own.across:,} across"
        measure = Measure(HIERARCHY, own.rank, "closer", own.value, s, chance=0.5, note=note)
        found.append(bootstrapped(measure, own.replicates).against(own.null))
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = means / np.where(lengths > 0, lengths, 1)
    for level in levels(steps, unit @ unit.T, weights):
        measure = Measure(HIERARCHY, level.rank, "similarity", level.similarity, s, note=f"{level.pairs:,} pairs")
        found.append(bootstrapped(measure, level.replicates))
    return found + _triplets(study, steps, gaps, weights)


def _triplets(study: Study, steps: npt.NDArray[np.int64], gaps: Doubles, weights: Doubles) -> list[Measure]:
    drawn = triplets(steps, study.settings.triplets, study.chance("triplets"))
    if not len(drawn.rows):
        return []
    rng = study.chance("triplets dealt")
    orders = [rng.permutation(len(gaps)) for _ in range(study.settings.shuffles)]
    found = []
    parts = [(ALL, drawn), *((meeting(k), drawn.at(k)) for k in range(2, len(RANKS) + 1))]
    for subject, own in parts:
        if not len(own.rows):
            continue
        agreed = own.agree(gaps)
        note = f"{'all' if own.every else 'drawn'} {len(agreed):,} triplets" + (
            "" if subject == ALL else ", the third parts there"
        )
        measure = Measure(
            HIERARCHY, subject, "triplets", float(agreed.mean()), len(gaps), chance=1 / 3, unit="share", note=note
        )
        measure = bootstrapped(measure, own.replicates(agreed, weights))
        null = np.array([own.agree(gaps[np.ix_(o, o)]).mean() for o in orders]) if subject == ALL else np.zeros(0)
        found.append(measure.against(null))
    return found
