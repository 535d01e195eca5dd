"""`merian identify`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from merian.cli.say import REFUSED, escaped, say
from merian.core.errors import BadData, BadSetting
from merian.core.tree import RANKS, Rank

if TYPE_CHECKING:
    from merian.cli.photos import Photos
    from merian.identify import Identifier

__all__ = ["identify"]

Row = dict[str, object]
Answer = tuple[str, list[Row], Row, str | None]
Writer = Callable[[Iterator[Answer], IO[str], "Identifier"], int]
MODEL = Path("merian-tour/model")
COLUMNS = ["file_name", *RANKS[:6], "species_epithet", "species", "common_name", "score"]
"""The columns that users of pybioclip know; ours follow."""
OURS = ["rank", "safe_rank", "safe_name", "safe_score", "unknown", "inside", "reason"]


def identify(
    photos: Annotated[list[Path], Parameter(allow_leading_hyphen=True, json_list=False)],
    /,
    *,
    model: Annotated[Path, Parameter(name=["--model", "-m"])] = MODEL,
    taxa: Path | None = None,
    head: Path | None = None,
    only: tuple[str, ...] = (),
    rank: Rank = "species",
    k: Annotated[int, Parameter(name="--k")] = 5,
    threshold: float = 0.8,
    format: Annotated[Literal["csv", "jsonl", "table"] | None, Parameter(name=["--format", "-f"])] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    backend: str = "auto",
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
    format
        csv (a row per answer), jsonl (an object per photo) or table (to read); csv unless the output's name ends in .jsonl.
    output
        A file instead of standard output; it appears when all photos are done.
    backend
        openvino, onnx, torch, toy, or auto.
    batch
        Photos at a time.
    """
    from merian.cli.photos import expand, options_of

    _check(k, batch, threshold, output)
    chosen = expand(photos, options=options_of(identify))
    identifier, strange = _opened(model, taxa, backend, head, only)
    kind = format or ("jsonl" if output is not None and output.suffix == ".jsonl" else "csv")
    bad = _answered(identifier, chosen, {"k": k, "rank": rank, "threshold": threshold, "batch": batch}, kind, output)
    for remark in strange:
        say(f"[yellow]left out of --only[/yellow] {escaped(remark)}")
    return REFUSED if bad or strange else 0


def _opened(
    model: Path, taxa: Path | None, backend: str, head: Path | None, only: tuple[str, ...]
) -> tuple[Identifier, list[str]]:
    """The Identifier, and what is to say of names in `only` that are not known."""
    from merian.identify import Identifier, names_of

    identifier = Identifier.open(model, taxa, backend, head)
    if identifier.remarks:
        say("[yellow]of the published labels[/yellow] " + escaped("; ".join(identifier.remarks)))
    return identifier.only(names_of(only)) if only else (identifier, [])


def _answered(identifier: Identifier, chosen: Photos, how: dict[str, Any], kind: str, output: Path | None) -> int:
    """Name the chosen photos and write the answers; how many have none."""
    from merian.cli.photos import shown
    from merian.identify import in_batches

    answers = in_batches(identifier, chosen.paths, **how)
    refused: list[Answer] = [(name, [], {}, reason) for name, reason in chosen.refused]
    every = _all(((shown(path), best, safe, reason) for path, best, safe, reason in answers), refused)
    bad = _written(every, {"csv": _csv, "jsonl": _jsonl, "table": _table}[kind], output, identifier)
    if bad:
        say(f"{bad} of {len(chosen.paths) + len(refused)} photos have no answer; the column 'reason' says why")
    return bad


def _check(k: int, batch: int, threshold: float, output: Path | None) -> None:
    if k < 1 or batch < 1:
        raise BadSetting("k" if k < 1 else "batch", k if k < 1 else batch, "must be at least 1")
    if not 0.5 < threshold <= 1:
        raise BadSetting("threshold", threshold, "must be above 0.5 and at most 1")
    if output is not None and (output.is_dir() or (output.parent.exists() and not output.parent.is_dir())):
        raise BadData(output, "the output must be a file in a folder; give another path")


