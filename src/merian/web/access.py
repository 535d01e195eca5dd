"""Who may ask: names under which requests come, and the token that a server which strangers can reach wants of all of them.

The token comes as `Authorization: Bearer`, or once in the link `/?token=...`, which leaves a cookie and goes on to the clean address: so it stays in no address
bar, no history and no `Referer`. The cookie is derived from the token (HMAC-SHA-256), and no script reads it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers, QueryParams
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from merian.core.errors import BadSetting

__all__ = ["COOKIE", "SHORTEST", "Doors", "checked_token", "new_token"]

COOKIE = "merian_visitor"
SHORTEST, LONGEST = 16, 200
"""Characters of a token. From taste: sixteen letters and digits drawn at random are 95 bits, far beyond guessing over a network."""


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def checked_token(token: str) -> str:
    """The token; raises BadSetting for one that could be guessed, or that a header cannot carry."""
    if not SHORTEST <= len(token) <= LONGEST or not all("!" <= letter <= "~" for letter in token):
        what = f"has {SHORTEST} to {LONGEST} letters, digits or signs of ASCII without spaces; leave it out and one is made"
        raise BadSetting("token", f"{len(token)} characters", what)
    return token


@dataclass(frozen=True)
class Doors:
    """Who is let in: `hosts`, the names under which requests may come (None for any), and the `token` that each must bring (None for none)."""

    hosts: frozenset[str] | None = None
    token: str | None = None

    def knows(self, scope: Scope) -> bool:
        """Whether a request brings the token or the cookie made of it; compared in a time that tells nothing of them."""
        if self.token is None:
            return True
        given = Headers(scope=scope)
        kind, _, said = given.get("authorization", "").partition(" ")
        bearer = kind.lower() == "bearer" and _same(said.strip(), self.token)
        return bearer or any(_same(one, self._cookie()) for one in _cookies(given))

    def welcome(self, scope: Scope) -> Response | None:
        """The answer to the link with the token: the cookie, and the way to the clean address, with `kiosk` that of the exhibit. None for any other request."""
        if (
            self.token is None
            or scope["type"] != "http"
            or scope["method"] not in ("GET", "HEAD")
            or scope["path"] != "/"
        ):
            return None
        asked = QueryParams(scope["query_string"])
        if not any(_same(one, self.token) for one in asked.getlist("token")):
            return None
        answer = RedirectResponse(
            "/twin?kiosk" if "kiosk" in asked else "/", 303, headers={"cache-control": "no-store"}
        )
        # over plain HTTP a cookie marked secure would never come back
        secure = scope.get("scheme") == "https"
        answer.set_cookie(COOKIE, self._cookie(), path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    def _cookie(self) -> str:
        return hmac.new((self.token or "").encode(), b"merian serve: cookie of a visitor", hashlib.sha256).hexdigest()


def _same(said: str, meant: str) -> bool:
    return hmac.compare_digest(said.encode("utf-8", "replace"), meant.encode())


def _cookies(given: Headers) -> list[str]:
    """The values of our cookie that a request brings, whatever stands beside it."""
    pairs = (pair.partition("=") for header in given.getlist("cookie") for pair in header.split(";"))
    return [value.strip() for name, _, value in pairs if name.strip() == COOKIE]
