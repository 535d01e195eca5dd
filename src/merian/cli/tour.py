"""`merian tour`: the main job, the whole path at once."""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.flags import with_settings
from merian.cli.real import real_photos
from merian.cli.say import heading, of_catalog, path_of, say
from merian.core.errors import MissingExtra
from merian.core.settings import knob

if TYPE_CHECKING:
    from merian.core.tables import Catalog
    from merian.train import TrainSettings

__all__ = ["TourSettings", "tour", "training"]

UNSEEN = 0.12
"""Share of the drawn species that training never sees: enough for a few-shot test, from taste."""
MESSY_NAMES = 0.05
"""Share of the names that are written as people write them, from taste."""
GENERAL = 4
"""Images of the tree of life for each general picture with a caption, from taste."""
REPLAYED = 16
"""General pictures a step, beside 128 of organisms: about BioCLIP 2's share, 10,240 beside 90,112."""
SHOWN = 24
"""Test photos named one by one in the tour's table."""


@dataclass(frozen=True, kw_only=True)
class TourSettings:
    """How big the tour is. The defaults take some minutes on two cores."""

    species: int = knob(160, "Species in the drawn tree of life", ge=16, le=5_000)
    images: int = knob(6_000, "Images to draw", ge=200, le=1_000_000)
    size: int = knob(96, "Side of the drawn images", unit="px", ge=32, le=512)
    epochs: int = knob(24, "Passes over the training images", ge=1, le=1_000)
    resamples: int = knob(1_000, "Bootstrap replicates behind each interval", ge=20, le=100_000)
    seed: int = knob(0, "Another seed, another tree of life", ge=0)


