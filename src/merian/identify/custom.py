"""Labels of one's own: any names, or bins of them, compared with photos by the vectors of sentences that hold the name.

As CLIP is asked: a label's vector is the normalised mean over the templates (Radford et al. 2021, arXiv:2103.00020, section 3.1.4), the answer a softmax over
the labels. Nothing is calibrated and there is no "none of these": the probabilities of a photo sum to 1 whatever it shows.
"""

from __future__ import annotations

import functools
import importlib.util
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from merian.core import progress
from merian.core.delimited import read_delimited
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import read_table
from merian.encode import Decoded, Encoder, decode_ahead
from merian.encode.seam import unit_rows
from merian.identify.calibrate import Calibration

__all__ = ["Labels", "filled", "in_batches", "label_vectors", "read_bins", "read_labels", "templates"]

Floats = npt.NDArray[np.float32]
TABLES = (".csv", ".tsv", ".parquet", ".gz")
FILES = (*TABLES, ".txt")
"""Endings that make a single label look like the name of a file."""
ROWS = 32
"""Photos compared at a time, filled up with zeros: BLAS gives other last digits for other numbers of them."""
TEXTS = 1024
"""Sentences embedded at a time."""
EMPTY = ("", "nan", "null")
"""What stands for no bin, in any case."""


@functools.cache
def templates() -> tuple[str, ...]:
    """The sentences around a label, `{}` for its place: CLIP's 80 for ImageNet where open_clip is installed (read from its file, without torch), else one.

    pybioclip has the 80 of its own; they are not ours to carry.
    """
    spec = importlib.util.find_spec("open_clip")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        file = Path(folder) / "zero_shot_metadata.py"
        if file.is_file():
            own = importlib.util.spec_from_file_location("_merian_zero_shot_metadata", file)
            assert own is not None
            assert own.loader is not None
            module = importlib.util.module_from_spec(own)
            own.loader.exec_module(module)
            return tuple(sentence("{}") for sentence in module.OPENAI_IMAGENET_TEMPLATES)
    return ("a photo of a {}.",)


def filled(template: str, name: str) -> str:
    """The template with the name in its place; raises BadSetting unless it has exactly one `{}`."""
    if template.count("{}") != 1:
        raise BadSetting("template", template, "needs exactly one {}, where the label goes: 'a photo of a {}.'")
    return template.replace("{}", name)


