"""A tiny store with every part: drawn organisms, curated, embedded by the toy encoder, laid out by `explore`, with a report."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings, normalise
from merian.curate.run import curate
from merian.curate.settings import CurateSettings
from merian.drawn.source import write_source
from merian.drawn.world import DrawSettings
from merian.encode import open_encoder
from merian.explore.run import ExploreSettings, explore
from merian.identify import Head, Identifier, embed_catalog
from merian.web.app import serve
from merian.web.parts import Identifies


@dataclass(frozen=True)
class Site:
    """A store and what its parts were made of."""

    store: Path
    catalog: Catalog
    embeddings: Embeddings
    identifier: Identifier

    def photo(self, split: str = "test") -> tuple[str, bytes]:
        """Id and bytes of the first photo of a split."""
        row = self.catalog.kept(split).head(1)
        return row["id"][0], next(self.catalog.images(row))


def make_site(store: Path) -> Site:
    """The tiny store, written to a new folder."""
    write_source(store / "source", DrawSettings(species=16, images=200, size=64, seed=3), workers=1)
    catalog = curate(store / "source", store / "catalog", CurateSettings(test=0.3))
    encoder = open_encoder("toy")
    embeddings = embed_catalog(catalog, encoder, catalog.kept())
    embeddings.save(store / "embeddings" / "embeddings.parquet")
    settings = ExploreSettings(iterations=50, shuffles=9, traits=store / "source" / "trait.csv")
    explore(catalog, embeddings, store / "exploration", settings)
    Report("Tiny", "merian evaluate", {}, (Number("zeroshot.species", 0.4, 0.3, 0.5, "share", 60),)).save(
        store / "evaluation" / "report.json"
    )
    (store / "report.html").write_text("<!doctype html><title>Report</title><p>A report.</p>", encoding="utf-8")
    return Site(store, catalog, embeddings, Identifier(encoder, mean_head(catalog, embeddings)))


def mean_head(catalog: Catalog, embeddings: Embeddings) -> Head:
    """A Head whose label vectors are the means of the training photos: the toy encoder's words mean nothing."""
    train = catalog.kept("train").filter(pl.col("taxon").is_in(catalog.tree.at("species").tolist()))
    taxa, vectors = train["taxon"].to_numpy(), embeddings.take(train["id"]).vectors
    labels = np.unique(taxa).astype(np.int32)
    means = normalise(np.stack([vectors[taxa == t].mean(0) for t in labels]))
    bare = Head.build(open_encoder("toy"), catalog.tree, labels)
    return Head(catalog.tree, labels, means, bare.fingerprint, bare.calibration)


Ask = Callable[..., httpx.Response]


def asker(app: Any) -> Ask:
    """A function that sends one request to the application, in this process."""

    def ask(method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    return ask


@contextlib.contextmanager
def served(store: Path, identifier: Identifies | None, **more: Any) -> Iterator[str]:
    """Where a store is served, by a real server; `more` of what `serve` takes."""
    import uvicorn

    servers: list[uvicorn.Server] = []
    plain = uvicorn.Server.__init__

    def remember(self: uvicorn.Server, config: uvicorn.Config) -> None:
        plain(self, config)
        servers.append(self)

    told, found = threading.Event(), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "__init__", remember)
        patch.setattr(uvicorn.Server, "capture_signals", contextlib.nullcontext)
        options: dict[str, Any] = {"port": 0, "identifier": identifier}
        options |= more
        options["ready"] = lambda where: (found.append(where), told.set())
        thread = threading.Thread(target=serve, args=(store,), kwargs=options, daemon=True)
        thread.start()
        assert told.wait(30)
        try:
            yield found[0]
        finally:
            servers[0].should_exit = True
            thread.join(60)
            assert not thread.is_alive(), "the server ended"