@with_settings(TourSettings, "tour")
def tour(
    out: Path = Path("merian-tour"),
    /,
    *,
    photos: Annotated[list[Path] | None, Parameter(negative=())] = None,
    serve: bool = True,
    browser: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    settings: TourSettings,
) -> int:
    """Run the whole path on the drawn tree of life: draw, curate, train, embed, identify, evaluate, explore, name real photos, report, serve.

    Everything is written below OUT and nothing is computed twice: stop it whenever you like, give it again, and it goes on
    where it stopped, to the same numbers.

    Parameters
    ----------
    out
        The folder to write.
    photos
        Photos of your own, files or folders, to be named at the end by the model of real organisms in the package.
    serve
        Open the web page at the end and stay until Ctrl-C.
    browser
        Open that page in the browser.
    overwrite
        Replace what other settings made in this folder.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("open_clip") is None:
        raise MissingExtra("torch and open_clip", "train")  # now, not after minutes of drawing
    catalog = _make(out, settings, overwrite)
    _model(out, settings, overwrite)
    _identify(out, catalog)
    _measure(out, settings, overwrite)
    real_photos(8, out, photos or ())
    report = _report(out)
    say(f"\n[bold green]Done.[/bold green] The report, one page: {path_of(report)}")
    say(
        f"   Name a photo of your own:  merian identify PHOTO   (by the model of this tour: --model {path_of(out / 'model')})"
    )
    if serve:
        from merian.cli.serve import serve_store

        serve_store(out, browser=browser)
    return 0


def _make(out: Path, settings: TourSettings, overwrite: bool) -> Catalog:
    from merian.curate.run import curate
    from merian.curate.settings import Aids, CurateSettings
    from merian.drawn.folder import SHEET, draw_source
    from merian.drawn.world import DrawSettings

    heading(
        1,
        "Draw a tree of life",
        "A phylogeny grows by chance, names and bodies evolve along it, and each species sits for its portraits: in the wild, in a\n"
        "   museum drawer, before a camera trap. Some files are broken, doubled or wrongly labelled on purpose. All of it is known.",
    )
    drawing = DrawSettings(
        species=settings.species,
        images=settings.images,
        size=settings.size,
        messy_names=MESSY_NAMES,
        seed=settings.seed,
    )
    truth = draw_source(out / "source", drawing, overwrite)
    web = replace(
        drawing,
        images=settings.images // GENERAL,
        captions=True,
        messy_names=0.0,
        per_species=1,
        seed=1000 + settings.seed,
    )
    draw_source(out / "web", web, overwrite)
    say(f"   {len(truth):,} images of {settings.species} species; the plate: {path_of(out / 'source' / SHEET)}")
    say(f"   and {web.images:,} pictures of another world with captions in plain words, as the web has them")
    heading(
        2,
        "Curate",
        "Every image is looked at, every name resolved; what cannot be used is refused with its reason: broken, blurred, a copy, a label, a\n"
        "   person. What shows one individual, one event or one camera stays together in one split; some species are never trained on.",
    )
    choices = CurateSettings(unseen=UNSEEN, seed=settings.seed)
    aids = Aids(support=out / "source" / "support")
    catalog = curate(out / "source", out / "catalog", choices, aids, overwrite)
    say(of_catalog(catalog))
    say(f"   what is in it: {path_of(out / 'catalog' / 'card.html')}")
    plain = CurateSettings(subject="caption", seed=settings.seed)
    general = curate(out / "web", out / "general", plain, overwrite=overwrite)
    say(f"   and {len(general.kept()):,} of the pictures with plain captions: {path_of(out / 'general')}")
    return catalog


def training(settings: TourSettings) -> TrainSettings:
    """How the tour trains: as recipes/merian.toml does, which are the defaults with replay."""
    from merian.train import TrainSettings

    return TrainSettings(epochs=settings.epochs, replay_batch=REPLAYED, seed=settings.seed)


def _model(out: Path, settings: TourSettings, overwrite: bool) -> None:
    from merian.cli.embed import embed_store
    from merian.cli.train import train_and_calibrate

    heading(
        3,
        "Train",
        "Two small towers, one for images and one for words, learn to put a photo and its names in the same place (CLIP's method;\n"
        '   the words are lineages, as in BioCLIP: "a photo of Animalia Arthropoda Insecta ... with common name ..."); beside them\n'
        "   sex, stage and habitat in words, and general pictures, so that plain language is not forgotten. recipes/merian.toml.",
    )
    train_and_calibrate(out / "catalog", out / "model", training(settings), overwrite, out / "general")
    say(f"   the model: {path_of(out / 'model')} (open_clip's layout, OpenVINO, ONNX)")
    heading(4, "Embed", "Each image becomes a vector, by OpenVINO; torch is not needed from here on.")
    count = embed_store(out / "catalog", out / "model", out / "embeddings", overwrite=overwrite)
    say(f"   {count:,} vectors: {path_of(out / 'embeddings' / 'embeddings.parquet')}")
    if importlib.util.find_spec("lancedb") is not None:
        _index(out, overwrite)


def _index(out: Path, overwrite: bool) -> None:
    """Make the vectors searchable as `merian index` does, for the page of search; a second or two."""
    from merian.core.tables import Catalog
    from merian.core.vectors import Embeddings
    from merian.search import SearchSettings, build_index

    catalog, vectors = Catalog.open(out / "catalog"), Embeddings.load(out / "embeddings")
    found = build_index(catalog, vectors, out / "index", SearchSettings(), overwrite)
    say(f"   {len(found):,} of them searchable by photo, words and filters: {path_of(out / 'index')}")


def _identify(out: Path, catalog: Catalog) -> None:
    """Name some test photos from their files, as a user would, into identified.csv; say how the first ones went."""
    import polars as pl

    from merian.cli.identify import identify

    heading(
        5,
        "Identify",
        "Photos in, names out: the deepest answer that is safe, the likely ones, and the chance that it is none of them.",
    )
    rows = catalog.kept("test").filter(pl.col("taxon").is_in(catalog.tree.at("species").tolist())).head(SHOWN)
    photos = [out / "source" / path for path in rows["path"]]
    table = out / "identified.csv"
    identify(photos, model=out / "model", k=3, output=table)
    truth = dict(zip(map(str, photos), catalog.tree.lineages(rows["taxon"].to_numpy())["species"], strict=True))
    with table.open(encoding="utf-8", newline="") as stream:
        best = {row["file_name"]: row for row in reversed(list(csv.DictReader(stream)))}
    for name in list(truth)[:6]:
        row, right = best[name], truth[name]
        mark = "[green]right[/green]" if row["species"] == right else f"[red]it is {right}[/red]"
        sure = f"sure of {row['safe_rank']} {row['safe_name']}" if row["safe_name"] else "sure of nothing"
        say(f"   {Path(name).name}  [italic]{row['species']}[/italic] {float(row['score']):.0%} ({sure})  {mark}")
    say(f"   {len(photos)} photos: {path_of(table)}")


def _measure(out: Path, settings: TourSettings, overwrite: bool) -> None:
    from merian.cli.evaluate import evaluate_store
    from merian.cli.explore import explore_store
    from merian.evaluate.settings import EvaluateSettings
    from merian.explore import ExploreSettings
    from merian.identify import Identifier

    heading(
        6,
        "Evaluate",
        "Held-out photos at every rank, species never seen, learning from one photo or five; with 95 % intervals, against chance and\n"
        "   against a baseline that looks at colours and textures only.",
    )
    report = evaluate_store(
        out / "catalog",
        Identifier.open(out / "model"),
        out / "embeddings",
        out / "evaluation",
        EvaluateSettings(resamples=settings.resamples, seed=settings.seed),
        out / "source" / "truth.parquet",
        overwrite,
        f"merian tour {out}",
    )
    numbers = {number.name: number for number in report.numbers}
    for name, words in HEADLINES.items():
        if name in numbers:
            say(f"   {words:<58} {numbers[name].text}")
    heading(
        7,
        "Explore",
        "The vectors laid out as a map: which organisms lie together, and which traits can be read from them.",
    )
    choice = ExploreSettings(trait="ground_lightness", traits=out / "source" / "trait.csv", seed=settings.seed)
    explore_store(out / "catalog", out / "embeddings", out / "exploration", choice, overwrite, f"merian tour {out}")
    say(
        f"   a map to walk through: {path_of(out / 'exploration' / 'layout.html')}; for print: {path_of(out / 'exploration' / 'figures')}"
    )


HEADLINES = {
    "test.species.summed": "species of known organisms, first guess",
    "test.species.histogram": "the same by colours and textures only",
    "test.species.chance": "the same by chance",
    "test.family.summed": "family of known organisms",
    "unseen.shot5.model": "unseen species, learned from 5 photos each",
}
"""Number of the evaluation's Report -> what it is called in the tour's summary."""


def _report(out: Path) -> Path:
    from merian.core.store import write_text
    from merian.evaluate.page import report_page

    page = out / "report.html"
    write_text(page, report_page(out))
    return page
