"""Contrastive objectives as named pure functions over the rows of this rank and those of all.

n images and u different captions on this rank, N and U on all of them. `score` compares rows, s_ij = score(image i, text j): the cosine of unit vectors times
a scale, or the distance of two points (`merian.train.lorentz`); it gives the same both ways round.
The mean over ranks of what an objective gives is its value for the joined batch, and so are the gradients. `tests/reference/test_objectives.py` holds a slow
twin of each.

A caption stands for a taxon, told by its path (one number per rank of the taxonomy, -1 where it has none). It fits an image that it was drawn for, and every
image with the same path, if that names anything. It is *open* towards an image when neither path contradicts the other, as "Corvidae" and a photo of *Pica
pica*, or a common name that two species share: to call that pair wrong would teach a falsehood. An image for which no caption was drawn takes no part in any
sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from merian.train.ranks import Ranks

__all__ = [
    "OBJECTIVES",
    "Objective",
    "Rows",
    "Score",
    "cosine",
    "entailment",
    "gathered",
    "infonce",
    "levels",
    "marginal",
    "multi_positive",
    "unique",
]

NEVER = -1e4
"""Added to a score that does not count: no probability is left of it, in bf16 too."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Images and captions of one rank, or of all."""

    image: torch.Tensor
    """`[n, d]`"""
    text: torch.Tensor
    """`[u, d]`"""
    caption: torch.Tensor
    """`int64 [n]`: the row of `text` that was drawn for each image, -1 for none."""
    image_path: torch.Tensor
    """`int64 [n, r]`: what each image shows, from the coarsest rank to the finest."""
    text_path: torch.Tensor
    """`int64 [u, r]`: what each caption names, cut at its level."""
    text_key: torch.Tensor
    """`int64 [u]`: equal for equal captions, on whatever rank; -1 for a row that only fills up."""
    level: torch.Tensor
    """`int64 [u]`: -1 for a caption that was drawn for an image, -2 for one of something else, else the rank of the taxonomy at which it is cut."""

    @property
    def drawn(self) -> torch.Tensor:
        """`int64 [n]`: the key of the caption drawn for each image, -2 for none."""
        return F.pad(self.text_key, (0, 1), value=-2)[self.caption]


