"""`merian download` against a server that misbehaves in every way: nothing lost, nothing twice, nobody pestered, the same bytes after any stop."""

from __future__ import annotations

import errno
import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from badserver import BadServer, image
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from merian.cli.main import run as merian
from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, MissingExtra
from merian.curate.download import Downloaded, DownloadSettings, download, downloaded, estimate
from merian.curate.download import run as run_module
from merian.curate.download.client import Answer
from merian.curate.download.pack import bytes_at
from merian.curate.download.source import DownloadedSource
from merian.curate.download.spool import Outcome, Spool
from merian.curate.sources import NoBytes

QUICK = DownloadSettings(
    allow_private=True,
    rate=1000.0,
    at_once=16,
    backoff=0.01,
    attempts=4,
    connect_timeout=1.0,
    stall_timeout=0.2,
    total_timeout=0.35,
    dead_after=1000,
    max_bytes=1_000_000,
    part_images=7,
    contact="mailto:ada@museum.example",
)
BAD = {
    "/stall": {"timed out"},
    "/drip": {"timed out"},
    "/waits": {"timed out"},
    "/truncate": {"truncated"},
    "/longer": {"truncated"},
    "/shorter": {"not HTTP", "truncated image", "connection lost"},
    "/cutchunk": {"truncated"},
    "/badchunk": {"truncated", "not HTTP", "timed out"},
    "/cut": {"truncated image"},
    "/html.jpg": {"not an image"},
    "/empty": {"empty file"},
    "/circle/a": {"redirects in circles"},
    "/chain/0": {"too many redirects"},
    "/to-file": {"redirect: scheme not allowed"},
    "/to-link-local": {"redirect: private address"},
    "/sick": {"HTTP 500"},
    "/close": {"connection lost"},
    "/garbage": {"not HTTP"},
    "/endless": {"too many bytes"},
    "/big": {"too many bytes"},
    "/gzip": {"compressed answer"},
    "/bomb.png": {"too many pixels"},
    "/gone": {"HTTP 404"},
}
"""What the server can do wrong, and the reasons that may be given for it (more than one where it depends on how the bytes fall into packets)."""
FINE = {"/modest/8.jpg": 8, "/busy/9.jpg": 9, "/ill/10.jpg": 10}
"""Odd but good: path -> number of the image."""


def table(path: Path, urls: list[str | None], **more: list[object]) -> Path:
    pl.DataFrame({"url": urls, "verbatim_name": ["Pica pica"] * len(urls), **more}).write_parquet(path)
    return path


def rows_of(folder: Path) -> pl.DataFrame:
    source = downloaded(folder)
    assert source is not None
    return pl.concat([source.rows(k) for k in range(source.shards)])


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a store but the manifest, which holds the command."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_every_good_image_arrives_once_and_every_bad_one_has_its_reason(tmp_path: Path) -> None:
    with BadServer(3) as server:
        urls = [server.url(path) for path in [*BAD, *FINE]] + [
            server.url(f"/good/{k}.jpg", k % 3) for k in range(20, 50)
        ]
        urls += [
            server.url(f"/to/{server.ports[1]}/good/77.jpg"),
            "ftp://example.org/a.jpg",
            None,
            "http://me:pw@example.org/",
        ]
        done = download(table(tmp_path / "t.parquet", urls), tmp_path / "out", QUICK)
        rows = rows_of(tmp_path / "out")
        assert rows["url"].to_list() == urls
        reasons = dict(zip(urls, rows["reason"], strict=True))
        for path, allowed in BAD.items():
            assert reasons[server.url(path)] in allowed, path
        expected = {server.url(path): image(k) for path, k in FINE.items()}
        expected |= {server.url(f"/good/{k}.jpg", k % 3): image(k) for k in range(20, 50)}
        expected[server.url(f"/to/{server.ports[1]}/good/77.jpg")] = image(77)
        got = {u: bytes_at(tmp_path / "out", p) for u, p in rows.select("url", "path").iter_rows() if p}
        assert got == expected
        assert (reasons["ftp://example.org/a.jpg"], reasons[None]) == ("scheme not allowed", "no path given")
        assert reasons["http://me:pw@example.org/"] == "credentials in the URL"
        assert set(server.served.values()) == {0, 1}, "an image was sent twice"
        for passing in ("/sick", "/stall", "/close", "/truncate", "/garbage"):
            assert server.asked_for(passing) == 4, f"{passing}: the library asks no more often than we do"
        for final in ("/gone", "/html.jpg", "/endless", "/big", "/gzip", "/bomb.png", "/to-file"):
            assert server.asked_for(final) == 1, final
        assert server.asked_for("/empty") == server.asked_for("/cut") == 2, "the same again is no accident"
        assert (server.asked_for("/busy/9.jpg"), server.asked_for("/ill/10.jpg")) == (2, 4)
        assert all(h["user-agent"].startswith("merian/") and "ada@museum" in h["user-agent"] for h in server.heads)
        assert not any("cookie" in h or "authorization" in h for h in server.heads)
        moved = rows.filter(pl.col("url").str.contains("/to/"))
        assert moved["final_url"].item() == server.url("/good/77.jpg", 1)
    assert (done.rows, done.images) == (len(urls), len(expected))
    assert sum(done.reasons["len"]) == len(urls) - len(expected)
    tags = rows.filter(pl.col("url").str.contains("/good/2"))["etag"]
    assert tags.str.contains(r'^"\d+"$').all()


