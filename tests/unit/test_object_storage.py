"""An index on object storage: LanceDB's own client of S3 against a server of this test that speaks as much of the protocol as reading wants."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import httpx
import numpy as np
import polars as pl
import pytest

from merian.core import store
from merian.core.errors import Mismatch, Missing
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.search import Index, SearchSettings, Wanted, build_index
from merian.web.app import create_app

pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install 'merian[search]'")

BUCKET = "collection"
KEY, SECRET = "visitor", "not-a-real-secret"


class Bucket(BaseHTTPRequestHandler):
    """Reading of one bucket, path style: ListObjectsV2, HeadObject, and GetObject with a range (Amazon S3 API reference, version 2006-03-01)."""

    protocol_version = "HTTP/1.1"

    def __init__(self, root: Path, asked: list[tuple[str, str, bool]], *rest: object) -> None:
        self.root, self.asked = root, asked
        super().__init__(*rest)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        there = urlsplit(self.path)
        _, bucket, key = [*unquote(there.path).split("/", 2), ""][:3]
        signed = self.headers.get("authorization", "").startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
        self.asked.append((self.command, key, signed))
        if bucket != BUCKET or not signed:
            self._send(403, b"", {})
        elif not key:
            question = {name: values[0] for name, values in parse_qs(there.query).items()}
            self._send(200, self._listed(question).encode(), {"content-type": "application/xml"})
        elif not (self.root / key).is_file():
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>", {"content-type": "application/xml"})
        else:
            self._given((self.root / key).read_bytes())

    def _given(self, data: bytes) -> None:
        """An object, or the range of it that is asked for."""
        headers = {"etag": f'"{len(data)}"', "last-modified": "Sun, 22 Nov 2026 12:00:00 GMT", "accept-ranges": "bytes"}
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("range", ""))
        if found is None:
            self._send(200, data, headers)
            return
        first, last = found.groups()
        start = int(first) if first else max(len(data) - int(last), 0)
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        self._send(206, data[start : end + 1], headers | {"content-range": f"bytes {start}-{end}/{len(data)}"})

    def _listed(self, question: dict[str, str]) -> str:
        """The objects whose key begins with the prefix; with a delimiter those in folders below it by the folders' names."""
        prefix, after = question.get("prefix", ""), question.get("start-after", "")
        keys = sorted(file.relative_to(self.root).as_posix() for file in self.root.rglob("*") if file.is_file())
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        inner = [key for key in keys if question.get("delimiter") and "/" in key.removeprefix(prefix)]
        folders = sorted({prefix + key.removeprefix(prefix).partition("/")[0] + "/" for key in inner})
        objects = [key for key in keys if key not in inner]
        told = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-22T12:00:00.000Z</LastModified>"
            f'<ETag>"x"</ETag><Size>{(self.root / key).stat().st_size}</Size></Contents>'
            for key in objects
        )
        told += "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        count = len(objects) + len(folders)
        head = f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>"
        return f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{head}{told}</ListBucketResult>'

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index that has a first pass, as a bucket would hold it."""
    root = tmp_path_factory.mktemp("bucket")
    rng = np.random.default_rng(4)
    lineages = pl.DataFrame(
        {
            "kingdom": ["Animalia"] * 3,
            "phylum": ["Chordata"] * 3,
            "class": ["Aves"] * 3,
            "order": ["A", "A", "B"],
            "family": ["F", "F", "H"],
            "genus": ["G", "G", "J"],
            "species": ["G one", "G two", "J three"],
        }
    )
    tree = Tree.from_lineages(lineages)
    count = 4_500
    taxa = tree.at("species")[rng.integers(0, 3, count)]
    columns = {"id": [f"i{k}" for k in range(count)], "taxon": taxa, "split": ["train"] * count, "shard": [0] * count}
    rows = conform(pl.DataFrame(columns), CATALOG)
    work = store.begin(root / "catalog", "catalog", 1, {}, {"count": str(count)})
    rows.write_parquet(root / "catalog" / "catalog.parquet")
    tree.save(root / "catalog" / "tree.parquet")
    work.finish()
    vectors = normalise(rng.standard_normal((count, 32)).astype(np.float32))
    embeddings = Embeddings(rows["id"], vectors, "drawn", tree.version)
    embeddings.save(root / "embeddings" / "embeddings.parquet")
    (root / "exploration").mkdir()
    places = pl.DataFrame({"id": rows["id"], "x": vectors[:, 0], "y": vectors[:, 1]})
    places.write_parquet(root / "exploration" / "layout.parquet")
    build_index(Catalog.open(root / "catalog"), embeddings, root / "made" / "index", SearchSettings(partitions=16))
    return root / "made"


@pytest.fixture
def bucket(local: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str, bool]]]:
    """What was asked of the server, which the environment names as for any tool of that storage."""
    asked: list[tuple[str, str, bool]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Bucket, local, asked)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        given = {"ENDPOINT": f"http://127.0.0.1:{server.server_port}", "ALLOW_HTTP": "true", "REGION": "eu-central-1"}
        for name, value in (given | {"ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET}).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield asked
        server.shutdown()
        thread.join(20)


def test_an_index_in_a_bucket_answers_as_the_folder_does(local: Path, bucket: list[tuple[str, str, bool]]) -> None:
    here, there = Index.open(local / "index"), Index.open(f"s3://{BUCKET}/index")
    assert (len(there), there.parts, there.fingerprint) == (4_500, 16, "drawn")
    question = normalise(np.random.default_rng(5).standard_normal(32).astype(np.float32))
    some = Wanted(taxa=(here.tree.find("J three"),))
    for wanted, exact in ((None, False), (None, True), (some, False)):
        mine, theirs = here.search(question, 12, wanted, exact), there.search(question, 12, wanted, exact)
        assert theirs.rows["id"].to_list() == mine.rows["id"].to_list()
        assert (theirs.among, theirs.exact) == (mine.among, mine.exact)
    assert not there.search(question, 12).exact, "the first pass went over the network too"
    assert all(signed for _, _, signed in bucket)
    assert {method for method, _, _ in bucket} <= {"GET", "HEAD"}


def test_what_is_not_in_the_bucket_is_missing(bucket: list[tuple[str, str, bool]]) -> None:
    with pytest.raises(Missing, match="an index"):
        Index.open(f"s3://{BUCKET}/elsewhere")
    assert bucket


def test_a_file_address_opens_too(local: Path) -> None:
    assert len(Index.open(f"file://{local / 'index'}")) == 4_500


def asked(app: Any, path: str) -> Any:
    """What an application answers, in this process."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client:
            return await client.get(path)

    reply = asyncio.run(send())
    assert reply.status_code == 200, reply.text
    return reply.json()