def label_vectors(encoder: Encoder, names: Sequence[str], sentences: Sequence[str] | None = None) -> Floats:
    """`[t, d]`: the mean over the templates (`templates()` when None) of each name's unit vectors, at length 1.

    Raises BadSetting for a template without exactly one `{}`.
    """
    chosen = tuple(sentences) if sentences else templates()
    texts = [filled(template, name) for name in names for template in chosen]
    size = max(1, TEXTS // len(chosen)) * len(chosen)
    means = [np.zeros((0, encoder.dim), np.float32)]
    with progress.track("Embedding labels", len(texts), "sentences") as advance:
        for start in range(0, len(texts), size):
            part = texts[start : start + size]
            means.append(encoder.embed_texts(part).reshape(len(part) // len(chosen), len(chosen), -1).mean(axis=1))
            advance(len(part))
    return unit_rows(np.concatenate(means))


@dataclass(frozen=True, eq=False)
class Labels:
    """What may be answered: `names` [a], and the vectors [t, d] of the labels, of which each name has those from `starts` [a] to the next."""

    names: tuple[str, ...]
    vectors: Floats
    starts: npt.NDArray[np.int64]
    fingerprint: str
    calibration: Calibration

    @classmethod
    def build(
        cls,
        encoder: Encoder,
        labels: Sequence[str],
        bins: Sequence[str] | None = None,
        sentences: Sequence[str] | None = None,
    ) -> Labels:
        """The Labels of distinct names [t] for `encoder`; with `bins` [t] those are the answers, in the order they are first met.

        Raises BadData when there is no label, or one stands twice; BadSetting for a template without exactly one `{}`.
        """
        if not len(labels):
            raise BadData("labels", "there is none to choose from")
        if len(set(labels)) < len(labels):
            twice = [name for name, count in Counter(labels).items() if count > 1]
            raise BadData(
                "labels", "each must stand once: a second would take a share of the first's probability", twice
            )
        answers = tuple(dict.fromkeys(labels if bins is None else bins))
        number = {name: place for place, name in enumerate(answers)}
        belongs = np.array([number[name] for name in (labels if bins is None else bins)])
        order = np.argsort(belongs, kind="stable")
        vectors = label_vectors(encoder, [labels[place] for place in order], sentences)
        starts = np.searchsorted(belongs[order], np.arange(len(answers)))
        return cls(answers, vectors, starts, encoder.fingerprint, Calibration(encoder.logit_scale))

    def probabilities(self, vectors: Floats) -> Floats:
        """[n, d] unit rows -> [n, a] probabilities, each row summing to 1; a row's numbers do not depend on the other rows."""
        cosines = np.empty((len(vectors), len(self.vectors)), np.float32)
        for start in range(0, len(vectors), ROWS):
            part = np.zeros((ROWS, vectors.shape[1]), np.float32)
            here = vectors[start : start + ROWS]
            part[: len(here)] = here
            cosines[start : start + ROWS] = (part @ self.vectors.T)[: len(here)]
        each = self.calibration.probabilities(cosines).astype(np.float64)
        return np.add.reduceat(each, self.starts, axis=1).astype(np.float32)

    def best(self, vectors: Floats, k: int) -> list[list[dict[str, object]]]:
        """Per row of unit `vectors` [n, d] its k likeliest names, best first, of equal ones the first: classification, probability."""
        chances = self.probabilities(vectors)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :k]
        return [
            [{"classification": self.names[place], "probability": float(row[place])} for place in places.tolist()]
            for row, places in zip(chances, order, strict=True)
        ]


def in_batches(
    encoder: Encoder, labels: Labels, paths: Sequence[Path], k: int, batch: int = ROWS, start: int = 0
) -> Iterator[tuple[Path, list[dict[str, object]], dict[str, object], str | None]]:
    """(path, its k likeliest labels best first, nothing, reason) of each photo from number `start` on, as they are done.

    The pieces are those of `engine.in_batches`. By OpenVINO the answers are the same for any `batch`.
    """
    parts = [paths[at : at + batch] for at in range(start, len(paths), batch)]
    with progress.track("Identifying", len(paths), "photos", start) as advance:
        for part, decoded in zip(parts, decode_ahead(parts, encoder.preprocess), strict=True):
            best = iter(_best(encoder, labels, decoded, k))
            for row, path in enumerate(part):
                reason = decoded.reasons.get(row)
                yield path, [] if reason is not None else next(best), {}, reason
            advance(len(part))


def _best(encoder: Encoder, labels: Labels, decoded: Decoded, k: int) -> list[list[dict[str, object]]]:
    return labels.best(encoder.embed_images(decoded.pixels), k) if len(decoded.pixels) else []


def read_labels(given: str) -> list[str]:
    """The labels that a flag names: those in a text file (one a line, which may hold commas), or words separated by commas; trimmed, empty ones left out.

    Raises Missing for what looks like a file and is none, BadData for a table, a file that is no UTF-8, and when nothing is left.
    """
    path = Path(given)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a long list is no name of a file
        is_file = False
    if not is_file and "," not in given and path.suffix.lower() in FILES:
        raise Missing("the labels", path, "give a text file with a label a line, or the labels separated by commas")
    if is_file and path.suffix.lower() in TABLES:
        raise BadData(
            path, "is a table: give it as --bins (labels first, then bins), or a text file with a label a line"
        )
    words = given.split(",")
    if is_file:
        try:
            words = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise BadData(path, f"is no text in UTF-8 (byte {error.start:,}): save it as such") from error
    found = [word.strip() for word in words if word.strip()]
    if not found:
        raise BadData(path if is_file else f"labels {given!r}", "hold no label")
    return found


def read_bins(path: Path) -> tuple[list[str], list[str]]:
    """The labels [t] and the bin of each [t]: the first two columns of a CSV, TSV or Parquet table, whatever their names.

    Raises Missing without the file; BadData, naming the rows, for an empty label or bin (also "nan" and "null") and for a label that stands twice.
    """
    if not path.is_file():
        raise Missing("the bins", path, "give a CSV file: labels in the first column, the bin of each in the second")
    table, lines = _rows(path)
    if table.width < 2:
        raise BadData(path, "needs two columns: the label and its bin", table.columns)
    table = table.select(pl.nth(0).cast(pl.String).alias("label"), pl.nth(1).cast(pl.String).alias("bin"))
    table = table.with_columns(pl.all().fill_null("").str.strip_chars()).with_columns(row=lines)
    empty = table.filter(pl.col("bin").str.to_lowercase().is_in(EMPTY) | (pl.col("label") == ""))
    if len(empty):
        told = [f"row {row}: {label!r} in {bin_!r}" for label, bin_, row in empty.rows()]
        raise BadData(path, "every row needs a label and a bin, neither empty nor null", told)
    twice = table.filter(pl.col("label").is_duplicated())
    if len(twice):
        told = [f"row {row}: {label!r} in {bin_!r}" for label, bin_, row in twice.rows()]
        raise BadData(path, "each label must stand once", told)
    if table.is_empty():
        raise BadData(path, "holds no label")
    return table["label"].to_list(), table["bin"].to_list()


def _rows(path: Path) -> tuple[pl.DataFrame, pl.Series]:
    """A table, and where its rows stand in the file: the lines of a text file, the numbers of the rows of another."""
    if path.suffix.lower() == ".parquet":
        table = read_table(path)
        return table, pl.Series("row", range(1, len(table) + 1), pl.Int64)
    read = read_delimited(path)
    if len(read.refused):
        raise BadData(path, "not a readable table", [f"line {line}: {why}" for line, _, why in read.refused.rows()])
    return read.frame, read.lines