def test_a_link_in_many_rows_is_fetched_once_and_shared(tmp_path: Path) -> None:
    with BadServer() as server:
        urls = [server.url(f"/good/{k % 4}.jpg" + ("#top" if k > 8 else "")) for k in range(20)] + [
            server.url("/gone")
        ] * 3
        done = download(table(tmp_path / "t.parquet", urls), tmp_path / "out", QUICK)
        assert sum(server.asked.values()) == 5
    rows = rows_of(tmp_path / "out")
    assert [bytes_at(tmp_path / "out", p) for p in rows["path"][:20]] == [image(k % 4) for k in range(20)]
    assert rows["reason"][20:].to_list() == ["HTTP 404"] * 3
    assert (done.images, done.rows) == (4, 23)


def test_the_checksums_of_the_source_are_held_against_the_bytes(tmp_path: Path) -> None:
    import hashlib

    right, sums = hashlib.md5(image(1)).hexdigest(), hashlib.sha256(image(2)).hexdigest()
    with BadServer() as server:
        urls = [server.url(f"/good/{k}.jpg") for k in (1, 2, 3, 4, 1, 1)]
        given = {
            "md5": [right.upper(), None, "0" * 32, "none", "f" * 32, right],
            "sha256": [None, sums, None, None, None, None],
        }
        download(_Rows(tmp_path, urls, given), tmp_path / "out", QUICK)
        assert server.asked_for("/good/3.jpg") == 2
    rows = rows_of(tmp_path / "out")
    assert rows["reason"].to_list() == [None, None, "checksum differs", None, "checksum differs", None]


class _Rows(type(Path())):  # type: ignore[misc]
    """A path whose source is made of rows given in the test (`photo_table` knows no checksums)."""

    def __new__(cls, folder: Path, urls: list[str | None], columns: dict[str, list[object]]) -> _Rows:
        self = super().__new__(cls, folder)
        self.frame = pl.DataFrame({"id": [str(k) for k in range(len(urls))], "url": urls, **columns})
        return self

    def __init__(self, *given: object) -> None:
        super().__init__()


class _Source:
    """Rows, some of which may have their file already."""

    name, shards, hash, taxa = "rows", 1, "x", None

    def __init__(self, path: _Rows) -> None:
        self.root, self.frame = Path(path), path.frame
        self.refused = pl.DataFrame(schema={"file": pl.String, "row": pl.Int64, "reason": pl.String})

    def rows(self, shard: int) -> pl.DataFrame:
        return self.frame if "path" in self.frame.columns else self.frame.with_columns(path=pl.lit(None, pl.String))

    def read(self, place: str) -> bytes:
        if place == "lost.jpg":
            raise NoBytes("file not found")
        return image(int(place.partition(".")[0]))


