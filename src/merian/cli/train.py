"""`merian train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from merian.cli.evaluate import command_line
from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.core.errors import BadSetting
from merian.train import TrainSettings

__all__ = ["train", "train_and_calibrate"]

FIRST = os.environ.get("RANK", "0") == "0"
"""Whether this is the process that talks, of those that torchrun started."""


@with_settings(TrainSettings, "train")
def train(
    catalog: Path,
    out: Path | None = None,
    /,
    *,
    source: Path | None = None,
    replay: Path | None = None,
    known: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    ladder: str = "",
    ladder_equal: Literal["epochs", "steps"] = "epochs",
    settings: TrainSettings,
    given_flags: dict[str, object],
) -> int:
    """Train an image tower and a text tower so that a photo and its names meet, and export them.

    The folder opens with open_clip (`local-dir:`), OpenVINO, ONNX Runtime and `merian identify`. A stopped run goes on
    from its last checkpoint and ends with the same bytes.

    With a recipe in the place of the catalog, as `merian train recipes/merian.toml work`, all of its steps are run in the
    folder OUT, from the photos to the evaluation; flags of settings go to the step that trains.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`; or a recipe with `steps`, a TOML file.
    out
        The folder to write the model to; of a recipe, the folder to work in (default: its name).
    source
        With a recipe: the photos that it begins with, where it draws none.
    replay
        A catalog of images with general captions (merian curate --subject caption), some of which are shown beside each
        batch (--replay-batch), so that what the towers knew before is not forgotten.
    known
        Only taxa that were trained on are answers of the model, not all of the catalog's.
    overwrite
        Replace a model that other settings made.
    ladder
        Train on nested shares of the images, as "0.5%,5%,25%,100%": a model each in OUT/0.5% and so on, and a report
        in OUT/ladder.json and ladder.csv.
    ladder_equal
        Whether the steps of a ladder make the same number of passes over their images, or of steps.
    """
    if catalog.suffix == ".toml":
        return _recipe(catalog, out, source, given_flags, overwrite, bool(ladder or replay))
    place = _checked(out, source, replay, settings)
    if ladder:
        return _ladder(catalog, place, settings, ladder, ladder_equal, overwrite, replay)
    train_and_calibrate(catalog, place, settings, overwrite, replay, known)
    return _told(place) if FIRST else 0


def _checked(out: Path | None, source: Path | None, replay: Path | None, settings: TrainSettings) -> Path:
    """Where the model goes; raises BadSetting for what does not go together."""
    if out is None:
        raise BadSetting("out", "", "is missing: where should the model go? merian train CATALOG OUT")
    if source is not None:
        raise BadSetting("source", str(source), "belongs to a recipe: merian train RECIPE.toml OUT --source PHOTOS")
    if (replay is None) != (settings.replay_batch == 0):
        told = "needs images with general captions: give --replay, or --replay-batch 0"
        told = "shows no image of --replay: say how many a step, as --replay-batch 32" if replay is not None else told
        raise BadSetting("replay_batch", settings.replay_batch, told)
    return out


def _told(out: Path) -> int:
    """Say what came out; exit code 0."""
    if (out / "remarks.txt").is_file():
        say(f"   [yellow]note[/yellow] {(out / 'remarks.txt').read_text(encoding='utf-8').strip()}")
    if (out / "drift.json").is_file():
        say(_drift(out / "drift.json"))
    say(f"{path_of(out)}  name photos with: merian identify PHOTO --model {path_of(out)}")
    return 0


def _recipe(
    path: Path, out: Path | None, source: Path | None, given: dict[str, object], overwrite: bool, more: bool
) -> int:
    from merian.cli.recipe import follow

    if "settings" in given:
        raise BadSetting("settings", str(given["settings"]), "stands beside a recipe, which has settings of its own")
    if more:
        raise BadSetting("ladder, replay", str(path), "are said in the steps of a recipe, not beside it")
    return follow(path, out or Path(path.stem), source, given, overwrite)


def _drift(path: Path) -> str:
    """How far the model has moved from the one it went on from, in a line."""
    from merian.core.report import Report
    from merian.train.drift import said

    return said(Report.load(path))


def _ladder(
    catalog: Path,
    out: Path,
    settings: TrainSettings,
    steps: str,
    equal: Literal["epochs", "steps"],
    overwrite: bool,
    replay: Path | None,
) -> int:
    from merian.core.report import Report
    from merian.train.ladder import REPORT, climb, shares

    climb(catalog, out, settings, shares(steps), equal, command_line(), overwrite, replay)
    if not FIRST:
        return 0
    for step, numbers in Report.load(out / REPORT).groups():
        told = {number.name.removeprefix(f"{step}."): number for number in numbers}
        accuracy = f", validation accuracy {told['val_accuracy'].text}" if "val_accuracy" in told else ""
        images, species = told["images"].value, told["species"].value
        say(f"{step:>6}  {images:,.0f} images of {species:,.0f} species, loss {told['loss'].text}{accuracy}")
    say(f"{path_of(out / REPORT)}")
    return 0


def train_and_calibrate(
    catalog_path: Path,
    out: Path,
    settings: TrainSettings,
    overwrite: bool = False,
    replay: Path | None = None,
    known: bool = False,
) -> None:
    """Train the model at `out`, embed its labels, `out/head`, and calibrate its heads on the validation split.

    `known`: the labels are only those with training images, not all of the catalog's.
    """
    import numpy as np

    from merian.core.tables import Catalog
    from merian.encode import open_encoder
    from merian.identify import HEADS, Head, embed_catalog
    from merian.identify.head import leaves
    from merian.train import train as run

    run(catalog_path, out, settings, overwrite=overwrite, replay=replay)
    if not FIRST:
        return
    catalog = Catalog.open(catalog_path)
    encoder = open_encoder(out)
    rows = catalog.kept("val")
    seen = embed_catalog(catalog, encoder, rows) if len(rows) else None
    heads = {name: Head.load(out / name) for name in HEADS[:-1] if (out / name).is_dir()}
    trained = catalog.kept("train")["taxon"].unique().to_numpy()
    labels = np.intersect1d(leaves(catalog.tree), trained).astype(np.int32) if known else None
    heads |= {HEADS[-1]: Head.build(encoder, catalog.tree, labels)}
    for name, head in heads.items():
        if known:
            head = head.among(leaves(catalog.tree))
        if seen is not None:
            head = head.calibrated(seen, rows["taxon"].to_numpy())
        head.save(out / name, {"catalog": catalog.hash})