def _all(answers: Iterator[Answer], refused: list[Answer]) -> Iterator[Answer]:
    yield from answers
    yield from refused


def _written(answers: Iterator[Answer], write: Writer, output: Path | None, identifier: Identifier) -> int:
    """How many answers are refusals, after writing them to `output`, or to standard output."""
    if output is None:
        return write(answers, sys.stdout, identifier)
    output.parent.mkdir(parents=True, exist_ok=True)
    # what is done stays readable beside the target if the run is stopped
    partial = output.with_name(output.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        bad = write(answers, stream, identifier)
    partial.replace(output)
    return bad


def _csv(answers: Iterator[Answer], stream: IO[str], identifier: Identifier) -> int:
    writer = csv.DictWriter(stream, COLUMNS + OURS, lineterminator="\n")
    writer.writeheader()
    bad = 0
    for path, best, safe, reason in answers:
        shared = {"file_name": path, **_safe(safe)}
        if reason is not None:
            bad += 1
            writer.writerow({"file_name": path, "reason": reason})
        elif not best:
            writer.writerow(shared)
        for row in best:
            named: Row = {r: row[r] or "" for r in RANKS}
            epithet = str(named["species"]).partition(" ")[2]
            chance = f"{row['probability']:.6g}"
            common = row["common_name"] or ""
            writer.writerow(
                {
                    **shared,
                    **named,
                    "species_epithet": epithet,
                    "common_name": common,
                    "score": chance,
                    "rank": row["rank"],
                }
            )
        stream.flush()
    return bad


def _safe(safe: Row) -> Row:
    if not safe:
        return {}
    chance = {"safe_score": f"{safe['probability']:.6g}"} if safe["name"] else {}
    return {
        "safe_rank": safe["rank"] or "",
        "safe_name": safe["name"] or "",
        **chance,
        "unknown": f"{safe['unknown']:.6g}",
        "inside": "" if safe["inside"] is None else f"{safe['inside']:.6g}",
    }


def _jsonl(answers: Iterator[Answer], stream: IO[str], identifier: Identifier) -> int:
    bad = 0
    for path, best, safe, reason in answers:
        bad += reason is not None
        unknown, inside = safe.pop("unknown", None), safe.pop("inside", None)
        answer = {"file_name": path, "safe": safe or None, "unknown": unknown, "predictions": best, "reason": reason}
        answer |= {} if inside is None else {"inside": inside}
        for row in best:
            row.pop("taxon")
        stream.write(json.dumps(answer | {"model": identifier.encoder.fingerprint}, ensure_ascii=False) + "\n")
        stream.flush()
    return bad


def _table(answers: Iterator[Answer], stream: IO[str], identifier: Identifier) -> int:
    from rich.console import Console
    from rich.text import Text

    console, bad = Console(file=stream), 0
    for path, best, safe, reason in answers:
        if reason is not None:
            bad += 1
            console.print(Text(f"{path}\n  not read: {reason}\n", style="red"), soft_wrap=True)
            continue
        sure = f"{safe['rank']} {safe['name']} ({safe['probability']:.0%})" if safe["name"] else "nothing"
        within = "" if safe["inside"] is None else f"; within --only: {safe['inside']:.0%} of all probability"
        console.print(Text(path, style="bold"), soft_wrap=True)
        console.print(Text(f"  sure of {sure}; none of these: {safe['unknown']:.0%}{within}"), soft_wrap=True)
        width = max((len(str(row["name"])) for row in best), default=0)
        for row in best:
            share = float(str(row["probability"]))
            line = Text(f"  {share:6.1%}  ")
            line.append(f"{'█' * round(share * 10) or '▏':<10}  ", style="green")
            line.append(f"{row['name']:<{width}}  ", style="italic")
            line.append(str(row["common_name"] or ""))
            family = row["family"] if row["family"] != row["name"] else row["order"]
            line.append(f"  {family}" if family else "", style="dim")
            console.print(line, soft_wrap=True)
        console.print()
    return bad