@pytest.fixture(autouse=True)
def _sources(monkeypatch: pytest.MonkeyPatch) -> None:
    real = run_module.open_source
    monkeypatch.setattr(
        run_module, "open_source", lambda path: _Source(path) if isinstance(path, _Rows) else real(path)
    )


def test_rows_with_a_file_keep_it_and_refused_rows_stay(tmp_path: Path) -> None:
    with BadServer() as server:
        urls = [server.url("/good/1.jpg"), None, None, server.url("/good/2.jpg"), server.url("/good/3.jpg")]
        columns = {"path": [None, "55.jpg", "lost.jpg", None, "56.jpg"], "reason": [None, None, None, "person", None]}
        done = download(_Rows(tmp_path, urls, columns), tmp_path / "out", QUICK)
        assert sum(server.asked.values()) == 1
    rows = rows_of(tmp_path / "out")
    assert rows["reason"].to_list() == [None, None, "file not found", "person", None]
    assert [bytes_at(tmp_path / "out", p) for p in rows["path"].drop_nulls()] == [image(1), image(55), image(56)]
    assert done.images == 3


def test_the_taxonomy_beside_the_rows_comes_along(tmp_path: Path) -> None:
    (tmp_path / "dwc").mkdir()
    (tmp_path / "dwc/taxon.csv").write_text(
        "taxonID,scientificName,taxonRank,kingdom,genus\n1,Pica pica,species,Animalia,Pica\n"
    )
    (tmp_path / "dwc/vernacular.csv").write_text("taxonID,vernacularName,language\n1,magpie,en\n")
    with BadServer() as server:
        head = "occurrenceID,associatedMedia,accessURI,scientificName\n"
        (tmp_path / "dwc/occurrence.csv").write_text(f"{head}a,,{server.url('/good/1.jpg')},Pica pica\n")
        download(tmp_path / "dwc", tmp_path / "out", QUICK)
    source = downloaded(tmp_path / "out")
    assert isinstance(source, DownloadedSource)
    assert source.taxa == tmp_path / "out/taxa/taxon.csv"
    for name in ("taxon.csv", "vernacular.csv"):
        assert (tmp_path / "out/taxa" / name).read_bytes() == (tmp_path / "dwc" / name).read_bytes()
    assert pickle.loads(pickle.dumps(source)) == source


def test_licences_are_filtered_before_anything_is_asked(tmp_path: Path) -> None:
    with BadServer() as server:
        licences = ["CC-BY-4.0", "all rights reserved", None, "CC0"]
        source = table(tmp_path / "t.parquet", [server.url(f"/good/{k}.jpg") for k in range(4)], licence=licences)
        download(source, tmp_path / "out", replace(QUICK, licence="open"))
        assert sum(server.asked.values()) == 2
    assert rows_of(tmp_path / "out")["reason"].to_list() == [None, "licence not allowed", "licence not allowed", None]


def test_private_addresses_are_not_asked_unless_allowed(tmp_path: Path) -> None:
    with BadServer() as server:
        source = table(
            tmp_path / "t.parquet", [server.url("/good/1.jpg"), f"http://localhost:{server.ports[0]}/good/2.jpg"]
        )
        done = download(source, tmp_path / "out", replace(QUICK, allow_private=False))
        assert sum(server.asked.values()) == 0
    assert done.reasons.rows() == [("private address", 2)]


def test_the_limits_of_each_host_hold(tmp_path: Path) -> None:
    with BadServer(2, answer_after=0.05) as server:
        urls = [server.url(f"/good/{k}.jpg", k % 2) for k in range(40)]
        careful = replace(QUICK, rate=40.0, at_once=3, hosts=(f"127.0.0.1:{server.ports[1]}=200/2",))
        began = time.monotonic()
        download(table(tmp_path / "t.parquet", urls), tmp_path / "out", careful)
        took = time.monotonic() - began
        assert server.most[server.ports[0]] <= 3
        assert server.most[server.ports[1]] <= 2
        times = sorted(server.times[server.ports[0]])
        assert len(times) == 20
        assert times[-1] - times[0] >= 19 / 40 - 0.03
        assert min(b - a for a, b in zip(times, times[4:], strict=False)) >= 4 / 40 - 0.05
    assert took < 4


