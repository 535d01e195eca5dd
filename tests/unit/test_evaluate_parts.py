"""Accuracy by clade and data set, calibration by rank, what "none" costs; and the card of a model that tells all this."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from test_evaluate_run import QUICK, make_catalog, make_identifier, make_vectors

from merian.core.errors import Mismatch
from merian.core.report import Report
from merian.core.tables import Catalog
from merian.encode.info import CARD, said
from merian.encode.toy import Toy
from merian.evaluate.card import Told, write_model_card
from merian.evaluate.run import evaluate
from merian.identify import Identifier


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Identifier, Path, Report]:
    """A world of two data sets, a head that is calibrated on its validation images, and the evaluation of vectors that know almost all."""
    folder = tmp_path_factory.mktemp("parts")
    catalog, encoder = make_catalog(folder / "catalog", sources=2), Toy(dim=96)
    embeddings, plain = make_vectors(catalog, encoder, 0.9), make_identifier(catalog, encoder)
    val = catalog.kept("val")
    head = plain.head.calibrated(embeddings.take(val["id"]), val["taxon"].to_numpy())
    identifier = Identifier(encoder, head)
    report = evaluate(catalog, embeddings, identifier, folder / "evaluation", QUICK)
    return catalog, identifier, folder / "evaluation", report


def test_clades_and_data_sets_are_told_among_all_labels(
    measured: tuple[Catalog, Identifier, Path, Report],
) -> None:
    catalog, _, evaluation, report = measured
    rows = pl.read_parquet(evaluation / "predictions.parquet").filter(pl.col("split") == "test")
    true = catalog.tree.ancestors[rows["taxon"].to_numpy()]
    best = catalog.tree.ancestors[rows["best"].to_numpy()]
    for order in ("Ordo0", "Ordo1"):
        here = true[:, 3] == catalog.tree.named(order)[0]
        assert report[f"all.order.{order}.species"].n == here.sum() == 28
        right = float((true[here, 6] == best[here, 6]).mean())
        assert report[f"all.order.{order}.species"].value == pytest.approx(right)
        assert report[f"all.order.{order}.genus"].value >= right  # by sums: never below, here
    sets = [report[f"all.set.set{k}.species"] for k in (0, 1)]
    assert sum(n.n or 0 for n in sets) == 56
    assert all(n.low is not None and n.high is not None and n.low <= n.value <= n.high for n in sets)


def test_calibration_is_told_at_every_rank_where_there_is_a_choice(
    measured: tuple[Catalog, Identifier, Path, Report],
) -> None:
    report = measured[3]
    names = {number.name for number in report.numbers}
    assert {f"test.calibration.{rank}" for rank in ("order", "family", "genus", "species")} <= names
    assert "test.calibration.kingdom" not in names
    assert report["test.calibration.species"].value == pytest.approx(report["test.calibration.error"].value)


def test_what_none_costs_is_told(measured: tuple[Catalog, Identifier, Path, Report]) -> None:
    _, identifier, evaluation, report = measured
    assert 0 < identifier.head.calibration.none < 1
    rows = pl.read_parquet(evaluation / "predictions.parquet")
    for split, name in (("test", "none.known"), ("unseen", "none.unseen")):
        unknown = rows.filter(pl.col("split") == split)["unknown"].to_numpy()
        assert report[name].value == pytest.approx(
            float((unknown >= identifier.head.calibration.none).mean()), abs=1e-6
        )


def test_the_card_tells_what_was_measured(measured: tuple[Catalog, Identifier, Path, Report], tmp_path: Path) -> None:
    catalog, identifier, evaluation, report = measured
    told = Told(title="The little one", command="merian train <recipe>", note="Larger ones: merian models.")
    about = write_model_card(identifier, tmp_path, catalog, evaluation, told)
    assert about.startswith("The little one knows 14 taxa (14 species), from 84 photos.")
    assert about.endswith("Larger ones: merian models.")
    assert f"{report['sets.top1'].value:.0%}" in about
    assert said(tmp_path) == about
    card = json.loads((tmp_path / CARD).read_text())
    assert card["taxa"]["species"] == 14
    assert card["calibration"]["none"] == identifier.head.calibration.none
    assert len(card["numbers"]) == len(report.numbers)
    assert any("AUROC" in limit for limit in card["limits"])
    page = (tmp_path / "card.html").read_text()
    assert "merian train &lt;recipe&gt;" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is fetched
    taxa = pl.read_csv(tmp_path / "taxa.csv")
    assert taxa["training_photos"].sum() == 56
    assert taxa["test_photos"].to_list() == [4] * 14
    assert pl.read_csv(tmp_path / "sources.csv")["images"].sum() == 84


def test_a_data_set_on_which_histograms_are_better_is_told_among_what_it_cannot_do(
    measured: tuple[Catalog, Identifier, Path, Report], tmp_path: Path
) -> None:
    catalog, identifier, evaluation, report = measured
    lower = [replace(n, value=0.0, low=0.0, high=0.0) if n.name == "set.set0.top1" else n for n in report.numbers]
    (tmp_path / "evaluation").mkdir()
    replace(report, numbers=tuple(lower)).save(tmp_path / "evaluation" / "report.json")
    (tmp_path / "evaluation" / "per_species.parquet").write_bytes((evaluation / "per_species.parquet").read_bytes())
    write_model_card(identifier, tmp_path, catalog, tmp_path / "evaluation", Told())
    card = json.loads((tmp_path / CARD).read_text())
    assert any("On set0 histograms" in limit for limit in card["limits"])


def test_the_evaluation_of_another_model_makes_no_card(
    measured: tuple[Catalog, Identifier, Path, Report], tmp_path: Path
) -> None:
    catalog, identifier, evaluation, _ = measured
    other = Identifier(Toy(dim=48), identifier.head)
    with pytest.raises(Mismatch, match="the evaluation's encoder"):
        write_model_card(other, tmp_path, catalog, evaluation, Told())
    assert not (tmp_path / CARD).exists()


def test_a_folder_without_a_card_says_nothing(tmp_path: Path) -> None:
    assert said(tmp_path) == ""
    (tmp_path / CARD).write_text("[")
    assert said(tmp_path) == ""
