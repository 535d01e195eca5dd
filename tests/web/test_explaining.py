"""What tells one answer from another: known answers, the law of the map, lines while it goes on, what is refused, who hangs up."""

from __future__ import annotations

import io
import json
import tempfile
import threading
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from test_api import matches
from tiny_site import Ask, Site, asker, served

from merian.encode import Preprocess
from merian.explore.explain.faithful import Faithful
from merian.identify import Head
from merian.web import explaining, limits
from merian.web.app import create_app
from merian.web.explaining import tells_apart, where
from merian.web.uploads import Held, Room

EXPLAINED = {"$ref": "#/components/schemas/Explained"}


@dataclass
class Spot:
    """An encoder that sees but how bright the ninth of a photo at the top left is: dark is (1, 0), bright (0, 1)."""

    preprocess: Preprocess
    dim: int = 2
    fingerprint: str = "spot"
    logit_scale: float = 20.0
    seen: int = 0
    most: int = 0

    def embed_images(self, pixels: Any) -> Any:
        self.seen, self.most = self.seen + len(pixels), max(self.most, len(pixels))
        third = pixels.shape[1] // 3
        angle = pixels[:, :third, :third].mean((1, 2, 3)) / 255 * np.pi / 2
        return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)

    def embed_texts(self, texts: Any) -> Any:
        return np.tile(np.float32([1, 0]), (len(texts), 1))


@dataclass
class Named:
    """An encoder with a head."""

    encoder: Any
    head: Head


def spotted(site: Site, vectors: list[list[float]]) -> Named:
    """Two species that the Spot encoder tells by brightness, or not."""
    labels = site.catalog.tree.at("species")[:2].astype(np.int32)
    head = replace(site.identifier.head, labels=labels, vectors=np.array(vectors, np.float32), fingerprint="spot")
    return Named(Spot(Preprocess(size=48)), head)


def bright() -> bytes:
    """A photo that is white at the top left and of a dark pattern elsewhere."""
    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 60, (96, 96, 3)).astype(np.uint8)
    pixels[:32, :32] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def told(ask: Ask, query: str = "", data: bytes | None = None, status: int = 200) -> Any:
    reply = ask("POST", f"/api/explain?{query}", content=data, headers={"content-type": "image/png"})
    assert reply.status_code == status, reply.text
    if status == 200:
        assert matches(reply.json(), EXPLAINED) == []
    else:
        assert set(reply.json()) == {"error", "what_to_do"}
    return reply.json()


def test_a_difference_that_lies_at_one_place_is_found_there_and_stands_its_test(site: Site) -> None:
    named = spotted(site, [[1, 0], [0, 1]])
    ask = asker(create_app(site.store, named))
    dark, light = (site.catalog.tree.ids[int(t)] for t in named.head.labels)
    found = told(ask, f"taxon={light}&against={dark}", bright())
    assert found["tells_apart"]
    assert (found["for_it"]["row"], found["for_it"]["column"]) == ("top", "left")
    assert found["for_it"]["share"] > 0.6
    assert found["test"]["beaten"] == found["test"]["of"] == 9
    assert found["taxon"]["id"] == light
    assert np.unravel_index(np.argmax(found["map"]), np.shape(found["map"])) < (10, 10)
    assert told(ask, "", bright()) == found, "the most probable and the next, where none are named"


def test_what_is_alike_to_the_model_is_not_told_apart(site: Site) -> None:
    ask = asker(create_app(site.store, spotted(site, [[0, 1], [0, 1]])))
    found = told(ask, "", bright())
    assert not found["tells_apart"]
    assert found["test"]["gap"] is None
    assert (found["for_it"], found["for_other"], found["share"]) == (None, None, 0.0)
    assert np.abs(found["map"]).max() == 0


def test_the_map_of_the_question_turned_round_is_its_negative(site: Site, ask: Ask) -> None:
    image, data = site.photo()
    rows = ask("GET", f"/api/identify/{quote(image, safe='')}").json()["rows"][0]["best"]
    one, other = rows[0]["id"], rows[1]["id"]
    mine, theirs = (told(ask, f"taxon={a}&against={b}", data) for a, b in ((one, other), (other, one)))
    assert np.allclose(mine["map"], -np.array(theirs["map"]), atol=2e-6)
    assert np.shape(mine["map"]) == (28, 28)
    assert mine["for_it"] == theirs["for_other"]
    assert mine["share"] == pytest.approx(1 - theirs["share"], abs=2e-4)
    assert (mine["taxon"], mine["against"]) == (theirs["against"], theirs["taxon"])
    known = ask("GET", f"/api/explain/{quote(image, safe='')}?taxon={one}&against={other}").json()
    assert {**known, "name": ""} == {**mine, "name": ""}, "a photo of the store and the same one sent"


def test_lines_tell_how_far_it_is_and_end_with_the_answer(site: Site, ask: Ask) -> None:
    image = quote(site.photo()[0], safe="")
    reply = ask("GET", f"/api/explain/{image}", headers={"accept": "application/x-ndjson"})
    assert reply.headers["content-type"].startswith("application/x-ndjson")
    *steps, last = [json.loads(line) for line in reply.text.splitlines()]
    done = [step["done"] for step in steps]
    assert done == sorted(done)
    assert steps[-1]["done"] == steps[-1]["of"] >= last["passes"]
    assert last == ask("GET", f"/api/explain/{image}").json()