def test_a_stalling_host_holds_up_no_other(tmp_path: Path) -> None:
    with BadServer(2) as server:
        urls = [server.url(f"/stall/{k}") for k in range(12)] + [server.url(f"/good/{k}.jpg", 1) for k in range(30)]
        own = replace(QUICK, at_once=4, attempts=1)
        download(table(tmp_path / "t.parquet", urls), tmp_path / "out", own)
        assert server.times[server.ports[1]][-1] - server.times[server.ports[0]][0] < 0.5
        assert server.most[server.ports[0]] == 4


def test_a_dead_host_is_given_up_and_tried_again_on_demand(tmp_path: Path) -> None:
    with BadServer(2) as server:
        urls = [server.url(f"/script/{k}.jpg") for k in range(30)] + [
            server.url(f"/good/{k}.jpg", 1) for k in range(10)
        ]
        server.script.update({f"/script/{k}.jpg": ["close"] for k in range(30)})
        source = table(tmp_path / "t.parquet", urls)
        own = replace(QUICK, attempts=1, at_once=2, dead_after=3, dead_pause=0.02, dead_pauses=2)
        done = download(source, tmp_path / "out", own)
        asked = Counter(server.asked)
        assert sum(n for (port, _), n in asked.items() if port == server.ports[0]) <= 3 + 2 + 2
        assert dict(done.reasons.rows())["host does not answer"] >= 23
        assert done.passing == 30
        assert download(source, tmp_path / "out", own).passing == 30, "finished is finished"
        assert server.asked == asked
        for key in server.script:
            server.script[key] = []
        again = download(source, tmp_path / "out", own, retry_failed=True)
        assert (again.passing, again.images, len(again.reasons)) == (0, 40, 0)
        assert max(server.served.values()) == 1, "what came is not fetched again"
        download(source, tmp_path / "never-failed", own)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "never-failed")
    rows = rows_of(tmp_path / "out")
    assert [bytes_at(tmp_path / "out", p) for p in rows["path"]] == [image(k) for k in range(30)] + [
        image(k) for k in range(10)
    ]


def test_a_host_that_asks_to_come_back_tomorrow_is_left(tmp_path: Path) -> None:
    with BadServer() as server:
        source = table(tmp_path / "t.parquet", [server.url(f"/never/{k}") for k in range(20)])
        done = download(source, tmp_path / "out", replace(QUICK, at_once=1))
        assert sum(server.asked.values()) == 1
    assert done.reasons.rows() == [("host asks to come back later", 20)]


def test_retry_after_is_kept_by_all_requests_to_the_host(tmp_path: Path) -> None:
    with BadServer() as server:
        source = table(
            tmp_path / "t.parquet", [server.url("/busy/1.jpg"), *(server.url(f"/good/{k}.jpg") for k in range(5))]
        )
        download(source, tmp_path / "out", replace(QUICK, at_once=1))
        gaps = [b - a for a, b in pairwise(server.times[server.ports[0]])]
        assert gaps[0] >= 1.0
        assert server.asked_for("/busy/1.jpg") == 2


SLOW_RUN = """
import sys
from pathlib import Path
from merian.cli.main import run
sys.exit(run(["download", *sys.argv[1:]]))
"""


