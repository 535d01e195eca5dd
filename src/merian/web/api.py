"""The JSON interface: every fact that a page shows, as data. Described by `merian.web.openapi`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from merian import __version__
from merian.core.errors import MerianError, Missing
from merian.core.report import Report
from merian.encode.info import said
from merian.web import answers, facts
from merian.web.batching import Batcher
from merian.web.explaining import Explaining
from merian.web.explorer.routes import Explorer
from merian.web.limits import Places, within
from merian.web.metrics import Metrics
from merian.web.openapi import describe
from merian.web.parts import Parts
from merian.web.pictures import LARGEST, Pictures
from merian.web.queries import image_of, model_of, number
from merian.web.reading import Reading
from merian.web.searching import DEPTHS, Searching, mixed, read_question
from merian.web.uploads import BODY_MB, PHOTO_MB, PHOTOS, TEXTS_TOO, Photo, Refused, read_photos, read_texts

__all__ = ["Api"]

T = TypeVar("T")

WAITING = 32
"""Requests that may wait for the encoder: each holds its photos in memory. From taste."""
MOST_SAMPLES, MOST_NEIGHBOURS = 200, 100


@dataclass(eq=False)
class Api:
    """The endpoints over one store. The encoder is used by one thread of its own, so looking at photos never waits for it."""

    parts: Parts
    batch: int
    """Photos computed together."""
    writable: bool = False
    """Whether visitors may keep records in the store."""
    twin: str = ""
    """The ecosystem whose twin runs: a folder, or a worked one by its name."""
    pictures: Pictures = field(init=False)
    reading: Reading = field(init=False)
    explorer: Explorer = field(init=False)
    searching: Searching = field(init=False)
    explaining: Explaining = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    waiting: Places = field(default_factory=lambda: Places(WAITING, "requests are waiting"))
    _encoder: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "merian-encoder"))
    _warmed: Future[None] | None = None
    _named: Batcher[answers.Named, facts.Json] = field(init=False)
    _seen: Batcher[answers.Named, facts.Json] = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.parts)
        self.reading = Reading(self.parts, self.writable, self.twin)
        self.explorer = Explorer(self.parts)
        self.searching = Searching(self.parts)
        self.explaining = Explaining(self.parts, self.pictures, self._encoder, self.batch)
        told = self.metrics.batched
        most = self.batch
        self._named = Batcher(functools.partial(answers.identify_many, self.parts), self._encoder, most, told=told)
        self._seen = Batcher(functools.partial(answers.embed_many, self.parts), self._encoder, most, told=told)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/about", self.about),
            Route("/api/openapi.json", self.openapi),
            Route("/api/ready", self.ready),
            Route("/api/metrics", self.tell),
            Route("/api/identify", self.identify, methods=["POST"]),
            Route("/api/embed", self.embed, methods=["POST"]),
            Route("/api/search", self.search, methods=["GET", "POST"]),
            Route("/api/choices", self.choices),
            Route("/api/identify/{id:path}", self.identify_known),
            Route("/api/layout", self.layout),
            Route("/api/image/{id:path}", self.image),
            Route("/api/neighbours/{id:path}", self.neighbours),
            Route("/api/samples", self.samples),
            Route("/api/report", self.report),
            *self.reading.routes(),
            *self.explorer.routes(),
            *self.explaining.routes(),
        ]

    def warm(self) -> None:
        """Begin to load the model, in the encoder's thread: what comes meanwhile waits, and /api/ready says so."""
        if self.parts.identifier is not None and self._warmed is None:
            self._warmed = self._encoder.submit(self._load)

    def _load(self) -> None:
        assert self.parts.identifier is not None
        encoder, head = self.parts.identifier.encoder, self.parts.identifier.head
        size = encoder.preprocess.size
        head.paths(encoder.embed_images(np.zeros((1, size, size, 3), np.uint8)))

    def close(self) -> None:
        """Let the threads go."""
        self.explaining.close()
        self._encoder.shutdown(cancel_futures=True)

    async def about(self, request: Request) -> Response:
        parts, known = self.parts, self.parts.identifier
        taxa, species = self.reading.branches.size
        return JSONResponse(
            {
                "merian": __version__,
                "store": parts.folder.resolve().name if parts.folder.is_dir() else None,
                "model": None
                if known is None
                else {
                    "fingerprint": known.encoder.fingerprint,
                    "dimensions": known.encoder.dim,
                    "image_px": known.encoder.preprocess.size,
                    "labels": len(known.head.labels),
                    "tree": known.head.tree.version,
                    "taxa": len(known.head.tree),
                    "says": "" if parts.card is None else said(parts.card.parent),
                },
                "catalog": None
                if parts.catalog is None
                else {"images": len(parts.rows), "tree": parts.catalog.tree.version, "hash": parts.catalog.hash},
                "embeddings": None if parts.embeddings is None else len(parts.embeddings),
                "indexed": None if parts.index is None else len(parts.index),
                "points": None if parts.layout is None else len(parts.layout.ids),
                "report": parts.report is not None,
                "records": self.reading.keeps,
                "taxa": taxa,
                "species": species,
                "absent": parts.absent,
                "limits": {"photos": PHOTOS, "photo_mb": PHOTO_MB, "request_mb": BODY_MB, "found": DEPTHS[-1]},
                "sure_from": answers.SAFE,
            }
        )

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(describe())

    async def ready(self, request: Request) -> Response:
        """Whether photos can be named: 200, else 503 with the reason."""
        if self.parts.identifier is None:
            raise Refused(503, self.parts.absent["identify"], "serve a store that holds a model")
        if self._warmed is not None and not self._warmed.done():
            raise Refused(503, "the model is being loaded", "ask again in a second")
        if self._warmed is not None and (failed := self._warmed.exception()) is not None:
            what = str(failed) if isinstance(failed, MerianError) else f"the model cannot be used: {failed!r}"
            raise Refused(503, what, "mend the store's model, then start the server again")
        return JSONResponse({"ready": True, "waiting": self.waiting.taken})

    async def tell(self, request: Request) -> Response:
        return PlainTextResponse(self.metrics.text(self.waiting.taken), media_type="text/plain; version=0.0.4")

    async def identify(self, request: Request) -> Response:
        with self._place():
            rows = await within(request, self._named.submit(_images_of(await read_photos(request))))
        return JSONResponse({"rows": rows})

    async def embed(self, request: Request) -> Response:
        """Unit vectors of photos, or of `{"texts": [...]}`."""
        rows = await self._vectors(request)
        assert self.parts.identifier is not None
        return JSONResponse({"fingerprint": self.parts.identifier.encoder.fingerprint, "rows": rows})

    async def search(self, request: Request) -> Response:
        """The photos of the store nearest to each photo or text that is sent, or to what the address asks with; behind the address's filters."""
        count, question = number(request, "k", 12, MOST_NEIGHBOURS), read_question(request.query_params)
        start = number(request, "start", 0, DEPTHS[-1] - count, least=0)
        words: npt.NDArray[np.float32] | None = None
        asked: list[facts.Json] = [
            {"name": question.like or question.alike or question.words, "reason": None, "vector": None}
        ]
        if request.method == "POST":
            if self.parts.embeddings is None and self.parts.index is None:
                raise Refused(404, "this store has no embeddings to search", "make them with merian embed")
            asked = await self._vectors(request)
        elif question.like:
            asked[0]["vector"] = await run_in_threadpool(self.searching.like, question.like)
        elif question.alike:
            asked[0]["vector"] = await run_in_threadpool(self.searching.alike, question.alike)
        if question.words:
            with self._place():
                work = functools.partial(answers.embed_texts, self.parts, [question.words])
                words = np.array((await within(request, self._in_turn(work)))[0], np.float32)
        rows = []
        for row in asked:
            told: facts.Json = {"photos": [], "among": 0, "exact": True}
            if row["reason"] is None:
                own = None if row["vector"] is None else np.array(row["vector"], np.float32)
                vector = mixed(own, words, question.weight)
                told = await run_in_threadpool(self.searching.nearest, question, vector, count, start)
            rows.append({"name": row["name"], "reason": row["reason"], **told})
        return JSONResponse({"rows": rows})

    async def choices(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(lambda: self.searching.choices))

    async def identify_known(self, request: Request) -> Response:
        model_of(self.parts)
        image = image_of(request, self.parts)
        with self._place():
            data = await run_in_threadpool(self.pictures.original, image)
            work = functools.partial(answers.identify, self.parts, [image], [data], leave_out=image)
            rows = await within(request, self._in_turn(work))
        return JSONResponse({"rows": rows, "photo": facts.photo(self.parts, image)})

    async def layout(self, request: Request) -> Response:
        return Response(await run_in_threadpool(self._layout_json), media_type="application/json")

    async def image(self, request: Request) -> Response:
        image, size = image_of(request, self.parts), number(request, "size", 0, LARGEST)
        data, kind = await run_in_threadpool(self.pictures.show, image, size)
        return Response(data, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    async def neighbours(self, request: Request) -> Response:
        image, count = image_of(request, self.parts), number(request, "k", 12, MOST_NEIGHBOURS)
        return JSONResponse(await run_in_threadpool(self._neighbours_of, image, count))

    async def samples(self, request: Request) -> Response:
        count = number(request, "n", 24, MOST_SAMPLES)
        return JSONResponse({"samples": await run_in_threadpool(facts.samples, self.parts, count)})

    async def report(self, request: Request) -> Response:
        file = self.parts.folder / "evaluation" / "report.json"
        try:
            report = await run_in_threadpool(Report.load, file)
        except Missing as error:
            raise Refused(404, "this store has no evaluation", "make one with merian evaluate") from error
        numbers = [
            {
                "group": n.group,
                "name": n.name,
                "value": n.value,
                "low": n.low,
                "high": n.high,
                "unit": n.unit,
                "n": n.n,
                "note": n.note,
                "text": n.text,
            }
            for n in report.numbers
        ]
        remarks = list(report.remarks)
        return JSONResponse({"title": report.title, "command": report.command, "numbers": numbers, "remarks": remarks})

    # ---- inside ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """A place among the requests that the encoder works for; refused when all are taken."""
        model_of(self.parts)
        with self.waiting.one():
            yield

    async def _vectors(self, request: Request) -> list[facts.Json]:
        """A row for each photo or text of the request, with its vector."""
        with self._place():
            if not _is_json(request):
                photos = await read_photos(request, TEXTS_TOO)
                return await within(request, self._seen.submit(_images_of(photos)))
            texts = await read_texts(request)
            work = functools.partial(answers.embed_texts, self.parts, texts)
            vectors = await within(request, self._in_turn(work))
        return [{"name": t, "reason": None, "vector": v} for t, v in zip(texts, vectors, strict=True)]

    async def _in_turn(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._encoder, work)

    @functools.cached_property
    def _layout_bytes(self) -> bytes:
        return json.dumps(self.explorer.board.plain(), separators=(",", ":"), ensure_ascii=False).encode()

    def _layout_json(self) -> bytes:
        return self._layout_bytes

    def _neighbours_of(self, image: str, count: int) -> facts.Json:
        parts, found = self.parts, answers.Near([], [])
        vector = answers.vector_of(parts, image)
        if vector is not None:
            found = answers.nearest(parts, vector, count, leave_out=image)
        shown = [{**facts.photo_brief(parts, i), "cosine": c} for i, c in zip(found.ids, found.cosines, strict=True)]
        return {"photo": facts.photo(parts, image), "neighbours": shown}


def _images_of(photos: list[Photo]) -> list[answers.Named]:
    return [(photo.name, photo.reason if photo.reason is not None else bytes(photo.data)) for photo in photos]


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
