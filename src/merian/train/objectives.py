"""Contrastive objectives as named pure functions over the rows of this rank and those of all.

n images and u different captions on this rank, N and U on all of them. Rows are unit vectors; `scale` multiplies the cosine, s = scale * <image, text>.
The mean over ranks of what an objective gives is its value for the joined batch, and so are the gradients. `tests/reference/test_objectives.py` holds a slow
twin of each.

A caption stands for a taxon, told by its path (one number per rank of the taxonomy, -1 where it has none). It fits an image that it was drawn for, and every
image with the same path. It is *open* towards an image when neither path contradicts the other, as "Corvidae" and a photo of *Pica pica*, or a common name
that two species share: to call that pair wrong would teach a falsehood.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from merian.train.ranks import Ranks

__all__ = ["OBJECTIVES", "Objective", "Rows", "gathered", "infonce", "levels", "marginal", "multi_positive", "unique"]

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
    """`int64 [u]`: -1 for a caption that was drawn for an image; else the rank of the taxonomy at which it is cut."""

    @property
    def drawn(self) -> torch.Tensor:
        """`int64 [n]`: the key of the caption drawn for each image, -2 for none."""
        return torch.where(self.caption < 0, -2, self.text_key[self.caption.clamp(min=0)])


Objective = Callable[[Rows, Rows, int, torch.Tensor, torch.Tensor], torch.Tensor]
"""(rows of this rank, rows of all, number of this rank, scale, weights of the r ranks `[r]`) -> scalar"""


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


def infonce(own: Rows, whole: Rows, rank: int, scale: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """CLIP's loss: each image's own caption against those of all other images, and the other way round.

    L = 1/2n sum_i [ -log softmax_j(s_ij)[i] - log softmax_j(s_ji)[i] ]. Another image of the same species counts as wrong. Sources: Radford et al. 2021,
    figure 3; van den Oord et al. 2018, equation 4; over ranks as `local_loss` of open_clip.
    """
    n = len(own.image)
    text = whole.text[whole.caption]
    here = torch.arange(n, device=text.device) + rank * n
    to_text = scale * own.image @ text.T
    to_image = scale * text[here] @ whole.image.T
    return (F.cross_entropy(to_text, here) + F.cross_entropy(to_image, here)) / 2


def multi_positive(own: Rows, whole: Rows, rank: int, scale: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Each caption counts once, whichever ranks drew it; all that fit an image are right, in equal parts, and all images that fit a caption.

    With C the different captions drawn on any rank, P_i those that fit image i, Q_c the images that caption c fits, open pairs left out of both sums:
    L = 1/2 [ 1/N sum_i 1/|P_i| sum_{c in P_i} -log softmax_c(s_ic) + 1/|C| sum_c 1/|Q_c| sum_{i in Q_c} -log softmax_i(s_ci) ]. Equal to `infonce` when no
    taxon repeats. Sources: UniCL, Yang et al. 2022, equations 3 to 5; the form "outside the log" of SupCon, Khosla et al. 2020, equation 2.
    """
    columns = unique(whole.text_key) & (whole.level < 0)
    fits = _same(own.image_path, whole.text_path) | (own.drawn[:, None] == whole.text_key)
    to_text = _soft(
        scale * own.image @ whole.text.T, fits & columns, ~columns | (_open(own.image_path, whole.text_path) & ~fits)
    )
    fits = _same(own.text_path, whole.image_path) | (own.text_key[:, None] == whole.drawn)
    to_image = _soft(scale * own.text @ whole.image.T, fits, _open(own.text_path, whole.image_path) & ~fits)
    mine = _mine(columns, own, whole, rank)
    # mean over this rank's images; a sum over its captions, of which ranks have more or fewer, as its share of the mean over all
    share = len(whole.image) / len(own.image) / columns.sum()
    return (to_text.mean() + (to_image * mine).sum() * share) / 2


