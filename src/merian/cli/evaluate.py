"""`merian evaluate`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.embed import embed_store
from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, bold, escaped, path_of, say
from merian.core.errors import BadSetting, Missing
from merian.core.report import Report
from merian.evaluate.benchmarks.settings import BenchmarkSettings
from merian.evaluate.settings import EvaluateSettings

if TYPE_CHECKING:
    from merian.identify import Identifier

__all__ = ["command_line", "evaluate", "evaluate_store"]


@with_settings(BenchmarkSettings, "evaluate")
def evaluate(
    places: Annotated[list[Path], Parameter(help="CATALOG MODEL OUT; with --tasks MODEL, or MODEL OUT")],
    /,
    *,
    tasks: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    data: Path = Path("benchmarks"),
    trained: Path | None = None,
    embeddings: Path | None = None,
    truth: Path | None = None,
    backend: str = "auto",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: BenchmarkSettings,
) -> int:
    """Measure a model: on a catalog's held-out images (CATALOG MODEL OUT), or on benchmark tasks (MODEL --tasks all --data FOLDER).

    On a catalog: every rank, few-shot, calibration, unknowns, with intervals and baselines. Writes OUT/report.json with every number, its interval and the
    hashes of what went in, tables per species and per image, and figures. A catalog of several data sets is scored set by set, never as one.

    On tasks: what the papers ask of NABirds, Meta-Album, Rare Species, camera traps, FishNet, NeWT, AwA2, Herbarium 19, PlantDoc, iNaturalist 2021, beside
    what they published, and beside what histograms reach. Data sets are read as they are distributed; those that are not in the folder are left out, and it
    is said. Writes OUT/report.html, report.json, table.csv, and tables per class. Each image is embedded once per model, whatever asks for it. The exit
    code is 3 when images could not be read, or something could not be measured. A set of your own is a TOML file of ten lines: docs/how/benchmarks.md.

    Parameters
    ----------
    tasks
        Names of tasks or suites (species, beyond-species, camera-traps, all), or TOML files of your own.
    data
        The folder that holds the data sets, each in a folder of its own.
    trained
        With --tasks, the catalog that the model was trained on: images that it holds are counted, and with --drop-leaked not asked about.
    embeddings
        The catalog's embeddings by this model, if `merian embed` made them; else OUT-embeddings is written.
    truth
        The truth table of a drawn source, for accuracy by kind of picture and for planted faults.
    backend
        openvino, onnx, torch, or auto.
    overwrite
        Replace an evaluation of another run.
    """
    if tasks is not None:
        _refuse("is of an evaluation on a catalog; with --tasks leave it out", embeddings=embeddings, truth=truth)
        return _on_tasks(places, tasks, (data, trained), settings, backend, overwrite)
    if len(places) != 3:
        raise BadSetting(
            "CATALOG MODEL OUT", " ".join(map(str, places)), "must be three places, or a model with --tasks"
        )
    _refuse("is for --tasks; merian leakage compares catalogs", trained=trained)
    catalog, model, out = places
    vectors = embeddings or out.with_name(out.name + "-embeddings")
    if embeddings is None:
        embed_store(catalog, model, vectors, backend, overwrite)
    from merian.identify import Identifier

    identifier = Identifier.open(model, backend=backend)
    own = EvaluateSettings(**{field.name: getattr(settings, field.name) for field in fields(EvaluateSettings)})
    report = evaluate_store(catalog, identifier, vectors, out, own, truth, overwrite, command_line())
    _tell(report)
    say(f"\n{path_of(out / 'report.json')}")
    return 0


def _refuse(why: str, **given: Path | None) -> None:
    """Raise BadSetting for a flag that is given and is not of this kind of evaluation."""
    for name, value in given.items():
        if value is not None:
            raise BadSetting(name, str(value), why)


def _on_tasks(
    places: list[Path],
    names: list[str],
    where: tuple[Path, Path | None],
    settings: BenchmarkSettings,
    backend: str,
    overwrite: bool,
) -> int:
    """Put a model to tasks whose data sets lie in the first of `where`; the second is the catalog it was trained on."""
    from merian.core.store import cache_folder
    from merian.encode import open_encoder
    from merian.encode.hub import local
    from merian.evaluate.benchmarks.run import UNANSWERED, UNREAD, Plan, benchmark
    from merian.evaluate.benchmarks.task import tasks as called

    if not 1 <= len(places) <= 2:
        raise BadSetting("MODEL OUT", " ".join(map(str, places)), "must be a model, and a folder to write if you like")
    model, out = places[0], places[1] if len(places) == 2 else Path(f"{places[0].name}-benchmarks")
    data, trained = where
    if not data.is_dir():
        raise Missing(
            "the folder of data sets", data, "name it with --data; docs/how/benchmarks.md says what lies in it"
        )
    cache = cache_folder("benchmarks")
    plan = Plan(tasks=called(names), data=data, cache=cache, trained=trained, model=model.name)
    report = benchmark(open_encoder(local(model), backend), plan, out, settings, command_line(), overwrite)
    _tell(report)
    for remark in report.remarks:
        say(f"[yellow]{escaped(remark)}[/yellow]")
    say(f"\n{path_of(out / 'report.html')}  {path_of(out / 'table.csv')}")
    refused = any(number.name.rpartition(".")[2] in (UNREAD, UNANSWERED) for number in report.numbers)
    return REFUSED if refused else 0


def _tell(report: Report) -> None:
    """Say all numbers of a report."""
    for group, numbers in report.groups():
        say(f"\n{bold(group)}")
        for number in numbers:
            note = f"  [dim]{escaped(number.note)}[/dim]" if number.note else ""
            say(f"  {number.name:<34} {number.text}{note}")


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
