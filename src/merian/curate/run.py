"""From a source to a Catalog: look at every image, refuse with a reason, split without leaks, shuffle into shards."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from merian.core import progress, store
from merian.core.errors import BadData, BadSetting, Missing
from merian.core.tables import CATALOG, FORMAT, Catalog, Provenance, conform
from merian.core.tree import RANKS
from merian.core.workers import cores
from merian.curate.card.write import write_card
from merian.curate.compare import Compare, compared, propose, uncompared
from merian.curate.detections import attach, read_megadetector
from merian.curate.judge import Named, copies, likes, named, placed, refuse, split
from merian.curate.kinds import learn
from merian.curate.licences import allowed
from merian.curate.look import Look, chosen, looked, part, prepared, sketches
from merian.curate.pack import Pack, deal, hashes, packed, tar_of
from merian.curate.runner import LocalRunner, Runner, Stage
from merian.curate.settings import Aids, CurateSettings
from merian.curate.sources import Source, open_source
from merian.curate.vectors import DESCRIPTOR, Embed, embedded, encoder_of, waiting
from merian.names.backbone import Backbone

__all__ = ["curate"]

MEASURES = ("id", "contrast", "sharpness", "fingerprint")
"""What is kept of the measures: for other thresholds, and to find what two catalogs share."""
DETECTIONS, UNUSED = "megadetector.json", "refused_detections.csv"
SCRATCH = ("looked", "compared", "dealt", "seen")


def curate(
    source_path: Path,
    out: Path,
    settings: CurateSettings,
    aids: Aids | None = None,
    overwrite: bool = False,
    runner: Runner | None = None,
) -> Catalog:
    """The Catalog of the source at `source_path`, written to the store `out`.

    A run that was killed goes on where it stopped, on this machine or on a cluster, and ends with the same bytes. Raises BadData when no image is kept,
    BadSetting when the splits leave nothing, Missing for a file that is not there.
    """
    if settings.test + settings.val >= 1:
        raise BadSetting("test", settings.test, f"with val = {settings.val} nothing is left to train on")
    allowed(pl.Series([], dtype=pl.String), settings.licences)  # a rule that means nothing is told before any work
    aids = _all_there(aids or Aids())
    source = open_source(source_path)
    detections = aids.detections or (source.root / DETECTIONS if (source.root / DETECTIONS).is_file() else None)
    inputs = {"source": source.hash} | {name: _digest(path) for name, path in aids.given.items()}
    if detections is not None:
        inputs["detections"] = _digest(detections)
    work = store.begin(out, "catalog", FORMAT, settings, inputs, overwrite)
    if work.done:
        return Catalog.open(out)
    runner = runner or LocalRunner()
    rows = _look(source, out, settings, detections, runner)
    if rows.is_empty():
        work.abandon()
        why = [f"{file} {row or ''}: {reason}" for file, row, reason in source.refused.head(5).rows()]
        raise BadData(source_path, f"has no rows{f' of the data set {settings.only!r}' if settings.only else ''}", why)
    taxonomy = aids.taxa or source.taxa
    known = named(rows, None if taxonomy is None else Backbone.open(taxonomy), settings)
    asked = [pl.col(c).fill_null("") != "" for c in ("verbatim_name", *RANKS) if c in rows.columns]
    # what a detector or one look at the image refuses comes first; of two copies the one with a name is to stay, so bytes are compared after the names
    frame = refuse(known.rows.drop("hash"), settings).with_columns(rows["hash"])
    frame = placed(frame, rows.select(pl.any_horizontal(asked)).to_series(), settings)
    frame = _compare(frame, source, out, settings, aids, runner)
    frame, remarks = split(frame, known.tree, settings, aids.rare)
    if "animal" in rows.columns and rows["animal"].null_count() == len(rows):
        remarks = (
            *remarks,
            f"{detections.name if detections else ''} names none of these images, so nothing is known of animals and people",
        )
    if frame["reason"].null_count() == 0:
        reasons = frame["reason"].value_counts().sort(["count", "reason"], descending=[True, False]).rows()
        work.abandon()
        raise BadData(source_path, "no image could be kept", [f"{n} {reason}" for reason, n in reasons])
    numbers = deal(frame, known.tree, out, settings.shard_images, settings.seed)
    unpacked = [n for n in numbers if not tar_of(out, n).with_suffix(".parquet").is_file()]
    _over(runner, Pack(source, out), unpacked, "Writing shards", frame["reason"].null_count())
    _write(out, frame.join(packed(out, numbers), on="id", how="left", maintain_order="left"), source, known, remarks)
    work.finish(SCRATCH, known=hashes(out, numbers))
    return Catalog.open(out)


def _all_there(aids: Aids) -> Aids:
    for name, path in aids.given.items():
        if not path.exists():
            raise Missing(f"what --{name} points to", path, "is the path right?")
    return aids


def _digest(path: Path) -> str:
    """What names the content of a file, or of a folder: its finished manifest, else the names and sizes of its files."""
    if path.is_file():
        return store.digest(path)
    if (path / store.MANIFEST).is_file():
        return store.digest(path / store.MANIFEST)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return store.digest_bytes("\n".join(f"{p.relative_to(path)} {p.stat().st_size}" for p in files).encode())


def _look(source: Source, out: Path, settings: CurateSettings, detections: Path | None, runner: Runner) -> pl.DataFrame:
    """All rows with the measures of their images, a file per shard so that a killed run keeps them."""
    folder = out / "looked"
    total = 0
    if detections is not None:
        total = _prepare(source, folder, settings, detections)
    shards = range(source.shards)
    total = total or sum(len(chosen(source, s, settings.only)) for s in shards)
    unseen = [s for s in shards if not part(folder, s).is_file()]
    threads = cores() if len(unseen) == 1 else 1
    stage = Look(source, folder, settings.only, detections is not None, threads)
    _over(runner, stage, unseen, "Looking at images", total)
    return looked(folder, source.shards)


def _prepare(source: Source, folder: Path, settings: CurateSettings, detections: Path) -> int:
    """How many rows wait to be looked at, written to `folder` with what the detector saw in them."""
    parts = [chosen(source, s, settings.only) for s in range(source.shards)]
    rows = pl.concat([p.with_columns(_shard=pl.lit(s, pl.Int32)) for s, p in enumerate(parts)], how="vertical_relaxed")
    found = read_megadetector(detections)
    rows = attach(rows, found, settings)
    if len(found.refused):
        store.write_text(folder.parent / UNUSED, found.refused.write_csv())
    for number in range(source.shards):
        with store.atomic(prepared(folder, number)) as stream:
            rows.filter(pl.col("_shard") == number).drop("_shard").write_parquet(stream)
    return len(rows)


def _compare(
    frame: pl.DataFrame, source: Source, out: Path, settings: CurateSettings, aids: Aids, runner: Runner
) -> pl.DataFrame:
    """The rows with the reasons that need a second look: unwanted kinds, near duplicates by their pixels and by their embeddings."""
    vectors = None
    if aids.support is not None or settings.near_cosine > 0:
        kept = frame.filter(pl.col("reason").is_null())
        model = str(aids.model or DESCRIPTOR)
        stage = Embed(source, out / "seen", model)
        _over(runner, stage, waiting(kept, stage.folder), "Embedding images", len(kept))
        vectors = embedded(kept, stage.folder, encoder_of(model).fingerprint)
    if aids.support is not None and vectors is not None:
        probe, unreadable = learn(aids.support, encoder_of(str(aids.model or DESCRIPTOR)), cores())
        probe.save(out / "kinds.npz")
        told = probe.judge(vectors.vectors, vectors.fingerprint).with_columns(id=vectors.ids)
        frame = frame.join(told, on="id", how="left", maintain_order="left")
        if len(unreadable):
            store.write_text(out / "refused_examples.csv", unreadable.write_csv())
    frame = refuse(_without_copies(refuse(frame, settings), source, out, settings, runner), settings)
    return frame if vectors is None else refuse(likes(frame, vectors, settings), settings)


def _without_copies(
    frame: pl.DataFrame, source: Source, out: Path, settings: CurateSettings, runner: Runner
) -> pl.DataFrame:
    """The rows with what each is a copy of, by its pixels, and the cluster of copies that it is in."""
    if settings.near_difference == 0:
        return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in ("copy_of", "cluster"))
    folder = out / "compared"
    held = functools.partial(sketches, out / "looked", source.shards)
    pairs = propose(frame, folder, held, settings.near_radius)
    _over(runner, Compare(folder), uncompared(folder), "Comparing near duplicates", pairs, "pairs")
    return copies(frame, *compared(frame, folder, settings.near_difference))


def _over(runner: Runner, stage: Stage, shards: Sequence[int], title: str, total: int, unit: str = "images") -> None:
    with progress.track(title, total, unit) as advance:
        for _, rows in runner.map(stage, shards):
            advance(rows)


def _write(out: Path, frame: pl.DataFrame, source: Source, known: Named, remarks: tuple[str, ...]) -> None:
    """Write the catalog, the measures, what was refused of source and taxonomy, and the card."""
    if "source" not in frame.columns:
        frame = frame.with_columns(source=pl.lit(source.name))
    catalog = conform(frame.select(c.name for c in CATALOG if c.name in frame.columns), CATALOG)
    known.tree.save(out / "tree.parquet")
    for name, table in {"catalog": catalog, "measures": frame.select(MEASURES)}.items():
        with store.atomic(out / f"{name}.parquet") as stream:
            table.write_parquet(stream)
    for name, table in {"refused_taxa": known.refused, "refused_rows": source.refused}.items():
        if len(table):
            store.write_text(out / f"{name}.csv", table.write_csv())
    about = Provenance(source.name, known.version, remarks)
    about.save(out)
    write_card(Catalog(out, catalog, known.tree, ""), out, remarks=remarks)
