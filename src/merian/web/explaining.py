"""What tells one answer from another: where in a photo the model finds what speaks for one taxon rather than for another, tested before it is shown.

The map is that of `merian explain`: patches are blurred one at a time, and how far the difference of the two scores falls is laid where they were. It is held
against a blob in the middle and against maps of chance (`merian.explore.explain.faithful`); only a map that beats them all is said to tell the two apart.
Nothing is kept of a photo after its answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from merian.core.chance import stream
from merian.core.errors import BadSetting, MerianError
from merian.core.progress import listen
from merian.core.tree import Tree
from merian.encode import Encoder, Pixels, Preprocess, Unreadable, decode
from merian.explore.explain.explanation import Candidates, Question
from merian.explore.explain.faithful import Faithful, Trial, faithful
from merian.explore.explain.saliency import Maps, Occlusion, occlusion
from merian.web import facts, limits
from merian.web.answers import Named
from merian.web.facts import Json
from merian.web.limits import Places, within
from merian.web.openapi import LINES
from merian.web.parts import Identifies, Parts
from merian.web.pictures import Pictures
from merian.web.queries import image_of, model_of
from merian.web.uploads import Refused, read_photos

__all__ = ["CELLS", "Explaining", "tells_apart", "where"]

Floats = npt.NDArray[np.float32]
AT_ONCE = 4
"""Explanations at once: each holds a photo, and a few hundred passes of the encoder lie between its question and its answer. From taste."""
CELLS = 28
"""Cells across of a map that is sent, at most. From taste: patches of an eighth of the side resolve no more."""
PLANS = ((Occlusion(), Trial()), (Occlusion(scales=(0.25,)), Trial(steps=5)))
"""How finely it is looked and tested: the first that a model is quick enough for, else the last."""
BUDGET = 45.0
"""Seconds that a plan may be expected to take. From taste: what a person waits for who sees that it goes on."""
SIDES = ("top", "middle", "bottom"), ("left", "middle", "right")


@dataclass(eq=False)
class _InTurn:
    """An Encoder whose work the server's one encoder thread does, a few images at a time, so that photos of others come between.

    `told(n)` hears of each n images that were done. Raises Refused when it is too late, and _Left when nobody waits any longer.
    """

    encoder: Encoder
    thread: Executor
    most: int
    until: float
    left: threading.Event
    told: Callable[[int], object]
    dim: int = field(init=False)
    preprocess: Preprocess = field(init=False)
    fingerprint: str = field(init=False)
    logit_scale: float = field(init=False)

    def __post_init__(self) -> None:
        encoder = self.encoder
        self.dim, self.preprocess = encoder.dim, encoder.preprocess
        self.fingerprint, self.logit_scale = encoder.fingerprint, encoder.logit_scale

    def embed_images(self, pixels: Pixels) -> Floats:
        """Unit vectors [n, d]."""
        found = []
        for start in range(0, len(pixels), self.most):
            if self.left.is_set():
                raise _Left
            if time.monotonic() > self.until:
                what = f"this model needs longer than {limits.PATIENCE:.0f} s to tell"
                raise Refused(503, what, "try again when less is going on, or ask merian explain PHOTO")
            part = pixels[start : start + self.most]
            found.append(self.thread.submit(self.encoder.embed_images, part).result())
            self.told(len(part))
        return np.concatenate(found)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [n, d]."""
        return self.thread.submit(self.encoder.embed_texts, texts).result()


class _Left(Exception):
    """Whoever asked is gone."""


@dataclass(frozen=True)
class _Asked:
    """Why `taxon`, and why not `against`: numbers in the model's Tree, -1 for the most probable that are left."""

    taxon: int
    against: int


