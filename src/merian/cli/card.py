"""`merian card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.say import path_of, say

__all__ = ["card"]


def card(
    catalog: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    title: str = "",
    description: str = "",
    author: Annotated[list[str] | None, Parameter(negative=())] = None,
    url: str = "",
    cite: str = "",
    version: str = "1.0.0",
) -> int:
    """Write the data card of a catalog: card.html, croissant.json (MLCommons Croissant 1.0) and who is to be credited (attribution.csv).

    `merian curate` leaves one in the catalog. Here it can be given a title, authors and a citation, for publishing.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    out
        The folder to write to; CATALOG with "-card" at its end when not given.
    title
        What the data set is called.
    description
        What it is, in a sentence or two.
    author
        An author; may be given several times.
    url
        Where the data set is published.
    cite
        How to cite it; made from the other fields when not given.
    version
        Version of the data set.
    """
    from merian.core.errors import BadData
    from merian.core.tables import Catalog
    from merian.curate.card import About, write_card

    found = Catalog.open(catalog)
    if out is not None and out.is_file():
        raise BadData(out, "the output must be a folder, and this is a file")
    folder = out or catalog.resolve().with_name(catalog.resolve().name + "-card")
    write_card(found, folder, About(title, description, tuple(author or ()), url, cite, version))
    say(f"{path_of(folder / 'card.html')}, croissant.json, attribution.csv and holders.csv beside it")
    return 0
