"""Labels of one's own as answers of `merian identify`: the flags that name them, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import Parameter

from merian.cli.answers import Format, Row
from merian.cli.say import say
from merian.cli.taxa import bar
from merian.core import store
from merian.core.errors import BadSetting

if TYPE_CHECKING:
    from rich.text import Text

    from merian.encode import Encoder
    from merian.identify.custom import Labels

__all__ = ["Chosen", "Own"]

MOST = 10
"""Answers of a table to read, unless --k says otherwise."""


@Parameter(name="*", help="Labels of one's own.")
@dataclass(frozen=True)
class Own:
    """The flags that give labels of one's own."""

    labels: Annotated[
        str | None,
        Parameter(
            help="Choose among labels of your own instead of taxa: duck,fish,bear, or a text file with a label a line (which may hold commas). "
            "Probabilities sum to 1 whatever a photo shows."
        ),
    ] = None
    bins: Annotated[
        Path | None,
        Parameter(
            help="The same with bins: a CSV, TSV or Parquet table, labels in the first column, the bin of each in the second. The bin is the answer, its "
            "probability the sum of its labels'."
        ),
    ] = None
    template: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            show_default=False,
            consume_multiple=False,
            allow_leading_hyphen=True,
            help="A sentence around each label, {} in its place: --template 'a photo of a {}.' May be given several times; their vectors are averaged. "
            "Default: CLIP's 80 for ImageNet where open_clip is installed, else that one.",
        ),
    ] = ()

    def asks(self, **others: object) -> bool:
        """Whether labels are given. Raises BadSetting when they are given twice or with one of the `others`, or templates without them."""
        given = [flag for flag in ("labels", "bins") if getattr(self, flag) is not None]
        if not given:
            if self.template:
                raise BadSetting("template", self.template[0], "is for --labels or --bins; give one of them")
            return False
        if len(given) == 2:
            raise BadSetting("bins", str(self.bins), "holds its own labels: leave out --labels")
        for flag, value in others.items():
            if value not in (None, ()):
                rule = f"is for taxa and has no meaning with --{given[0]}: leave one of the two out"
                raise BadSetting(flag, " ".join(map(str, value)) if isinstance(value, tuple) else str(value), rule)
        return True

    def chosen(self, model: Path, how: tuple[str, str], k: int | None, format_: Format) -> Chosen:
        """What is asked of each photo by a model on a backend in a precision. Raises what `merian.identify.custom` does."""
        from merian.encode import open_encoder
        from merian.identify import custom

        names, bins = ([], None) if self.bins is None else custom.read_bins(self.bins)
        names = custom.read_labels(self.labels) if self.labels is not None else names
        for template in self.template:
            custom.filled(template, "")
        encoder = open_encoder(model, *how)
        labels = custom.Labels.build(encoder, names, bins, self.template or None)
        if not self.template and len(custom.templates()) == 1:
            say(
                f"one sentence around each label: '{custom.templates()[0]}'; with open_clip installed there are CLIP's 80"
            )
        if len(labels.names) == 1:
            say("there is one answer to choose from, so its probability is always 1")
        most = min(MOST, len(labels.names)) if format_ == "table" else len(labels.names)
        return Chosen(encoder, labels, most if k is None else min(k, len(labels.names)))


@dataclass(frozen=True)
class Chosen:
    """The `k` likeliest of some labels."""

    encoder: Encoder
    labels: Labels
    k: int

    @property
    def columns(self) -> list[str]:
        """Of the CSV file."""
        return [*self.theirs, "reason"]

    @property
    def numbers(self) -> Sequence[str]:
        """Those of the columns that hold numbers."""
        return ("score",)

    @property
    def theirs(self) -> list[str]:
        """The columns as pybioclip has them."""
        return ["file_name", "classification", "score"]

    @property
    def key(self) -> str:
        """Names all that the answers depend on but for the photos."""
        own = self.labels
        made = [own.fingerprint, store.plain(own.calibration), own.names, own.starts.tolist(), self.k]
        return store.digest_bytes(json.dumps(made).encode() + own.vectors.tobytes())

    @property
    def at_once(self) -> int:
        """Photos at a time that suit the model and the machine."""
        from merian.encode.seam import at_once

        return at_once(self.encoder)

    def answers(self, paths: list[Path], batch: int, start: int) -> Iterator[tuple[Path, list[Row], Row, str | None]]:
        """(path, best, nothing, reason) of each photo from number `start` on, as they are done."""
        from merian.identify.custom import in_batches

        return in_batches(self.encoder, self.labels, paths, self.k, batch, start)

    def rows(self, best: list[Row], safe: Row) -> Iterator[Row]:
        """An answer as rows of the CSV file, without file_name."""
        for row in best:
            yield {"classification": row["classification"], "score": f"{row['probability']:.6g}"}

    def document(self, best: list[Row], safe: Row, named: Row, reason: Row) -> Row:
        """An answer as an object of JSON."""
        return {**named, "predictions": best, **reason, "model": self.labels.fingerprint}

    def lines(self, best: list[Row], safe: Row) -> Iterator[Text]:
        """An answer as lines to read."""
        for row in best:
            yield bar(float(str(row["probability"]))).append(str(row["classification"]))
        left = len(self.labels.names) - len(best)
        if left:
            rest = max(0.0, 1 - sum(float(str(row["probability"])) for row in best))
            yield bar(rest).append(f"{left:,} more (--k {len(self.labels.names)} shows all)", style="dim")

    def their_rows(self, best: list[Row]) -> Iterator[Row]:
        """An answer as pybioclip's rows, without file_name."""
        for row in best:
            yield {"classification": row["classification"], "score": float(np.float32(str(row["probability"])))}