def levels(own: Rows, whole: Rows, rank: int, scale: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """A loss for each rank of the taxonomy, over captions that are cut there: the different names of that rank in the batch are told from each other.

    At rank l with its names K_l: images that have the rank are held to their one name, each name to all its images:
    L = sum_l w_l / sum w * 1/2 [ mean_i -log softmax_{k in K_l}(s_ik)[own] + mean_{k in K_l} 1/|Q_k| sum_{i in Q_k} -log softmax_i(s_ki) ]. Captions drawn
    freely are learnt by `multi_positive`, whose value is added. Source: level-restricted contrast of "Beyond Flat Labels" (arXiv:2606.21838).
    """
    total = multi_positive(own, whole, rank, scale, weights)
    scores, back = scale * own.image @ whole.text.T, scale * own.text @ whole.image.T
    for level in range(len(weights)):
        if float(weights[level]) == 0:
            continue
        columns = unique(whole.text_key) & (whole.level == level)
        if not bool(columns.any()):
            continue
        has = own.image_path[:, level] >= 0
        to_text = _soft(scores, (own.image_path[:, level, None] == whole.text_path[:, level]) & columns, ~columns)
        to_image = _soft(back, own.text_path[:, level, None] == whole.image_path[:, level], None)
        count = (whole.image_path[:, level] >= 0).sum() * len(own.image) / len(whole.image)
        share = len(whole.image) / len(own.image) / columns.sum()
        mine = _mine(columns, own, whole, rank)
        total = (
            total + weights[level] * ((to_text * has).sum() / count.clamp(min=1) + (to_image * mine).sum() * share) / 2
        )
    return total / (1 + weights.sum())


def marginal(own: Rows, whole: Rows, rank: int, scale: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`multi_positive`, and at each coarser rank the sum of the probabilities of the captions below the right name is held to 1.

    L = [ L_multi + sum_l w_l * mean_i -log sum_{c: c below the name of i at l} softmax_c(s_ic) ] / (1 + sum w), over the captions that have rank l. The coarse
    ranks cost no text: they are answered as they are asked, by sums of posteriors. Source: the marginal form of hierarchical cross-entropy, Redmon &
    Farhadi 2017 (YOLO9000), section 4; Bertinetto et al. 2020, equation 3 with unit depths.
    """
    total = multi_positive(own, whole, rank, scale, weights)
    columns = unique(whole.text_key) & (whole.level < 0)
    scores = scale * own.image @ whole.text.T
    for level in range(len(weights)):
        if float(weights[level]) == 0:
            continue
        usable = columns & (whole.text_path[:, level] >= 0)
        has = own.image_path[:, level] >= 0
        right = usable & (own.image_path[:, level, None] == whole.text_path[None, :, level]) & has[:, None]
        some = right.any(1)
        loss = torch.logsumexp(scores + _never(~usable), 1) - torch.logsumexp(scores + _never(~right), 1)
        count = (whole.image_path[:, level] >= 0).sum() * len(own.image) / len(whole.image)
        total = total + weights[level] * torch.where(some, loss, 0.0).sum() / count.clamp(min=1)
    return total / (1 + weights.sum())


def _soft(scores: torch.Tensor, fits: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
    """Cross-entropy `[a]` of each row of `scores [a, b]` against the columns that fit it, in equal parts; 0 for a row that none fits.

    `out` (it spreads to `[a, b]`): what does not count.
    """
    log = F.log_softmax((scores if out is None else scores + _never(out)).float(), dim=1)
    return -(log * fits).sum(1) / fits.sum(1).clamp(min=1)


def _same(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """`[a, b]`: whether two paths are the same, and not silent."""
    return (rows[:, None, :] == columns[None, :, :]).all(2) & (rows >= 0).any(1)[:, None]


def _open(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """`[a, b]`: whether neither path contradicts the other: at each rank they agree or one of them is silent."""
    a, b = rows[:, None, :], columns[None, :, :]
    return ((a == b) | (a < 0) | (b < 0)).all(2)


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
