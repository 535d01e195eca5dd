"""What pybioclip's commands do."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import polars as pl

from merian.compat.bioclip.predict import (
    BaseClassifier,
    CustomLabelsBinningClassifier,
    CustomLabelsClassifier,
    TreeOfLifeClassifier,
)
from merian.compat.bioclip.ranks import DEFAULT_BATCH_SIZE, TOL_MODELS, Rank
from merian.compat.bioclip.recorder import attach_prediction_recorder, save_recorded_predictions, verify_recorder_path

__all__ = ["create_classes_str", "embed", "parse_bins_csv", "predict", "run", "write_results"]


def write_results(data: Sequence[dict[str, Any]], format: str, output: str) -> None:
    """Write rows as "csv" or as a "table" to a file, or to standard output when `output` is "stdout"."""
    if format not in ("csv", "table"):
        raise ValueError(f"Invalid format: {format}")
    write = _table if format == "table" else _csv
    if output == "stdout":
        write(data, sys.stdout)
        return
    with Path(output).open("w", encoding="utf-8", newline="") as stream:
        write(data, stream)


def _csv(rows: Sequence[dict[str, Any]], stream: IO[str]) -> None:
    columns = list(rows[0]) if rows else []
    writer = csv.DictWriter(stream, columns, lineterminator="\n" if stream is sys.stdout else os.linesep)
    writer.writeheader()
    writer.writerows(rows)


def _table(rows: Sequence[dict[str, Any]], stream: IO[str]) -> None:
    """A box of signs, each cell in the middle of its column."""
    columns = list(rows[0]) if rows else []
    cells = [columns, *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "|" + "|".join(f" {cell:^{width}} " for cell, width in zip(row, widths, strict=True)) + "|" for row in cells
    ]
    stream.write("\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n")


def parse_bins_csv(bins_path: str) -> dict[str, str]:
    """Class -> bin, of the first two columns of a CSV file; raises FileNotFoundError, and ValueError for a single column."""
    if not Path(bins_path).exists():
        raise FileNotFoundError(f"File not found: {bins_path}")
    table = pl.read_csv(bins_path, infer_schema=False)
    if table.width < 2:
        raise ValueError("CSV file must have at least two columns.")
    return dict(zip(table.to_series(0).to_list(), table.to_series(1).to_list(), strict=True))


def create_classes_str(cls_file_path: str) -> str:
    """The lines of a text file, joined by commas."""
    lines = Path(cls_file_path).read_text(encoding="utf-8").splitlines()
    return ",".join(line.strip() for line in lines)


def predict(
    image_file: list[str],
    format: str,
    output: str,
    cls_str: str | None,
    rank: Rank | None,
    bins_path: str | None,
    k: int | None,
    subset: str | None,
    batch_size: int,
    log: str | None,
    **kwargs: Any,
) -> None:
    """`bioclip predict`: among custom labels, bins of them, or the Tree of Life."""
    if log:
        verify_recorder_path(log)
    classifier: BaseClassifier
    if cls_str or bins_path:
        custom = CustomLabelsClassifier(cls_str.split(","), **kwargs) if cls_str else _binning(bins_path or "", kwargs)
        if log:
            attach_prediction_recorder(custom, **({"classes": cls_str} if cls_str else {"bins_path": bins_path}))
        rows, classifier = custom.predict(image_file, k=k, batch_size=batch_size), custom
    else:
        tree = TreeOfLifeClassifier(**kwargs)
        if log:
            attach_prediction_recorder(tree, tree_of_life_version=tree.get_tol_repo_id(), subset=subset)
        if subset:
            tree.apply_filter(tree.create_taxa_filter_from_csv(subset))
        rows, classifier = tree.predict(image_file, rank or Rank.SPECIES, k=k or 5, batch_size=batch_size), tree
    write_results(rows, format, output)
    if log:
        save_recorded_predictions(classifier, log)


def _binning(bins_path: str, kwargs: dict[str, Any]) -> CustomLabelsBinningClassifier:
    return CustomLabelsBinningClassifier(parse_bins_csv(bins_path), **kwargs)


def embed(image_file: list[str], output: str, batch_size: int = DEFAULT_BATCH_SIZE, **kwargs: Any) -> None:
    """`bioclip embed`: vectors as they come from the tower, as JSON. Any model will do, not those with label vectors alone."""
    classifier = BaseClassifier(**kwargs)
    vectors: dict[str, list[float]] = {}
    for start in range(0, len(image_file), batch_size):
        part = image_file[start : start + batch_size]
        found = classifier.create_image_features(part, normalize=False)
        vectors |= {path: vector.tolist() for path, vector in zip(part, found, strict=True)}
    text = json.dumps({"model": classifier.model_str, "embeddings": vectors}, indent=4)
    if output == "stdout":
        sys.stdout.write(text + "\n")
    else:
        Path(output).write_text(text, encoding="utf-8")


def run(args: Namespace) -> None:
    """One parsed command line."""
    if args.command == "embed":
        embed(
            args.image_file,
            args.output,
            batch_size=args.batch_size,
            device=args.device,
            precision=args.precision,
            model_str=args.model,
            pretrained_str=args.pretrained,
        )
    elif args.command == "predict":
        named = args.cls and Path(args.cls).exists()
        predict(
            args.image_file,
            format=args.format,
            output=args.output,
            cls_str=create_classes_str(args.cls) if named else args.cls,
            rank=args.rank,
            bins_path=args.bins,
            k=args.k,
            device=args.device,
            precision=args.precision,
            model_str=args.model,
            pretrained_str=args.pretrained,
            subset=args.subset,
            batch_size=args.batch_size,
            log=args.log,
        )
    elif args.command == "list-models":
        _list_models(args.model)
    elif args.command == "list-tol-taxa":
        table = TreeOfLifeClassifier(model_str=args.model).get_label_data()
        sys.stdout.write(table.write_csv())
    else:
        from merian.compat.bioclip.__main__ import create_parser

        create_parser().print_help()


def _list_models(model: str | None) -> None:
    """The models with label vectors and those that open_clip knows; or the tags of one of these."""
    spec = importlib.util.find_spec("open_clip")
    if model:
        names = importlib.import_module("open_clip").list_pretrained_tags_by_model(model) if spec else []
    else:
        folders = (spec.submodule_search_locations or []) if spec else []
        known = [path.stem for folder in folders for path in (Path(folder) / "model_configs").glob("*.json")]
        names = [f"\t{name}" for name in [*TOL_MODELS, *sorted(known)]]
    sys.stdout.write("".join(f"{name}\n" for name in names))
