"""The validation panel: what theory and field data demand, what the twin gives, and whether it holds. Misses, and rows not run, are shown like the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import polars as pl

from merian import __version__
from merian.core import store
from merian.core.errors import BadSetting
from merian.core.progress import track
from merian.core.report import Number, Report
from merian.twin.fields.asked import Picture
from merian.twin.fields.groups import TITLES, Group, groups, tables
from merian.twin.theory import Row

__all__ = ["FORMAT", "KIND", "PAGE", "again", "state", "validate"]

KIND, FORMAT = "validation panel", 2
PAGE = "panel.html"
SMALL = 1e-4
"""Numbers below it are written with a power of ten."""
Told = dict[str, tuple[Group, list[Row], list[Picture]]]
"""By key: the group, its rows and its pictures."""


def state(row: Row) -> str:
    """What became of a row: holds, misses or not run."""
    return "not run" if row.missing else "holds" if row.holds else "misses"


def again(key: str, group: Group) -> str:
    """The command that computes the rows of a group again."""
    return f"merian twin validate panel --only {key}{' --tables FOLDER' if group.reads else ''}"


def validate(
    out: Path,
    folder: Path | None = None,
    only: Sequence[str] = (),
    command: str = "merian twin validate",
    overwrite: bool = False,
) -> Report:
    """The Report of all rows, written to `out` with panel.parquet and panel.html; `folder`: where the tables are; `only` these groups (keys of TITLES).

    Raises Missing when the folder has no table, BadSetting for a group that is none. A row that does not hold is no error.
    """
    for key in only:
        if key not in TITLES:
            raise BadSetting("only", key, f"is one of {', '.join(TITLES)}", tuple(TITLES))
    read = tables(folder) if folder is not None else {}
    inputs = {path.name: store.digest(path) for path in read.values()}
    chosen = {key: group for key, group in groups(folder).items() if not only or key in only}
    work = store.begin(out, KIND, FORMAT, {"version": __version__, "only": sorted(only)}, inputs, overwrite)
    if work.done:
        return Report.load(out / "report.json")
    told = _told(chosen)
    rows = [(key, group, row) for key, (group, own, _) in told.items() for row in own]
    frame = pl.DataFrame(
        [
            {"group": group.title} | store.plain(row) | {"state": state(row), "command": again(key, group)}
            for key, group, row in rows
        ]
    )
    with store.atomic(out / "panel.parquet") as file:
        frame.write_parquet(file)
    unread = sorted({row.missing for _, _, row in rows if row.missing})
    missed = {why: sum(row.missing == why for _, _, row in rows) for why in unread}
    remarks = tuple(f"not run, {why}: {count} row{'s' * (count > 1)}" for why, count in missed.items())
    store.write_text(out / PAGE, _page(told, remarks, command))
    report = Report("Validation of the twin", command, inputs, tuple(_numbers(rows)), {}, remarks)
    report.save(out / "report.json")
    work.finish()
    return report


def _told(chosen: dict[str, Group]) -> Told:
    """What the families of the groups say."""
    told: Told = {}
    with track("Validation", sum(len(group.families) for group in chosen.values()), "families") as advance:
        for key, group in chosen.items():
            rows: list[Row] = []
            pictures: list[Picture] = []
            for family in group.families:
                for found in family():
                    if isinstance(found, Row):
                        rows.append(found)
                    else:
                        pictures.append(found)
                advance()
            told[key] = (group, rows, pictures)
    return told


def _numbers(rows: Sequence[tuple[str, Group, Row]]) -> list[Number]:
    """Numbers of a Report: how many rows hold of those that were run, and each of them."""
    ran = [(group, row) for _, group, row in rows if not row.missing]
    held = sum(row.holds for _, row in ran)
    numbers = [Number("held", held / max(len(ran), 1), unit="share", n=len(ran), note="rows that hold", group="All")]
    numbers.append(Number("not run", len(rows) - len(ran), unit="count", n=len(rows), group="All"))
    for group, row in ran:
        word = "holds" if row.holds else "does not hold"
        note = f"{word}: {row.target:g} within {row.tolerance:g}; {row.source}"
        numbers.append(Number(row.name, row.found, note=note, group=group.title))
    return numbers


def _page(told: Told, remarks: Sequence[str], command: str) -> str:
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
    environment.filters["state"] = state
    parts = [
        {"title": group.title, "again": again(key, group), "rows": rows, "pictures": pictures}
        for key, (group, rows, pictures) in told.items()
    ]
    every = [state(row) for _, rows, _ in told.values() for row in rows]
    style = resources.files("merian.twin").joinpath("templates/simulation.css").read_text(encoding="utf-8")
    return environment.get_template("panel.html.j2").render(
        parts=parts,
        counts={word: every.count(word) for word in ("holds", "misses", "not run")},
        remarks=remarks,
        command=command,
        style=style,
        version=__version__,
    )


def _figure(value: float, tolerance: float = 0.0) -> str:
    """A number with as many digits as its tolerance has, four where it has none, two where it is next to nothing; a dash for none."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else str(value)
    if 0 < abs(value) < SMALL:
        said = f"{value:.2g}"
    elif tolerance > 0 and math.isfinite(tolerance):
        said = f"{value:.{max(0, 1 - math.floor(math.log10(tolerance)))}f}" if value else "0"
    else:
        said = f"{value:.4g}"
    return said.replace("-", "\N{MINUS SIGN}")
