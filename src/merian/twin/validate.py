"""The validation panel: what theory and field data demand, what the twin gives, and whether it holds. Misses are shown like the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import polars as pl

from merian import __version__
from merian.core import store
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.twin.empirical import EMPIRICAL, Tables, predators_and_prey
from merian.twin.grid.theory import SPACE
from merian.twin.herds.theory import MIXED
from merian.twin.theory import THEORY, Row

__all__ = ["FORMAT", "KIND", "PAGE", "panel", "validate"]

KIND, FORMAT = "validation panel", 1
PAGE = "panel.html"
Families = Sequence[tuple[str, Sequence[Callable[[], list[Row]]]]]


def panel(tables: Tables | None = None) -> Families:
    """The families of rows by what they test; those of body mass only where their `tables` are given."""
    field = [predators_and_prey]
    if tables is not None:
        given = tables
        field = [*((lambda family=family: family(given)) for family in EMPIRICAL), predators_and_prey]
    return (
        ("Theory of food webs", THEORY),
        ("Theory of space, and the tiers beside each other", (*SPACE, *MIXED)),
        ("Field data", field),
    )


def validate(
    out: Path, tables: Path | None = None, command: str = "merian twin validate", overwrite: bool = False
) -> Report:
    """The Report of all rows, written to `out` with panel.parquet and panel.html. `tables`: a folder with PanTHERIA, TetraDENSITY and EltonTraits.

    Raises Missing when a table is not there. A row that does not hold is no error.
    """
    found = Tables.of(tables) if tables is not None else None
    inputs = {} if found is None else {path.name: store.digest(path) for path in _paths(found)}
    families = panel(found)
    work = store.begin(out, KIND, FORMAT, {"version": __version__}, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    rows: list[tuple[str, Row]] = []
    with track("Validation", sum(len(each) for _, each in families), "families") as advance:
        for title, each in families:
            for family in each:
                rows += [(title, row) for row in family()]
                advance()
    frame = pl.DataFrame([{"group": title} | store.plain(row) | {"holds": row.holds} for title, row in rows])
    with store.atomic(out / "panel.parquet") as file:
        frame.write_parquet(file)
    remarks = () if found else ("rows of body mass need trait tables: give their folder with --tables",)
    store.write_text(out / PAGE, _page(rows, remarks, command))
    numbers = [
        Number(
            "held",
            sum(row.holds for _, row in rows) / len(rows),
            unit="share",
            n=len(rows),
            note="rows that hold",
            group="All",
        )
    ]
    numbers += [
        Number(
            row.name,
            row.found,
            note=f"{'holds' if row.holds else 'does not hold'}: {row.target:g} within {row.tolerance:g}; {row.source}",
            group=title,
        )
        for title, row in rows
    ]
    report = Report("Validation of the twin", command, inputs, tuple(numbers), {}, remarks)
    report.save(out / "report.json")
    work.finish()
    return report


def _paths(tables: Tables) -> list[Path]:
    return [tables.pantheria, tables.tetra_density, tables.elton_mammals, tables.elton_birds]


def _page(rows: Sequence[tuple[str, Row]], remarks: Sequence[str], command: str) -> str:
    """The panel as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("merian.twin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    groups = [(title, [row for own, row in rows if own == title]) for title in dict.fromkeys(own for own, _ in rows)]
    style = resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8")
    held = sum(row.holds for _, row in rows)
    return environment.get_template("panel.html.j2").render(
        groups=groups, held=held, total=len(rows), remarks=remarks, command=command, style=style, version=__version__
    )


def _figure(value: float, tolerance: float = 0.0) -> str:
    """A number with as many digits as its tolerance has, four where it has none."""
    if not math.isfinite(value):
        return str(value)
    if tolerance > 0:
        return f"{value:.{max(0, 1 - math.floor(math.log10(tolerance)))}f}"
    return f"{value:.4g}"