def test_what_cannot_be_asked_is_refused_and_says_what_to_do(site: Site, ask: Ask) -> None:
    image, data = site.photo()
    tree, labels = site.catalog.tree, site.identifier.head.labels
    one, genus = int(labels[0]), int(tree.parent[int(labels[0])])
    own, above = tree.ids[one], tree.ids[genus]
    assert "nothing" in told(ask, "taxon=nothing", data, 404)["error"]
    assert told(ask, f"taxon={own}&against={own}", data, 400)
    assert told(ask, f"taxon={own}&against={above}", data, 400)
    assert told(ask, "", b"no photo at all")["reason"] == "not an image"
    reply = ask("POST", "/api/explain", files=[("photo", ("a.png", data)), ("photo", ("b.png", data))])
    assert (reply.status_code, reply.json()["what_to_do"]) == (400, "send one at a time")
    assert ask("GET", "/api/explain/nothing").status_code == 404
    assert ask("POST", "/api/explain", json={"texts": ["a moth"]}).status_code == 415
    without = asker(create_app(site.store, None))
    assert without("GET", f"/api/explain/{quote(image, safe='')}").status_code == 404


def test_only_so_many_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "Places", lambda most, what: limits.Places(0, what))
    ask = asker(create_app(site.store, site.identifier))
    for headers in ({}, {"accept": "application/x-ndjson"}):
        reply = ask("GET", f"/api/explain/{quote(site.photo()[0], safe='')}", headers=headers)
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "2")
    assert told(ask, "", site.photo()[1], 429)


def test_what_takes_too_long_is_given_up(site: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.0)
    image = quote(site.photo()[0], safe="")
    assert ask("GET", f"/api/explain/{image}").status_code == 503
    lines = ask("GET", f"/api/explain/{image}", headers={"accept": "application/x-ndjson"}).text.splitlines()
    assert "merian explain" in json.loads(lines[-1])["what_to_do"]


def test_nothing_of_a_photo_stays(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    room, taken = Room(), list[int]()
    build, give_back = limits.Limits.__init__, Held.give_back
    monkeypatch.setattr(limits.Limits, "__init__", lambda own, app: build(own, app, room=room))
    monkeypatch.setattr(Held, "give_back", lambda held: (taken.append(held.own), give_back(held)))

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a temporary file was opened")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    ask = asker(create_app(site.store, spotted(site, [[1, 0], [0, 1]])))
    for accept in ("application/json", "application/x-ndjson"):
        reply = ask("POST", "/api/explain", content=bright(), headers={"content-type": "image/png", "accept": accept})
        assert json.loads(reply.text.splitlines()[-1])["tells_apart"]
        assert room.used == 0
    assert taken == [len(bright())] * 2, "what was sent was counted, until its answer"


def test_a_slow_model_is_asked_more_coarsely() -> None:
    fine, coarse = explaining.PLANS
    assert explaining._plan(0.001, 112) == fine
    assert explaining._plan(0.3, 224) == coarse
    assert coarse[0].passes(224) + coarse[1].passes(1) < fine[0].passes(224)


def test_others_are_served_between_and_who_hangs_up_is_not_worked_for(site: Site) -> None:
    gate, begun = threading.Event(), threading.Event()

    class Gated(Spot):
        def embed_images(self, pixels: Any) -> Any:
            if self.seen >= 40:
                begun.set()
                assert gate.wait(30)
            return super().embed_images(pixels)

    named = spotted(site, [[1, 0], [0, 1]])
    named.encoder = Gated(Preprocess(size=48))
    headers = {"accept": "application/x-ndjson", "content-type": "image/png"}
    with served(site.store, named) as address:
        with (
            httpx.Client(timeout=30) as client,
            client.stream("POST", f"{address}api/explain", content=bright(), headers=headers) as reply,
        ):
            lines = reply.iter_lines()
            step = next(json.loads(line) for line in lines if json.loads(line)["of"])
            assert begun.wait(30)
        gate.set()
        answer = httpx.post(
            f"{address}api/identify", content=bright(), headers={"content-type": "image/png"}, timeout=30
        )
        assert answer.json()["rows"][0]["reason"] is None
        for _ in range(300):
            before = named.encoder.seen
            threading.Event().wait(0.02)
            if named.encoder.seen == before:
                break
    assert named.encoder.most <= 8, "a few images at a time, whatever an explanation needs"
    assert named.encoder.seen < step["of"], "nothing more is computed for whoever is gone"


def test_a_map_must_beat_the_middle_and_all_of_chance() -> None:
    curve = np.zeros(11)
    good = Faithful(curve, curve, 0.3, 0.1, np.array([0.0, 0.2, -0.1]))
    assert tells_apart(good)
    for worse in (
        replace(good, centre=0.31),
        replace(good, chance=np.array([0.0, 0.4, -0.1])),
        replace(good, gap=float("nan")),
        replace(good, gap=-0.01, centre=-0.5, chance=np.array([-0.9])),
    ):
        assert not tells_apart(worse)


@pytest.mark.parametrize("side", [9, 28, 64, 112])
def test_where_most_of_a_map_lies_and_the_parts_sum_to_the_whole(side: int) -> None:
    rng = np.random.default_rng(side)
    mass = rng.random((side, side)) * 0.01
    third = side // 3
    mass[third + 1 : 2 * third - 1, -third + 1 :] += 1.0
    found = where(mass)
    assert found is not None
    assert (found["row"], found["column"]) == ("middle", "right")
    assert 0.8 < found["share"] <= 1
    assert where(np.zeros((side, side))) is None
    pooled = explaining._pooled(mass, 28)
    assert pooled.shape == (min(28, side),) * 2
    assert pooled.min() >= mass.min()
    assert pooled.max() <= mass.max()