def started(source: Path, out: Path, *flags: str) -> subprocess.Popen[str]:
    own = ["--allow-private", "--rate", "150", "--at-once", "3", "--part-images", "7", *flags]
    command = [sys.executable, "-c", SLOW_RUN, str(source), str(out), *own]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    for _ in range(1000):
        if condition():  # type: ignore[operator]
            return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.01)
    pytest.fail("nothing happened")


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_half_way_goes_on_and_gives_the_same_bytes(tmp_path: Path, blow: signal.Signals) -> None:
    with BadServer(2) as server:
        urls = [server.url(f"/good/{k}.jpg", k % 2) for k in range(60)] + [
            server.url("/gone"),
            server.url("/html.jpg"),
            None,
        ]
        source = table(tmp_path / "t.parquet", urls)
        process = started(source, tmp_path / "out")
        wait_for(lambda: sum(server.served.values()) >= 30, process)
        process.send_signal(blow)
        _, said = process.communicate(timeout=20)
        assert process.returncode == (-9 if blow == signal.SIGKILL else 1)
        assert blow == signal.SIGKILL or "give the same command again" in said
        kept = set()
        for spool in (tmp_path / "out" / "spool").glob("*.log"):
            kept |= set(Spool(spool).last())
        for index in (tmp_path / "out" / "index").glob("*.parquet"):
            kept |= set(pl.read_parquet(index)["row"])
        before = Counter(server.asked)
        assert 20 <= len(kept) < 63
        with pytest.raises(Missing, match="interrupted"):
            downloaded(tmp_path / "out")
        own = DownloadSettings(
            allow_private=True, rate=1000.0, at_once=16, part_images=7
        )  # faster, which is no other run
        download(source, tmp_path / "out", own)
        twice = [row for row in range(60) if server.asked[server.ports[row % 2], f"/good/{row}.jpg"] > 1]
        assert not set(twice) & kept, "an image that was kept was fetched again"
        assert len(twice) <= 6, "only what was under way is asked again"
        assert sum((server.asked - before).values()) >= 60 - len(kept)
        download(source, tmp_path / "whole", own)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    assert (
        json.loads((tmp_path / "out/manifest.json").read_text())["files"]
        == json.loads((tmp_path / "whole/manifest.json").read_text())["files"]
    )


def test_a_record_cut_short_or_lost_by_the_disk_is_not_believed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.log")
    for row in range(3):
        spool.append(Outcome(row=row, sha256=store.digest_bytes(image(row)), extension="jpg"), image(row))
    spool.append(Outcome(row=3, open=True, attempts=2))
    whole = spool.path.read_bytes()
    assert [o.row for o in spool.mend()] == [0, 1, 2, 3]
    assert sorted(spool.last()) == [0, 1, 2]
    for cut in range(0, len(whole), 97):
        spool.path.write_bytes(whole[:cut])
        found = [o.row for o in spool.mend()]
        assert found == list(range(len(found)))
        spool.append(Outcome(row=9, reason="HTTP 404"))
        assert [o.row for o in spool.mend()] == [*found, 9], "what is added after a cut is found"
    lost = bytearray(whole)
    at = spool_place(whole, 1)
    lost[at : at + 50] = bytes(50)
    spool.path.write_bytes(lost)
    assert [o.row for o in spool.mend()] == [0, 2, 3]


def spool_place(whole: bytes, row: int) -> int:
    return whole.index(image(row))


class Killed(RuntimeError):
    """A stand-in for kill -9."""


class Fake:
    """Answers by script: for a link the failures that come before its image. Ends the run at request `deadly`."""

    def __init__(self, script: dict[str, list[Answer]], deadly: int) -> None:
        self.script, self.left, self.asked = {k: list(v) for k, v in script.items()}, deadly, Counter[str]()

    async def __aenter__(self) -> Fake:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def ask(self, url: str, digests: object = ()) -> Answer:
        self.left -= 1
        if self.left == 0:
            raise Killed
        self.asked[url] += 1
        acts = self.script.get(url, [])
        if acts:
            return acts[0] if acts[0].moved else acts.pop(0)  # a redirect stays; a fault passes
        data = image(int(url.rpartition("/")[2]))
        return Answer(data=data, sha256=store.digest_bytes(data), extension="jpg", status=200, etag=url[-3:])


