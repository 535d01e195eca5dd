"""The explorer's part of the OpenAPI document."""

from __future__ import annotations

from merian.web.explorer.routes import MOST_ROWS, MOST_TOLD
from merian.web.explorer.selecting import CORNERS, MOST_CSV
from merian.web.explorer.within import INSIDE
from merian.web.schemas import NUMBER, STRING, WHOLE, Json, body, get, listed, maybe, object_, ref

__all__ = ["paths", "schemas"]


def schemas() -> Json:
    """What the answers are made of."""
    colouring = object_(
        ("known",),
        key=STRING,
        label=STRING,
        kind={"enum": ["rank", "trait", "place", "uncertainty", "text", "number"]},
        unit=STRING,
        names=WHOLE,
        known=WHOLE,
    )
    trait = object_(trait=STRING, unit=STRING, species=WHOLE)
    taxon = maybe(ref("Taxon"))
    words: Json = dict.fromkeys(("licence", "rights_holder", "source", "event_date", "country"), maybe(STRING))
    numbers: Json = dict.fromkeys(("probability", "latitude", "longitude"), maybe(NUMBER))
    row = object_(id=STRING, point=WHOLE, taxon=taxon, **words, **numbers)
    return {
        "Explorer": object_(
            tag=STRING,
            points=WHOLE,
            total=WHOLE,
            colourings=listed(colouring),
            traits=listed(trait),
            inside=listed(STRING),
        ),
        "Points": object_(photos=listed(object_(point=WHOLE, id=STRING, taxon=taxon))),
        "Selection": object_(
            count=WHOLE,
            of=WHOLE,
            taxa=listed(object_(taxon=taxon, count=WHOLE)),
            taxa_count=WHOLE,
            start=WHOLE,
            photos=listed(row),
            most_csv=WHOLE,
        ),
    } | _figures(trait)


def _figures(trait: Json) -> Json:
    """Species along a trait, and variation inside species."""
    three = maybe(object_(value=NUMBER, low=maybe(NUMBER), high=maybe(NUMBER)))
    control = maybe(object_(rho=maybe(NUMBER), r2=maybe(NUMBER), p=NUMBER))
    along = object_(taxon=ref("Taxon"), clade=maybe(STRING), at=NUMBER, value=NUMBER, image=maybe(STRING))
    photos = object_(ids=listed(STRING), at=listed(NUMBER), species=listed(WHOLE), variant=listed(WHOLE))
    kind = object_(taxon=ref("Taxon"), count=WHOLE, means=listed(maybe(listed(NUMBER))))
    return {
        "Axis": object_(
            trait=maybe(STRING),
            unit=STRING,
            traits=listed(trait),
            why=maybe(STRING),
            known=WHOLE,
            left_out=maybe(STRING),
            rho=three,
            r2=three,
            control=control,
            species=listed(along),
        ),
        "Within": object_(
            column=STRING,
            columns=listed(STRING),
            why=maybe(STRING),
            variants=listed(STRING),
            species=listed(kind),
            photos=maybe(photos),
            measured=maybe(object_(species=WHOLE, photos=WHOLE)),
            rho=three,
            chance=maybe(NUMBER),
            plane=maybe(NUMBER),
            upright=maybe(NUMBER),
            k=maybe(WHOLE),
            dimensions=maybe(WHOLE),
        ),
    }


def paths() -> Json:
    """The explorer's addresses."""
    loop = STRING | {"maxLength": 20 * CORNERS}
    selected: Json = {
        "loop": (loop, f"3 to {CORNERS} corners x,y,x,y,... of the map, which spans -1 to 1; without it, all points"),
        "by": (STRING | {"maxLength": 200}, "Key of a colouring by names"),
        "only": (WHOLE | {"minimum": 0, "maximum": 999_999_999}, "Only points of this code of it"),
    }
    page: Json = {
        "start": (WHOLE | {"minimum": 0, "maximum": 999_999_999}, "The first row of the table"),
        "n": (MOST_ROWS, "How many rows"),
    }
    clade = (STRING | {"maxLength": 400}, "External id of a taxon: only species at or below it")
    places = {"type": "array", "items": WHOLE | {"minimum": 0, "maximum": 999_999_999}, "maxItems": MOST_TOLD}
    ids = {"type": "array", "items": STRING | {"maxLength": 400}, "maxItems": MOST_TOLD}
    table = get(
        f"The photos inside a loop as CSV by Darwin Core, {MOST_CSV:,} at most", "Document", None, selected, 400
    )
    told = "External names are those of Darwin Core; `probability`, which has no term, is the model's for the label"
    table["get"]["responses"]["200"] = body(STRING, told, "text/csv")
    asked: Json = {"at": (places, "Points, by their place in their order"), "id": (ids, "Ids of photos")}
    trait: Json = {"trait": (STRING | {"maxLength": 400}, "Name of a trait; without it, the first"), "clade": clade}
    column = (STRING | {"enum": list(INSIDE)}, "What the individuals differ in; without it, the first that is recorded")
    return {
        "/api/explorer": get("The map: how many points, and what they can be coloured by", "Explorer"),
        "/api/explorer/points": _bytes(
            get("The places of all points", "Document"), "xy: uint16 pairs, 0 to 65535 for -1 to 1"
        ),
        "/api/explorer/colours/{id}": _bytes(
            get("What all points are coloured by", "Document", "Key of a colouring"),
            "codes (the largest number: not known) or float32 values, in the order of the points",
        ),
        "/api/explorer/photos": get("Who some points are", "Points", None, asked, 400),
        "/api/explorer/selection": get(
            "What lies inside a loop: how many, of which taxa, a page of photos",
            "Selection",
            None,
            selected | page,
            400,
        ),
        "/api/explorer/selection.csv": table,
        "/api/explorer/axis": get(
            "Species along a trait, read by regressions that have not seen their clade", "Axis", None, trait, 404
        ),
        "/api/explorer/within": get(
            "Variation inside species, in three dimensions", "Within", None, {"column": column, "clade": clade}, 404
        ),
    }


def _bytes(operation: Json, what: str) -> Json:
    """The operation, answering in the bytes of `merian.web.explorer.packed`."""
    says = f"MRN1, the head's length (uint32), the head as JSON, then the arrays it names: {what}"
    binary = {"type": "string", "format": "binary"}
    operation["get"]["responses"]["200"] = body(binary, says, "application/octet-stream")
    operation["get"]["responses"]["304"] = {"description": "As before: the tag is the same"}
    return operation
