"""`merian serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.say import say
from merian.core.errors import BadSetting

__all__ = ["serve", "serve_store"]


def serve(
    store: Path = Path("merian-tour"),
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Open the web page over a folder: drop a photo and see its names with the lineage; walk through the embedding.

    Every page has a JSON twin under /api, described in /api/openapi.json. The server listens on this machine only, unless
    another host is named, and goes on until Ctrl-C.

    Parameters
    ----------
    store
        A folder with model/, and catalog/, embeddings/, exploration/ and report.html where there are: what `merian tour` makes.
    host
        The address to listen on.
    port
        The port; when it is taken, the next free one.
    browser
        Open the page in the browser.
    """
    if not 0 <= port <= 65_535:
        raise BadSetting("port", port, "must be >= 0 and <= 65535")
    serve_store(store, host, port, browser)
    return 0


def serve_store(store: Path, host: str = "127.0.0.1", port: int = 8765, browser: bool = False) -> None:
    """Serve until Ctrl-C, saying the address when the page can be had."""
    from merian.web.app import serve as run

    def ready(address: str) -> None:
        say(f"The web page is at [bold]{address}[/bold]   (Ctrl-C ends it)")
        if browser:
            import webbrowser

            webbrowser.open(address)

    run(store, host, port, ready)
