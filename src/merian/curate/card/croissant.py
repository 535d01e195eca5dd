"""Croissant metadata of a catalog: JSON-LD that data-set search engines and loaders read (MLCommons Croissant 1.0, http://mlcommons.org/croissant/1.0).

The responsible-AI fields (http://mlcommons.org/croissant/RAI/1.0) are filled as far as the catalog itself knows the answer.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from merian.core import store
from merian.core.tables import CATALOG, Catalog
from merian.core.tree import RANKS
from merian.curate.card.about import About
from merian.curate.card.counts import FEW, gaps, tail, years
from merian.curate.licences import normalise

__all__ = ["croissant"]

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification asks for, term by term."""
CONFORMS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
DARWIN_CORE, AUDUBON_CORE = "http://rs.tdwg.org/dwc/terms/", "http://rs.tdwg.org/ac/terms/"
FOLDER = "store"
MOST_LICENCES = 50
MOST_SHARDS = 1_000
"""Each shard that is listed is hashed, unless the store is finished."""


def croissant(catalog: Catalog, kept: pl.DataFrame, about: About, title: str, description: str) -> dict[str, Any]:
    """The JSON-LD document of a catalog, ready to be written beside its files; addresses are relative to the document."""
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": title,
        "description": description,
        "version": about.version,
        "url": about.url,
        "citeAs": about.cite,
        "license": _licences(kept),
        "creator": [{"@type": "sc:Person", "name": name} for name in about.authors],
        "keywords": ["biodiversity", "species identification", "images"],
        "distribution": _files(catalog),
        "recordSet": _records(catalog),
        **_responsible(catalog, kept),
    }
    return {key: value for key, value in found.items() if value not in ("", [])}


def _licences(kept: pl.DataFrame) -> list[str]:
    """The addresses of the images' licences, the commonest first, the words of a licence that has none."""
    read = normalise(kept["licence"]).select(pl.coalesce("url", "licence").alias("what")).drop_nulls()
    counted = read.group_by("what").len().sort("len", "what", descending=[True, False])
    return counted["what"].head(MOST_LICENCES).to_list()


def _files(catalog: Catalog) -> list[dict[str, Any]]:
    def table(name: str, words: str) -> list[dict[str, Any]]:
        file = catalog.path / name
        if not file.is_file():
            return []
        known = {"@type": "cr:FileObject", "@id": name, "name": name, "description": words, "contentUrl": name}
        return [known | {"encodingFormat": "application/x-parquet", "sha256": store.digest(file)}]

    shards = _shards(catalog)
    images = {
        "@type": "cr:FileSet",
        "@id": "images",
        "name": "images",
        "description": "The images in the tars, as their sources gave them.",
        "containedIn": [{"@id": part["@id"]} for part in shards if part["@id"] != FOLDER],
        "encodingFormat": ["image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff"],
        "includes": ["*.jpg", "*.png", "*.webp", "*.gif", "*.tif"],
    }
    return [
        *table("catalog.parquet", "A row for each image, refused ones too, with the reason."),
        *table("tree.parquet", "The taxonomy, in preorder: `taxon` in the catalog is a row of it."),
        *shards,
        *([images] if shards else []),
    ]


def _shards(catalog: Catalog) -> list[dict[str, Any]]:
    """The tars, each by itself, which the reference loader can open; more than MOST_SHARDS as one set, which it cannot."""
    tars = sorted((catalog.path / "shards").glob("*.tar"))
    words = "WebDataset tar: of each sample the image and a JSON file of what is known of it, under one key."
    if len(tars) > MOST_SHARDS:
        folder = {
            "@type": "cr:FileObject",
            "@id": FOLDER,
            "name": FOLDER,
            "description": "The folder that this document lies in.",
        }
        folder |= {"contentUrl": ".", "encodingFormat": "git+https", "sha256": catalog.hash or "unfinished"}
        every = {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "description": words,
            "includes": "shards/*.tar",
        }
        return [folder, every | {"containedIn": {"@id": FOLDER}, "encodingFormat": "application/x-tar"}]
    finished = (catalog.path / store.MANIFEST).is_file()
    hashes = store.read(catalog.path).files if finished else {}
    found = []
    for tar in tars:
        name = f"shards/{tar.name}"
        one = {"@type": "cr:FileObject", "@id": tar.stem, "name": tar.stem, "description": words, "contentUrl": name}
        found.append(one | {"encodingFormat": "application/x-tar", "sha256": hashes.get(name) or store.digest(tar)})
    return found


