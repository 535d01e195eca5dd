"""Precision and recall of every filter of curation on the drawn tree of life, whose planted faults are known: a Markdown table.

An image counts as rightly refused when its own fault is the reason; of a pair of copies either may go. Curation never reads the truth.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from merian.core.store import digest_bytes
from merian.curate.alignment import near_copies
from merian.curate.detections import attach, read_megadetector
from merian.curate.filters import FilterSettings, refusals
from merian.curate.kinds import learn
from merian.curate.measures import SKETCH, measure
from merian.curate.near import originals
from merian.drawn.folder import draw_source
from merian.drawn.source import image_path
from merian.drawn.world import DrawSettings
from merian.encode import Unreadable, decode_many, open_encoder

UNREADABLE = ("empty file", "truncated image", "not an image", "damaged image")
NAMES = {"truncated": "unreadable", "zero bytes": "unreadable", "not an image": "unreadable"} | {
    "exact duplicate": "duplicate bytes"
}


def looked(folder: Path, truth: pl.DataFrame) -> tuple[pl.DataFrame, list[bytes]]:
    """A row per image with its measures or reason, and the sketches ("" where there is none)."""

    def look(key: str) -> tuple[object, ...]:
        data = (folder / image_path(key)).read_bytes()
        try:
            return *measure(data), digest_bytes(data), None
        except Unreadable as error:
            return *[None] * 6, b"", digest_bytes(data), error.reason

    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(look, truth["occurrenceID"]))
    names = ("width", "height", "extension", "contrast", "sharpness", "fingerprint", "sketch", "hash", "reason")
    frame = pl.DataFrame(seen, schema=list(names), orient="row", infer_schema_length=None)
    keys = truth.select(id="occurrenceID", path=pl.col("occurrenceID").map_elements(image_path, pl.String))
    return keys.hstack(frame.drop("sketch").get_columns()), frame["sketch"].to_list()


def judged(folder: Path, rows: pl.DataFrame, sketches: list[bytes], settings: FilterSettings) -> pl.Series:
    """The reasons, all filters on."""
    rows = attach(rows, read_megadetector(folder / "megadetector.json"), settings)
    rows = rows.with_columns(reason=refusals(rows, settings))
    left = np.flatnonzero(rows["reason"].is_null().to_numpy())
    encoder = open_encoder("descriptor")
    probe, _ = learn(folder / "support", encoder)
    pixels = decode_many([folder / p for p in rows["path"][left.tolist()]], encoder.preprocess).pixels
    kinds = probe.judge(encoder.embed_images(pixels), encoder.fingerprint)
    grey = np.frombuffer(b"".join(sketches[k] for k in left), np.uint8).reshape(-1, SKETCH, SKETCH)
    pairs, _ = near_copies(grey, settings.near_radius, settings.near_difference)
    origin = originals(len(left), pairs)
    copies = pl.Series([None] * len(left), dtype=pl.String).scatter(
        np.flatnonzero(origin != np.arange(len(left))),
        rows["id"][left[origin[origin != np.arange(len(left))]].tolist()],
    )
    late = pl.DataFrame({"row": left}).hstack(kinds.with_columns(copy_of=copies).get_columns())
    rows = rows.with_row_index("row").cast({"row": pl.Int64}).join(late, on="row", how="left", maintain_order="left")
    return refusals(rows, settings)


def table(truth: pl.DataFrame, reasons: pl.Series) -> str:
    """Reason, planted, refused, precision and recall, as Markdown."""
    fault = truth["fault"].replace(NAMES)
    subject = truth["subject"].replace({"empty": "no animal found", "organism": ""})
    true = pl.Series([f or s for f, s in zip(fault, subject, strict=True)])
    said = reasons.fill_null("").replace(dict.fromkeys(UNREADABLE, "unreadable"))
    # Of two copies either may be refused: a refused original is right when its copy is kept.
    base = pl.Series([o or i for i, o in zip(truth["occurrenceID"], truth["fault_of"], strict=True)])
    lines = ["| filter | planted | refused | precision | recall |", "|---|---|---|---|---|"]
    for name in sorted(set(true) - {"", "wrong label"} | set(said) - {""}):
        planted, refused = (true == name).sum(), (said == name).sum()
        if "duplicate" in name:
            copied = set(base.filter(true == name))
            right = len(set(base.filter(said == name)) & copied)
        else:
            right = ((true == name) & (said == name)).sum()
        lines.append(
            f"| {name} | {planted} | {refused} | {right / max(1, refused):.3f} | {right / max(1, planted):.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", type=Path, help="a folder drawn before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.source or Path(temporary) / "source"
        if given.source is None:
            draw_source(folder, DrawSettings(images=given.images, seed=given.seed))
        truth = pl.read_parquet(folder / "truth.parquet")
        rows, sketches = looked(folder, truth)
        print(table(truth, judged(folder, rows, sketches, FilterSettings())))


if __name__ == "__main__":
    main()
