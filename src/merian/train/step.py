"""One step's loss and gradients: towers, projectors, objectives, over all ranks, in as little memory as is asked for.

A contrastive loss needs all images and captions of a batch at once, their activations only one chunk at a time: first all vectors without a gradient, then
the loss and its gradient by the vectors, then each chunk once more with its activations, that gradient carried on (GradCache: Gao et al. 2021,
arXiv:2101.06983).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from merian.core.errors import BadSetting
from merian.encode.pixels import Preprocess
from merian.train.batches import CLASSES, Batch, Part
from merian.train.lorentz import angle, aperture, near
from merian.train.objectives import OBJECTIVES, Objective, Rows, Score, cosine, entailment, gathered, multi_positive
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings
from merian.train.spread import length
from merian.train.towers import BIO, Towers, chance
from merian.train.views import Mix, shown

__all__ = ["Losses", "Step"]

Losses = dict[str, torch.Tensor]
"""The loss of each part, and `loss`, their weighted sum: means over ranks, without gradients."""


@dataclass(frozen=True)
class Step:
    """Computes losses and leaves gradients, averaged over ranks, at the weights of `towers`."""

    towers: Towers
    settings: TrainSettings
    preprocess: Preprocess
    ranks: Ranks

    def gradients(self, batch: Batch, step: int, share: float = 1.0) -> Losses:
        """Add `share` of the gradients of `batch`; those of several batches are averaged over ranks by `finish`."""
        batch = batch.to(self.ranks.device)
        chunk, n = self.settings.chunk, len(batch.pixels)
        if chunk == 0 or chunk >= n:
            seen, text = self.vectors(batch, step)
            total, told = self.losses(batch, seen, text)
            (total * share).backward()  # type: ignore[no-untyped-call]
            return told
        images = [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]
        every = (
            len(batch.tokens) if self.settings.shard_weights else chunk
        )  # the number of captions differs over processes
        texts = [slice(start, start + every) for start in range(0, len(batch.tokens), every)]
        with torch.no_grad():
            seen = torch.cat([self._see(batch, part, step) for part in images])
            text = torch.cat([self.read(batch.tokens[part]) for part in texts])
        seen, text = seen.requires_grad_(), text.requires_grad_()
        total, told = self.losses(batch, seen, text)
        (total * share).backward()  # type: ignore[no-untyped-call]
        again: list[tuple[Callable[[slice], torch.Tensor], list[slice], torch.Tensor | None]] = [
            (lambda part: self._see(batch, part, step), images, seen.grad),
            (lambda part: self.read(batch.tokens[part]), texts, text.grad),
        ]
        for vectors, parts, grad in again:
            for part in parts if grad is not None else []:
                torch.autograd.backward(vectors(part), None if grad is None else grad[part])
        return told

    def vectors(self, batch: Batch, step: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """What the projectors read of the images `[n, w]`, and those of the captions `[u, d]` (`read`), all at once."""
        return self._see(batch, slice(0, len(batch.pixels)), step), self.read(batch.tokens)

    def finish(self) -> torch.Tensor:
        """Average the gradients over ranks and shorten them to `grad_clip`; their length before."""
        weights = [p for p in self.towers.parameters() if p.requires_grad]
        self.ranks.mean_gradients(weights)
        grads = [p.grad for p in weights if p.grad is not None]
        norm, most = length(grads, self.ranks), self.settings.grad_clip
        if most > 0 and (share := most / (norm.item() + 1e-6)) < 1:
            for grad in grads:
                grad.mul_(share)
        return norm

    def losses(self, batch: Batch, seen: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, Losses]:
        """The weighted sum of the losses of the parts on this rank, and each for telling; `seen` [n, w] and `text` [u, d] are those of `batch`."""
        scale = self.towers.logit_scale.float().exp()
        if self.settings.logit_scale_fixed:
            scale = scale.detach()
        total, told = torch.zeros((), device=seen.device), Losses()
        if self.towers.classes is not None:
            text = torch.cat([text, F.normalize(self.towers.classes.float(), dim=-1)])
        for part in batch.parts:
            own, score = self._compared(seen, text, part, scale)
            loss, weight = self._loss(own, score, part.name)
            if (mix := batch.views.mix) is not None:
                loss = mix.share * loss + (1 - mix.share) * self._loss(_swapped(own, part, mix), score, part.name)[0]
            total = total + weight * loss
            told[part.name] = self.ranks.mean(loss)
        told["loss"] = self.ranks.mean(total)
        return total, told

    def _compared(self, seen: torch.Tensor, text: torch.Tensor, part: Part, scale: torch.Tensor) -> tuple[Rows, Score]:
        """The rows of a part as they are compared, and how: unit vectors by their cosine, or points of a hyperboloid by their distance."""
        head, read = self.towers.lorentz, text[part.texts]
        through = BIO if part.name == CLASSES else part.name
        image = self.towers.project(seen[part.images], through, unit=head is None).float()
        score = cosine(scale)
        if head is not None:
            image, read, score = head.images(image), head.texts(read), near(scale, head.curvature.float().exp())
        return Rows(image, read, part.caption, part.image_path, part.text_path, part.key, part.level), score

    def _loss(self, own: Rows, score: Score, name: str) -> tuple[torch.Tensor, float]:
        """The loss of the part `name` on this rank, and its weight."""
        whole = gathered(own, self.ranks)
        objective, weight, levels = self._objective(name, own.image_path.shape[1])
        loss = objective(own, whole, self.ranks.rank, score, levels)
        if self.settings.entail and (head := self.towers.lorentz) is not None:
            general, c = F.pad(own.text, (0, 0, 0, 1))[own.caption], head.curvature.float().exp()
            outside = entailment(own, whole, angle(general, own.image, c), aperture(general, c))
            loss = loss + self.settings.entail * outside
        return loss, weight

    def _objective(self, name: str, many: int) -> tuple[Objective, float, torch.Tensor]:
        """A part's objective, its weight, and the weights of the `many` ranks; raises BadSetting when these are not as many, or one is below 0."""
        own = self.settings
        levels = torch.tensor(own.level_weights)
        if name == BIO:
            if len(levels) != many or min(own.level_weights) < 0:
                raise BadSetting(
                    "level_weights", own.level_weights, f"takes {many} weights of at least 0, one for each rank"
                )
            return OBJECTIVES[own.objective], 1.0, levels
        plain = OBJECTIVES["infonce"] if own.objective == "infonce" and name == "replay" else multi_positive
        return plain, {"replay": own.replay_weight, CLASSES: own.classes}.get(name, own.traits), levels

    def _see(self, batch: Batch, rows: slice, step: int) -> torch.Tensor:
        """What the projectors read of images `rows`."""
        side = self.settings.train_size or self.preprocess.size
        image = shown(batch.pixels, batch.views, rows, replace(self.preprocess, size=side))
        with (
            chance(self.settings.seed, "step", step, *([rows.start] if rows.start else []), *self._own()),
        ):
            return self.see(image)

    def see(self, image: torch.Tensor) -> torch.Tensor:
        """What the projectors read `[n, w]`, of images `[n, 3, s, s]` as the tower takes them, in the precision of the run."""
        with self._cast():
            return self.towers.images(image.to(self._dtype(), memory_format=self.towers.layout)).float()

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        """Vectors `[u, d]` of captions `[u, context]`, in the precision of the run: of length 1, but for the hyperbolic head."""
        with self._cast():
            read = self.towers.texts(tokens, unit=False).float()
        return read if self.towers.lorentz is not None else F.normalize(read, dim=-1)

    def _own(self) -> tuple[str | int, ...]:
        return ("rank", self.ranks.rank) if self.ranks.size > 1 else ()

    def _dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.settings.precision in ("pure_bf16", "rounded_bf16") else torch.float32

    def _cast(self) -> contextlib.AbstractContextManager[object]:
        if self.settings.precision == "bf16":
            return torch.autocast(self.ranks.device.type, torch.bfloat16)
        return contextlib.nullcontext()


def _swapped(own: Rows, part: Part, mix: Mix) -> Rows:
    """The rows of a part with the captions of each image's partner in the place of its own."""
    partner = mix.partner[part.images] - part.images[0]
    return replace(own, caption=own.caption[partner], image_path=own.image_path[partner])