def _records(catalog: Catalog) -> list[dict[str, Any]]:
    """A record for each image of the catalog, and one for each file in the tars."""
    types: dict[Any, str] = {
        pl.String: "sc:Text",
        pl.Float64: "sc:Float",
        pl.Int32: "sc:Integer",
        pl.Int64: "sc:Integer",
    }
    urls = ("url", "references")
    fields = []
    for column in CATALOG:
        if catalog.frame[column.name].null_count() == len(catalog.frame) and column.name not in ("reason", "split"):
            continue  # nothing is known of it in this data set
        kind = "sc:URL" if column.name in urls else types[column.type]
        known = {"@type": "cr:Field", "@id": f"catalog/{column.name}", "name": column.name}
        meaning = column.meaning + (f" [{column.unit}]" if column.unit else "")
        known |= {"description": meaning, "dataType": kind}
        if column.term and column.term not in ("license", "references", "rightsHolder", "accessURI"):
            known["equivalentProperty"] = (AUDUBON_CORE if column.term == "caption" else DARWIN_CORE) + column.term
        source = {"fileObject": {"@id": "catalog.parquet"}, "extract": {"column": column.name}}
        fields.append(known | {"source": source})

    def of_file(name: str, kind: str, what: str) -> dict[str, Any]:
        source = {"fileSet": {"@id": "images"}, "extract": {"fileProperty": what}}
        return {"@type": "cr:Field", "@id": f"images/{name}", "name": name, "dataType": kind, "source": source}

    table = {
        "@type": "cr:RecordSet",
        "@id": "catalog",
        "name": "catalog",
        "key": {"@id": "catalog/id"},
        "field": fields,
    }
    pictures: dict[str, Any] = {"@type": "cr:RecordSet", "@id": "images-in-shards", "name": "images in shards"}
    pictures |= {"field": [of_file("filename", "sc:Text", "filename"), of_file("content", "sc:ImageObject", "content")]}
    return [table, pictures] if any((catalog.path / "shards").glob("*.tar")) else [table]


def _responsible(catalog: Catalog, kept: pl.DataFrame) -> dict[str, Any]:
    """The responsible-AI fields that the catalog answers by itself."""
    spread, dated = tail(kept, catalog.tree), years(kept)
    missing = [f"{n:,} of {len(kept):,} images without {what}" for what, n in gaps(kept, catalog.tree) if n]
    refused = [f"{n:,} {reason}" for reason, n in catalog.refused().rows()]
    unseen = [
        f"{len(catalog.tree.at(rank)):,} taxa of rank {rank} in the taxonomy"
        for rank in RANKS[-1:]
        if len(spread.images) < len(catalog.tree.at(rank))
    ]
    found: dict[str, Any] = {
        "rai:dataCollectionMissingData": "; ".join(missing),
        "rai:dataPreprocessingProtocol": f"Images were refused for these reasons: {', '.join(refused)}."
        if refused
        else "",
        "rai:dataBiases": (
            f"{spread.few:.0%} of {len(spread.images):,} species have at most {FEW} images; half of the images show {spread.half:,} species "
            f"(Gini coefficient {spread.gini:.2f})."
            if len(spread.images)
            else ""
        ),
        "rai:dataLimitations": f"{len(spread.images):,} species have an image, of {unseen[0]}." if unseen else "",
        "rai:dataCollectionTimeframe": [f"{dated[0][0]}", f"{dated[-1][0]}"] if dated else [],
    }
    altered = kept["altered"].drop_nulls().value_counts(sort=True).rows()
    if altered:
        found["rai:dataManipulationProtocol"] = "; ".join(f"{n:,} images: {what}" for what, n in altered)
    return {key: value for key, value in found.items() if value}
