"""An index on object storage: LanceDB's own client of S3 against a server of this test that speaks as much of the protocol as reading wants."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pytest

from merian.core import store
from merian.core.errors import Missing
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.search import Index, SearchSettings, Wanted, build_index

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
    columns = {"id": [f"i{k}" for k in range(count)], "taxon": taxa, "split": ["train"] * count}
    rows = conform(pl.DataFrame(columns), CATALOG)
    work = store.begin(root / "catalog", "catalog", 1, {}, {"count": str(count)})
    rows.write_parquet(root / "catalog" / "catalog.parquet")
    tree.save(root / "catalog" / "tree.parquet")
    work.finish()
    vectors = normalise(rng.standard_normal((count, 32)).astype(np.float32))
    embeddings = Embeddings(rows["id"], vectors, "drawn", tree.version)
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
