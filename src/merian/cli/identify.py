"""`merian identify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merian.cli.answers import Asked, Format, Run, format_of
from merian.cli.labels import Own
from merian.cli.limits import Limits
from merian.cli.say import REFUSED, escaped, say
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tree import Rank

if TYPE_CHECKING:
    from merian.cli.photos import Photos
    from merian.cli.taxa import Taxa

__all__ = ["chosen_model", "identify"]

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
    Literal["auto", "fp32", "bf16", "int8"],
    Parameter(
        help="bf16 is faster on processors and cards that have it, at a cosine of 0.9999; auto takes it there for large models; int8, the fastest on "
        "a processor, needs `merian models convert` once, which tells how well it agrees."
    ),
]
Resume = Annotated[bool, Parameter(negative=(), help="Go on with OUTPUT.partial of a stopped run, to the same bytes.")]
EVERY, NONE = Limits(), Own()


def identify(
    photos: Annotated[list[Path], Parameter(allow_leading_hyphen=True, json_list=False)],
    /,
    *,
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    taxa: Path | None = None,
    head: Path | None = None,
    limits: Limits = EVERY,
    own: Own = NONE,
    rank: Rank | None = None,
    k: Annotated[int | None, Parameter(name="--k")] = None,
    threshold: float | None = None,
    format: AsFormat | None = None,
    output: Output | None = None,
    resume: Resume = False,
    backend: str = "auto",
    precision: Precision = "auto",
    batch: int | None = None,
) -> int:
    """Name the organism in photos: the deepest answer that is safe, the likely ones with probabilities, the chance of none.

    A photo that cannot be read becomes a row with the reason, and the exit code is 3.

    Parameters
    ----------
    photos
        Files, folders, globs, lists (@list.txt: a path per line), or - for a list on standard input.
    model
        A model folder made by `merian train`, or a model by its name (`merian models`). Unless given: bioclip-2, bioclip-2.5 or
        bioclip when it is on this machine, else pocket, the small model in the package; where that has none, bioclip-2 is fetched.
    taxa
        Another list of taxa to choose from: a Darwin Core taxon table, a table of lineages, or a published label file
        (txt_emb_*.npy with its .json). Not calibrated.
    head
        Which vectors stand for the taxa: linear or prototypes, where the model was trained with --adapt, head for those of
        their names, or a folder. The first of these that the model has.
    rank
        The rank of the answers, species unless given; a coarser rank sums the probabilities of its species.
    k
        How many answers for each photo: 5 unless given, with --labels or --bins all.
    threshold
        The safe answer is the deepest taxon that is at least this probable: 0.8 unless given.
    backend
        openvino, onnx, torch, toy, or auto.
    batch
        Photos at a time: as suits the model and the machine unless given, 32 on a processor.
    """
    from merian.cli.photos import expand, options_of

    _check(k, batch, threshold, output)
    chosen, kind = expand(photos, options=options_of(identify)), format_of(format, output)
    model = chosen_model(model)
    how, strange = (backend, precision), list[str]()
    beside = {"taxa": taxa, "head": head, "rank": rank, "threshold": threshold, **vars(limits)}
    asked: Asked
    if own.asks(**beside):
        asked = own.chosen(model, how, k, kind)
    else:
        asked, strange = _taxa((model, taxa, head), how, limits, (rank or "species", k or 5, threshold or 0.8))
    return _told(Run(asked, chosen, batch or asked.at_once, kind).write(output, resume), chosen, strange)


def chosen_model(given: Path | None) -> Path:
    """The model that was named, or the one that is taken when none is; what there is to say of it is said.

    Raises Missing when none is named, none is here and none can be fetched, with what else helps.
    """
    from merian.encode import hub
    from merian.encode.info import said

    chosen = Path(hub.default()) if given is None else given
    place = hub.local(chosen)
    if given is None and not place.is_dir() and hub.find(str(chosen)) is None:
        say(f"no model is here: fetching {chosen} and its labels, some 4 GB, once")
        try:
            hub.pull(str(chosen))
        except Missing as error:
            told = f"`merian tour` makes a small one of drawn organisms offline, for --model. {error}"
            raise Missing("a model", "this machine", told) from error
    if given is None:
        say(f"with {chosen}; --model names another")
    if place.is_dir() and (words := said(place)):
        say(escaped(words))
    return place


def _told(bad: int, chosen: Photos, strange: list[str]) -> int:
    """Say how many photos have no answer, and what is to say of names in --only; the exit code."""
    if bad:
        say(f"{bad} of {len(chosen.paths) + len(chosen.refused)} photos have no answer; the column 'reason' says why")
    for remark in strange:
        say(f"[yellow]left out of --only[/yellow] {escaped(remark)}")
    return REFUSED if bad or strange else 0


def _taxa(
    where: tuple[Path, Path | None, Path | None],
    how: tuple[str, str],
    limits: Limits,
    wanted: tuple[str, int, float],
) -> tuple[Taxa, list[str]]:
    """Taxa as what is asked for, of (model, taxa, head) by (backend, precision) with (rank, k, threshold); and what is to say of names in --only."""
    from merian.cli.taxa import Taxa
    from merian.identify import Identifier

    model, taxa, head = where
    found = limits.nearby()
    identifier = Identifier.open(model, taxa, how[0], head, how[1])
    if identifier.remarks:
        say("[yellow]of the published labels[/yellow] " + escaped("; ".join(identifier.remarks)))
    identifier, strange = limits.on(identifier, found)
    return Taxa(identifier, *wanted, limits.flags), strange


def _check(k: int | None, batch: int | None, threshold: float | None, output: Path | None) -> None:
    for name, value in (("k", k), ("batch", batch)):
        if value is not None and value < 1:
            raise BadSetting(name, value, "must be at least 1")
    if threshold is not None and not 0.5 < threshold <= 1:
        raise BadSetting("threshold", threshold, "must be above 0.5 and at most 1")
    if output is not None and (output.is_dir() or (output.parent.exists() and not output.parent.is_dir())):
        raise BadData(output, "the output must be a file in a folder; give another path")
