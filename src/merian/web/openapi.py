"""The JSON interface described in OpenAPI 3.1, by hand; a test holds it against the routes and their answers."""

from __future__ import annotations

from merian import __version__
from merian.web import twinapi
from merian.web.explorer import described
from merian.web.schemas import CALLED, FLAG, NUMBER, STRING, WHOLE, Json
from merian.web.schemas import body as _body
from merian.web.schemas import get as _get
from merian.web.schemas import listed as _list
from merian.web.schemas import maybe as _maybe
from merian.web.schemas import object_ as _object
from merian.web.schemas import ref as _ref
from merian.web.schemas import refusals as _refusals
from merian.web.schemas import taxon as _taxon
from merian.web.uploads import BODY_MB, PHOTO_MB, PHOTOS

__all__ = ["LINES", "describe"]

LINES = "application/x-ndjson"
"""Asked for this, an explanation comes as lines: how many passes are done, of how many, and at last the answer itself."""


def _schemas() -> Json:
    brief = _object(id=STRING, taxon=_maybe(_ref("Taxon")))
    near = _object(id=STRING, taxon=_maybe(_ref("Taxon")), cosine=NUMBER)
    likely = _ref("LikelyTaxon")
    answer: Json = {
        "sentence": STRING,
        "sure": _maybe(likely),
        "probably": _maybe(likely),
        "perhaps": _maybe(likely),
        "path": _list(likely),
        "unknown": NUMBER,
        "none": FLAG,
        "best": _list(_taxon(probability=NUMBER, lineage=_list(likely))),
        "place": _maybe(_object(x=NUMBER, y=NUMBER, neighbours=_list(near))),
    }
    return (
        {
            "Error": _object(error=STRING, what_to_do=STRING),
            "Taxon": _taxon(),
            "LikelyTaxon": _taxon(probability=NUMBER),
            "Brief": brief,
            "Photo": _object(
                id=STRING,
                taxon=_maybe(_ref("Taxon")),
                lineage=_list(_ref("Taxon")),
                width=_maybe(WHOLE),
                height=_maybe(WHOLE),
                facts={"type": "object"},
            ),
            "Row": _object(tuple(answer), name=STRING, reason=_maybe(STRING), hash=_maybe(STRING), **answer),
            "Answers": _object(("photo",), rows=_list(_ref("Row")), photo=_ref("Photo")),
            "Neighbours": _object(photo=_ref("Photo"), neighbours=_list(near)),
            "Vectors": _object(
                fingerprint=STRING,
                rows=_list(_object(name=STRING, reason=_maybe(STRING), vector=_maybe(_list(NUMBER)))),
            ),
            "Ready": _object(ready=FLAG, waiting=WHOLE),
            "Samples": _object(samples=_list(_object(id=STRING, taxon=_maybe(_ref("Taxon")), held_out=FLAG))),
        }
        | _pages()
        | _browsed()
        | _searched()
        | _explained()
        | described.schemas()
    )


def _pages() -> Json:
    """What whole pages are made of: the layout, a taxon, the report, what there is."""
    colouring: Json = {"key": STRING, "label": STRING, "kind": {"enum": ["rank", "text", "number"]}}
    listed: Json = {
        "names": _list(STRING),
        "taxa": _list(STRING),
        "common": _list(_maybe(STRING)),
        "codes": _list(WHOLE),
        "order": _list(WHOLE),
    }
    number: Json = {"group": STRING, "name": STRING, "value": NUMBER, "low": _maybe(NUMBER), "high": _maybe(NUMBER)}
    return {
        "Layout": _object(
            ids=_list(STRING),
            x=_list(NUMBER),
            y=_list(NUMBER),
            total=WHOLE,
            colourings=_list(
                _object((*listed, "values", "unit"), **colouring, **listed, unit=STRING, values=_list(_maybe(NUMBER)))
            ),
        ),
        "TaxonPage": _taxon(
            lineage=_list(_ref("Taxon")),
            names=_list(_object(language=STRING, name=STRING)),
            children=_list(_ref("Taxon")),
            child_count=WHOLE,
            species_count=WHOLE,
            known_to_model=_maybe(WHOLE),
            images=_list(STRING),
            image_count=WHOLE,
            tree=STRING,
            **_read(),
        ),
        "Report": _object(
            title=STRING,
            command=STRING,
            numbers=_list(_object(**number, unit=STRING, n=_maybe(WHOLE), note=STRING, text=STRING)),
            remarks=_list(STRING),
        ),
        "About": _object(
            merian=STRING,
            store=_maybe(STRING),
            model=_maybe({"type": "object"}),
            catalog=_maybe({"type": "object"}),
            embeddings=_maybe(WHOLE),
            indexed=_maybe(WHOLE),
            points=_maybe(WHOLE),
            report=FLAG,
            records=FLAG,
            taxa=WHOLE,
            species=WHOLE,
            absent={"type": "object", "additionalProperties": STRING},
            limits=_object(photos=WHOLE, photo_mb=WHOLE, request_mb=WHOLE, found=WHOLE),
            sure_from=NUMBER,
        ),
    }


