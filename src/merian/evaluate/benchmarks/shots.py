"""Classes from one or five images each: SimpleShot (Wang et al. 2019, arXiv 1911.04623) as the papers report it, and without the leaks.

From one set: some images of each class are shown, all its others asked about; where images come in groups (specimens, observations) the rest of a shown group
is not asked. From two sets, as on PlantDoc: shown images come from the training set, all test images are asked about. The published code holds a
tensor of classes x queries x dimensions; here a draw is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core.chance import stream
from merian.core.errors import BadData
from merian.core.report import Number
from merian.core.vectors import normalise
from merian.evaluate.benchmarks.outcome import Images, Outcome, Terms, same_width, shared_groups
from merian.evaluate.fewshot import draw
from merian.evaluate.intervals import Resamples

__all__ = ["few_shot", "nearest_mean", "one_shot"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Draws = Iterator[tuple[Ints, Ints]]
"""Rows shown and rows asked about, of each draw."""


def nearest_mean(units: Floats, classes: Ints, queries: Floats) -> Ints:
    """The class [q] of unit `queries` [q, d] by the nearest class mean of the shown `units` [s, d] of `classes` [s], centred and normalised (CL2N).

    As `fewshot.classify`, with the centring of the queries done on their products: (q - c).m = q.m - c.m and |q - c|^2 = 1 - 2 q.c + |c|^2.
    """
    names, of = np.unique(classes, return_inverse=True)
    centre = units.mean(0)
    shown = normalise(units - centre)
    order = np.argsort(of, kind="stable")
    counts = np.bincount(of)
    means = np.add.reduceat(shown[order], np.cumsum(counts) - counts, axis=0) / counts[:, None].astype(np.float32)
    products = queries @ np.concatenate([means, centre[None]]).T
    length = np.sqrt(np.maximum(1 - 2 * products[:, -1] + centre @ centre, 1e-12))
    scores = 2 * (products[:, :-1] - means @ centre) / length[:, None] - (means**2).sum(1)
    return np.asarray(names[scores.argmax(1)])


def few_shot(
    images: Images, names: Sequence[str], terms: Terms, shots: Sequence[int] = (1, 5), draws: int = 5
) -> Outcome:
    """Accuracy after seeing `shots` images of each class, over `draws` draws; the images' classes are numbers of `names`, -1 unknown.

    Numbers for each k of shots: `shot<k>` (micro: the published number), `shot<k>.macro`, `.chance`, `.majority`, `.draws_sd`; with groups also
    `.groups_ignored`, as the papers do it, where another image of a shown specimen may be asked about. Intervals: bootstrap over classes and groups of the mean
    over draws. Classes with no more than k images take no part, with a remark; BadData when fewer than two classes have an image to show and one to
    ask for any k.
    """
    kept, remarks = _known(images)
    resamples = kept.resamples(terms)
    numbers, columns = [], {}
    grouped = kept.groups is not None and len(np.unique(kept.grouping)) < len(kept)
    for k in shots:
        ways = int((np.unique(kept.classes, return_counts=True)[1] > k).sum())
        out = len(np.unique(kept.classes)) - ways
        if ways < 2:
            remarks.append(f"Fewer than two classes have more than {k} images: no {k}-shot figure.")
            continue
        if out:
            remarks.append(f"{out} classes have no more than {k} images and take no part in {k}-shot.")
        splits = [
            draw(kept.classes, kept.grouping, k, stream(terms.seed, "few-shot", terms.name, k, fold))
            for fold in range(draws)
        ]
        shared = max(split.shared for split in splits)
        if shared:
            remarks.append(
                f"{shared} of {ways} classes have too few groups to keep shown images and questions apart at {k}-shot."
            )
        pairs = ((split.support, split.query) for split in splits)
        asked, right, single = _tally(kept.units, kept.classes, kept.units, kept.classes, pairs)
        numbers += _numbers(f"shot{k}", kept, (resamples, (asked, right, single)), ways, terms)
        columns[f"shot{k}"] = _per_class(kept.classes, asked, right, len(names))
        if grouped:
            alone = np.arange(len(kept), dtype=np.int64)
            loose = (
                draw(kept.classes, alone, k, stream(terms.seed, "few-shot", terms.name, k, f)) for f in range(draws)
            )
            loosely = _tally(kept.units, kept.classes, kept.units, kept.classes, ((s.support, s.query) for s in loose))
            estimate = resamples.micro(loosely[1][:, None], loosely[0][:, None])[0]
            numbers.append(
                terms.number(f"shot{k}.groups_ignored", estimate, note="published: any other image is asked about")
            )
    if not numbers:
        raise BadData("classes", f"fewer than two have more images than are shown ({', '.join(map(str, shots))})")
    counts = np.bincount(kept.classes, minlength=len(names))
    table = pl.DataFrame({"class": list(names), "images": counts, **columns}).fill_nan(None)
    return Outcome(numbers, remarks, table.filter(pl.col("images") > 0))


def one_shot(
    train: Images, test: Images, names: Sequence[str], terms: Terms, shots: int = 1, draws: int = 100
) -> Outcome:
    """Accuracy on all test images after seeing `shots` training images of each class, over `draws` draws (PlantDoc: 1 and 100).

    Numbers as of `few_shot`. Test images of classes that have too few training images are not asked about, with a remark. Raises BadData when fewer than two
    classes can be shown, or none asked about.
    """
    same_width(train, test)
    seen, remarks = _known(train)
    asked_of, more = _known(test)
    sizes = np.bincount(seen.classes, minlength=len(names))
    ways = np.flatnonzero(sizes >= shots)
    absent = np.setdiff1d(asked_of.classes, ways)
    if len(absent):
        which = ", ".join(names[c] for c in absent[:10].tolist())
        remarks.append(
            f"{len(absent)} test classes have fewer than {shots} training images ({which}): not asked about."
        )
    able = asked_of.take(np.isin(asked_of.classes, ways))
    if len(ways) < 2 or not len(able):
        raise BadData(
            "classes",
            f"{len(ways)} have {shots} training images, and {len(able)} test images are theirs; two and one are needed",
        )
    everything = np.arange(len(able))
    pairs = ((_shown(seen, sizes >= shots, shots, terms.chance("draw", shots, d)), everything) for d in range(draws))
    tally = _tally(seen.units, seen.classes, able.units, able.classes, pairs)
    numbers = _numbers(f"shot{shots}", able, (able.resamples(terms), tally), len(ways), terms)
    table = pl.DataFrame(
        {
            "class": list(names),
            "train": sizes,
            "test": np.bincount(asked_of.classes, minlength=len(names)),
            f"shot{shots}": _per_class(able.classes, tally[0], tally[1], len(names)),
        }
    ).fill_nan(None)
    return Outcome(numbers, shared_groups(train, test) + remarks + more, table)


def _known(images: Images) -> tuple[Images, list[str]]:
    """The images that have a class, and a remark on the others."""
    kept = np.flatnonzero(images.classes >= 0)
    if len(kept) == len(images):
        return images, []
    return images.take(kept), [f"{len(images) - len(kept)} images have no class and are left out."]


def _shown(images: Images, able: npt.NDArray[np.bool_], shots: int, rng: np.random.Generator) -> Ints:
    """`shots` images of each class that is `able` [classes], at random: rows."""
    order = np.lexsort((rng.random(len(images)), images.classes))
    ordered = images.classes[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return np.asarray(np.sort(order[(place < shots) & able[ordered]]))


def _tally(
    units: Floats, classes: Ints, queries: Floats, truth: Ints, pairs: Draws
) -> tuple[Doubles, Doubles, Doubles]:
    """How often each query was asked about [q] and answered right [q], and the share right in each draw."""
    asked, right, single = np.zeros(len(queries)), np.zeros(len(queries)), []
    for support, query in pairs:
        every = len(query) == len(queries)
        found = nearest_mean(units[support], classes[support], queries if every else queries[query])
        hit = found == truth[query]
        asked[query] += 1
        right[query] += hit
        single.append(float(hit.mean()))
    return asked, right, np.array(single)


def _numbers(
    name: str,
    images: Images,
    found: tuple[Resamples, tuple[Doubles, Doubles, Doubles]],
    ways: int,
    terms: Terms,
) -> list[Number]:
    resamples, (asked, right, single) = found
    note, n = f"{ways} classes, {len(single)} draws", int((asked > 0).sum())
    counts = np.bincount(images.classes, asked)
    numbers = [
        terms.number(name, resamples.micro(right[:, None], asked[:, None])[0], note=note),
        terms.number(
            f"{name}.macro",
            resamples.macro(right[:, None], asked[:, None])[0],
            note=f"{note}, every class counts the same",
        ),
        terms.plain(f"{name}.chance", 1 / ways, n),
        terms.plain(f"{name}.majority", counts.max() / counts.sum(), n, note="share of the commonest class"),
    ]
    if len(single) > 1:
        spread = float(single.std(ddof=1))
        numbers.append(terms.plain(f"{name}.draws_sd", spread, len(single), note="standard deviation of single draws"))
    return numbers


def _per_class(classes: Ints, asked: Doubles, right: Doubles, k: int) -> Doubles:
    """The share right of each class [k], nan where nothing was asked."""
    number = np.bincount(classes, asked, k)
    return np.asarray(np.divide(np.bincount(classes, right, k), number, out=np.full(k, np.nan), where=number > 0))
