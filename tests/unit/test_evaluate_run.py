"""evaluate, explore and the report page on a small world whose answers follow from its description."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from merian.core import store
from merian.core.captions import captions
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.report import Number, Report
from merian.core.tables import CATALOG, FORMAT, Catalog, conform
from merian.core.tree import RANKS, Tree
from merian.core.vectors import Embeddings, normalise
from merian.encode.toy import Toy
from merian.evaluate.page import Story, data_address, report_page
from merian.evaluate.run import evaluate
from merian.evaluate.settings import EvaluateSettings
from merian.explore import ExploreSettings
from merian.explore.run import explore
from merian.identify import Head, Identifier

PER_SPECIES = 10
SPLIT = ("train",) * 4 + ("val",) * 2 + ("test",) * 4
QUICK = EvaluateSettings(resamples=60, folds=2, shots=(1,), histogram_size=16, threads=1)
SHORT = ExploreSettings(iterations=60, shuffles=19, images=100)


def lineages() -> pl.DataFrame:
    rows = [
        ("Animalia", "Ph", "Cl", f"Ordo{o}", f"Fam{o}{f}", f"Genus{o}{f}{g}", f"Genus{o}{f}{g} sp{s}")
        for o in range(2)
        for f in range(2)
        for g in range(2)
        for s in range(2)
    ]
    return pl.DataFrame(rows, schema=list(RANKS), orient="row")


def jpeg(hue: int, seed: int) -> bytes:
    """A flat colour with a little noise: species of one hue look alike to the histogram."""
    rng = np.random.default_rng(seed)
    pixels = np.full((24, 24, 3), (hue * 15 % 256, 255 - hue * 15, 90), np.int16) + rng.integers(-9, 9, (24, 24, 3))
    stream_ = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream_, "JPEG", quality=92)
    return stream_.getvalue()


def make_catalog(folder: Path, sources: int = 1) -> Catalog:
    """16 species of 10 images each in 5 groups; the last species of each order is kept out of training; two rows refused."""
    tree = Tree.from_lineages(lineages())
    species = tree.at("species")
    unseen = {int(species[7]), int(species[15])}
    work = store.begin(folder, "catalog", FORMAT, {"n": sources}, {})
    rows, blob = [], b""
    for k, taxon in enumerate(species.tolist()):
        for i in range(PER_SPECIES):
            data = jpeg(k, k * 100 + i)
            rows.append(
                {
                    "id": f"i{k:02d}{i}",
                    "source": f"set{k % sources}",
                    "taxon": taxon,
                    "group": f"g{k}-{i // 2}",
                    "split": "unseen" if taxon in unseen else SPLIT[i],
                    "hash": store.digest_bytes(data),
                    "shard": 0,
                    "offset": len(blob),
                    "size": len(data),
                }
            )
            blob += data
    rows += [{"id": f"bad{i}", "source": "set0", "taxon": -1, "reason": "truncated image"} for i in range(2)]
    with store.atomic(folder / "shards" / "shard-00000.tar") as stream_:
        stream_.write(blob)
    tree.save(folder / "tree.parquet")
    conform(pl.DataFrame(rows, infer_schema_length=None), CATALOG).write_parquet(folder / "catalog.parquet")
    work.finish()
    return Catalog.open(folder)


def make_vectors(catalog: Catalog, encoder: Toy, noise: float) -> Embeddings:
    """Each image's vector is its lineage's caption vector, and noise."""
    rows = catalog.kept()
    vectors = encoder.embed_texts(captions(catalog.tree, rows["taxon"].to_list(), "taxon"))
    shaken = vectors + noise * stream(0, "noise").standard_normal(vectors.shape) / encoder.dim**0.5
    return Embeddings(rows["id"], normalise(shaken), encoder.fingerprint, catalog.tree.version)


def make_identifier(catalog: Catalog, encoder: Toy) -> Identifier:
    seen = np.unique(catalog.kept("train")["taxon"].to_numpy()).astype(np.int32)
    return Identifier(encoder, Head.build(encoder, catalog.tree, seen, prompts=("taxon",)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Embeddings, Identifier]:
    catalog = make_catalog(tmp_path_factory.mktemp("world") / "catalog")
    encoder = Toy(dim=96)
    return catalog, make_vectors(catalog, encoder, 0.02), make_identifier(catalog, encoder)


def test_vectors_that_know_all_are_scored_as_such(
    world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path
) -> None:
    catalog, embeddings, identifier = world
    report = evaluate(catalog, embeddings, identifier, tmp_path / "out", QUICK)
    assert report["test.label.top1"].value == 1
    assert report["test.label.top1"].n == 14 * 4
    assert report["test.label.distance"].value == 0
    assert report["test.label.chance"].value == pytest.approx(1 / 14)
    assert report["test.order.chance"].value == pytest.approx(1 / 2)
    assert report["test.species.majority"].value == pytest.approx(1 / 14)
    assert report["test.shot1.model"].value == 1
    assert report["unseen.species.summed"].value == 1
    assert report["open.species.chance"].value == pytest.approx(1 / 16)
    assert report["open.species.histogram"].value == 0, "it has no image of them"
    assert report["unknown.auroc"].value == 0.5, "an uncalibrated head says that all is known"
    assert report["unknown.auroc_confidence"].value > 0.9
    assert 1 / 14 < report["test.species.histogram"].value <= 1
    assert set(report.inputs) == {"catalog", "tree", "embeddings", "encoder", "head"}


def test_vectors_that_know_nothing_are_scored_at_chance(
    world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path
) -> None:
    catalog, embeddings, identifier = world
    lost = stream(5, "lost").permutation(len(embeddings))
    blind = Embeddings(embeddings.ids, embeddings.vectors[lost], embeddings.fingerprint, embeddings.tree_version)
    report = evaluate(catalog, blind, identifier, tmp_path / "out", replace(QUICK, histogram=False))
    top1 = report["test.label.top1"]
    assert top1.low is not None
    assert top1.low <= 0.15
    assert top1.value < 0.25
    assert report["test.label.distance"].value > 1.5
    with pytest.raises(Missing):
        report["test.species.histogram"]


def test_a_finished_run_is_not_repeated_and_another_is_refused(
    world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = evaluate(*world[:2], world[2], out, QUICK)
    manifest = store.read(out, "evaluation")
    assert {"report.json", "predictions.parquet", "per_species.parquet", "reliability.parquet"} <= set(manifest.files)
    before = (out / "report.json").stat().st_mtime_ns
    assert evaluate(*world[:2], world[2], out, QUICK) == first == Report.load(out / "report.json")
    assert (out / "report.json").stat().st_mtime_ns == before
    again = evaluate(*world[:2], world[2], tmp_path / "again", QUICK)
    assert again == first
    assert store.read(tmp_path / "again").files == manifest.files, "the same bytes, figures too"
    with pytest.raises(Mismatch):
        evaluate(*world[:2], world[2], out, replace(QUICK, seed=9))
    other = evaluate(*world[:2], world[2], out, replace(QUICK, seed=9), overwrite=True)
    assert other.settings["seed"] == 9


def test_tables_hold_every_image_and_label(world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path) -> None:
    evaluate(*world[:2], world[2], tmp_path / "out", QUICK)
    predictions = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert predictions["split"].value_counts(sort=True)["count"].to_list() == [56, 20]
    assert predictions.filter(pl.col("split") == "test")["right"].all()
    assert predictions.filter(pl.col("split") == "unseen")["right"].null_count() == 20
    species = pl.read_parquet(tmp_path / "out" / "per_species.parquet")
    assert len(species) == 16
    assert species.filter(pl.col("split") == "test")["training_images"].unique().to_list() == [4]
    reliability = pl.read_parquet(tmp_path / "out" / "reliability.parquet")
    assert reliability["images"].sum() == 56


def test_vectors_of_another_encoder_are_refused(world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path) -> None:
    catalog, embeddings, identifier = world
    strange = Embeddings(embeddings.ids, embeddings.vectors, "another", "")
    with pytest.raises(Mismatch):
        evaluate(catalog, strange, identifier, tmp_path / "out", QUICK)


def test_a_catalog_without_tests_is_refused(world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path) -> None:
    catalog, embeddings, identifier = world
    bare = replace(catalog, frame=catalog.frame.filter(pl.col("split") == "train"), hash="bare")
    with pytest.raises(BadData, match="nothing to evaluate on"):
        evaluate(bare, embeddings, identifier, tmp_path / "out", QUICK)


def test_a_head_that_lists_the_unseen_is_cut_to_the_known(
    world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path
) -> None:
    catalog, embeddings, identifier = world
    everyone = Identifier(identifier.encoder, Head.build(identifier.encoder, catalog.tree, prompts=("taxon",)))
    report = evaluate(catalog, embeddings, everyone, tmp_path / "out", replace(QUICK, histogram=False))
    assert report["test.label.chance"].value == pytest.approx(1 / 14)
    assert report["unseen.safe.to_species"].value < 1


def test_each_data_set_is_scored_by_itself(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path / "catalog", sources=2)
    encoder = Toy(dim=96)
    vectors, identifier = make_vectors(catalog, encoder, 0.02), make_identifier(catalog, encoder)
    report = evaluate(catalog, vectors, identifier, tmp_path / "out", QUICK)
    # species 7 and 15 are unseen, both of them in set1
    assert report["set.set0.top1"].note == "8 labels"
    assert report["set.set1.top1"].note == "6 labels"
    assert report["set.set1.chance"].value == pytest.approx(1 / 6)
    assert report["set.set0.shot1.model"].value == 1
    assert 16 <= (report["set.set0.shot1.model"].n or 0) <= 32
    assert report["set.set1.unseen.chance"].value == pytest.approx(1 / 8)
    assert report["set.set1.unseen.top1"].value == 1
    assert report["sets.top1"].n == 2
    assert not any(n.name.startswith("test.species") for n in report.numbers), "never one accuracy over several sets"
    assert (tmp_path / "out" / "figures" / "sets.svg").is_file()
    page = report_page(Story(catalog=catalog.path, evaluation=tmp_path / "out"))
    assert "as a mean over the data sets" in page


def test_planted_faults_are_found_when_the_vectors_know_the_truth(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path / "catalog")
    encoder = Toy(dim=96)
    vectors, identifier = make_vectors(catalog, encoder, 0.02), make_identifier(catalog, encoder)
    rows = catalog.kept()
    truth = pl.concat(
        [rows.select(pl.col("id").alias("occurrenceID")), catalog.tree.lineages(rows["taxon"].to_numpy())],
        how="horizontal",
    )
    facts = {"plan": "moth", "subject": "organism", "style": "close-up", "stage": "adult", "fault": "", "fault_of": ""}
    truth = truth.with_columns(pl.lit(value).alias(name) for name, value in facts.items())
    wrong = ["i005", "i010", "i021", "i036"]
    last = catalog.tree.lineages(rows["taxon"].to_numpy()[-1:].tolist()).rename(lambda c: f"_{c}")
    # the planted truth of these is the species of the other order, so their labels are wrong while their vectors follow them
    swap = pl.col("occurrenceID").is_in(wrong)
    truth = truth.with_columns(*(pl.when(swap).then(pl.lit(last[f"_{r}"][0])).otherwise(r).alias(r) for r in RANKS))
    truth = truth.with_columns(fault=pl.when(swap).then(pl.lit("wrong label")).otherwise("fault"))
    broken = pl.DataFrame({"occurrenceID": ["bad0", "bad1"], "fault": ["truncated"] * 2, "fault_of": ["", ""]})
    pl.concat([truth, broken], how="diagonal").write_parquet(tmp_path / "truth.parquet")
    # vectors of the wrongly labelled images show what they really are
    shown = vectors.vectors.copy()
    place = {i: k for k, i in enumerate(vectors.ids.to_list())}
    shown[[place[i] for i in wrong]] = vectors.vectors[place["i140"]]
    seen = Embeddings(vectors.ids, shown, vectors.fingerprint, vectors.tree_version)
    report = evaluate(catalog, seen, identifier, tmp_path / "out", QUICK, truth=tmp_path / "truth.parquet")
    assert report["planted.wrong_label.auroc"].value == 1
    assert report["planted.wrong_label.found"].value == 1
    assert report["planted.wrong_label.precision"].value == 1
    assert report["filter.unreadable.recall"].value == 1
    assert report["truth.plan.moth"].n == 56
    assert "truth" in report.inputs
    with pytest.raises(Missing, match="truth"):
        evaluate(catalog, seen, identifier, tmp_path / "o2", QUICK, truth=tmp_path / "none.parquet")


def write_traits(path: Path, tree: Tree) -> Path:
    """`size` follows the order exactly, `luck` nothing; `colour` is text; one species has an unknown name."""
    rng = stream(0, "traits")
    rows = [("Nemo nemo", "size", "1", "mm")]
    for taxon in tree.at("species").tolist():
        name, order = tree.names[taxon], tree.lineage(taxon).order
        rows.append((name, "size", str(10 + 5 * (order == "Ordo1") + 0.1 * rng.standard_normal()), "mm"))
        rows.append((name, "luck", str(rng.standard_normal()), ""))
        rows.append((name, "colour", "red", ""))
    schema = ["scientificName", "measurementType", "measurementValue", "measurementUnit"]
    pl.DataFrame(rows, schema=schema, orient="row").write_csv(path)
    return path


def test_explore_finds_the_trait_that_is_there(world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path) -> None:
    catalog, embeddings, _ = world
    traits = write_traits(tmp_path / "trait.csv", catalog.tree)
    chosen = replace(SHORT, traits=traits, trait="size")
    report = explore(catalog, embeddings, tmp_path / "out", chosen)
    assert report["trait.size.r2"].value > 0.5
    assert report["trait.size.r2"].value > report["trait.luck.r2"].value
    assert report["neighbours.species"].value > 0.7
    assert report["neighbours.order.chance"].value == pytest.approx(78 / 158), "two images of a specimen"
    layout = pl.read_parquet(tmp_path / "out" / "layout.parquet")
    assert layout.columns == ["id", "x", "y", "taxon"]
    assert len(layout) == 100
    figures = {p.name for p in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"dendrogram.svg", "layout_images.svg", "layout_rank.svg", "layout_trait.svg", "trait.svg"}
    moved = replace(chosen, traits=write_traits(tmp_path / "moved.csv", catalog.tree))
    assert explore(catalog, embeddings, tmp_path / "out", moved) == report, "the table's place is no part of the run"
    again = explore(catalog, embeddings, tmp_path / "again", chosen)
    assert again == report
    steps = Report(
        "The data ladder",
        "",
        {},
        tuple(Number(f"5%.{n}", 1.0, group="5%") for n in ("images", "steps", "val_accuracy")),
    )
    steps.save(tmp_path / "ladder.json")
    climbed = explore(catalog, embeddings, tmp_path / "climbed", replace(chosen, ladder=tmp_path / "ladder.json"))
    assert climbed["ladder.5%.val_accuracy"].value == 1.0
    assert (tmp_path / "climbed" / "figures" / "ladder.svg").is_file()
    assert store.read(tmp_path / "again").files == store.read(tmp_path / "out").files


def test_explore_refuses_what_it_cannot_do(world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path) -> None:
    catalog, embeddings, _ = world
    with pytest.raises(BadSetting, match="trait"):
        explore(catalog, embeddings, tmp_path / "a", replace(SHORT, trait="size"))
    with pytest.raises(Missing):
        explore(catalog, embeddings, tmp_path / "b", replace(SHORT, traits=tmp_path / "none.csv"))
    traits = write_traits(tmp_path / "trait.csv", catalog.tree)
    with pytest.raises(BadSetting, match="size"):
        explore(catalog, embeddings, tmp_path / "c", replace(SHORT, traits=traits, trait="siz"))


def tmp_path_of_tour(folder: Path, catalog: Catalog) -> Path:
    """A tour's folder: the catalog beside the evaluation, no sheet."""
    (folder / "catalog").symlink_to(catalog.path)
    return folder