def _read() -> Json:
    """What a page of the encyclopedia says of a taxon, beyond its name and what is below it."""
    relative = _object(
        taxon=_ref("Taxon"), shared=_maybe(STRING), cosine=_maybe(NUMBER), place=_maybe(WHOLE), image=_maybe(STRING)
    )
    kin: Json = {name: _list(relative) for name in ("tree", "looks", "far", "near")}
    amounts: Json = dict.fromkeys(("value", "low", "high", "level"), _maybe(NUMBER))
    words: Json = dict.fromkeys(("state", "nearest", "flag"), _maybe(STRING))
    source: Json = {"enum": ["known", "imputed", "withheld", "range"]}
    trait = _object(
        trait=STRING, unit=STRING, source=source, states=_list(STRING), species=_maybe(WHOLE), **amounts, **words
    )
    group = _object(name=STRING, count=WHOLE, images=_list(STRING))
    place = _object(latitude=NUMBER, longitude=NUMBER, count=WHOLE)
    ends = _object(south=NUMBER, north=NUMBER, west=NUMBER, east=NUMBER)
    evidence: Json = {"probability": NUMBER, "evidence": STRING, "share": NUMBER}
    link = _object(name=STRING, id=_maybe(STRING), common=_maybe(STRING), called=CALLED, **evidence)
    return {
        "credits": _list(_object(id=STRING, rights_holder=_maybe(STRING), licence=_maybe(STRING))),
        "relatives": _object(**kin, compared=WHOLE),
        "traits": _list(trait),
        "variation": _list(_object(column=STRING, apart=_maybe(NUMBER), groups=_list(group))),
        "sightings": _object(months=_list(WHOLE), dated=WHOLE, places=_list(place), placed=WHOLE, bounds=_maybe(ends)),
        "twins": _list(_object(ecosystem=STRING, served=FLAG)),
        "webs": _list(_object(ecosystem=STRING, eats=_list(link), eaten_by=_list(link))),
    }


def _searched() -> Json:
    """Answers of search, and what there is to filter by."""
    known: Json = dict.fromkeys(("date", "rights_holder", "licence", "source"), _maybe(STRING))
    hit = _object(id=STRING, taxon=_maybe(_ref("Taxon")), cosine=_maybe(NUMBER), **known)
    row = _object(name=STRING, reason=_maybe(STRING), photos=_list(hit), among=WHOLE, exact=FLAG)
    counted = _list(_object(name=STRING, count=WHOLE))
    numbers: Json = dict.fromkeys(("images", "dated", "placed"), WHOLE)
    return {
        "Found": _object(rows=_list(row)),
        "Choices": _object(**numbers, indexed=_maybe(WHOLE), licences=counted, sources=counted),
    }


def _browsed() -> Json:
    """Pages of the tree, names found, records kept; the twin."""
    counts: Json = {"number": WHOLE, "depth": WHOLE, "child_count": WHOLE, "species_count": WHOLE, "below": WHOLE}
    row = _taxon(**counts, image_count=_maybe(WHOLE))
    words: Json = dict.fromkeys(("path", "scientific_name", "rank", "verbatim_name", "remarks"), _maybe(STRING))
    return {
        "Branch": _object(total=WHOLE, start=WHOLE, rows=_list(row)),
        "Taxa": _object(taxa=_list(_ref("Taxon"))),
        "Records": _object(records=_list(_object(id=STRING, **words)), file=STRING),
        "Kept": _object(id=STRING, taxon=_ref("Taxon"), replaced=FLAG),
        "Left": _object(left=WHOLE),
        **twinapi.schemas(),
    }


