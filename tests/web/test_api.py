"""Every route of the JSON interface: what it says, what it refuses, and that it is as the OpenAPI document describes it."""

from __future__ import annotations

import io
import itertools
import json
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from tiny_site import Ask, Site, asker

from merian.core.errors import Missing, MissingExtra
from merian.core.tree import RANKS
from merian.encode import decode
from merian.web import app as web_app
from merian.web import uploads
from merian.web.app import create_app
from merian.web.openapi import describe


def matches(value: Any, schema: dict[str, Any], where: str = "") -> list[str]:
    """Where `value` breaks the schema: the part of JSON Schema that the document uses."""
    if "$ref" in schema:
        return matches(value, describe()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], where)
    if "anyOf" in schema:
        found = [matches(value, option, where) for option in schema["anyOf"]]
        return [] if any(not f for f in found) else found[0]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where}: {value!r}"]
    types = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool}
    kind = schema.get("type")
    wrong = value is not None if kind == "null" else kind in types and not isinstance(value, types[kind])
    if wrong:
        return [f"{where}: {type(value).__name__} is no {kind}"]
    if kind == "object":
        broken = [f"{where}.{k} is missing" for k in schema.get("required", []) if k not in value]
        known = schema.get("properties")
        broken += [f"{where}.{k} is undescribed" for k in value if known and k not in known]
        return broken + [
            m for k, s in (known or {}).items() if k in value for m in matches(value[k], s, f"{where}.{k}")
        ]
    if kind == "array":
        return [m for i, item in enumerate(value) for m in matches(item, schema["items"], f"{where}[{i}]")]
    return []


