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
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    evaluation: Path | None = None,
    command: str = "",
    note: str = "",
) -> int:
    """Write the data card of a catalog: card.html, croissant.json (MLCommons Croissant 1.0) and who is to be credited (attribution.csv).

    `merian curate` leaves one in the catalog. Here it can be given a title, authors and a citation, for publishing.
    With --model and --evaluation it is the card of a model that was trained on the catalog, in the model's folder: what it
    knows, how good it is by rank, clade and source, its calibration, what it cannot do, and whose photos it learnt from.

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
    model
        A model folder: its card is written, card.html and card.json, and `merian identify` says of it what the card does.
    evaluation
        The model's evaluation on the catalog, made by `merian evaluate`.
    command
        The command that made the model, for its card.
    note
        What else to say to whoever uses the model.
    """
    if model is not None:
        return _of_model(catalog, model, evaluation, title, command, note)
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


def _of_model(catalog: Path, model: Path, evaluation: Path | None, title: str, command: str, note: str) -> int:
    from merian.core.errors import BadSetting
    from merian.core.tables import Catalog
    from merian.evaluate.card import Told, write_model_card
    from merian.identify import Identifier

    if evaluation is None:
        raise BadSetting("evaluation", "", "is missing: merian evaluate CATALOG MODEL EVALUATION makes it")
    told = Told(title=title, command=command, note=note)
    say(write_model_card(Identifier.open(model), model, Catalog.open(catalog), evaluation, told))
    say(f"{path_of(model / 'card.html')}, card.json, taxa.csv and sources.csv beside it")
    return 0
