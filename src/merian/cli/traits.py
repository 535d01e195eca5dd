"""`merian traits`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, bold, escaped, path_of, say
from merian.core.errors import BadSetting
from merian.explore.impute.settings import ImputeSettings

if TYPE_CHECKING:
    from merian.core.report import Report
    from merian.core.tree import Tree
    from merian.explore.impute.run import Pictures

__all__ = ["traits"]

SAID = (
    ".known",
    ".imputed",
    ".withheld",
    ".skill",
    ".skill.all",
    ".rmse",
    ".accuracy",
    ".coverage",
    ".clades",
    ".pictures",
)
"""How the names of numbers end that are said; all are in the report."""
SHOWN = 12
"""Remarks that are said."""


@with_settings(ImputeSettings, "traits")
def traits(
    action: Literal["impute"],
    table: Path,
    out: Path,
    /,
    *,
    taxa: Path | None = None,
    catalog: Path | None = None,
    embeddings: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: ImputeSettings,
) -> int:
    """Fill the gaps of a trait table from relatives (and pictures): values with intervals, and the skill that they deserve.

    Skill is measured by leaving out species, whole genera and whole families, against the better of two simple answers: the mean of the nearest known
    relatives, and the mean of all. Where nothing can be known, a reason stands instead of a number.

    Parameters
    ----------
    action
        impute: predict the values that are missing.
    table
        Long (scientificName, measurementType, measurementValue, measurementUnit) or wide with --columns; CSV, TSV or Parquet.
    out
        The folder to write: imputed.parquet, figures/skill.svg, report.json.
    taxa
        The taxonomy whose species are wanted: a tree.parquet, a Darwin Core taxon table or a table of lineages. Without it the table's own ranks are used.
    catalog
        A catalog made by `merian curate`, whose taxonomy is used; with --embeddings its pictures tell of species too.
    embeddings
        Its embeddings, made by `merian embed`.
    overwrite
        Replace the run of other settings.
    """
    from merian.explore.impute.run import impute

    relatives, refused = _relatives(taxa, catalog, embeddings)
    report = impute(table, out, settings, relatives, command_line(), overwrite)
    _told(report)
    if refused:
        say(f"[yellow]{refused:,} rows of {escaped(str(taxa))} could not be placed in the taxonomy[/yellow]")
    say(f"\n{path_of(out / 'imputed.parquet')}")
    return REFUSED if refused else 0


def _relatives(taxa: Path | None, catalog: Path | None, embeddings: Path | None) -> tuple[Tree | Pictures | None, int]:
    """Where relatives come from, and how many rows of the taxonomy were refused."""
    from merian.core.tree import Tree

    if embeddings is not None and catalog is None:
        raise BadSetting("embeddings", str(embeddings), "needs the catalog that they were made of: give --catalog")
    if catalog is None:
        if taxa is None:
            return None, 0
        tree, rows = Tree.read(taxa)
        return tree, len(rows)
    if taxa is not None:
        raise BadSetting("taxa", str(taxa), "is not needed beside --catalog, whose taxonomy is used: give one of them")
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.explore.impute.run import Pictures

    opened = Catalog.open(catalog)
    return (opened.tree if embeddings is None else Pictures(opened, Embeddings.load(embeddings))), 0


def _told(report: Report) -> None:
    """Say what matters most: the counts, skill, error, coverage and gain of every trait, and the first remarks."""
    for group, numbers in report.groups():
        say(f"\n{bold(group)}")
        for number in numbers:
            if not number.name.endswith(SAID):
                continue
            note = f"  [dim]{escaped(number.note)}[/dim]" if number.note else ""
            say(f"  {escaped(number.name):<40} {number.text}{note}")
    if report.remarks:
        say("")
    for remark in report.remarks[:SHOWN]:
        say(f"  [yellow]{escaped(remark)}[/yellow]")
    if len(report.remarks) > SHOWN:
        say(f"  and {len(report.remarks) - SHOWN} more in the report")