def without_embeddings(local: Path, folder: Path) -> Path:
    """The store again, whose vectors are in its index alone."""
    folder.mkdir()
    for part in ("catalog", "exploration"):
        (folder / part).symlink_to(local.parent / part)
    return folder


def test_search_and_explorer_are_served_over_an_index_in_a_bucket(
    local: Path, bucket: list[tuple[str, str, bool]], tmp_path: Path
) -> None:
    """As over the vectors themselves: the store that is compared with has embeddings and no index."""
    bare = without_embeddings(local, tmp_path / "bare")
    far, here = create_app(bare, index=f"s3://{BUCKET}/index"), create_app(local.parent)
    about = asked(far, "/api/about")
    assert (about["indexed"], about["embeddings"], about["points"]) == (4_500, None, 4_500)
    assert "neighbours" not in about["absent"]
    bucket.clear()
    one = asked(here, "/api/search?like=i7&k=8")["rows"][0]
    assert not bucket, "the store on this machine asks nobody"
    taxon = quote(one["photos"][0]["taxon"]["id"], safe="")
    path = f"/api/search?like=i7&k=8&taxon={taxon}"
    near, far_off = (asked(app, path)["rows"][0] for app in (here, far))
    assert [photo["id"] for photo in far_off["photos"]] == [photo["id"] for photo in near["photos"]]
    assert far_off["among"] == near["among"]
    others = asked(far, f"/api/search?alike={taxon}&k=8")["rows"][0]["photos"]
    assert len(others) == 8
    assert one["photos"][0]["taxon"]["id"] not in {photo["taxon"]["id"] for photo in others}
    like = [one["id"] for one in asked(far, "/api/neighbours/i7?k=6")["neighbours"]]
    exact = [one["id"] for one in asked(here, "/api/neighbours/i7?k=6")["neighbours"]]
    assert len(set(like)) == 6
    assert "i7" not in like
    assert len(set(like) & set(exact)) >= 3, "by a first pass in few bits of vectors drawn by chance"
    whole = asked(far, "/api/explorer/selection?loop=-2,-2,2,-2,2,2,-2,2&n=5")
    assert whole["count"] == 4_500
    assert bucket
    assert all(signed for _, _, signed in bucket)


def test_an_index_of_another_store_is_refused(local: Path, bucket: list[tuple[str, str, bool]], tmp_path: Path) -> None:
    other = without_embeddings(local, tmp_path / "other")
    (other / "catalog").unlink()
    rows = conform(Catalog.open(local.parent / "catalog").frame.head(9), CATALOG)
    work = store.begin(other / "catalog", "catalog", 1, {}, {"count": "9"})
    rows.write_parquet(other / "catalog" / "catalog.parquet")
    Catalog.open(local.parent / "catalog").tree.save(other / "catalog" / "tree.parquet")
    work.finish()
    with pytest.raises(Mismatch, match="of another catalog"):
        create_app(other, index=f"s3://{BUCKET}/index")
    with pytest.raises(Missing, match="an index"):
        create_app(local.parent, index=f"s3://{BUCKET}/elsewhere")
    assert bucket
