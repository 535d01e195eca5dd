"""What people say of photos is kept in the store, one record a photo, and nobody else can write there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_site import Ask, Site, asker

from merian.core.tables import Records
from merian.web import verified
from merian.web.access import Doors
from merian.web.app import create_app

HASH = hashlib.sha256(b"a photo").hexdigest()


@pytest.fixture
def store(site: Site, tmp_path: Path) -> Path:
    for part in ("catalog", "embeddings"):
        (tmp_path / part).symlink_to(site.store / part)
    return tmp_path


@pytest.fixture
def keeper(site: Site, store: Path) -> Ask:
    return asker(create_app(store, site.identifier, Doors(frozenset({"127.0.0.1"})), writable=True))


def say(site: Site, **more: Any) -> dict[str, Any]:
    return {"taxon": site.catalog.tree.ids[int(site.catalog.tree.at("species")[0])], **more}


def test_a_photo_of_the_catalog_brings_its_place_and_date(site: Site, store: Path, keeper: Ask) -> None:
    image, _ = site.photo()
    reply = keeper("POST", "/api/records", json=say(site, image=image, guess=site.catalog.tree.ids[0]))
    assert (reply.status_code, reply.json()["replaced"]) == (200, False)
    (row,) = Records.read_csv(store / verified.FILE).frame.rows(named=True)
    known = site.catalog.frame.row(site.catalog.frame["id"].index_of(image), named=True)
    species = int(site.catalog.tree.at("species")[0])
    for column in ("event_date", "latitude", "longitude", "habitat", "basis"):
        assert row[column] == known[column] or row[column] == pytest.approx(known[column])
    assert (row["id"], row["scientific_name"]) == (image, site.catalog.tree.names[species])
    line = site.catalog.tree.lineage(species)
    assert (row["kingdom"], row["class_"], row["genus"]) == (line.kingdom, line.class_, line.genus)
    assert (row["status"], row["verbatim_name"]) == ("ValidatedByHuman", site.catalog.tree.names[0])
    assert row["references"] == site.identifier.encoder.fingerprint


def test_the_last_word_on_a_photo_counts_and_can_be_taken_back(site: Site, store: Path, keeper: Ask) -> None:
    other = site.catalog.tree.ids[int(site.catalog.tree.at("genus")[0])]
    first = keeper("POST", "/api/records", json=say(site, hash=HASH, name="a\u0000b.jpg"))
    again = keeper("POST", "/api/records", json={"taxon": other, "hash": HASH, "name": "b.jpg", "guess": other})
    assert (first.json()["replaced"], again.json()["replaced"]) == (False, True)
    (kept,) = keeper("GET", "/api/records").json()["records"]
    assert (kept["id"], kept["path"], kept["rank"]) == (f"sha256:{HASH}", "b.jpg", "genus")
    assert kept["remarks"] == "it is what the model said first"
    assert keeper("POST", "/api/records/remove", json={"id": kept["id"]}).json() == {"left": 0}
    assert keeper("POST", "/api/records/remove", json={"id": kept["id"]}).status_code == 404
    assert keeper("GET", "/api/records").json()["records"] == []
    assert keeper("POST", "/api/records", json=say(site, hash=HASH)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 404),
        ({"taxon": "nothing", "hash": HASH}, 404),
        ({"taxon": "\ud800", "hash": HASH}, 404),
        ({"hash": "../../etc/passwd"}, 422),
        ({"hash": HASH.upper()}, 422),
        ({"hash": HASH, "image": "x"}, 422),
        ({"hash": HASH, "name": 3}, 422),
        ({"image": "nothing"}, 404),
        ({"image": 7}, 422),
        ({"hash": HASH, "guess": "nothing"}, 404),
    ],
)
def test_what_cannot_be_understood_is_refused(
    site: Site, store: Path, keeper: Ask, body: dict[str, Any], status: int
) -> None:
    sent = body if not body or "taxon" in body else say(site, **body)
    written = {"content": json.dumps(sent), "headers": {"content-type": "application/json"}}
    reply = keeper("POST", "/api/records", **written)
    assert (reply.status_code, set(reply.json())) == (status, {"error", "what_to_do"})
    assert not (store / verified.FILE).exists()


def test_a_body_that_is_no_object_is_refused(keeper: Ask) -> None:
    kind = {"content-type": "application/json"}
    assert keeper("POST", "/api/records", content=b"[1]", headers=kind).status_code == 422
    assert keeper("POST", "/api/records", content=b"{", headers=kind).status_code == 422
    assert keeper("POST", "/api/records", content=b"[" * 3_999, headers=kind).status_code == 422
    assert keeper("POST", "/api/records", content=b" " * 5_000, headers=kind).status_code == 413
    assert keeper("POST", "/api/records", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415


def test_other_sites_cannot_write(site: Site, store: Path, keeper: Ask) -> None:
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        assert keeper("POST", "/api/records", json=say(site, hash=HASH), headers=headers).status_code == 403
    assert not (store / verified.FILE).exists()


def test_a_server_for_others_keeps_nothing(site: Site, store: Path) -> None:
    ask = asker(create_app(store, site.identifier))
    reply = ask("POST", "/api/records", json=say(site, hash=HASH))
    assert (reply.status_code, ask("GET", "/api/about").json()["records"]) == (403, False)
    assert ask("POST", "/api/records/remove", json={"id": "x"}).status_code == 403
    assert not (store / verified.FILE).exists()


def test_no_more_records_than_may_be_are_kept(site: Site, keeper: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified, "MOST", 1)
    other = hashlib.sha256(b"another").hexdigest()
    assert keeper("POST", "/api/records", json=say(site, hash=HASH)).status_code == 200
    assert keeper("POST", "/api/records", json=say(site, hash=other)).status_code == 409
    assert keeper("POST", "/api/records", json=say(site, hash=HASH)).status_code == 200
