"""`merian curate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, of_catalog, path_of, say
from merian.curate import CurateSettings
from merian.curate import curate as run

__all__ = ["curate"]


@with_settings(CurateSettings, "curate")
def curate(
    source: Path,
    out: Path,
    /,
    *,
    taxa: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: CurateSettings,
) -> int:
    """Make a catalog of photos: look at every image, refuse the bad ones with a reason, split without leaks, write shards.

    SOURCE may be a folder of photos (one folder a class), a CSV, TSV or Parquet table with a path column, or a Darwin Core
    folder (occurrence.csv with associatedMedia). Exit code 3 says that rows were refused; catalog.parquet has them with
    the reason.

    Parameters
    ----------
    source
        Where the photos are.
    out
        The folder to write the catalog to.
    taxa
        A taxonomy to match the labels against: a Darwin Core taxon table or a table of lineages.
    overwrite
        Replace a catalog that other settings made.
    """
    catalog = run(source, out, settings, taxa, overwrite)
    say(f"{path_of(out)}\n" + of_catalog(catalog))
    refused_taxa = out / "refused_taxa.csv"
    if refused_taxa.is_file():
        say(f"   some rows of the taxonomy were refused: {path_of(refused_taxa)}")
    return REFUSED if len(catalog.refused()) or refused_taxa.is_file() else 0