Score = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(rows `[a, d]`, rows `[b, d]`) -> `[a, b]`"""
Objective = Callable[[Rows, Rows, int, Score, torch.Tensor], torch.Tensor]
"""(rows of this rank, rows of all, number of this rank, score, weights of the r ranks `[r]`) -> scalar"""


def cosine(scale: torch.Tensor) -> Score:
    """The cosine of unit vectors times `scale`."""
    return lambda a, b: scale * a @ b.T


def gathered(own: Rows, ranks: Ranks) -> Rows:
    """The rows of all ranks; `own.text` may have another length on each."""
    if ranks.size == 1:
        return own
    most = ranks.most(len(own.text_key))
    fill = most - len(own.text_key)
    caption = torch.where(own.caption < 0, -1, own.caption + most * ranks.rank)
    return Rows(
        image=ranks.gather(own.image),
        text=ranks.gather(F.pad(own.text, (0, 0, 0, fill))),
        caption=ranks.gather(caption),
        image_path=ranks.gather(own.image_path),
        text_path=ranks.gather(F.pad(own.text_path, (0, 0, 0, fill), value=-1)),
        text_key=ranks.gather(F.pad(own.text_key, (0, fill), value=-1)),
        level=ranks.gather(F.pad(own.level, (0, fill), value=-1)),
    )


def unique(key: torch.Tensor) -> torch.Tensor:
    """Which rows `[u]` are the first with their key; never one whose key is -1."""
    order = torch.argsort(key, stable=True)
    ordered = key[order]
    fresh = torch.ones_like(key, dtype=torch.bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    first = torch.zeros_like(fresh)
    first[order] = fresh
    return first & (key >= 0)


def infonce(own: Rows, whole: Rows, rank: int, score: Score, weights: torch.Tensor) -> torch.Tensor:
    """CLIP's loss: each image's own caption against those of all other images, and the other way round.

    With t_j the caption drawn for image j, and s_ij = score(image i, t_j), over the N images that have a caption:
    L = 1/2N sum_i [ -log softmax_j(s_ij)[i] - log softmax_j(s_ji)[i] ]. Another image of the same species counts as wrong, and so does its equal caption.
    Sources: Radford et al. 2021, figure 3; van den Oord et al. 2018, equation 4; over ranks as `local_loss` of open_clip.
    """
    n = len(own.image)
    text = F.pad(whole.text, (0, 0, 0, 1))[whole.caption]  # a row of zeros where there is none
    here = torch.arange(n, device=text.device) + rank * n
    none = _never(whole.caption < 0)
    to_text = F.cross_entropy(score(own.image, text) + none, here, reduction="none")
    to_image = F.cross_entropy(score(text[here], whole.image) + none, here, reduction="none")
    return _mean((to_text + to_image) * _told(own), _told(whole), own, whole) / 2


def multi_positive(own: Rows, whole: Rows, rank: int, score: Score, weights: torch.Tensor) -> torch.Tensor:
    """Each caption counts once, whichever ranks drew it; all that fit an image are right, in equal parts, and all images that fit a caption.

    With C the different captions drawn on any rank, N the images that have one, P_i the captions that fit image i, Q_c the images that caption c fits, and the
    open pairs of an image or a caption left out of its softmax:
    L = 1/2 [ 1/N sum_i 1/|P_i| sum_{c in P_i} -log softmax_c(s_ic) + 1/|C| sum_c 1/|Q_c| sum_{i in Q_c} -log softmax_i(s_ic) ]. Equal to `infonce` when no
    taxon and no caption repeats and no pair is open. Sources: UniCL, Yang et al. 2022, equations 3 to 5; the form "outside the log" of SupCon, Khosla et al.
    2020, equation 2. Captions of things that no image shows are among C for the images, and ask for none themselves.
    """
    columns, images = _different(whole), _told(whole)
    asking = columns & torch.isin(whole.text_key, whole.drawn)
    fits = _same(own.image_path, whole.text_path) | (own.drawn[:, None] == whole.text_key)
    out = ~columns | (_open(own.image_path, whole.text_path) & ~fits)
    to_text = _soft(score(own.image, whole.text), fits & columns, out) * _told(own)
    fits = _same(own.text_path, whole.image_path) | (own.text_key[:, None] == whole.drawn)
    out = ~images | (_open(own.text_path, whole.image_path) & ~fits)
    to_image = _soft(score(own.text, whole.image), fits & images, out) * _mine(asking, own, whole, rank)
    return (_mean(to_text, images, own, whole) + _mean(to_image, asking, own, whole)) / 2


def levels(own: Rows, whole: Rows, rank: int, score: Score, weights: torch.Tensor) -> torch.Tensor:
    """A loss for each rank of the taxonomy, over captions that are cut there: the different names of that rank in the batch are told from each other.

    At rank l with its captions K_l, each image that has the rank is held to its one name among them, k(i), and each name to all its images Q_k; images that are
    open towards a name are left out of its softmax:
    L_l = 1/2 [ mean_i -log softmax_{k in K_l}(s_ik)[k(i)] + mean_{k in K_l} 1/|Q_k| sum_{i in Q_k} -log softmax_i(s_ik) ]. Captions drawn freely are learnt by
    `multi_positive`: L = (L_multi + sum_l w_l L_l) / (1 + sum_l w_l). Source: level-restricted contrast of "Beyond Flat Labels" (arXiv:2606.21838).
    """
    total = multi_positive(own, whole, rank, score, weights)
    scores, back = score(own.image, whole.text), score(own.text, whole.image)
    images = _told(whole)
    out = ~images | _open(own.text_path, whole.image_path)
    for level in range(len(weights)):
        columns = unique(whole.text_key) & (whole.level == level)
        if float(weights[level]) == 0 or not bool(columns.any()):
            continue
        to_text = _soft(scores, _at(own.image_path, whole.text_path, level) & columns, ~columns) * _told(own)
        fits = _at(own.text_path, whole.image_path, level) & images
        to_image = _soft(back, fits, out & ~fits) * _mine(columns, own, whole, rank)
        part = _mean(to_text, _named(whole, columns, level), own, whole) + _mean(to_image, columns, own, whole)
        total = total + weights[level] * part / 2
    return total / (1 + weights.sum())


def marginal(own: Rows, whole: Rows, rank: int, score: Score, weights: torch.Tensor) -> torch.Tensor:
    """`multi_positive`, and at each rank the sum of the probabilities of the captions below the right name is held to 1.

    With C_l the different drawn captions that have rank l, B_i those of them below the name that image i has there, and means over the images for which there
    are some: L = [ L_multi + sum_l w_l mean_i -log sum_{c in B_i} softmax_{c in C_l}(s_ic) ] / (1 + sum_l w_l). The coarse ranks cost no text: they are
    answered as they are asked, by sums of posteriors. Source: the marginal form of hierarchical cross-entropy, Redmon & Farhadi 2017 (YOLO9000), section 4;
    Bertinetto et al. 2020, equation 3 with unit depths.
    """
    total = multi_positive(own, whole, rank, score, weights)
    scores = score(own.image, whole.text)
    for level in range(len(weights)):
        if float(weights[level]) == 0:
            continue
        usable = _different(whole) & (whole.text_path[:, level] >= 0)
        right = _at(own.image_path, whole.text_path, level) & usable
        loss = torch.logsumexp(scores + _never(~usable), 1) - torch.logsumexp(scores + _never(~right), 1)
        loss = torch.where(right.any(1) & _told(own), loss, 0.0)
        total = total + weights[level] * _mean(loss, _named(whole, usable, level), own, whole)
    return total / (1 + weights.sum())


def entailment(own: Rows, whole: Rows, angle: torch.Tensor, aperture: torch.Tensor) -> torch.Tensor:
    """How far images lie outside the cones of their captions: the mean of max(0, angle - aperture).

    `angle [n]` is that of each image off its caption, `aperture [n]` half the opening of the caption's cone. Source: Desai et al. 2023 (MERU).
    """
    return _mean((angle - aperture).clamp(min=0.0) * _told(own), _told(whole), own, whole)


def _soft(scores: torch.Tensor, fits: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Cross-entropy `[a]` of each row of `scores [a, b]` against the columns that fit it, in equal parts; 0 for a row that none fits.

    `out` (it spreads to `[a, b]`): what does not count.
    """
    log = F.log_softmax(scores + _never(out), dim=1)
    return -(log * fits).sum(1) / fits.sum(1).clamp(min=1)