def jpeg(colour: tuple[int, int, int] = (90, 140, 60)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(stream, "JPEG")
    return stream.getvalue()


def png_header_only(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_each_route_is_described_and_each_answer_fits(site: Site, ask: Ask) -> None:
    document = ask("GET", "/api/openapi.json").json()
    routes = {r.path.replace(":path", "") for r in create_app(site.store, site.identifier).routes if "/api" in r.path}
    assert routes == set(document["paths"])
    told = 0
    image = quote(site.photo()[0], safe="")
    taxon = quote(site.catalog.tree.ids[0], safe="")
    for path, methods in document["paths"].items():
        if "application/json" not in methods.get("get", {}).get("responses", {"200": {}})["200"].get("content", {}):
            continue
        reply = ask("GET", path.replace("{id}", taxon if {"taxon", "tree"} & set(path.split("/")) else image))
        assert reply.status_code == 200, path
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert matches(reply.json(), schema, path) == []
        told += 1
    assert told > 20


def test_a_dropped_photo_is_named_and_placed(site: Site, ask: Ask) -> None:
    id_, data = site.photo()
    reply = ask("POST", "/api/identify", files=[("photo", ("a.jpg", data, "image/jpeg"))])
    assert reply.status_code == 200
    (row,) = reply.json()["rows"]
    assert matches(reply.json(), {"$ref": "#/components/schemas/Answers"}) == []
    assert (row["name"], row["reason"]) == ("a.jpg", None)
    assert [t["rank"] for t in row["path"]] == list(RANKS)
    shares = [t["probability"] for t in row["path"]]
    assert all(a >= b for a, b in itertools.pairwise(shares))
    best = [t["probability"] for t in row["best"]]
    assert best == sorted(best, reverse=True)
    assert [t["rank"] for t in row["best"][0]["lineage"]] == list(RANKS)
    assert sum(best) + row["unknown"] <= 1.001
    # the very same photo is in the store: it is its own nearest neighbour, and lies where it lies
    assert row["place"]["neighbours"][0]["id"] == id_
    assert row["place"]["neighbours"][0]["cosine"] == pytest.approx(1, abs=1e-3)
    layout = ask("GET", "/api/layout").json()
    at = layout["ids"].index(id_)
    assert abs(layout["x"][at] - row["place"]["x"]) < 0.6


def test_the_answer_agrees_with_identify(site: Site, ask: Ask) -> None:
    _, data = site.photo()
    found = site.identifier.identify([data]).predictions
    row = ask("POST", "/api/identify", content=data, headers={"content-type": "image/jpeg"}).json()["rows"][0]
    tree = site.catalog.tree
    assert [t["id"] for t in row["best"]] == [tree.ids[int(t)] for t in found.taxa[0]]
    assert [t["probability"] for t in row["best"]] == pytest.approx(found.probabilities[0].tolist(), abs=1e-4)
    assert (row["sure"]["id"] if row["sure"] else None) == (
        tree.ids[int(found.safe[0])] if found.safe[0] >= 0 else None
    )
    assert row["unknown"] == pytest.approx(float(found.unknown[0]), abs=1e-4)


def test_a_known_photo_is_not_its_own_neighbour(site: Site, ask: Ask) -> None:
    id_, _ = site.photo()
    answer = ask("GET", f"/api/identify/{quote(id_, safe='')}").json()
    assert answer["photo"]["id"] == id_
    assert id_ not in [n["id"] for n in answer["rows"][0]["place"]["neighbours"]]
    near = ask("GET", f"/api/neighbours/{quote(id_, safe='')}?k=5").json()["neighbours"]
    cosines = site.embeddings.vectors @ site.embeddings.vectors[site.embeddings.ids.index_of(id_)]
    expected = np.sort(cosines)[::-1][1:6]
    assert [n["cosine"] for n in near] == pytest.approx(expected.tolist(), abs=1e-3)


def test_bad_photos_are_rows_with_a_reason_among_the_good(site: Site, ask: Ask) -> None:
    _, good = site.photo()
    files = [
        ("zero.jpg", b""),
        ("good.jpg", good),
        ("text.txt", b"this is no image, whatever its name says"),
        ("cut.jpg", good[: len(good) // 2]),
        ("bomb.png", png_header_only(60_000, 60_000)),
        ("pixel.png", image_bytes("PNG", (1, 1))),
        ("cmyk.jpg", image_bytes("JPEG", (40, 30), "CMYK")),
    ]
    reply = ask("POST", "/api/identify", files=[("photo", (name, data, "image/jpeg")) for name, data in files])
    assert reply.status_code == 200
    rows = reply.json()["rows"]
    assert [r["name"] for r in rows] == [name for name, _ in files]
    reasons = {r["name"]: r["reason"] for r in rows}
    assert reasons == {
        "zero.jpg": "empty file",
        "good.jpg": None,
        "text.txt": "not an image",
        "cut.jpg": "truncated image",
        "bomb.png": "too many pixels",
        "pixel.png": "too small",
        "cmyk.jpg": None,
    }
    assert all("path" not in r for r in rows if r["reason"])


def image_bytes(kind: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, kind)
    return stream.getvalue()


def test_one_photo_over_the_limit_is_a_row(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MB", 1_000)
    files = [("photo", ("large.jpg", b"x" * 26_000, "image/jpeg")), ("photo", ("small.jpg", jpeg(), "image/jpeg"))]
    rows = ask("POST", "/api/identify", files=files).json()["rows"]
    assert [r["reason"] for r in rows] == ["larger than 25 MB", None]
    reply = ask("POST", "/api/identify", content=b"x" * 257_000, headers={"content-type": "image/jpeg"})
    assert (reply.status_code, reply.json()["error"]) == (413, "the request is larger than 256 MB")


@pytest.mark.parametrize(
    ("options", "status", "error"),
    [
        ({"files": [("photo", (f"{i}.jpg", b"x", "image/jpeg")) for i in range(65)]}, 413, "more than 64 photos"),
        ({"files": [("photo", (None, b"no file"))]}, 400, "no photo"),
        ({"content": b"hello", "headers": {"content-type": "text/plain"}}, 415, "'text/plain'"),
        ({"content": b"hello"}, 415, "unknown"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "no boundary"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "cannot be read"),
        ({"content": b"--b\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "cut short"),
        ({"content": b"", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "cut short"),
    ],
)
def test_a_bad_request_says_what_to_do(ask: Ask, options: dict[str, Any], status: int, error: str) -> None:
    reply = ask("POST", "/api/identify", **options)
    assert reply.status_code == status
    assert error in reply.json()["error"]
    assert reply.json()["what_to_do"]


def test_photos_and_texts_become_vectors(site: Site, ask: Ask) -> None:
    encoder = site.identifier.encoder
    files = [("photo", ("a.jpg", jpeg(), "image/jpeg")), ("photo", ("bad.jpg", b"no image", "image/jpeg"))]
    reply = ask("POST", "/api/embed", files=files)
    assert matches(reply.json(), {"$ref": "#/components/schemas/Vectors"}) == []
    good, bad = reply.json()["rows"]
    assert np.allclose(good["vector"], encoder.embed_images(decode(jpeg(), encoder.preprocess)[None])[0], atol=1e-6)
    assert (bad["reason"], bad["vector"]) == ("not an image", None)
    reply = ask("POST", "/api/embed", json={"texts": ["a photo of Pica pica."]})
    assert reply.json()["fingerprint"] == encoder.fingerprint
    assert np.allclose(reply.json()["rows"][0]["vector"], encoder.embed_texts(["a photo of Pica pica."])[0], atol=1e-6)


def test_the_nearest_photos_are_found_by_photo_and_by_words(site: Site, ask: Ask) -> None:
    id_, data = site.photo()
    reply = ask("POST", "/api/search?k=3", content=data, headers={"content-type": "image/jpeg"})
    assert matches(reply.json(), {"$ref": "#/components/schemas/Found"}) == []
    (row,) = reply.json()["rows"]
    assert len(row["photos"]) == 3
    assert row["photos"][0]["id"] == id_
    assert row["photos"][0]["cosine"] > 0.999
    (words,) = ask("POST", "/api/search?k=2", json={"texts": ["a bird"]}).json()["rows"]
    assert len(words["photos"]) == 2
    (bad,) = ask("POST", "/api/search", content=b"x", headers={"content-type": "image/jpeg"}).json()["rows"]
    assert (bad["reason"], bad["photos"]) == ("not an image", [])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 422),
        (b"[]", 422),
        (b'{"texts": []}', 422),
        (b'{"texts": "a bird"}', 422),
        (b'{"texts": [1]}', 422),
        (b'{"texts": [" "]}', 422),
        (json.dumps({"texts": ["x"] * 65}).encode(), 422),
        (json.dumps({"texts": ["x" * 1001]}).encode(), 413),
        (b'{"texts": ["' + b"x" * 70_000 + b'"]}', 413),
    ],
)
@pytest.mark.parametrize("place", ["/api/embed", "/api/search"])
def test_json_that_says_something_else_is_refused(ask: Ask, place: str, body: bytes, status: int) -> None:
    reply = ask("POST", place, content=body, headers={"content-type": "application/json"})
    assert reply.status_code == status
    assert set(reply.json()) == {"error", "what_to_do"}


def test_it_says_whether_it_is_ready_and_what_it_did(site: Site, ask: Ask, tmp_path: Path) -> None:
    assert ask("GET", "/api/ready").json() == {"ready": True, "waiting": 0}
    ask("POST", "/api/identify", content=jpeg(), headers={"content-type": "image/jpeg"})
    ask("GET", "/api/nowhere/else")
    reply = ask("GET", "/api/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    assert 'merian_requests_total{route="/api/identify",status="200"}' in reply.text
    assert 'merian_requests_total{route="other",status="404"}' in reply.text
    (tmp_path / "catalog").symlink_to(site.store / "catalog")
    without = asker(create_app(tmp_path))
    assert without("GET", "/api/ready").status_code == 503
    assert without("POST", "/api/embed", json={"texts": ["a"]}).status_code == 404


def test_sixty_four_photos_are_taken(ask: Ask) -> None:
    files = [("photo", (f"{i}.jpg", jpeg((i, 100, 200)), "image/jpeg")) for i in range(64)]
    rows = ask("POST", "/api/identify", files=files).json()["rows"]
    assert [r["name"] for r in rows] == [f"{i}.jpg" for i in range(64)]
    assert all(r["reason"] is None for r in rows)


def test_images_are_given_whole_and_small(site: Site, ask: Ask) -> None:
    id_, data = site.photo()
    whole = ask("GET", f"/api/image/{quote(id_, safe='')}")
    assert (whole.content, whole.headers["content-type"]) == (data, "image/jpeg")
    small = ask("GET", f"/api/image/{quote(id_, safe='')}?size=24")
    assert Image.open(io.BytesIO(small.content)).size == (24, 24)
    for size in ("0", "1025", "abc", "-3", "1e3", "٣"):
        assert ask("GET", f"/api/image/{quote(id_, safe='')}", params={"size": size}).status_code == 400


@pytest.mark.parametrize("what", ["image", "neighbours", "taxon", "identify"])
@pytest.mark.parametrize(
    "name", ["nothing", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "a" * 5000, "/etc/passwd"]
)
def test_an_unknown_id_is_not_found(ask: Ask, what: str, name: str) -> None:
    reply = ask("GET", f"/api/{what}/{name}")
    assert reply.status_code == 404
    assert set(reply.json()) == {"error", "what_to_do"}
    assert len(reply.text) < 400


def test_the_layout_colours_by_ranks_and_traits(site: Site, ask: Ask) -> None:
    layout = ask("GET", "/api/layout").json()
    n = len(layout["ids"])
    assert n == layout["total"] == len(layout["x"]) == len(layout["y"]) > 100
    assert max(map(abs, layout["x"] + layout["y"])) == 1
    by = {c["key"]: c for c in layout["colourings"]}
    assert set(RANKS) <= set(by)
    assert {c["kind"] for c in layout["colourings"]} == {"rank", "text", "number"}
    frame = site.catalog.frame
    for colouring in by.values():
        assert len(colouring.get("codes") or colouring["values"]) == n
    taxon_of = dict(zip(frame["id"].to_list(), frame["taxon"].to_list(), strict=True))
    for id_, code in zip(layout["ids"], by["species"]["codes"], strict=True):
        species = int(site.catalog.tree.ancestors[taxon_of[id_], 6])
        assert (by["species"]["taxa"][code] if code >= 0 else None) == (
            site.catalog.tree.ids[species] if species >= 0 else None
        )


def test_a_taxon_page_counts_what_is_below(site: Site, ask: Ask) -> None:
    tree = site.catalog.tree
    genus = int(tree.at("genus")[0])
    page = ask("GET", f"/api/taxon/{tree.ids[genus]}").json()
    inside = site.catalog.kept().filter(
        (site.catalog.kept()["taxon"] >= genus) & (site.catalog.kept()["taxon"] < tree.end[genus])
    )
    assert page["image_count"] == len(inside)
    assert page["species_count"] == int(tree.end[genus]) - genus - 1 == page["child_count"]
    assert [t["rank"] for t in page["lineage"]] == list(RANKS[:6])


def test_samples_are_held_out_and_one_per_species(site: Site, ask: Ask) -> None:
    samples = ask("GET", "/api/samples?n=10").json()["samples"]
    split = dict(site.catalog.frame.select("id", "split").iter_rows())
    assert {split[s["id"]] for s in samples} == {"test"}
    assert len({s["taxon"]["id"] for s in samples}) == len(samples) == 10
    assert samples == ask("GET", "/api/samples?n=10").json()["samples"]


def test_a_store_without_parts_says_so(site: Site, tmp_path: Path) -> None:
    (tmp_path / "catalog").symlink_to(site.store / "catalog")
    ask = asker(create_app(tmp_path))
    about = ask("GET", "/api/about").json()
    assert set(about["absent"]) == {"identify", "neighbours", "index", "layout", "report", "placing"}
    assert "merian train" in about["absent"]["identify"]
    assert ask("POST", "/api/identify", content=jpeg(), headers={"content-type": "image/jpeg"}).status_code == 404
    assert ask("GET", "/api/layout").json()["ids"] == []
    assert ask("GET", f"/api/neighbours/{site.photo()[0]}").json()["neighbours"] == []
    assert ask("GET", "/report").status_code == ask("GET", "/api/report").status_code == 404


@pytest.mark.parametrize("place", ["", "nowhere"])
def test_a_model_alone_identifies(site: Site, tmp_path: Path, place: str) -> None:
    ask = asker(create_app(tmp_path / place, site.identifier))
    row = ask("POST", "/api/identify", content=jpeg(), headers={"content-type": "image/jpeg"}).json()["rows"][0]
    assert row["best"]
    assert row["place"] is None
    assert ask("GET", "/api/samples").json() == {"samples": []}
    assert ask("GET", "/api/about").json()["store"] == (None if place else tmp_path.name)


def test_embeddings_of_another_model_are_not_mixed(site: Site, tmp_path: Path) -> None:
    for part in ("catalog", "exploration"):
        (tmp_path / part).symlink_to(site.store / part)
    other = type(site.embeddings)(site.embeddings.ids, site.embeddings.vectors, "another")
    other.save(tmp_path / "embeddings" / "embeddings.parquet")
    ask = asker(create_app(tmp_path, site.identifier))
    assert "another model" in ask("GET", "/api/about").json()["absent"]["placing"]
    row = ask("POST", "/api/identify", content=jpeg(), headers={"content-type": "image/jpeg"}).json()["rows"][0]
    assert row["place"] is None


def test_a_damaged_part_is_absent_with_its_reason(site: Site, tmp_path: Path) -> None:
    (tmp_path / "catalog").symlink_to(site.store / "catalog")
    (tmp_path / "exploration").mkdir()
    (tmp_path / "exploration" / "layout.parquet").write_bytes(b"PAR1 is not enough")
    (tmp_path / "embeddings").mkdir()
    (tmp_path / "embeddings" / "embeddings.parquet").write_bytes(b"")
    absent = asker(create_app(tmp_path))("GET", "/api/about").json()["absent"]
    assert "cannot be read" in absent["layout"]
    assert "cannot be opened" in absent["neighbours"]


def test_nothing_to_serve_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="merian train"):
        create_app(tmp_path)
    with pytest.raises(Missing, match="merian tour"):
        create_app(tmp_path / "nowhere")


def test_without_the_extra_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def gone(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(web_app.importlib, "import_module", gone)
    with pytest.raises(MissingExtra, match=r"merian\[web\]"):
        create_app(tmp_path)


def test_no_upload_reaches_a_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    ask = asker(create_app(site.store, site.identifier))

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a temporary file was opened")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    large = Image.effect_noise((1600, 1600), 90).convert("RGB")
    stream = io.BytesIO()
    large.save(stream, "PNG")
    assert len(stream.getvalue()) > 2_000_000
    reply = ask("POST", "/api/identify", files=[("photo", ("n.png", stream.getvalue(), "image/png"))])
    assert reply.json()["rows"][0]["reason"] is None


def test_the_report_is_data_too(ask: Ask) -> None:
    numbers = ask("GET", "/api/report").json()["numbers"]
    assert json.dumps(numbers)
    assert numbers[0]["text"] == "40.0 % (30.0 to 50.0)"
