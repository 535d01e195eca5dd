"""`merian identify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merian.cli.answers import Format, Run, format_of
from merian.cli.say import REFUSED, escaped, say
from merian.core.errors import BadData, BadSetting
from merian.core.tree import Rank

if TYPE_CHECKING:
    from merian.identify import Identifier

__all__ = ["identify"]

AsFormat = Annotated[
    Format,
    Parameter(
        name=["--format", "-f"],
        help="csv or parquet (a row per answer), jsonl (an object per photo), table (to read), or pybioclip (their CSV exactly); "
        "what the output's name ends in, else csv.",
    ),
]
Output = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="A file instead of standard output; it appears when all photos are done, OUTPUT.partial until then.",
    ),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Parameter(
        help="bf16 is faster on processors that have it, at a cosine of 0.9999; auto takes it there for large models."
    ),
]
Resume = Annotated[bool, Parameter(negative=(), help="Go on with OUTPUT.partial of a stopped run, to the same bytes.")]
MODEL = Path("merian-tour/model")


def identify(
    photos: Annotated[list[Path], Parameter(allow_leading_hyphen=True, json_list=False)],
    /,
    *,
    model: Annotated[Path, Parameter(name=["--model", "-m"])] = MODEL,
    taxa: Path | None = None,
    head: Path | None = None,
    only: Annotated[tuple[str, ...], Parameter(negative=(), consume_multiple=False)] = (),
    rank: Rank = "species",
    k: Annotated[int, Parameter(name="--k")] = 5,
    threshold: float = 0.8,
    format: AsFormat | None = None,
    output: Output | None = None,
    resume: Resume = False,
    backend: str = "auto",
    precision: Precision = "auto",
    batch: int = 32,
) -> int:
    """Name the organism in photos: the deepest answer that is safe, the likely ones with probabilities, the chance of none.

    A photo that cannot be read becomes a row with the reason, and the exit code is 3.

    Parameters
    ----------
    photos
        Files, folders, globs, lists (@list.txt: a path per line), or - for a list on standard input.
    model
        A model folder made by `merian train`, or a model by its name (`merian models`).
    taxa
        Another list of taxa to choose from: a Darwin Core taxon table, a table of lineages, or a published label file
        (txt_emb_*.npy with its .json). Not calibrated.
    head
        Which vectors stand for the taxa: linear or prototypes, where the model was trained with --adapt, head for those of
        their names, or a folder. The first of these that the model has.
    only
        Answer within these taxa alone: --only Insecta, or a checklist: a text file with a name a line, or a table. May be
        given several times, and with any --rank. `inside` tells what share of all probability lies within.
    rank
        The rank of the answers; a coarser rank sums the probabilities of its species.
    k
        How many answers for each photo.
    threshold
        The safe answer is the deepest taxon that is at least this probable.
    backend
        openvino, onnx, torch, toy, or auto.
    batch
        Photos at a time.
    """
    from merian.cli.photos import expand, options_of

    _check(k, batch, threshold, output)
    chosen = expand(photos, options=options_of(identify))
    identifier, strange = _opened(model, taxa, (backend, precision), head, only)
    bad = Run(identifier, chosen, rank, k, threshold, batch, format_of(format, output)).write(output, resume)
    if bad:
        say(f"{bad} of {len(chosen.paths) + len(chosen.refused)} photos have no answer; the column 'reason' says why")
    for remark in strange:
        say(f"[yellow]left out of --only[/yellow] {escaped(remark)}")
    return REFUSED if bad or strange else 0


def _opened(
    model: Path, taxa: Path | None, how: tuple[str, str], head: Path | None, only: tuple[str, ...]
) -> tuple[Identifier, list[str]]:
    """The Identifier, and what is to say of names in `only` that are not known."""
    from merian.identify import Identifier, names_of

    identifier = Identifier.open(model, taxa, how[0], head, how[1])
    if identifier.remarks:
        say("[yellow]of the published labels[/yellow] " + escaped("; ".join(identifier.remarks)))
    return identifier.only(names_of(only)) if only else (identifier, [])


def _check(k: int, batch: int, threshold: float, output: Path | None) -> None:
    if k < 1 or batch < 1:
        raise BadSetting("k" if k < 1 else "batch", k if k < 1 else batch, "must be at least 1")
    if not 0.5 < threshold <= 1:
        raise BadSetting("threshold", threshold, "must be above 0.5 and at most 1")
    if output is not None and (output.is_dir() or (output.parent.exists() and not output.parent.is_dir())):
        raise BadData(output, "the output must be a file in a folder; give another path")
