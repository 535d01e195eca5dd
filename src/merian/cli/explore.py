"""`merian explore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from merian.cli.emergence import emergence
from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import escaped, path_of, say
from merian.explore import ExploreSettings

if TYPE_CHECKING:
    from merian.core.report import Report

__all__ = ["app", "explore", "explore_store"]

REMARKS = 8
"""Remarks that are printed; report.json has all."""


@with_settings(ExploreSettings, "explore")
def explore(
    catalog: Path,
    embeddings: Path,
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: ExploreSettings,
) -> int:
    """Lay a catalog's images out as a map to walk through, by what a model makes of them, and ask which traits can be read from its vectors.

    OUT/layout.html is one file that works without a network: every image a point, coloured by rank, trait, sex or place, with pictures where you come near.
    OUT/figures holds maps, traits and the tree of the vectors as SVG for print; OUT/report.json the numbers, with intervals and what chance gives.
    A trait is read by ridge regression with whole families left out, against traits dealt at random.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    embeddings
        Its embeddings, made by `merian embed`.
    out
        The folder to write: layout.html, layout.parquet, traits.parquet, figures/, report.json.
    overwrite
        Replace an exploration of another run.
    """
    from merian.explore.figures import MAP

    report = explore_store(catalog, embeddings, out, settings, overwrite, command_line())
    for remark in report.remarks[:REMARKS]:
        say(f"   {escaped(remark)}")
    if len(report.remarks) > REMARKS:
        say(f"   and {len(report.remarks) - REMARKS} more remarks in {path_of(out / 'report.json')}")
    figures = ", ".join(sorted(p.stem for p in (out / "figures").glob("*.svg")))
    say(f"{path_of(out / MAP)}  a map to walk through: open it in a browser; figures/ as SVG: {figures}")
    return 0


def explore_store(
    catalog: Path, embeddings: Path, out: Path, settings: ExploreSettings, overwrite: bool, command: str
) -> Report:
    """The Report of exploring what lies in these folders."""
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.explore.run import explore as run

    return run(Catalog.open(catalog), Embeddings.load(embeddings), out, settings, command=command, overwrite=overwrite)


app = App(name="explore", default_command=explore, result_action="return_value")
app.command(emergence, name="emergence")
