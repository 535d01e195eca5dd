"""The page that a browser without the token is shown: how to get in, in English and German. It asks for nothing else, for nothing else would be given."""

from __future__ import annotations

import base64
import hashlib

from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["PAGE", "POLICY", "wants_page"]

STYLE = """
:root { color-scheme: light dark; --paper: #fbf8f1; --ink: #2b241c; --soft: #6b5f4f; --rule: #d9cfbd; --madder: #a63d2b; }
@media (prefers-color-scheme: dark) { :root { --paper: #17150f; --ink: #ece4d2; --soft: #aca18c; --rule: #3d372b; --madder: #e5806a; } }
* { box-sizing: border-box; }
html { font: clamp(18px, 15px + 0.28vw, 28px)/1.5 "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif;
  background: var(--paper); color: var(--ink); }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 1.5rem; }
main { max-width: 34rem; padding: clamp(1.4rem, 5vw, 3rem); border: 1px solid var(--rule); outline: 1px solid var(--rule); outline-offset: 4px; }
.name { margin: 0 0 1.6rem; font-size: 1.95rem; line-height: 1; }
h1 { margin: 0 0 0.5rem; font-weight: 400; font-style: italic; font-size: 1.4rem; line-height: 1.25; }
p { margin: 0 0 0.7rem; }
section + section { margin-top: 1.6rem; padding-top: 1.4rem; border-top: 1px solid var(--rule); }
.soft { color: var(--soft); font-size: 0.9rem; }
code { font-size: 0.86em; overflow-wrap: anywhere; color: var(--madder); }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The style inside the page, by its hash, and nothing else."""
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Merian: a link is needed</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<p class="name">Merian</p>
<section>
<h1>This collection is opened by a link.</h1>
<p>Open the link that <code>merian serve</code> printed where it was started; it ends with <code>/?token=</code> and a long word. Who started it can send it to
you.</p>
<p class="soft">Opened once, it is remembered by this browser until the server is started anew. If it worked before, ask for the new link. Programs send the
token as <code>Authorization: Bearer TOKEN</code>.</p>
</section>
<section lang="de">
<h1>Diese Sammlung öffnet ein Link.</h1>
<p>Öffnen Sie den Link, den <code>merian serve</code> beim Start ausgab; er endet mit <code>/?token=</code> und einem langen Wort. Wer den Server gestartet
hat, kann ihn Ihnen schicken.</p>
<p class="soft">Einmal geöffnet, merkt ihn sich dieser Browser, bis der Server neu gestartet wird. Ging es vorher, so fragen Sie nach dem neuen Link.
Programme senden das Token als <code>Authorization: Bearer TOKEN</code>.</p>
</section>
</main>
</body>
</html>
"""


def wants_page(scope: Scope) -> bool:
    """Whether a browser goes to an address: it asks for HTML before anything else, and not for data."""
    if (
        scope["type"] != "http"
        or scope["method"] not in ("GET", "HEAD")
        or scope["path"].startswith(("/api/", "/static/"))
    ):
        return False
    kinds = [kind.partition(";")[0].strip().lower() for kind in Headers(scope=scope).get("accept", "").split(",")]
    return kinds[0] == "text/html"