def test_the_page_is_one_file_that_asks_for_nothing(
    world: tuple[Catalog, Embeddings, Identifier], tmp_path: Path
) -> None:
    catalog, embeddings, identifier = world
    evaluate(catalog, embeddings, identifier, tmp_path / "evaluation", QUICK)
    explore(
        catalog,
        embeddings,
        tmp_path / "exploration",
        replace(SHORT, traits=write_traits(tmp_path / "t.csv", catalog.tree)),
    )
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "metrics.jsonl").write_text('{"step": 0, "loss": 3.0}\n{"step": 1, "loss": 2.0}\n')
    (tmp_path / "sheet.png").write_bytes(b"\x89PNG")
    story = Story(
        catalog=catalog.path,
        evaluation=tmp_path / "evaluation",
        exploration=tmp_path / "exploration",
        model=tmp_path / "model",
        picture=tmp_path / "sheet.png",
        title="Moths & <Men>",
        command="merian tour",
    )
    page = report_page(story)
    assert "Moths &amp; &lt;Men&gt;" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert "url(" not in page
    assert page.count('src="data:image/') == page.count("<img ")
    assert "160 of 162 pictures were kept" in page
    assert "set aside: truncated image" in page
    assert store.read(catalog.path).hash in page
    assert "3.00 to 2.00" in page
    tour = report_page(tmp_path_of_tour(tmp_path, catalog))
    assert "A Tour of the Drawn Tree of Life" in tour
    plain = report_page(Story(catalog=catalog.path, evaluation=tmp_path / "evaluation"))
    assert "What the vectors know" not in plain
    with pytest.raises(BadData):
        data_address(tmp_path / "sheet.bmp")
    with pytest.raises(Missing):
        report_page(replace(story, evaluation=tmp_path / "nowhere"))
