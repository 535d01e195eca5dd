"""`merian evaluate`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.embed import embed_store
from merian.cli.flags import with_settings
from merian.cli.say import bold, path_of, say
from merian.core.report import Report
from merian.evaluate.settings import EvaluateSettings

if TYPE_CHECKING:
    from merian.identify import Identifier

__all__ = ["command_line", "evaluate", "evaluate_store"]


@with_settings(EvaluateSettings, "evaluate")
def evaluate(
    catalog: Path,
    model: Path,
    out: Path,
    /,
    *,
    embeddings: Path | None = None,
    truth: Path | None = None,
    backend: str = "auto",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: EvaluateSettings,
) -> int:
    """Measure a model on a catalog's held-out images: every rank, few-shot, calibration, unknowns; with intervals and baselines.

    Writes OUT/report.json with every number, its interval and the hashes of what went in, tables per species and per image,
    and figures. A catalog of several data sets is scored set by set, never as one.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`; its splits "test" and "unseen" are scored.
    model
        A model folder made by `merian train`.
    out
        The folder to write.
    embeddings
        The catalog's embeddings by this model, if `merian embed` made them; else OUT-embeddings is written.
    truth
        The truth table of a drawn source, for accuracy by kind of picture and for planted faults.
    backend
        openvino, onnx, torch, or auto.
    overwrite
        Replace an evaluation of another run.
    """
    vectors = embeddings or out.with_name(out.name + "-embeddings")
    if embeddings is None:
        embed_store(catalog, model, vectors, backend, overwrite)
    from merian.identify import Identifier

    identifier = Identifier.open(model, backend=backend)
    report = evaluate_store(catalog, identifier, vectors, out, settings, truth, overwrite, command_line())
    for group, numbers in report.groups():
        say(f"\n{bold(group)}")
        for number in numbers:
            note = f"  [dim]{number.note}[/dim]" if number.note else ""
            say(f"  {number.name:<34} {number.text}{note}")
    say(f"\n{path_of(out / 'report.json')}")
    return 0


def evaluate_store(
    catalog: Path,
    identifier: Identifier,
    embeddings: Path,
    out: Path,
    settings: EvaluateSettings,
    truth: Path | None,
    overwrite: bool,
    command: str,
) -> Report:
    """The Report of evaluating what lies in these folders."""
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.evaluate.run import evaluate as run

    return run(
        Catalog.open(catalog),
        Embeddings.load(embeddings),
        identifier,
        out,
        settings,
        truth,
        command=command,
        overwrite=overwrite,
    )


def command_line() -> str:
    """The command as it was given, for the report."""
    return shlex.join(["merian", *sys.argv[1:]])
