"""`merian card`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.say import path_of, say
from merian.core.errors import BadData, BadSetting

__all__ = ["OfModel", "card"]


@Parameter(name="*", help="The card of a model instead.")
@dataclass(frozen=True)
class OfModel:
    """The card of a model instead."""

    model: Annotated[
        Path | None,
        Parameter(
            name=["--model", "-m"],
            help="A model folder that was trained on the catalog: its card is written into it, and `merian identify` says of it what the card does.",
        ),
    ] = None
    evaluation: Annotated[
        Path | None, Parameter(help="The model's evaluation on the catalog, made by `merian evaluate`.")
    ] = None
    command: Annotated[str, Parameter(help="The command that made the model.")] = ""
    note: Annotated[str, Parameter(help="What else to say to whoever uses the model.")] = ""


CATALOG = OfModel()


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
    of: OfModel = CATALOG,
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
        What the data set, or the model, is called.
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
    if of != CATALOG:
        return _of_model(catalog, of, title)
    from merian.core.tables import Catalog
    from merian.curate.card import About, write_card

    found = Catalog.open(catalog)
    if out is not None and out.is_file():
        raise BadData(out, "the output must be a folder, and this is a file")
    folder = out or catalog.resolve().with_name(catalog.resolve().name + "-card")
    write_card(found, folder, About(title, description, tuple(author or ()), url, cite, version))
    say(f"{path_of(folder / 'card.html')}, croissant.json, attribution.csv and holders.csv beside it")
    return 0


def _of_model(catalog: Path, of: OfModel, title: str) -> int:
    from merian.core.tables import Catalog
    from merian.evaluate.card import Told, write_model_card
    from merian.identify import Identifier

    if of.model is None or of.evaluation is None:
        what = "model" if of.model is None else "evaluation"
        raise BadSetting(what, "", "is missing: merian card CATALOG --model MODEL --evaluation EVALUATION")
    told = Told(title=title, command=of.command, note=of.note)
    say(write_model_card(Identifier.open(of.model), of.model, Catalog.open(catalog), of.evaluation, told))
    say(f"{path_of(of.model / 'card.html')}, card.json, taxa.csv and sources.csv beside it")
    return 0