FAULTS = st.sampled_from(
    [
        Answer(reason="timed out", passing=True, verdict="silent"),
        Answer(reason="HTTP 429", passing=True, verdict="slower", status=429),
        Answer(reason="HTTP 503", passing=True, verdict="slower", pause=0.01, status=503),
        Answer(reason="HTTP 404", status=404),
        Answer(reason="truncated image", passing=True, sha256="same"),
        Answer(moved="http://elsewhere.example/7", status=302),
        Answer(moved="http://127.0.0.1/", status=302),
    ]
)


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.dictionaries(st.integers(0, 11), st.lists(FAULTS, max_size=5), max_size=8),
    st.lists(st.integers(1, 25), max_size=4),
    st.lists(st.integers(0, 11), min_size=1, max_size=24),
)
def test_any_faults_and_any_stops_lose_nothing_and_give_the_same_bytes(
    faults: dict[int, list[Answer]], stops: list[int], numbers: list[int]
) -> None:
    own = DownloadSettings(rate=100_000.0, at_once=4, backoff=0.001, attempts=3, dead_after=1000, part_images=3)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        urls = [f"http://h{k % 3}.example/{k}" for k in numbers]
        source = table(folder / "t.parquet", urls)
        script = {f"http://h{k % 3}.example/{k}": acts for k, acts in faults.items()}

        def attempt(out: str, fake: Fake) -> Downloaded:
            patch.setattr(run_module, "Client", lambda given: fake)
            return download(source, folder / out, own)

        whole = Fake(script, 0)
        attempt("whole", whole)
        stopped = Fake(script, 0)
        for stop in stops:
            stopped.left = stop
            try:
                attempt("stopped", stopped)
            except Killed:
                continue
        stopped.left = 0
        attempt("stopped", stopped)
        rows = rows_of(folder / "whole")
        assert rows["url"].to_list() == urls
        for url, path, reason in rows.select("url", "path", "reason").iter_rows():
            assert (path is None) != (reason is None)
            if path and not any(a.moved for a in script.get(url, [])):
                assert bytes_at(folder / "whole", path) == image(int(url.rpartition("/")[2]))
        assert files_of(folder / "stopped") == files_of(folder / "whole")
        if not any(
            a.moved for acts in script.values() for a in acts
        ):  # a stop between two redirects makes the first be asked again
            assert stopped.asked == whole.asked, "a stop makes nobody be asked more"


ACTS = {
    "close": "connection lost",
    "truncate": "truncated",
    "garbage": "not HTTP",
    "html": "not an image",
    "gone": "HTTP 404",
}
"""Faults that the server can be told to commit at once, and what they are called."""


