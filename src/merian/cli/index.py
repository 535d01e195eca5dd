"""`merian index`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.search.settings import SearchSettings

__all__ = ["index"]


@with_settings(SearchSettings, "index")
def index(
    catalog: Path,
    embeddings: Path,
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: SearchSettings,
) -> int:
    """Make the images of a catalog searchable by photo and by words: an index for `merian search` and the web app.

    It is a LanceDB database. Copied to object storage it is opened there by its address (s3://bucket/index).

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    embeddings
        Its embeddings, made by `merian embed`.
    out
        The folder to write.
    overwrite
        Replace an index of another run.
    """
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.search import build_index

    found = build_index(Catalog.open(catalog), Embeddings.load(embeddings), out, settings, overwrite)
    how = f"in {found.parts:,} parts" if found.parts else "compared one by one"
    say(f"{path_of(out)}  {len(found):,} images, {how}")
    return 0
