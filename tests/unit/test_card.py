"""The data card: its numbers are those of the catalog, it fetches nothing, runs no foreign markup, and gives the same bytes again."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from catalogs import catalog

from merian.cli.main import run
from merian.core.store import digest
from merian.core.tables import Catalog
from merian.curate.card import About, write_card
from merian.curate.card.attribution import attribution, holders
from merian.curate.card.charts import density_map, lorenz, rank_abundance, year_bars
from merian.curate.card.counts import gaps, licences, ranks, splits, tail, years

ABOUT = About(title='Moths <b>"&amp; co"</b>', authors=("A. Nother",), url="https://example.org/moths")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return catalog(tmp_path_factory.mktemp("card") / "moths")


@pytest.fixture(scope="module")
def card(made: Catalog) -> Path:
    out = made.path.parent / "card"
    write_card(made, out, ABOUT, ("the test split is <empty>",))
    return out


class Tags(HTMLParser):
    """Every tag and address of a page, and that what opens is closed."""

    EMPTY = frozenset(("meta", "link", "br", "img", "line", "rect", "polyline", "polygon"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_the_page_fetches_nothing_and_runs_no_foreign_markup(card: Path) -> None:
    page = (card / "card.html").read_text()
    tags = Tags(page)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe"}
    assert set(tags.addresses) == {"attribution.csv", "attribution.parquet", "croissant.json"}
    assert "url(" not in page
    assert "@import" not in page
    assert "<traps>" not in page
    assert "<empty>" not in page
    assert "Moths <b>" not in page
    assert "GBIF: Museum &amp; Friends" in page


def test_the_numbers_of_the_page_are_those_of_the_catalog(made: Catalog, card: Path) -> None:
    page = (card / "card.html").read_text()
    kept = made.kept()
    for reason, n in made.refused().rows():
        assert re.search(rf">{reason}</th><td>{n:,}</td>", page), reason
    for country, n in kept["country"].drop_nulls().value_counts().iter_rows():
        assert f">{country}</th><td>{n:,}</td>" in page
    assert f"<b>{len(kept):,}</b><span>images kept of {len(made):,}</span>" in page
    assert f"<b>{kept['taxon'].n_unique():,}</b><span>species" in page


def test_counts_against_a_plain_loop(made: Catalog) -> None:
    kept = made.kept()
    per = sorted(kept["taxon"].value_counts()["count"].to_list(), reverse=True)
    found = tail(kept, made.tree)
    assert found.images.tolist() == per
    assert found.few == pytest.approx(np.mean([n <= 10 for n in per]))
    differences = sum(abs(a - b) for a in per for b in per)
    assert found.gini == pytest.approx(differences / (2 * len(per) * sum(per)))
    assert sum(per[: found.half]) >= sum(per) / 2 > sum(per[: found.half - 1])
    table = {rank: (met, all_, n) for rank, met, all_, n in ranks(kept, made.tree)}
    assert table["species"] == (len(per), 300, len(kept))
    assert table["kingdom"] == (1, 1, len(kept))
    assert dict(gaps(kept, made.tree))["a place"] == kept.filter(pl.col("latitude").is_null()).height
    assert dict(gaps(kept, made.tree))["a species"] == 0
    assert splits(kept)["images"].sum() == len(kept)
    assert sum(n for _, n in years(kept)) == kept["event_date"].is_not_null().sum()
    read = licences(kept)
    assert read["images"].sum() == len(kept)
    assert set(read.filter("open")["licence"]) == {"CC-BY-4.0", "CC0-1.0"}


def test_years_are_read_from_dates_alone() -> None:
    dates = ["2020", "2021-05", "2023-01-01T10:00:00", "May 2020", "20201", "9999-01-01", None]
    assert years(pl.DataFrame({"event_date": dates})) == [(2020, 1), (2021, 1), (2022, 0), (2023, 1)]


def test_every_kept_image_has_a_line_of_credit(made: Catalog, card: Path) -> None:
    table = pl.read_parquet(card / "attribution.parquet")
    assert table["id"].to_list() == made.kept()["id"].to_list()
    assert table.equals(attribution(made.kept()))
    by = table.filter(pl.col("licence") == "CC-BY-4.0")
    assert by["licence_url"].unique().to_list() == ["https://creativecommons.org/licenses/by/4.0/"]
    counted = holders(table)
    assert counted["images"].sum() == len(table)
    assert counted.filter(pl.col("rights_holder") == "The Museum").height > 0
    assert pl.read_csv(card / "holders.csv").equals(counted.cast({"images": pl.Int64}))


def test_croissant_says_what_is_in_the_store(made: Catalog, card: Path) -> None:
    document = json.loads((card / "croissant.json").read_text())
    assert document["@type"] == "sc:Dataset"
    assert "http://mlcommons.org/croissant/1.0" in document["conformsTo"]
    assert document["name"] == ABOUT.title
    assert "A. Nother" in document["citeAs"]
    files = {f["@id"]: f for f in document["distribution"]}
    assert set(files) == {"catalog.parquet", "tree.parquet", "shard-00000", "images"}
    assert files["shard-00000"]["sha256"] == digest(made.path / "shards" / "shard-00000.tar")
    assert len(files["catalog.parquet"]["sha256"]) == 64
    fields = {f["name"]: f for r in document["recordSet"] if r["@id"] == "catalog" for f in r["field"]}
    assert {"id", "taxon", "split", "licence", "latitude", "reason"} <= set(fields)
    assert "sex" not in fields  # nothing is known of it here
    for field in fields.values():
        assert field["source"]["extract"]["column"] in made.frame.columns
    assert "https://creativecommons.org/licenses/by/4.0/" in document["license"]
    assert "Gini" in document["rai:dataBiases"]
    assert document["rai:dataManipulationProtocol"].endswith("people blurred")


def test_the_same_catalog_gives_the_same_bytes(made: Catalog, card: Path, tmp_path: Path) -> None:
    write_card(Catalog.open(made.path), tmp_path, ABOUT, ("the test split is <empty>",))
    names = sorted(p.name for p in card.iterdir())
    assert names == ["attribution.csv", "attribution.parquet", "card.html", "croissant.json", "holders.csv"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (card / name).read_bytes(), name


def test_a_catalog_of_which_nothing_is_known_has_a_card_too(made: Catalog, tmp_path: Path) -> None:
    nothing = [c for c in made.frame.columns if c not in ("id", "taxon", "hash", "split")]
    bare = made.frame.head(1).with_columns(pl.lit(None).cast(made.frame.schema[c]).alias(c) for c in nothing)
    write_card(Catalog(tmp_path / "x", bare, made.tree, ""), tmp_path / "one")
    write_card(Catalog(tmp_path / "x", bare.clear(), made.tree, ""), tmp_path / "none")
    for name in ("one", "none"):
        page = (tmp_path / name / "card.html").read_text()
        assert Tags(page).open == []
        assert "No image has coordinates" in page
        assert "nan" not in page.lower().split("</style>")[1]


def test_the_verb_writes_beside_the_catalog(made: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["card", str(made.path), "--title", "T", "--author", "X", "--author", "Y"]) == 0
    assert "moths-card" in capsys.readouterr().err.replace("\n", "")
    assert "X, Y. T, version 1.0.0." in (made.path.parent / "moths-card" / "card.html").read_text()
    assert Catalog.open(made.path).hash == made.hash


def test_the_map_shows_every_image_wherever_it_is() -> None:
    rng = np.random.default_rng(0)
    for lat, lon in (
        (rng.uniform(-90, 90, 50), rng.uniform(-180, 180, 50)),
        (rng.uniform(47.1, 47.2, 50), rng.uniform(8.5, 8.6, 50)),
        (np.array([90.0]), np.array([180.0])),
        (np.array([-90.0, -89.0]), np.array([-180.0, -179.0])),
        (np.array([0.0] * 3), np.array([0.0] * 3)),
    ):
        drawn, words = density_map(lat, lon)
        shown = [int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) images</title>", drawn)]
        assert sum(shown) == len(lat), words
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', drawn).groups())  # type: ignore[union-attr]
        for x, y in re.findall(r'class="cell" x="([-\d.]+)" y="([-\d.]+)"', drawn):
            assert -0.1 <= float(x) < width
            assert -0.1 <= float(y) < height
    assert density_map(np.array([200.0]), np.array([0.0])) == ("", "")


def test_charts_of_little_are_left_out() -> None:
    one = np.array([5])
    assert rank_abundance(one, 10) == lorenz(one, 0.0) == year_bars([]) == ""
    assert "polyline" in rank_abundance(np.array([5, 1]), 10)
    assert year_bars([(2020, 3)]).count("<rect") == 1