@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(st.lists(st.sampled_from(sorted(ACTS)), max_size=5), min_size=1, max_size=20))
def test_what_comes_of_any_row_of_faults_follows_from_it(server_acts: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as name, BadServer(2) as server:
        paths = [f"/script/{k}.jpg" for k in range(len(server_acts))]
        server.script.update(zip(paths, server_acts, strict=True))
        source = table(Path(name) / "t.parquet", [server.url(p, k % 2) for k, p in enumerate(paths)])
        download(source, Path(name) / "out", QUICK)
        rows = rows_of(Path(name) / "out")
        for k, acts in enumerate(server_acts):
            final = next((n for n, act in enumerate(acts) if act in ("html", "gone")), len(acts))
            asked = min(final + 1, QUICK.attempts)
            expected = ACTS[acts[asked - 1]] if asked <= len(acts) else None
            assert rows["reason"][k] == expected
            assert server.asked_for(paths[k], k % 2) == rows["attempts"][k] == asked
            if expected is None:
                assert bytes_at(Path(name) / "out", rows["path"][k]) == image(k)


def test_a_full_disk_stops_the_run_and_it_goes_on_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, count = Spool.append, Counter[str]()

    def append(self: Spool, outcome: Outcome, data: bytes = b"") -> None:
        count["n"] += 1
        if count["n"] == 8:
            with self.path.open("ab") as stream:
                stream.write(b"mrn1 and no more")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        real(self, outcome, data)

    monkeypatch.setattr(Spool, "append", append)
    with BadServer() as server:
        source = table(tmp_path / "t.parquet", [server.url(f"/good/{k}.jpg") for k in range(20)])
        with pytest.raises(OSError, match="No space left"):
            download(source, tmp_path / "out", replace(QUICK, at_once=1))
        done = download(source, tmp_path / "out", QUICK)
        assert sum(server.asked.values()) <= 22
    assert done.images == 20


def test_tars_are_bounded_and_ordinary(tmp_path: Path) -> None:
    import tarfile

    with BadServer() as server:
        source = table(tmp_path / "t.parquet", [server.url(f"/good/{k}.jpg") for k in range(10)])
        download(source, tmp_path / "out", replace(QUICK, tar_bytes=4000))
    tars = sorted((tmp_path / "out/images").glob("*.tar"))
    assert len(tars) > 3
    found = []
    for path in tars:
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            assert all(m.mtime == 0 and m.name.endswith(".jpg") for m in members)
            found += [tar.extractfile(m).read() for m in members]  # type: ignore[union-attr]
    assert found == [image(k) for k in range(10)]


def test_other_settings_are_another_run_but_politeness_is_not(tmp_path: Path) -> None:
    with BadServer() as server:
        source = table(tmp_path / "t.parquet", [server.url("/good/1.jpg")])
        download(source, tmp_path / "out", QUICK)
        download(source, tmp_path / "out", replace(QUICK, rate=1.0, contact="x"))
        with pytest.raises(Mismatch, match="max_bytes"):
            download(source, tmp_path / "out", replace(QUICK, max_bytes=10))
        assert sum(server.asked.values()) == 1


def test_a_place_is_inside_the_store(tmp_path: Path) -> None:
    (tmp_path / "secret.tar").write_bytes(b"secret")
    for place in (
        "../secret.tar#0+6",
        "/etc/passwd#0+6",
        "images/../secret.tar#0+6",
        "images/x.tar",
        "images/x.tar#-1+6",
        "",
        "images/x.tar#0+6",
    ):
        with pytest.raises(NoBytes):
            bytes_at(tmp_path, place)


def test_no_rows_and_no_run_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadData, match="has no rows"):
        download(_Rows(tmp_path, [], {}), tmp_path / "out", QUICK)
    source = table(tmp_path / "t.parquet", ["http://example.org/a.jpg"])
    with pytest.raises(Missing, match="retry-failed"):
        download(source, tmp_path / "none", QUICK, retry_failed=True)
    for wrong in (replace(QUICK, licence="frea"), replace(QUICK, hosts=("x",)), replace(QUICK, proxy="socks://x")):
        with pytest.raises(BadSetting):
            download(source, tmp_path / "wrong", wrong)
    assert not (tmp_path / "wrong").exists()
    assert downloaded(tmp_path) is None
    assert downloaded(source) is None
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingExtra, match=r"merian\[download\]"):
        download(source, tmp_path / "new", QUICK)
    assert not (tmp_path / "new").exists()


def test_the_plan_is_told_before_anything_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    urls = (
        [f"https://upload.wikimedia.org/{k}.jpg" for k in range(100)]
        + [f"https://b.example/{k % 5}.jpg" for k in range(20)]
        + ["x"]
    )
    source = table(tmp_path / "t.parquet", urls)
    plan = estimate(source, DownloadSettings())
    assert (plan.rows, plan.images, plan.shared) == (121, 105, 15)
    assert plan.hosts.select("host", "images", "seconds").rows() == [
        ("upload.wikimedia.org", 100, 50.0),
        ("b.example", 5, 1.25),
    ]
    assert plan.refused.rows() == [("not a URL", 1)]
    assert "--contact" in plan.hosts["note"][0]
    assert merian(["download", str(source), str(tmp_path / "out"), "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()


def test_the_verb_says_what_came_and_what_did_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module(
        "merian.cli.say"
    )._console.cache_clear()  # made once, it would hold on to another test's standard error
    own = ["--allow-private", "--rate", "1000", "--attempts", "1"]
    with BadServer() as server:
        source = table(tmp_path / "t.parquet", [server.url("/good/1.jpg"), server.url("/gone"), server.url("/sick")])
        assert merian(["download", str(source), str(tmp_path / "out"), *own]) == 3
    said = capsys.readouterr().err
    for words in ("3 images to fetch from 1 hosts", "1 images", "1 HTTP 404", "--retry-failed"):
        assert words in said
