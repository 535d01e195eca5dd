"""From links to bytes: `download` fetches what a source only links to into a store that is itself a source."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from merian.core import store
from merian.core.errors import BadData, Missing
from merian.core.progress import track
from merian.curate.download.client import Client, check_proxy
from merian.curate.download.fetch import Fetching
from merian.curate.download.pack import index_file, reopen, write_rows
from merian.curate.download.plan import Estimate, Plan, make_plan
from merian.curate.download.settings import DownloadSettings, rules
from merian.curate.licences import allowed
from merian.curate.sources.seam import Source, open_source

__all__ = ["FORMAT", "KIND", "Downloaded", "download", "estimate"]

KIND, FORMAT = "download", 1
SCRATCH = ("plan", "spool")


@dataclass(frozen=True)
class Downloaded:
    """What a download came to: counts of rows, `reasons` (reason, len), `hosts` (host, images, bytes, refused), and the rows worth another run."""

    path: Path
    rows: int
    images: int
    bytes: int
    passing: int
    reasons: pl.DataFrame
    hosts: pl.DataFrame

    @classmethod
    def open(cls, folder: Path) -> Downloaded:
        """What the finished store in `folder` came to."""
        store.read(folder, KIND, FORMAT)
        facts = json.loads((folder / "download.json").read_text(encoding="utf-8"))
        hosts = pl.read_csv(folder / "hosts.csv", schema_overrides={"host": pl.String})
        reasons = pl.DataFrame(facts["reasons"], schema={"reason": pl.String, "len": pl.Int64}, orient="row")
        return cls(folder, facts["rows"], facts["images"], facts["bytes"], facts["passing"], reasons, hosts)


def estimate(source_path: Path, settings: DownloadSettings) -> Estimate:
    """What a download of the source would ask for, of whom and for how long; nothing is fetched and nothing kept."""
    check_proxy(settings.proxy)
    source = open_source(source_path)
    with tempfile.TemporaryDirectory(prefix="merian-plan-") as folder:
        return _planned(source, source_path, Path(folder), settings).estimate(settings)


def download(
    source_path: Path,
    out: Path,
    settings: DownloadSettings,
    overwrite: bool = False,
    retry_failed: bool = False,
    tell: Callable[[Estimate], None] | None = None,
) -> Downloaded:
    """What came of fetching the images that the source at `source_path` links to, into the store `out`.

    The store is a source in its turn: its rows are the source's, with `path` saying where the bytes are, or the `reason` why there are none. A row whose
    source has the bytes keeps them; a link in many rows is fetched once. `tell` hears what is planned before the first request. A killed run goes on where
    it stopped and no image that came is fetched again; `retry_failed` tries those again whose reason may pass. Raises MissingExtra without aiohttp.
    """
    rules(settings)
    allowed(
        pl.Series([], dtype=pl.String), settings.licence
    )  # a rule that cannot be read is said before a folder is made
    client = Client(settings)
    source = open_source(source_path)
    if retry_failed:
        _unfinish(out)
    work = store.begin(out, KIND, FORMAT, settings.shape, {"source": source.hash}, overwrite)
    if work.done:
        return Downloaded.open(out)
    try:
        plan = _planned(source, source_path, out / "plan", settings)
    except BadData:
        work.abandon()
        raise
    for folder in ("spool", "images", "index"):
        (out / folder).mkdir(exist_ok=True)
    if retry_failed:
        for part in range(len(plan)):
            reopen(plan, part, out)
    if tell is not None:
        tell(plan.estimate(settings))
    asyncio.run(_fetch(plan, out, source, settings, client))
    _finish(plan, out, source)
    work.finish(scratch=SCRATCH)
    return Downloaded.open(out)


async def _fetch(plan: Plan, out: Path, source: Source, settings: DownloadSettings, client: Client) -> None:
    """Fetch all that the plan holds and is not there yet, and pack the parts as they become complete."""
    fetching = Fetching(plan, out, source, settings, client)
    total, done = await asyncio.to_thread(fetching.prepare)
    with track("Downloading", total, "images", done) as advance:
        begun, told = time.monotonic(), 0.0

        def heard(n: int) -> None:
            nonlocal told
            passed = time.monotonic() - begun
            note = ""
            if passed - told > 0.5:  # the words change twice a second, for the eye
                told = passed
                note = f"{fetching.images / passed:.1f} images/s, {fetching.bytes / passed / 1e6:.2f} MB/s"
            advance(n, note)

        async with client:
            await fetching.run(heard)


def _planned(source: Source, where: Path, folder: Path, settings: DownloadSettings) -> Plan:
    plan = make_plan(source, folder, settings)
    if not len(plan):
        raise BadData(where, "has no rows")
    return plan


def _unfinish(out: Path) -> None:
    """Make a finished store one that is to be gone on with. Raises Missing when no download was begun there."""
    finished, begun = out / store.MANIFEST, out / store.BEGUN
    if finished.is_file():
        old = store.read(out, KIND, FORMAT)
        facts = {"kind": old.kind, "key": old.key, "settings": old.settings, "inputs": old.inputs}
        store.write_json(begun, facts)
        finished.unlink()
    elif not begun.is_file():
        raise Missing("a download", out, "begin it with the same command without --retry-failed")
    for rows in (out / "rows").glob("shard-*.parquet"):
        rows.unlink()


def _finish(plan: Plan, out: Path, source: Source) -> None:
    """Write what makes the store a source: rows, taxonomy, and the counts."""
    write_rows(plan, out, source)
    taxa = _taxonomy(source, out)
    _write(source.refused, out / "refused.parquet")
    index = pl.scan_parquet([index_file(out, part) for part in range(len(plan))])
    there = pl.col("place").is_not_null()
    hosts = (
        index.filter(pl.col("host") != "")
        .group_by("host")
        .agg(images=there.sum(), bytes=pl.col("size").sum(), refused=(~there).sum(), attempts=pl.col("attempts").sum())
        .sort("images", "host", descending=[True, False])
        .collect()
    )
    with store.atomic(out / "hosts.csv") as stream:
        hosts.write_csv(stream)
    rows = pl.scan_parquet([out / "rows" / f"shard-{s:06d}.parquet" for s in range(source.shards)])
    reasons = rows.group_by("reason").agg(pl.len()).sort("len", "reason", descending=[True, False]).collect()
    sums = index.select(images=there.sum(), bytes=pl.col("size").sum(), passing=pl.col("passing").sum()).collect()
    facts = {
        "source": source.name,
        "shards": source.shards,
        "taxa": taxa,
        "rows": int(reasons["len"].sum()),
        **{name: int(sums[name][0]) for name in ("images", "bytes", "passing")},
        "reasons": [list(row) for row in reasons.rows() if row[0] is not None],
    }
    store.write_json(out / "download.json", facts)


def _taxonomy(source: Source, out: Path) -> str | None:
    """Where in `out` the taxonomy lies that the source has beside its rows, copied with its common names; None when it has none."""
    taxa = source.taxa
    if taxa is None or not taxa.is_file():
        return None
    for file in dict.fromkeys((taxa, taxa.with_name(taxa.name.replace("taxon", "vernacular")))):
        if file.is_file():
            with store.atomic(out / "taxa" / file.name) as stream, file.open("rb") as given:
                shutil.copyfileobj(given, stream)
    return f"taxa/{taxa.name}"


def _write(frame: pl.DataFrame, path: Path) -> None:
    with store.atomic(path) as stream:
        frame.write_parquet(stream)
