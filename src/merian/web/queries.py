"""What an address asks for after its question mark."""

from __future__ import annotations

from starlette.requests import Request

from merian.web.uploads import Refused

__all__ = ["number"]


def number(request: Request, name: str, default: int, largest: int, least: int = 1) -> int:
    """The whole number of a query parameter, `default` when it is not given. Raises Refused when it is none, or out of bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= largest):
        raise Refused(400, f"{name}={text[:40]!r}", f"{name} must be a whole number from {least} to {largest}")
    return int(text[:10])
