"""`merian train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.say import path_of, say
from merian.train import TrainSettings

__all__ = ["train", "train_and_calibrate"]


@with_settings(TrainSettings, "train")
def train(
    catalog: Path,
    out: Path,
    /,
    *,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: TrainSettings,
) -> int:
    """Train an image tower and a text tower so that a photo and its names meet, and export them.

    The folder opens with open_clip (`local-dir:`), OpenVINO, ONNX Runtime and `merian identify`. A stopped run goes on
    from its last checkpoint and ends with the same bytes.

    Parameters
    ----------
    catalog
        A catalog made by `merian curate`.
    out
        The folder to write the model to.
    overwrite
        Replace a model that other settings made.
    """
    train_and_calibrate(catalog, out, settings, overwrite)
    say(f"{path_of(out)}  name photos with: merian identify PHOTO --model {path_of(out)}")
    return 0


def train_and_calibrate(catalog_path: Path, out: Path, settings: TrainSettings, overwrite: bool = False) -> None:
    """Train the model at `out`, then embed its labels and calibrate them on the validation split: `out/head`."""
    from merian.core.tables import Catalog
    from merian.encode import open_encoder
    from merian.identify import Head, embed_catalog
    from merian.train import train as run

    run(catalog_path, out, settings, overwrite=overwrite)
    catalog = Catalog.open(catalog_path)
    encoder = open_encoder(out)
    head = Head.build(encoder, catalog.tree)
    rows = catalog.kept("val")
    if len(rows):
        head = head.calibrated(embed_catalog(catalog, encoder, rows), rows["taxon"].to_numpy())
    head.save(out / "head", {"catalog": catalog.hash})