@dataclass(eq=False)
class Explaining:
    """The explanations of one store. `encoder` is the one thread that the model is used by, `batch` how many images it is given at a time."""

    parts: Parts
    pictures: Pictures
    encoder: Executor
    batch: int
    places: Places = field(default_factory=lambda: Places(AT_ONCE, "explanations are under way"))
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "merian-explain"))

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/explain", self.sent, methods=["POST"]),
            Route("/api/explain/{id:path}", self.known),
        ]

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def sent(self, request: Request) -> Response:
        """Of a photo that is sent."""
        model = model_of(self.parts)
        asked = _asked(request, model)
        with self.places.one():
            photos = await read_photos(request)
            if len(photos) > 1:
                raise Refused(400, f"{len(photos)} photos", "send one at a time")
            (photo,) = photos
            named = photo.name, photo.reason if photo.reason is not None else bytes(photo.data)
        return await self._answer(request, named, asked)

    async def known(self, request: Request) -> Response:
        """Of a photo of the store."""
        asked, image = _asked(request, model_of(self.parts)), image_of(request, self.parts)
        return await self._answer(request, (image, await run_in_threadpool(self.pictures.original, image)), asked)

    async def _answer(self, request: Request, named: Named, asked: _Asked) -> Response:
        """The answer, or as lines what is done until it is there."""
        steps = self._steps(named, asked)
        if request.headers.get("accept", "").strip() != LINES:
            return JSONResponse(await within(request, _last(steps)))
        first = await anext(steps)  # what is refused at once is refused with its own status

        async def lines() -> AsyncIterator[bytes]:
            try:
                yield _line(first)
                async for step in steps:
                    yield _line(step)
            except Refused as error:
                yield _line({"error": error.error, "what_to_do": error.what_to_do})
            except MerianError as error:
                yield _line({"error": str(error), "what_to_do": "mend the store, then start the server again"})
            finally:
                await steps.aclose()

        return StreamingResponse(lines(), media_type=LINES)

    async def _steps(self, named: Named, asked: _Asked) -> AsyncGenerator[Json, None]:
        """What is done, whenever some of it was, and at last the answer."""
        model, left, done = model_of(self.parts), threading.Event(), queue.SimpleQueue[tuple[int, int]]()
        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def tell(count: int, total: int) -> None:
            done.put((count, total))
            loop.call_soon_threadsafe(told.set)

        def work() -> Json:
            encoder = _InTurn(model.encoder, self.encoder, self.batch, until, left, lambda n: None)
            with listen(lambda title, count, total, note: None):
                return _explained(model, encoder, named, asked, tell)

        def heard(future: asyncio.Future[Json]) -> None:
            if not future.cancelled():
                future.exception()  # who is gone does not ask for it
            told.set()

        with self.places.one():
            until = time.monotonic() + limits.PATIENCE
            doing = loop.run_in_executor(self._threads, work)
            doing.add_done_callback(heard)
            try:
                yield {"done": 0, "of": 0}
                while not doing.done():
                    await told.wait()
                    told.clear()
                    latest = None
                    while not done.empty():
                        latest = done.get()
                    if latest is not None:
                        yield {"done": latest[0], "of": latest[1]}
                yield doing.result()
            finally:
                left.set()


def _line(told: Json) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


async def _last(steps: AsyncIterator[Json]) -> Json:
    return [told async for told in steps][-1]


def _asked(request: Request, model: Identifies) -> _Asked:
    """The two taxa of an address. Raises Refused for one that is unknown, or when one is or holds the other."""
    tree, numbers = model.head.tree, []
    for name in ("taxon", "against"):
        told = request.query_params.get(name, "")
        number = tree.ids.index_of(told) if told else -1
        if number is None:
            what = f"no taxon of the model has the id {told[:80]!r}"
            raise Refused(404, what, f"give {name}=ID, an id from /api/identify or /api/find, or leave it out")
        numbers.append(number)
    asked = _Asked(*numbers)
    _question(model, np.ones(len(model.head.labels), np.float32), asked)
    return asked


def _question(model: Identifies, chances: npt.NDArray[np.floating], asked: _Asked) -> Question:
    """The question, where the model has an answer to it. Raises Refused."""
    try:
        question = Question.between(_candidates(model), chances, asked.taxon, asked.against)
    except BadSetting as error:
        raise Refused(400, str(error), "give two taxa that the model knows and that do not hold each other") from error
    if question.against < 0:
        raise Refused(404, "the model has no other label: there is nothing to tell it from", "give another taxon=ID")
    return question


def _candidates(model: Identifies) -> Candidates:
    return Candidates(model.head.tree, model.head.labels, model.head.vectors)