def _explained() -> Json:
    """What tells one answer from another."""
    sides: Json = {"row": {"enum": ["top", "middle", "bottom"]}, "column": {"enum": ["left", "middle", "right"]}}
    ninth = _maybe(_object(**sides, share=NUMBER))
    told: Json = {
        "taxon": _ref("LikelyTaxon"),
        "against": _ref("LikelyTaxon"),
        "tells_apart": FLAG,
        "map": _list(_list(NUMBER)),
        "covers": {"enum": ["whole", "centre"]},
        "for_it": ninth,
        "for_other": ninth,
        "share": NUMBER,
        "test": _object(gap=_maybe(NUMBER), centre=NUMBER, chance=NUMBER, beaten=WHOLE, of=WHOLE),
        "method": STRING,
        "passes": WHOLE,
    }
    return {"Explained": _object(tuple(told), name=STRING, reason=_maybe(STRING), hash=_maybe(STRING), **told)}


UPLOAD = (404, 408, 413, 415, 422, 429, 503)


def _post(
    summary: str, schema: str, content: Json, says: str, query: Json | None = None, refused: tuple[int, ...] = UPLOAD
) -> Json:
    parameters = _get(summary, schema, None, query)["get"]["parameters"]
    answers = {"200": _body(_ref(schema), says)} | _refusals(*refused)
    body = {"required": True, "content": content}
    return {"post": {"summary": summary, "parameters": parameters, "requestBody": body, "responses": answers}}


def _reading() -> Json:
    """The paths of the encyclopedia, of the tree, and of records."""
    whole: Json = {"type": "integer", "minimum": 0}
    page: Json = {
        "start": (whole | {"maximum": 999_999_999}, "The first row"),
        "n": (500, "How many rows"),
        "deep": (whole | {"maximum": 1}, "1: all taxa below it in the tree's order, not its children alone"),
    }
    asked: Json = {"q": (STRING | {"maxLength": 100}, "How the name begins"), "n": (50, "How many")}
    photo: Json = {"image": STRING, "hash": STRING | {"pattern": "^[0-9a-f]{64}$"}, "name": STRING}
    said = _object((*photo, "guess"), **photo, taxon=STRING, guess=_maybe(STRING))
    take, give = ({"application/json": {"schema": body}} for body in (said, _object(id=STRING)))
    keep = "Keep what a person says of a photo of the catalog (image) or of one that was sent (hash, name)"
    wrote, whose = (403, 404, 408, 409, 413, 415, 422), "External id of a taxon"
    records = _get("The verified records of this store", "Records") | _post(keep, "Kept", take, "Kept", None, wrote)
    return {
        "/api/taxon/{id}": _get("All that is known of a taxon", "TaxonPage", whose),
        "/api/tree": _get("A page of the roots of the tree", "Branch", None, page, 400),
        "/api/tree/{id}": _get("A page of the taxa below one", "Branch", whose, page, 400),
        "/api/find": _get("Taxa by the beginning of a name", "Taxa", None, asked, 400),
        "/api/records": records,
        "/api/records/remove": _post("Take a record back", "Left", give, "How many are left", None, wrote),
    }


