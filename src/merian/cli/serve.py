"""`merian serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.identify import Precision, chosen_model
from merian.cli.say import escaped, say
from merian.core.errors import BadSetting
from merian.core.settings import load

if TYPE_CHECKING:
    from merian.identify import Identifier
    from merian.web.app import Options

__all__ = ["serve", "serve_store"]

NOWHERE = Path(os.devnull)
"""Stands for a store where there is none."""


def serve(
    store: Path | None = None,
    /,
    *,
    model: Annotated[Path | None, Parameter(name=["--model", "-m"])] = None,
    taxa: Path | None = None,
    precision: Precision = "auto",
    batch: int = 8,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: Annotated[bool, Parameter(negative=())] = False,
    kiosk: Annotated[bool, Parameter(negative=())] = False,
    twin: str = "savanna",
    live: Path | None = None,
    token: Annotated[str | None, Parameter(env_var="MERIAN_TOKEN")] = None,
    panel: Path | None = None,
    index: str = "",
) -> int:
    """Open the web page over a folder: drop a photo and see its names with the lineage; walk through the embedding.

    Every page has a JSON twin under /api, described in /api/openapi.json. The server listens on this machine only, unless another host is named, until Ctrl-C.
    For other machines: merian serve STORE --host 0.0.0.0 prints a link that holds a token. Whoever opens it once is let in; scripts send the header
    Authorization: Bearer TOKEN; others are refused. The line is not encrypted: beyond a network that you trust, use ssh -L 8765:127.0.0.1:8765 MACHINE or TLS.

    Parameters
    ----------
    store
        A folder with model/, and catalog/, embeddings/, exploration/ and report.html where there are, from `merian tour`; without one the page names photos.
    model
        The model that names photos, instead of the store's: a folder, or one by its name (`merian models`); without both, the largest here, else pocket.
    taxa
        Another list of taxa for --model to choose from, as for `merian identify`.
    precision
        Of --model.
    batch
        Photos of any requests that are computed together; 1 takes them one by one.
    host
        The address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for all that can reach it. Any but this machine's own needs a token.
    port
        The port; when it is taken, the next free one.
    browser
        Open the page in the browser.
    kiosk
        Tell, and with --browser open, the address of the exhibit in a hall: the twin without the page's frame, which begins anew when left alone.
    twin
        The ecosystem whose twin runs while somebody looks: a folder made by `merian twin build`, or savanna, isle-royale.
    live
        A TOML file of settings of the running twin (table [live]).
    token
        What visitors must bring, 16 characters at least; as MERIAN_TOKEN it is in no list of processes. Else one is made where it is needed.
    panel
        A folder that `merian twin validate` wrote: its rows are shown beside the twin. Without one, rows that need no table are computed when asked for.
    index
        The store's index where it is not in STORE/index: a folder, or an address such as s3://bucket/index (credentials from the environment).
    """
    _check(port, batch, taxa, model)
    identifier = None if store is not None and model is None else _opened(chosen_model(model), taxa, precision)
    options = _options(batch, twin, live, token, panel, index)
    serve_store(store or NOWHERE, host, port, browser, identifier, options, kiosk=kiosk)
    return 0


def _options(batch: int, twin: str, live: Path | None, token: str | None, panel: Path | None, index: str) -> Options:
    from merian.web.app import Options
    from merian.web.running import LiveSettings

    return Options(batch, twin, load(LiveSettings, live, {}, "live"), token, panel, index)


def _check(port: int, batch: int, taxa: Path | None, model: Path | None) -> None:
    """Raises BadSetting for numbers out of bounds, and for a list of taxa without a model to choose from it."""
    if not 0 <= port <= 65_535:
        raise BadSetting("port", port, "must be >= 0 and <= 65535")
    if batch < 1:
        raise BadSetting("batch", batch, "must be at least 1")
    if taxa is not None and model is None:
        raise BadSetting("taxa", str(taxa), "needs --model")


def _opened(model: Path, taxa: Path | None, precision: str) -> Identifier:
    from merian.identify import Identifier

    identifier = Identifier.open(model, taxa, precision=precision)
    if identifier.remarks:
        say("[yellow]of the published labels[/yellow] " + escaped("; ".join(identifier.remarks)))
    return identifier


def serve_store(
    store: Path,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: bool = False,
    identifier: Identifier | None = None,
    options: Options | None = None,
    *,
    kiosk: bool = False,
) -> None:
    """Serve until Ctrl-C, saying the address when the page can be had; with `kiosk`, that of the exhibit."""
    from merian.web.app import serve as run

    def ready(address: str) -> None:
        address = _exhibit(address) if kiosk else address
        say(f"The web page is at [bold]{escaped(address)}[/bold]   (Ctrl-C ends it)")
        if "?token=" in address:
            say(
                "The link holds the token: give it only to whom you would let in. Scripts send it as Authorization: Bearer TOKEN"
            )
        if browser:
            import webbrowser

            webbrowser.open(address)

    run(store, host, port, ready, identifier, options)


def _exhibit(address: str) -> str:
    """The address of the exhibit on the server at `address`; the link with a token leads on to it."""
    return f"{address}&kiosk" if "?" in address else f"{address}twin?kiosk"
