"""The figures of a study: a trait's axis, variation upright on the plane of the species, leaves by health, the vectors' tree beside the taxonomy, a series.

Each stands with the measures that it is a picture of, for the model and for the controls: a figure alone decides nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.errors import BadData, Missing
from merian.core.tables import Catalog
from merian.explore.axes import species_means
from merian.explore.dendrogram import tangle
from merian.explore.emergence.measures import Measure
from merian.explore.emergence.results import Done
from merian.explore.emergence.study import Study
from merian.explore.emergence.study_traits import PART
from merian.explore.emergence.study_within import HIERARCHY, WITHIN
from merian.explore.emergence.variants import DISEASED, Contrast
from merian.explore.health import leaves
from merian.explore.orthogonality import panel
from merian.explore.orthogonality_page import orthogonality_page
from merian.explore.thumbnails import square

__all__ = ["Drawn", "drawn", "series_figure"]

Vectors = npt.NDArray[np.floating]
Pictures = dict[str, npt.NDArray[np.uint8]]
SHOWN = 6
"""Species in the figure of a contrast: more cannot be told apart in three dimensions. A matter of taste."""
LONGEST = 20
"""Letters of a name that the legends of these figures hold; with longer ones genera are told by their initial."""
PICTURED, SIDE = 40, 72
"""Species that get a picture on the axis of a trait, at most, and its side in pixels."""
ALONG = (
    (WITHIN, "probe_across", "AUROC, species never shown"),
    (WITHIN, "rho.k2", "inside two directions of the species"),
    (WITHIN, "rho_siblings", "along siblings' differences"),
    (WITHIN, "retained", "variance within species"),
    (PART, "rho", "traits read out of clade"),
    (HIERARCHY, "triplets", "nearer relatives closer"),
)
"""Measures between 0 and 1 that the figure of a series shows."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as SVG, by the name of its file; `asks`: the measures (part, subject, measure) that belong beside it; `page`: a page to turn it on, if any."""

    name: str
    title: str
    svg: str
    asks: tuple[tuple[str, str, str], ...]
    page: str = ""


def drawn(
    study: Study, catalog: Catalog, vectors: Vectors, axis: pl.DataFrame | None, sets: Mapping[str, Done]
) -> tuple[list[Drawn], list[str]]:
    """The figures of the model's vectors [n, d] of the study's images, and for each that cannot be drawn a sentence that says why.

    `axis` is the table axis_species of the model; the caption of its figure tells how far it follows the trait by each of the `sets` of measures (the model's
    and the controls').
    """
    found: list[Drawn] = []
    why_not: list[str] = []
    if axis is not None:
        found.append(_axis(study, catalog, vectors, axis, sets))
    for contrast in study.contrasts:
        for draw in (_upright, _leaves) if contrast.first == DISEASED else (_upright,):
            try:
                found.append(draw(study, contrast, vectors))
            except BadData as error:
                why_not.append(f"no figure of {contrast.name}: {error}")
    try:
        found.append(_trees(study, vectors))
    except BadData as error:
        why_not.append(f"no tree of the vectors: {error}")
    return found, why_not


def _axis(study: Study, catalog: Catalog, vectors: Vectors, axis: pl.DataFrame, sets: Mapping[str, Done]) -> Drawn:
    from merian.explore import plots

    trait, unit = axis.row(0, named=True)["trait"], axis.row(0, named=True)["unit"]
    words = trait.replace("_", " ")
    asks = [(PART, trait, name) for name in ("axis_rho", "axis_r", "rho", "pgls", "partial_mantel")]
    told = "; ".join(f"{name} {_value(own[asks[0]])}" for name, own in sets.items() if asks[0] in own)
    note = (
        "Each species is placed by a regression over the others. "
        f"Spearman's rho of axis and trait, p with the trait dealt to the species: {told}."
    )
    title = f"Species along {words}"
    svg = plots.species_axis(axis, title, words, unit, _pictures(study, catalog, vectors, axis), note)
    return Drawn("axis", title, svg, tuple(asks))


def _pictures(study: Study, catalog: Catalog, vectors: Vectors, axis: pl.DataFrame) -> Pictures:
    """A picture of each species of the axis, of the image nearest to the mean of its vectors; none where the catalog's shards are gone."""
    from PIL import Image

    chosen: list[int] = []
    species = study.rows["species"].to_numpy()
    some = axis.sort("axis", "taxon")
    some = some[np.unique(np.linspace(0, len(some) - 1, min(len(some), PICTURED)).astype(np.int64)).tolist()]
    for taxon in some["taxon"]:
        rows = np.flatnonzero(species == taxon)
        apart = ((vectors[rows] - vectors[rows].mean(0)) ** 2).sum(1)
        chosen.append(int(rows[apart.argmin()]))
    frame = study.rows[chosen]
    if frame["shard"].null_count():
        return {}
    try:
        images = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in catalog.images(frame)]
    except Missing:
        return {}
    return {name: square(image, SIDE) for name, image in zip(some["species"], images, strict=True)}