def _searching(upload: Json) -> Json:
    """The paths of search: the address says the question and its filters; a body brings photos or texts."""
    some = {"type": "array", "items": STRING | {"maxLength": 200}, "maxItems": 32}
    date = "2014, 2014-05 or 2014-05-31, of the years 1500 to 2199"
    asked: Json = {
        "k": (100, "How many"),
        "start": (
            WHOLE | {"minimum": 0, "maximum": 999},
            "How many of the nearest are passed over; start + k is 1000 at most",
        ),
        "words": (STRING | {"maxLength": 1000}, "Words to ask with, alone or beside each photo"),
        "weight": (NUMBER | {"minimum": 0, "maximum": 1, "default": 0.5}, "What the words count beside a photo"),
        "taxon": (some, "External ids: of one of these taxa or below it"),
        "box": (STRING, "west,south,east,north in degrees; west > east crosses the date line"),
        "from": (STRING, f"Taken from then on: {date}"),
        "to": (STRING, f"Taken until then: {date}"),
        "month": (some | {"items": WHOLE | {"minimum": 1, "maximum": 12}}, "Of these months of any year"),
        "licence": (some, "Under one of these licences, as /api/choices names them or the catalog writes them"),
        "source": (some, "Of one of these sources, as /api/choices names them"),
    }
    alike = "External id of a taxon to ask with, by the mean of its photos; they themselves are left out"
    known = asked | {"like": (STRING, "Id of a photo of the store to ask with"), "alike": (STRING, alike)}
    says = (
        "For each question the nearest photos, how many the filter left (among), and whether all were compared (exact)"
    )
    get = _get(
        "Search by words, by a photo of the store, by both; by neither, the first photos behind the filter",
        "Found",
        None,
        known,
        400,
        404,
        429,
        503,
    )
    post = _post(
        "The photos of the store that are nearest to each photo or text sent",
        "Found",
        upload,
        says,
        asked,
        (400, *UPLOAD),
    )
    return {
        "/api/search": get | post,
        "/api/choices": _get("What search can filter by: licences and sources with their number of photos", "Choices"),
    }


def _explaining(upload: Json) -> Json:
    """The paths of what tells one answer from another."""
    ids: Json = {
        "taxon": (STRING, "Why this taxon of the model, by its external id: the most probable label unless given"),
        "against": (STRING, "And why not this one: the most probable other label unless given"),
    }
    summary = "Where in one photo the model finds what speaks for a taxon rather than for another: a map, tested"
    says = f"The map and its test; asked for {LINES}, lines that say how far it is, then the answer"
    post = _post(summary, "Explained", upload, says, ids, (400, *UPLOAD))
    get = _get("The same of a photo of the catalog", "Explained", "Id of a photo", ids, 400, 429, 503)
    return {"/api/explain": post, "/api/explain/{id}": get}


def describe() -> Json:
    """The OpenAPI document as a dict."""
    upload = {
        "multipart/form-data": {"schema": _object(photo=_list({"type": "string", "format": "binary"}))},
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    }
    texts = {"application/json": {"schema": _object(texts=_list(STRING))}}
    metrics = _get("What the server did since it started, for Prometheus", "Document")
    metrics["get"]["responses"]["200"] = _body(STRING, "Counters and answering times", "text/plain")
    says = "One row per photo in order; one that cannot be read has a reason and nothing else"
    image = _get(
        "A photo of the catalog, or a square thumbnail of it", "Brief", "Id of a photo", {"size": (1024, "Side, px")}
    )
    image["get"]["responses"]["200"] = _body({"type": "string", "format": "binary"}, "The picture", "image/jpeg")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Merian", "version": __version__, "description": "One store of Merian, as data."},
        "paths": {
            "/api/about": _get("What is served: versions, model, tree, fingerprint, what is absent and why", "About"),
            "/api/openapi.json": _get("This document", "Document"),
            "/api/ready": _get(
                "Whether photos can be named now: 503 until the model is loaded", "Ready", None, None, 503
            ),
            "/api/metrics": metrics,
            "/api/identify": _post(
                f"Identify up to {PHOTOS} photos of at most {PHOTO_MB} MB, {BODY_MB} MB together",
                "Answers",
                upload,
                says,
            ),
            "/api/embed": _post("Unit vectors of photos or texts", "Vectors", upload | texts, says),
            **_searching(upload | texts),
            "/api/identify/{id}": _get("Identify a photo of the catalog", "Answers", "Id of a photo", None, 429, 503),
            **_explaining(upload),
            "/api/layout": _get("The map of all photos and what it can be coloured by", "Layout"),
            "/api/image/{id}": image,
            "/api/neighbours/{id}": _get(
                "A photo of the catalog and those most like it", "Neighbours", "Id of a photo", {"k": (100, "How many")}
            ),
            "/api/samples": _get(
                "Photos to try: kept out of training, one per species", "Samples", None, {"n": (200, "How many")}
            ),
            "/api/report": _get("The numbers of the evaluation with their intervals", "Report"),
            **_reading(),
            **described.paths(),
            **twinapi.paths(),
        },
        "components": {"schemas": {**_schemas(), "Document": {"type": "object"}}},
    }
