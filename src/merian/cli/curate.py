"""`merian curate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from merian.cli.flags import with_settings
from merian.cli.say import REFUSED, of_catalog, path_of, say
from merian.core.tables import Catalog
from merian.curate.run import curate as run
from merian.curate.runner import open_runner
from merian.curate.settings import Aids, CurateSettings

__all__ = ["curate"]

AIDS = Group("Aids", sort_key=5)
FAULTS = {
    "refused_taxa.csv": "the taxonomy",
    "refused_rows.csv": "the source",
    "refused_examples.csv": "the examples",
    "refused_detections.csv": "the detections",
}
WHERE = Group("Where it runs", sort_key=6)


@with_settings(CurateSettings, "curate")
def curate(
    source: Path,
    out: Path,
    /,
    *,
    taxa: Annotated[Path | None, Parameter(group=AIDS)] = None,
    detections: Annotated[Path | None, Parameter(group=AIDS)] = None,
    support: Annotated[Path | None, Parameter(group=AIDS)] = None,
    model: Annotated[Path | None, Parameter(group=AIDS)] = None,
    rare: Annotated[Path | None, Parameter(group=AIDS)] = None,
    runner: Annotated[str, Parameter(group=WHERE)] = "local",
    address: Annotated[str, Parameter(group=WHERE)] = "",
    workers: Annotated[int, Parameter(group=WHERE)] = 0,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: CurateSettings,
) -> int:
    """Make a catalog of photos: look at every image, resolve its name, refuse the bad ones with a reason, split without leaks, write shards.

    SOURCE may be a folder of photos (one folder a class), a table with a path column, a Darwin Core archive, a GBIF download,
    iNaturalist open data, EOL, BIOSCAN-5M or FathomNet tables, Camtrap DP, COCO Camera Traps, WebDataset tars, a Hugging Face
    data set on disk, or what merian download made. Beside the catalog lie card.html (what is in it), croissant.json and
    attribution.csv. Exit code 3 says that rows were refused; catalog.parquet has them with the reason.

        merian curate photos/ catalog
        merian curate gbif-download.zip catalog --taxa col-xr.zip --licences open --cap 500
        merian curate camtrap-dp/ catalog --detections megadetector.json --animals crop --people blur

    Parameters
    ----------
    source
        Where the photos are.
    out
        The folder to write the catalog to.
    taxa
        A backbone to resolve the names against: Catalogue of Life (ColDP), a Darwin Core checklist, a table of taxa. Without it
        the source's own taxonomy, or the lineages that its labels give.
    detections
        What MegaDetector found, as its batch JSON. Without it, megadetector.json in the source's folder if there is one.
    support
        Example images that teach what to refuse: a folder a kind (drawing, label ...), and folders whose names begin with "keep".
    model
        The encoder for --support and --near-cosine; without it a descriptor that needs no weights.
    rare
        A list of species to keep out of training, as the split "rare".
    runner
        local: processes of this machine; ray: a Ray cluster.
    address
        The Ray cluster (host:port, or auto); without it one is started on this machine.
    workers
        How many workers; 0 is one for each core. A cluster at --address has its own.
    overwrite
        Replace a catalog that other settings made.
    """
    if runner != "local":  # workers elsewhere stand in other folders
        source, out = source.absolute(), out.absolute()
        taxa, detections, support, model, rare = (p and p.absolute() for p in (taxa, detections, support, model, rare))
    aids = Aids(taxa=taxa, rare=rare, detections=detections, support=support, model=model)
    return _told(out, run(source, out, settings, aids, overwrite, open_runner(runner, address, workers)))


def _told(out: Path, catalog: Catalog) -> int:
    """Say what came of it; the exit code."""
    say(f"{path_of(out)}\n" + of_catalog(catalog))
    for remark in catalog.provenance.remarks:
        say(f"   [yellow]note[/yellow] {remark}")
    for name, words in FAULTS.items():
        if (out / name).is_file():
            say(f"   some rows of {words} could not be used: {path_of(out / name)}")
    say(f"   what is in it: {path_of(out / 'card.html')}")
    lost = len(catalog.refused()) or any((out / name).is_file() for name in FAULTS)
    return REFUSED if lost else 0
