"""A data ladder: the same training on nested shares of the images, and how loss and accuracy go with their number.

BioCLIP 2's scaling study trained on 1, 10, 50 and 214 million images (0.5 %, 5 %, 25 %, 100 %), each for the same number of passes. So it is here, unless the
same number of steps is asked for: then the smaller steps see their few images more often, and what differs is the data alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from merian.core import store
from merian.core.captions import captions
from merian.core.errors import BadSetting
from merian.core.report import Number, Report
from merian.core.tables import Catalog
from merian.encode import decode_many, open_encoder
from merian.train import train
from merian.train.settings import TrainSettings
from merian.train.subset import thinned
from merian.train.watch import METRICS

__all__ = ["CSV", "REPORT", "Rung", "climb", "rungs", "shares"]

REPORT, CSV = "ladder.json", "ladder.csv"
LAST = 20
"""Steps at the end of a run that its loss is the mean of."""
AT_ONCE = 512

Equal = Literal["epochs", "steps"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder."""

    name: str
    """As it was asked for, "0.5%"; also its folder."""
    share: float
    images: int
    species: int
    """Different taxa among the images, whatever their rank."""
    settings: TrainSettings


def shares(text: str) -> dict[str, float]:
    """Name -> share of "0.5%,5%,25%,100%", smallest first. Raises BadSetting for what is no such list."""
    found: dict[str, float] = {}
    for name in (part.strip() for part in text.split(",")):
        number = name.removesuffix("%")
        try:
            share = float(number) / 100
        except ValueError:
            share = 0.0
        if not name.endswith("%") or not 0 < share <= 1:
            raise BadSetting("ladder", name, "must be shares above 0% and up to 100%, as 0.5%,5%,25%,100%")
        found[f"{number.strip()}%"] = share
    return dict(sorted(found.items(), key=lambda item: item[1]))


def rungs(catalog: Catalog, steps: dict[str, float], settings: TrainSettings, equal: Equal = "epochs") -> list[Rung]:
    """The steps of a ladder over the split "train" of `catalog`.

    `equal`: whether each makes the passes of `settings`, or about as many steps as those are on all images (whole passes, so up to one pass more).
    Raises BadSetting when a step leaves fewer than two images of two taxa.
    """
    whole = _images(catalog)
    target = _per_pass(whole, settings) * settings.epochs
    made = []
    for name, share in steps.items():
        frame = _images(thinned(catalog, share, settings.seed))
        taxa = frame["taxon"].n_unique()
        if taxa < 2:
            raise BadSetting(
                "ladder", name, f"leaves {len(frame)} images of {taxa} taxa; at least 2 of each are needed"
            )
        own = settings
        if equal == "steps":
            own = replace(settings, epochs=-(-target // _per_pass(frame, settings)))
        made.append(Rung(name, share, len(frame), taxa, own))
    return made


def climb(
    catalog: Path,
    out: Path,
    settings: TrainSettings,
    steps: dict[str, float],
    equal: Equal = "epochs",
    command: str = "merian train --ladder",
    overwrite: bool = False,
    replay: Path | None = None,
) -> list[Path]:
    """The folders of the models of all `steps` (of `shares`), a folder each below `out`, and there ladder.json (a Report) and ladder.csv.

    Finished steps are kept and a killed one goes on. The report is written anew after each step. Raises BadSetting, before any training, when a step leaves
    too little to train on.
    """
    if settings.adapt in ("linear", "prototypes"):
        raise BadSetting("adapt", settings.adapt, "trains no tower, so a ladder has nothing to show")
    source = Catalog.open(catalog)
    rows: list[dict[str, object]] = []
    folders = []
    for rung in rungs(source, steps, settings, equal):
        folder = train(catalog, out / rung.name, rung.settings, overwrite, replay=replay, share=rung.share)
        folders.append(folder)
        if int(os.environ.get("RANK", "0")) == 0:
            rows.append(_measured(rung, folder, source))
            _write(out, rows, source, settings, equal, command)
    return folders


def _images(catalog: Catalog) -> pl.DataFrame:
    return catalog.kept("train").filter(pl.col("taxon") >= 0)


def _per_pass(frame: pl.DataFrame, settings: TrainSettings) -> int:
    """Steps of one pass over `frame`, as `Batches` makes them on one process."""
    most = settings.cap or len(frame)
    images = int(frame.group_by("taxon").len()["len"].clip(upper_bound=most).sum())
    return max(1, images // min(settings.batch, images) // settings.accumulate)


def _measured(rung: Rung, folder: Path, source: Catalog) -> dict[str, object]:
    """What came out of one step."""
    lines = [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    known = thinned(source, rung.share, rung.settings.seed)
    every, own = _accuracy(folder, source, _images(known)["taxon"], rung.settings)
    return {
        "step": rung.name,
        "model": folder.name,
        "share": rung.share,
        "images": rung.images,
        "species": rung.species,
        "steps": len(lines),
        "passes": rung.settings.epochs,
        "loss": float(np.mean([line["loss"] for line in lines[-LAST:]])),
        "val_accuracy": every,
        "val_accuracy_known": own,
    }


def _accuracy(
    folder: Path, source: Catalog, trained: pl.Series, settings: TrainSettings
) -> tuple[float | None, float | None]:
    """Of the photos of the split "val", the share that is named rightly among all taxa of the split "train"; and of those of the `trained` taxa among these.

    None without such photos.
    """
    taxa = np.unique(_images(source)["taxon"].to_numpy())
    rows = source.kept("val").filter(pl.col("taxon").is_in(pl.Series(taxa).implode()))
    if rows.is_empty():
        return None, None
    encoder = open_encoder(folder)
    names = encoder.embed_texts(captions(source.tree, taxa.tolist(), settings.text_types[-1]))
    truth = np.searchsorted(taxa, rows["taxon"].to_numpy())
    parts = []
    for part in rows.iter_slices(AT_ONCE):
        decoded = decode_many(list(source.images(part)), encoder.preprocess)
        parts.append(encoder.embed_images(decoded.pixels) @ names.T)
    scores = np.concatenate(parts)
    known = np.isin(taxa, trained.to_numpy())
    own = known[truth]
    among = np.where(known, scores, -np.inf)
    return float((scores.argmax(1) == truth).mean()), (
        float((among[own].argmax(1) == truth[own]).mean()) if own.any() else None
    )


def _write(
    out: Path, rows: Sequence[dict[str, object]], source: Catalog, settings: TrainSettings, equal: Equal, command: str
) -> None:
    units = {"val_accuracy": "share", "val_accuracy_known": "share", "images": "images", "steps": "steps"}
    notes = {
        "loss": f"mean of the last {LAST} steps",
        "val_accuracy": "named among all taxa of the whole training split; of those never shown, nearly all are wrong",
        "val_accuracy_known": "photos of the taxa that this step was shown, named among those",
    }
    numbers: list[Number] = []
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int | float):
                number = Number(
                    f"{row['step']}.{name}", float(value), unit=units.get(name, ""), note=notes.get(name, "")
                )
                numbers.append(replace(number, group=str(row["step"])))
    remark = f"Each step makes the same number of {'passes' if equal == 'epochs' else 'steps'}; each holds the images of all smaller ones."
    inputs = {"catalog": source.hash}
    plain = store.plain(settings)
    report = Report("The data ladder", command, inputs, tuple(numbers), plain | {"equal": equal}, (remark,))
    report.save(out / REPORT)
    store.write_text(out / CSV, pl.DataFrame(rows).write_csv())
