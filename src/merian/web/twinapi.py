"""The paths of the twin in the description of the JSON interface: where it runs, eyes, what may come, what it is made of, and whether it was found to hold."""

from __future__ import annotations

from merian.web.foresight import MEMBERS, MOST_MEMBERS, MOST_YEARS, YEARS
from merian.web.schemas import FLAG, NUMBER, STRING, WHOLE, Json, get, listed, maybe, object_

__all__ = ["paths", "schemas"]

FREE: Json = {"type": "object"}


def schemas() -> Json:
    """What the answers are made of."""
    numbers: Json = dict.fromkeys(("protocol", "viewers", "most_viewers"), WHOLE)
    eyes = object_(
        name=STRING,
        common=STRING,
        facts=FREE,
        matrix=listed(listed(NUMBER)),
        projection=STRING,
        rods=FLAG,
        pairs=listed(FREE),
        acuity=object_(day=NUMBER, twilight=NUMBER, night=NUMBER),
        rod=listed(NUMBER),
        translation=STRING,
    )
    names = listed(object_(name=STRING, common=STRING))
    world = object_(name=STRING, title=STRING, served=FLAG, species=names)
    return {
        "Twin": object_(ecosystem=STRING, live=STRING, running=FLAG, notice=STRING, worlds=listed(world), **numbers),
        "Eyes": object_(notice=STRING, grades={"type": "object", "additionalProperties": STRING}, species=listed(eyes)),
        "Foresight": _foresight(),
        "Evidence": _evidence(),
        "Panel": _panel(),
    }


def _foresight() -> Json:
    times: Json = dict.fromkeys(("low", "median", "high", "far", "far_year"), maybe(NUMBER))
    counts: Json = dict.fromkeys(("fell", "rose", "gone", "gone_without", "members", "far_runs"), WHOLE)
    fan = listed(listed(NUMBER))
    species = object_(
        name=STRING,
        common=STRING,
        plant=FLAG,
        level=NUMBER,
        baseline=fan,
        scenario=maybe(fan),
        effect=maybe(object_(**times, **counts, words=STRING)),
    )
    known: Json = {"evidence": STRING, "probability": NUMBER}
    link = object_(eater=WHOLE, eaten=WHOLE, flow=NUMBER, changed_flow=maybe(NUMBER), **known)
    words: Json = dict.fromkeys(("changes", "warnings", "remarks"), listed(STRING))
    wholes: Json = dict.fromkeys(("asked", "members", "failed", "over_years"), WHOLE)
    return object_(
        ecosystem=STRING,
        notice=STRING,
        quantiles=listed(NUMBER),
        years=listed(NUMBER),
        species=listed(species),
        links=listed(link),
        **wholes,
        **words,
    )


def _evidence() -> Json:
    words: Json = dict.fromkeys(("species", "what", "meaning", "unit", "evidence", "source"), STRING)
    amounts: Json = dict.fromkeys(("value", "low", "high"), maybe(NUMBER))
    link = object_(eater=STRING, eaten=STRING, probability=NUMBER, evidence=STRING, source=maybe(STRING))
    change = object_(what=STRING, meaning=STRING, unit=STRING, low=NUMBER, high=NUMBER, measured=listed(NUMBER))
    return object_(
        ecosystem=STRING,
        species=listed(object_(name=STRING, common=STRING)),
        rows=listed(object_(**words, **amounts)),
        links=listed(link),
        changes=listed(change),
        remarks=listed(STRING),
    )


def _panel() -> Json:
    words: Json = dict.fromkeys(("name", "statement", "source", "missing", "state"), STRING)
    amounts: Json = dict.fromkeys(("target", "found", "tolerance"), maybe(NUMBER))
    group = object_(key=STRING, title=STRING, command=STRING, rows=listed(object_(**words, **amounts)))
    return object_(
        state=STRING,
        computed=FLAG,
        doing=STRING,
        done=WHOLE,
        of=WHOLE,
        page=FLAG,
        groups=listed(group),
        counts={"type": "object", "additionalProperties": WHOLE},
    )


def paths() -> Json:
    """All of them."""
    change: Json = {"type": "array", "items": {"type": "string", "maxLength": 200}, "maxItems": 16}
    asked: Json = {
        "change": (change, "what:amount or what:amount:species, such as drought:0.4 or harvest:0.3:Panthera leo"),
        "members": (
            {"type": "integer", "minimum": 4, "maximum": MOST_MEMBERS, "default": MEMBERS},
            "Pairs of runs, with the changes and without",
        ),
        "years": ({"type": "integer", "minimum": 2, "maximum": MOST_YEARS, "default": YEARS}, "Years of a run"),
    }
    return {
        "/api/twin": get("The running twin: where its websocket is, and who is looking", "Twin"),
        "/api/twin/foresight": get(
            "What changes do to the food web: quantiles of biomass (g m-2) over years without and with them, flows (g m-2 a year), sentences",
            "Foresight",
            None,
            asked,
            400,
            429,
            503,
        ),
        "/api/twin/evidence": get(
            "What the food web is made of: each value with its evidence and source", "Evidence", None, None, 429, 503
        ),
        "/api/twin/panel": get(
            "What theory and field data demand of the twin and what it gives; the first request begins the computing",
            "Panel",
        ),
        "/api/eyes": get("The optics of species, each fact with its evidence", "Eyes"),
    }
