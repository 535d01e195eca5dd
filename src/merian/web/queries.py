"""What an address asks for, in its path and after its question mark, of the parts that a store has."""

from __future__ import annotations

from starlette.requests import Request

from merian.web.parts import Identifies, Parts
from merian.web.uploads import Refused

__all__ = ["image_of", "model_of", "number"]


def number(request: Request, name: str, default: int, largest: int, least: int = 1) -> int:
    """The whole number of a query parameter, `default` when it is not given. Raises Refused when it is none, or out of bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= largest):
        raise Refused(400, f"{name}={text[:40]!r}", f"{name} must be a whole number from {least} to {largest}")
    return int(text[:10])


def image_of(request: Request, parts: Parts) -> str:
    """The id of a photo of the store, at the end of the path. Raises Refused for one that it does not have."""
    image = str(request.path_params["id"])
    if image not in parts.rows:
        raise Refused(404, f"no photo has the id {image[:80]!r}", "take an id from /api/layout or /api/samples")
    return image


def model_of(parts: Parts) -> Identifies:
    """What names photos. Raises Refused where there is none."""
    if parts.identifier is None:
        raise Refused(404, parts.absent["identify"], "serve a store that holds a model")
    return parts.identifier
