"""`merian explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from merian.cli.emergence import emergence
from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.explore import ExploreSettings

__all__ = ["app", "explore", "explore_store"]


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
    """Lay a catalog's embedding out as a map, coloured by a rank and by a trait, and ask which traits can be read from it.

    A trait is read by ridge regression with whole families left out, against traits dealt at random.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    embeddings
        Its embeddings, made by `merian embed`.
    out
        The folder to write: layout.parquet, traits.parquet, figures/, report.json.
    overwrite
        Replace an exploration of another run.
    """
    explore_store(catalog, embeddings, out, settings, overwrite, command_line())
    say(f"{path_of(out)}  figures: " + ", ".join(sorted(p.name for p in (out / "figures").glob("*.svg"))))
    return 0


def explore_store(
    catalog: Path, embeddings: Path, out: Path, settings: ExploreSettings, overwrite: bool, command: str
) -> None:
    """Explore what lies in these folders."""
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.explore.run import explore as run

    run(Catalog.open(catalog), Embeddings.load(embeddings), out, settings, command=command, overwrite=overwrite)


app = App(name="explore", default_command=explore, result_action="return_value")
app.command(emergence, name="emergence")