def _same(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """`[a, b]`: whether two paths are the same, and not silent."""
    same = (rows >= 0).any(1)[:, None].repeat(1, len(columns))
    for a, b in zip(rows.T, columns.T, strict=True):
        same &= a[:, None] == b
    return same


def _open(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """`[a, b]`: whether neither path contradicts the other: at each rank they agree or one of them is silent."""
    free = torch.ones(len(rows), len(columns), dtype=torch.bool, device=rows.device)
    for a, b in zip(rows.T, columns.T, strict=True):
        free &= (a[:, None] == b) | (a < 0)[:, None] | (b < 0)
    return free


def _at(rows: torch.Tensor, columns: torch.Tensor, level: int) -> torch.Tensor:
    """`[a, b]`: whether two paths have the same name at a rank, and have one."""
    a = rows[:, level, None]
    return (a == columns[:, level]) & (a >= 0)


def _told(rows: Rows) -> torch.Tensor:
    """Which images `[n]` have a caption."""
    return rows.caption >= 0


def _different(whole: Rows) -> torch.Tensor:
    """Which captions `[u]` were drawn, for an image or to tell images from, each once."""
    return unique(whole.text_key) & (whole.level < 0)


def _named(whole: Rows, columns: torch.Tensor, level: int) -> torch.Tensor:
    """Which images `[n]` have a caption, and at the rank a name that is also that of a caption of `columns [u]`."""
    names, here = torch.where(columns, whole.text_path[:, level], -1), whole.image_path[:, level]
    return _told(whole) & (here >= 0) & torch.isin(here, names)


def _mean(losses: torch.Tensor, counted: torch.Tensor, own: Rows, whole: Rows) -> torch.Tensor:
    """The share of this rank's losses `[a]` in the mean over those rows of all ranks that are `counted [b]`: the mean of the shares is that mean."""
    return losses.sum() * (len(whole.image) / len(own.image)) / counted.sum().clamp(min=1)


def _mine(columns: torch.Tensor, own: Rows, whole: Rows, rank: int) -> torch.Tensor:
    """Which of this rank's captions `[u]` are among the columns that count."""
    start = rank * (len(whole.text_key) // (len(whole.image) // len(own.image)))
    return columns[start : start + len(own.text_key)]


def _never(mask: torch.Tensor) -> torch.Tensor:
    return mask * NEVER


OBJECTIVES: dict[str, Objective] = {
    "infonce": infonce,
    "multi_positive": multi_positive,
    "levels": levels,
    "marginal": marginal,
}
