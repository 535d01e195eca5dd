"""Pieces of the OpenAPI document that its parts are written with: schemas of JSON, answers, and what is asked by GET."""

from __future__ import annotations

from typing import Any

__all__ = [
    "CALLED",
    "FLAG",
    "NULL",
    "NUMBER",
    "REFUSED",
    "STRING",
    "WHOLE",
    "Json",
    "body",
    "get",
    "listed",
    "maybe",
    "object_",
    "ref",
    "refusals",
    "taxon",
]

Json = dict[str, Any]

STRING, NUMBER, WHOLE, FLAG = ({"type": t} for t in ("string", "number", "integer", "boolean"))
NULL = {"type": "null"}
CALLED: Json = {"type": "object", "additionalProperties": STRING}
"""Common names by language."""


def ref(name: str) -> Json:
    """A schema of the document, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Json) -> Json:
    """An array."""
    return {"type": "array", "items": items}


def maybe(schema: Json) -> Json:
    """This, or null."""
    return {"anyOf": [schema, NULL]}


def object_(optional: tuple[str, ...] = (), **properties: Any) -> Json:
    """An object of these properties, all needed but the optional ones."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": needed}


def taxon(**more: Any) -> Json:
    """A taxon in short, with more properties."""
    return object_(id=STRING, name=STRING, rank=STRING, common=maybe(STRING), called=CALLED, **more)


def body(schema: Json, meaning: str, kind: str = "application/json") -> Json:
    """What an answer holds."""
    return {"description": meaning, "content": {kind: {"schema": schema}}}


REFUSED = {
    400: "A parameter that is out of bounds",
    403: "This server keeps no records",
    404: "What is asked for is not in this store",
    408: "The body came too slowly",
    409: "As many records as may be are kept",
    413: "Too large",
    415: "Of a type that is not taken here",
    422: "JSON that says something else",
    429: "Too many requests are waiting: send it again after the seconds of Retry-After",
    503: "No model that can be used now, or no answer in time",
}


def refusals(*statuses: int) -> Json:
    """Answers other than 200: those of the given statuses, and any other."""
    said: Json = {str(status): body(ref("Error"), REFUSED[status]) for status in statuses}
    if 429 in statuses:
        said["429"]["headers"] = {"Retry-After": {"schema": WHOLE, "description": "Seconds"}}
    return said | {"default": body(ref("Error"), "What is wrong, and what to do")}


def get(summary: str, schema: str, path: str | None = None, query: Json | None = None, *refused: int) -> Json:
    """An address that is asked by GET, answering in a schema: what stands in its path (an id) and behind its question mark, and what it refuses."""
    parameters = []
    if path is not None:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": STRING, "description": path})
    for name, (largest, meaning) in (query or {}).items():
        bounds = largest if isinstance(largest, dict) else {"type": "integer", "minimum": 1, "maximum": largest}
        parameters.append({"name": name, "in": "query", "schema": bounds, "description": meaning})
    answers = {"200": body(ref(schema), summary)} | refusals(*((404,) if path is not None else ()), *refused)
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}