def _chosen(study: Study, contrast: Contrast) -> tuple[npt.NDArray[np.bool_], pl.DataFrame]:
    """Which of a contrast's images are of the SHOWN species with most specimens of the rarer variant, and their rows with the species' short name."""
    taxa, of = np.unique(contrast.species, return_inverse=True)
    first = np.bincount(of, contrast.is_first)
    rarer = np.minimum(first, np.bincount(of) - first)
    shown = taxa[np.lexsort((taxa, -rarer))[:SHOWN]]
    rows = study.rows[contrast.rows.tolist()]
    inside = rows["species"].is_in(shown.tolist())
    names = {int(t): study.named(t) for t in shown}
    initials = {t: f"{name[0]}. {name.partition(' ')[2]}" if " " in name else name for t, name in names.items()}
    cramped = max(len(name) for name in names.values()) > LONGEST
    short = initials if cramped and len(set(initials.values())) == len(names) else names
    own = rows.filter(inside)
    return inside.to_numpy(), own.with_columns(pl.Series("name", [short[t] for t in own["species"]], pl.String))


def _upright(study: Study, contrast: Contrast, vectors: Vectors) -> Drawn:
    """Variation within some species, upright on the plane of the differences between them."""
    from merian.explore import plots

    inside, rows = _chosen(study, contrast)
    variants = rows[contrast.attribute].to_list()
    own = panel(vectors[contrast.rows[inside]], rows["name"].to_list(), variants, study.chance("panel", contrast.name))
    title = f"{contrast.attribute.replace('_', ' ').capitalize()}: {contrast.first} and {contrast.second}"
    spans = (f"{name}.k{k}" for k in study.settings.spans for name in ("rho", "scatter", "rho_plain"))
    asks = tuple((WITHIN, contrast.name, name) for name in (*spans, "rho_siblings", "fdr"))
    svg, page = plots.orthogonality(own, title), orthogonality_page(own, title)
    return Drawn(f"upright-{_file(contrast)}", title, svg, asks, page)


def _leaves(study: Study, contrast: Contrast, vectors: Vectors) -> Drawn:
    """Diseased and healthy images of some species: a picture of what can be told within a species; probe_across says what in others."""
    from merian.explore import plots

    inside, rows = _chosen(study, contrast)
    ill = (rows[contrast.attribute] == contrast.first).to_list()
    groups = rows.select(pl.coalesce("group", "id")).to_series().to_list()
    rng = study.chance("leaves", contrast.name)
    found = leaves(vectors[contrast.rows[inside]], ill, rows["name"].to_list(), rng, groups)
    asks = tuple((WITHIN, contrast.name, name) for name in ("probe_within", "probe_across", "fdr"))
    title = "Healthy and diseased"
    return Drawn("health", title, plots.leaf_scatter(found, title), asks)


def _trees(study: Study, vectors: Vectors) -> Drawn:
    """The species' means joined by likeness beside the taxonomy; ranks that no species has are left out."""
    from merian.explore import plots

    of, means = species_means(vectors, study.rows["species"].to_numpy())
    lineages = study.tree.lineages(study.few)
    known = [column for column in lineages.columns if lineages[column].null_count() < len(lineages)]
    found = tangle(
        means[np.searchsorted(of, study.few)], lineages.select(known), study.chance("tangle"), study.settings.shuffles
    )
    title = "The vectors' tree beside the taxonomy"
    return Drawn(
        "trees",
        title,
        plots.tanglegram(found, title),
        tuple((HIERARCHY, "all", name) for name in ("spearman", "triplets")),
    )


def series_figure(members: Sequence[tuple[float | None, Done]]) -> Drawn | None:
    """Measures that are shares along a series whose names begin with numbers above 0, averaged over traits and contrasts; None for any other series."""
    from merian.explore import plots

    places = [at for at, _ in members if at]
    if len(places) < 2 or len(places) < len(members):
        return None
    lines: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}
    asks: list[tuple[str, str, str]] = []
    for part, name, words in ALONG:
        keys = [
            key for key in members[-1][1] if (key[0], key[2]) == (part, name) and all(key in own for _, own in members)
        ]
        keys = [key for key in keys if all(np.isfinite(own[key].value) for _, own in members)]
        if part == HIERARCHY:
            keys = [key for key in keys if key[1] == "all"]
        if keys:
            values = np.array([np.mean([own[key].value for key in keys]) for _, own in members])
            lines[words if len(keys) == 1 else f"{words} (mean of {len(keys)})"] = (np.array(places), values)
            asks += keys
    if not lines:
        return None
    title = "Along the series"
    return Drawn("series", title, plots.growth(lines, title, "the number in the member's name", ""), tuple(asks))


def _value(measure: Measure) -> str:
    ends = f" ({measure.low:.2f} to {measure.high:.2f})" if np.isfinite(measure.low) else ""
    return f"{measure.value:.2f}{ends}, p = {measure.p:.3f}"


def _file(contrast: Contrast) -> str:
    """The contrast as part of a file's name: sex-female-male."""
    words = f"{contrast.attribute}-{contrast.first}-{contrast.second}"
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in words)