def _explained(
    model: Identifies, encoder: _InTurn, named: Named, asked: _Asked, tell: Callable[[int, int], object]
) -> Json:
    """The answer for one photo; with a reason alone where it cannot be read."""
    name, image = named
    if isinstance(image, str):
        return {"name": name, "reason": image, "hash": None}
    own = hashlib.sha256(image).hexdigest()
    told: Json = {"name": name, "reason": None, "hash": own}
    try:
        pixels = decode(image, encoder.preprocess)
    except Unreadable as error:
        return told | {"reason": error.reason}
    start = time.monotonic()
    vector = encoder.embed_images(pixels[None])
    how, trial = _plan(time.monotonic() - start, len(pixels))
    chances = np.asarray(model.head.probabilities(vector)[0])
    question = _question(model, chances, asked)
    count, total = 1, 1 + how.passes(len(pixels)) + trial.passes(1)

    def more(done: int) -> None:
        nonlocal count
        count += done
        tell(count, total)

    encoder.told = more
    direction = question.directions[1:]
    maps = occlusion(encoder, pixels, direction, how)
    (test,) = faithful(encoder, pixels, maps.values, direction, stream(0, "explain", own), trial)
    return told | _told(model.head.tree, question, maps, test, encoder.preprocess.mode)


def _plan(seconds: float, side: int) -> tuple[Occlusion, Trial]:
    """The finest of PLANS that a model which takes so many seconds for a photo gets done in its BUDGET."""
    for how, trial in PLANS[:-1]:
        if seconds * (how.passes(side) + trial.passes(1)) <= BUDGET:
            return how, trial
    return PLANS[-1]


def _told(tree: Tree, question: Question, maps: Maps, test: Faithful, mode: str) -> Json:
    values = maps.values[0].astype(np.float64)
    both = zip(("taxon", "against"), (question.taxon, question.against), question.chances, strict=True)
    whole = float(np.abs(values).sum())
    return {
        **{key: facts.taxon(tree, t) | {"probability": round(min(max(p, 0.0), 1.0), 4)} for key, t, p in both},
        "tells_apart": tells_apart(test),
        "map": _pooled(values, CELLS).round(6).tolist(),
        "covers": "whole" if mode == "squash" else "centre",
        "for_it": where(np.maximum(values, 0)),
        "for_other": where(np.maximum(-values, 0)),
        "share": round(float(np.maximum(values, 0).sum()) / whole, 4) if whole > 0 else 0.0,
        "test": {
            "gap": round(test.gap, 4) if np.isfinite(test.gap) else None,
            "centre": round(test.centre, 4),
            "chance": round(float(test.chance.mean()), 4),
            "beaten": test.beaten,
            "of": len(test.chance),
        },
        "method": maps.method,
        "passes": maps.passes,
    }


def tells_apart(test: Faithful) -> bool:
    """Whether a map beats a blob in the middle and every map of chance: of nine, one map of chance in ten would."""
    return bool(np.isfinite(test.gap) and test.gap > max(test.centre, 0.0) and test.beaten == len(test.chance))


def where(mass: npt.NDArray[np.float64]) -> dict[str, Any] | None:
    """In which ninth of a photo most of a map [s, s] of values from 0 on lies, and its share of all; None for a map without any."""
    ninths = _summed(mass, 3)
    whole = float(ninths.sum())
    if whole <= 0:
        return None
    row, column = divmod(int(np.argmax(ninths)), 3)
    return {"row": SIDES[0][row], "column": SIDES[1][column], "share": round(float(ninths[row, column]) / whole, 4)}


def _pooled(values: npt.NDArray[np.float64], cells: int) -> npt.NDArray[np.float64]:
    """Means of a map [s, s] over at most `cells` by `cells` parts of it."""
    cells = min(cells, len(values))
    return _summed(values, cells) / _summed(np.ones_like(values), cells)


def _summed(values: npt.NDArray[np.float64], cells: int) -> npt.NDArray[np.float64]:
    """Sums of a map [s, s] over `cells` by `cells` parts as large as one another, to a pixel."""
    starts = np.linspace(0, len(values), cells + 1).round().astype(np.int64)[:-1]
    return np.asarray(np.add.reduceat(np.add.reduceat(values, starts, 0), starts, 1))
