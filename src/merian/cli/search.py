"""`merian search`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
from cyclopts import Parameter

from merian.cli.say import REFUSED, escaped, path_of, say
from merian.core import store
from merian.core.errors import BadSetting

if TYPE_CHECKING:
    from merian.cli.photos import Photos
    from merian.encode import Encoder
    from merian.search import Index, Wanted

__all__ = ["Within", "search"]

COLUMNS = ("cosine", "scientific_name", "common_name", "event_date", "licence", "path")
"""What is printed of an image."""


@Parameter(name="*", help="What the images must be.")
@dataclass(frozen=True, kw_only=True)
class Within:
    """What the images must be."""

    taxon: Annotated[
        list[str] | None, Parameter(help="Within this clade, by its scientific name; again for another")
    ] = None
    box: Annotated[
        str, Parameter(help="Taken within west,south,east,north, in degrees; west > east crosses the date line")
    ] = ""
    first: Annotated[str, Parameter(name="--from", help="Taken from then on: 2014, 2014-05 or 2014-05-31")] = ""
    last: Annotated[str, Parameter(name="--to", help="Taken until then")] = ""
    month: Annotated[
        list[int] | None, Parameter(help="Taken in this month of any year, 1 to 12; again for another")
    ] = None
    licence: Annotated[
        list[str] | None, Parameter(help="Under this licence, as the catalog writes it; again for another")
    ] = None
    source: Annotated[list[str] | None, Parameter(help="Of this source; again for another")] = None
    split: Annotated[
        list[str] | None, Parameter(help="Of this split of the catalog: train, val, test, unseen, rare")
    ] = None

    def wanted(self, index: Index) -> Wanted:
        """The same, over the taxa of an index. Raises UnknownTaxon, and BadSetting for a box or date that is none."""
        from merian.search import Wanted

        try:
            sides = tuple(float(side) for side in self.box.split(",")) if self.box else None
        except ValueError:
            sides = ()
        if sides is not None and len(sides) != 4:
            raise BadSetting("box", self.box, "is west,south,east,north in degrees, such as 5.9,45.8,10.5,47.8")
        return Wanted(
            taxa=tuple(index.tree.find(name) for name in self.taxon or ()),
            box=None if sides is None else (sides[0], sides[1], sides[2], sides[3]),
            first=self.first,
            last=self.last,
            months=tuple(self.month or ()),
            licences=tuple(self.licence or ()),
            sources=tuple(self.source or ()),
            splits=tuple(self.split or ()),
        )


ANYTHING = Within()


def search(
    index: str,
    photos: Annotated[list[Path] | None, Parameter(allow_leading_hyphen=True, json_list=False)] = None,
    /,
    *,
    words: Annotated[list[str] | None, Parameter(name=["--words", "-w"])] = None,
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    k: Annotated[int, Parameter(name=["--k", "-k"])] = 12,
    weight: float = 0.5,
    exact: Annotated[bool, Parameter(negative=())] = False,
    within: Within = ANYTHING,
    format: Annotated[Literal["table", "csv", "jsonl"], Parameter(name=["--format", "-f"])] = "table",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
) -> int:
    """Find images that are like photos, like words, or like both: `merian search INDEX photo.jpg --words "on a flower" --taxon Insecta`.

    What the images must be is seen to first; the nearest of the rest are told with their cosine.

    Parameters
    ----------
    index
        An index made by `merian index`: a folder, or its address in object storage.
    photos
        Photos to ask with, together: files, folders, globs, or @list.txt.
    words
        Words to ask with; again for more, together.
    model
        The model that made the index's embeddings; unless given the one that `merian identify` takes.
    k
        How many to find.
    weight
        What the words count beside the photos, 0 to 1.
    exact
        Compare all images behind the filter, however long it takes.
    format
        table, csv or jsonl.
    output
        A file to write instead of the terminal.
    """
    from merian.cli.photos import Photos, expand, options_of
    from merian.search import Index, asked_vector

    found = Index.open(index)
    wanted = within.wanted(found)
    chosen = expand(photos, options=options_of(search)) if photos else Photos()
    encoder = _encoder(model, found)
    images, refused = _looked(encoder, chosen)
    answer = found.search(asked_vector(encoder, images, words or (), weight), k, wanted, exact)
    for path, reason in refused.items():
        say(f"[yellow]left out[/yellow] {escaped(path)}: {escaped(reason)}")
    _write(found.named(answer.rows), format, output)
    if format == "table":
        how = "all compared" if answer.exact else "the nearest parts compared"
        say(f"{len(answer.rows):,} of {answer.among:,} images, {how}")
    return REFUSED if refused else 0


def _encoder(model: Path | None, index: Index) -> Encoder:
    """The model to ask with. Raises BadSetting when it is not the one of the index."""
    from merian.cli.identify import chosen_model
    from merian.encode import open_encoder

    encoder = open_encoder(chosen_model(model))
    if encoder.fingerprint != index.fingerprint:
        told = "did not make this index; give the model that embedded its images"
        raise BadSetting("model", str(model or "the default"), told)
    return encoder


def _looked(encoder: Encoder, photos: Photos) -> tuple[Any, dict[str, str]]:
    """The vectors of the photos [n, d], and why others have none."""
    from merian.cli.photos import shown
    from merian.encode import decode_many

    refused = dict(photos.refused)
    if not photos.paths:
        return None, refused
    decoded = decode_many(photos.paths, encoder.preprocess)
    refused |= {shown(photos.paths[row]): reason for row, reason in decoded.reasons.items()}
    return (encoder.embed_images(decoded.pixels) if len(decoded.pixels) else None), refused


def _write(rows: pl.DataFrame, format: str, output: Path | None) -> None:
    """Write the answer as it was asked for."""
    if format == "table" and output is None:
        for row in rows.iter_rows(named=True):
            told = [f"{row['cosine']:.3f}", *(str(row[name]) for name in COLUMNS[1:] if row[name] is not None)]
            say(escaped("  ".join(told)))
        return
    if format == "jsonl":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.iter_rows(named=True))
    else:
        text = rows.write_csv()
    if output is None:
        sys.stdout.write(text)
    else:
        store.write_text(output, text)
        say(f"{path_of(output)}  {len(rows):,} images")
