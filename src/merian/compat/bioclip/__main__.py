"""pybioclip's command line: `python -m merian.compat.bioclip`, or `merian bioclip`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from merian.compat.bioclip.ranks import (
    BIOCLIP_MODEL_STR,
    DEFAULT_BATCH_SIZE,
    VERSION,
    Rank,
    ensure_tol_supported_model,
    get_rank_labels,
)

__all__ = ["create_parser", "main", "parse_args"]


def create_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="bioclip", description="pybioclip's commands on Merian's engine")
    parser.add_argument("--version", action="version", version=f"pybioclip {VERSION}")
    commands = parser.add_subparsers(title="commands", dest="command")
    predict = commands.add_parser("predict", help="name what photos show")
    _photos(predict)
    predict.add_argument(
        "--format", choices=["table", "csv"], default="csv", help="how answers are written; default csv"
    )
    one = predict.add_mutually_exclusive_group(required=False)
    one.add_argument("--rank", choices=get_rank_labels(), help="rank of the answers; default species")
    one.add_argument("--cls", help="labels to choose from: a,b,c or a text file with one a line")
    one.add_argument("--bins", help="a CSV file: labels in its first column, the bin of each in its second")
    one.add_argument(
        "--subset", help=f"a CSV file of taxa to choose from; its first column is named {', '.join(get_rank_labels())}"
    )
    predict.add_argument("--k", type=int, help="answers for each photo; default 5, or all labels")
    predict.add_argument(
        "--log",
        metavar="LOG_FILE",
        help="a file that tells how it was done: JSON if it ends in .json, else text that is appended",
    )
    _photos(commands.add_parser("embed", help="vectors of photos, as JSON"))
    models = commands.add_parser("list-models", help="models by name")
    models.add_argument("--model", help="list the tags of this model of open_clip")
    taxa = commands.add_parser("list-tol-taxa", help="all taxa of a model, as CSV")
    taxa.add_argument("--model", help=f"default {BIOCLIP_MODEL_STR}")
    return parser


def _photos(parser: argparse.ArgumentParser) -> None:
    """What `predict` and `embed` share. `predict` shows its own options first in its help, as there."""
    parser.add_argument("image_file", nargs="+", help="photos")
    parser.add_argument("--output", default="stdout", help="a file; default standard output")
    parser.add_argument("--device", default="cpu", help="where to compute; default cpu")
    parser.add_argument(
        "--precision", choices=["auto", "fp32", "bf16"], default="auto", help="fp32 computes as pybioclip; default auto"
    )
    parser.add_argument("--model", help=f"hf-hub:owner/name, a folder or a short name; default {BIOCLIP_MODEL_STR}")
    parser.add_argument("--pretrained", help="a tag or file of weights")
    parser.add_argument(
        "--batch-size", type=int, default=DEFAULT_BATCH_SIZE, help=f"photos at a time; default {DEFAULT_BATCH_SIZE}"
    )


def parse_args(input_args: Sequence[str] | None = None) -> argparse.Namespace:
    """A command line as its parts; raises ValueError for a model without label vectors where they are needed."""
    args = create_parser().parse_args(input_args)
    tree = args.command == "predict" and not args.cls and not args.bins
    if tree and args.pretrained:
        raise ValueError("Custom checkpoints are currently not supported for TreeOfLife prediction")
    if (tree or args.command == "list-tol-taxa") and args.model:
        ensure_tol_supported_model(args.model)
    if tree:
        args.rank = Rank[(args.rank or "species").upper()]
        args.k = args.k or 5
    return args


def main(input_args: Sequence[str] | None = None) -> None:
    """Run one command line."""
    args = parse_args(input_args)
    from merian.compat.bioclip import commands

    commands.run(args)


if __name__ == "__main__":
    main(sys.argv[1:])
