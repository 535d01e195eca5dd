"""The index: filters as a plain table understands them, exact answers, a first pass that loses little, hostile words, the two verbs."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from catalogs import LICENCES, catalog
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import encoded, noise

from merian.cli.main import run
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.tables import Catalog
from merian.core.vectors import Embeddings, normalise
from merian.encode import decode_many, open_encoder
from merian.encode.toy import Toy
from merian.search import Index, SearchSettings, Wanted, asked_vector, build_index
from merian.search.asked import dated, days_of

N, DIM = 6_000, 32


@dataclass(frozen=True)
class Made:
    """An index, and what it was made of."""

    index: Index
    rows: pl.DataFrame
    vectors: np.ndarray
    folder: Path
    source: Catalog
    embeddings: Embeddings

    def nearest(self, vector: np.ndarray, k: int, kept: np.ndarray) -> np.ndarray:
        """The cosines of the k nearest of the rows kept [n] bool, by NumPy."""
        return np.sort((self.vectors @ vector)[kept])[::-1][:k]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """6,000 images, vectors that lie about their species; parts of the index are used from 200 images on."""
    folder = tmp_path_factory.mktemp("search")
    source = catalog(folder / "catalog", N)
    rows = source.kept()
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((len(source.tree), DIM))
    vectors = normalise(centres[rows["taxon"].to_numpy()] + 0.7 * rng.standard_normal((len(rows), DIM)))
    embeddings = Embeddings(rows["id"], vectors, "toy-1-32", source.tree.version)
    how = SearchSettings(exact=200, probes=20, quantise="sq")
    return Made(
        build_index(source, embeddings, folder / "index", how), rows, vectors, folder / "index", source, embeddings
    )


def plain(wanted: Wanted, made: Made) -> np.ndarray:
    """The rows [n] that are wanted, said by polars over the catalog itself."""
    rows, tree = made.rows, made.source.tree
    keep = np.ones(len(rows), bool)
    if wanted.taxa:
        lines = tree.ancestors[rows["taxon"].to_numpy()]
        keep &= np.isin(lines, wanted.taxa).any(1)
    if wanted.box:
        west, south, east, north = wanted.box
        lat, lon = (rows[name].to_numpy() for name in ("latitude", "longitude"))
        inside = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
        keep &= (lat >= south) & (lat <= north) & inside
    dates = rows["event_date"].fill_null("").to_numpy().astype(str)
    if wanted.first:
        keep &= (dates != "") & (dates >= wanted.first)
    if wanted.last:
        keep &= (dates != "") & (dates <= wanted.last + "~")
    if wanted.months:
        keep &= np.array([bool(d) and int(d[5:7]) in wanted.months for d in dates])
    for column, values in (("licence", wanted.licences), ("source", wanted.sources), ("split", wanted.splits)):
        if values:
            keep &= rows[column].is_in(list(values)).fill_null(False).to_numpy()
    return keep


some = st.builds(
    Wanted,
    taxa=st.lists(st.integers(0, 300), max_size=2).map(tuple),
    box=st.none() | st.tuples(st.integers(-170, 170), st.integers(-60, 0), st.integers(-170, 170), st.integers(0, 80)),
    first=st.sampled_from(["", "2000", "2010-03", "2011-05-20"]),
    last=st.sampled_from(["", "2015", "2020-11", "2021-06-12"]),
    months=st.sampled_from([(), (3,), (1, 5, 9)]),
    licences=st.sampled_from([(), (LICENCES[0],), ("© the museum", "it's mine'; --")]),
    sources=st.sampled_from([(), ("GBIF: Museum & Friends", "camera <traps>")]),
    splits=st.sampled_from([(), ("test",), ("unseen", "val")]),
)


@given(wanted=some, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_a_filter_keeps_what_the_table_says_and_the_rest_is_compared_exactly(
    made: Made, wanted: Wanted, seed: int
) -> None:
    vector = made.vectors[seed]
    keep = plain(wanted, made)
    found = made.index.search(vector, 7, wanted, exact=True)
    assert found.among == keep.sum()
    assert found.rows["cosine"].to_numpy() == pytest.approx(made.nearest(vector, 7, keep), abs=1e-5)
    assert set(found.rows["id"]) <= set(made.rows["id"].to_numpy()[keep])


@pytest.mark.parametrize("taxa", [(), (0,)])
def test_the_first_pass_loses_few_of_the_nearest(made: Made, taxa: tuple[int, ...]) -> None:
    hits = []
    for row in range(0, 3000, 50):
        found = made.index.search(made.vectors[row], 10, Wanted(taxa=taxa, splits=("train",)))
        assert not found.exact
        best = made.index.search(made.vectors[row], 10, Wanted(taxa=taxa, splits=("train",)), exact=True)
        hits.append(len(set(found.rows["id"]) & set(best.rows["id"])) / 10)
    assert np.mean(hits) >= 0.95


def test_behind_a_narrow_filter_all_are_compared(made: Made) -> None:
    species = int(made.rows["taxon"].value_counts(sort=True)["taxon"][40])
    found = made.index.search(made.vectors[0], 5, Wanted(taxa=(species,)))
    assert found.exact
    assert set(found.rows["taxon"]) == {species}
    told = made.index.named(found.rows).row(0, named=True)
    assert (told["scientific_name"], told["rank"]) == (made.source.tree.names[species], "species")


def test_dates_are_years_months_days_and_intervals() -> None:
    assert days_of("1970") == (0, 364)
    assert days_of("2024-02") == (19754, 19782)
    assert days_of("2014-05-31T12:00:00Z") == (16221, 16221)
    for wrong in ("May", "2014-13", "2014-02-30", "", "20140531"):
        with pytest.raises(BadSetting, match="2014-05-31"):
            days_of(wrong)
    read = dated(pl.Series(["2014-05-01/2014-05-03", "2014-12/2015-01", "soon", None, "2014"]))
    assert read["month"].to_list() == [5, None, None, None, None]
    assert read.row(1) == (days_of("2014-12")[0], days_of("2015-01")[1], 12 * 2014 + 11, 12 * 2015, None)
    assert read.row(2) == (None,) * 5


def test_questions_that_cannot_be_asked(made: Made) -> None:
    with pytest.raises(Mismatch, match="32"):
        made.index.search(np.ones(8, np.float32))
    with pytest.raises(BadData, match="no numbers"):
        made.index.search(np.full(DIM, np.nan, np.float32))
    with pytest.raises(BadSetting, match="at least 1"):
        made.index.search(made.vectors[0], 0)
    for box in ((0, 50, 10, 40), (0, 0, 181, 10), (0, 0, float("nan"), 1)):
        with pytest.raises(BadSetting, match="west,south"):
            Wanted(box=box)
    with pytest.raises(BadSetting, match="month"):
        Wanted(months=(13,))
    with pytest.raises(BadSetting, match="no image"):
        Wanted(first="2015", last="2014")
    with pytest.raises(BadData, match="empty"):
        asked_vector(Toy(), None, ())


def test_a_question_of_both_leans_as_it_is_weighed() -> None:
    images = normalise(np.random.default_rng(0).standard_normal((2, 64)))
    words = Toy().embed_texts(["red"])[0]
    photo = normalise(images.mean(0))
    assert asked_vector(Toy(), images, (), 0.3) @ photo == pytest.approx(1, abs=1e-6)
    cosines = [asked_vector(Toy(), images, ("red",), weight) @ words for weight in (0, 0.5, 1)]
    assert cosines == sorted(cosines)
    assert cosines[-1] == pytest.approx(1, abs=1e-6)


def test_an_index_is_made_once_and_opens_where_it_is_copied(made: Made, tmp_path: Path) -> None:
    again = build_index(made.source, made.embeddings, made.folder, SearchSettings(exact=200, probes=20, quantise="sq"))
    assert len(again) == len(made.index) == len(made.rows)
    shutil.copytree(made.folder, tmp_path / "copy")
    there = Index.open((tmp_path / "copy").as_uri())
    assert there.fingerprint == "toy-1-32"
    assert there.tree.version == made.source.tree.version
    vector = made.vectors[3]
    assert there.search(vector, 5, exact=True).rows.equals(made.index.search(vector, 5, exact=True).rows)
    with pytest.raises(Missing, match="merian index"):
        Index.open((tmp_path / "nothing").as_uri())
    other = Embeddings(made.rows["id"], made.vectors, "toy-1-32", "another")
    with pytest.raises(Mismatch, match="embed this catalog"):
        build_index(made.source, other, tmp_path / "index", SearchSettings())
    strange = Embeddings(pl.Series(["x"]), made.vectors[:1], "toy-1-32")
    with pytest.raises(BadData, match="none of"):
        build_index(made.source, strange, tmp_path / "index", SearchSettings())


def test_the_two_verbs_find_a_photo_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = [encoded(noise(seed), "PNG") for seed in range(8)]
    for kind in ("red", "blue"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
    for seed, data in enumerate(photos):
        (tmp_path / "photos" / ("red", "blue")[seed % 2] / f"{seed}.png").write_bytes(data)

    def ask(line: str) -> tuple[int, str]:
        code = run(shlex.split(line))
        return code, capsys.readouterr().out

    assert ask("curate photos catalog --min-side 8 --min-sharpness 0 --min-contrast 0")[0] in (0, 3)
    assert ask("embed catalog --model toy --out vectors")[0] == 0
    assert ask("index catalog vectors index")[0] == 0
    code, out = ask("search index photos/red/0.png --model toy -k 3 -f jsonl")
    best = json.loads(out.splitlines()[-3])
    assert code == 0
    assert best["path"].endswith("0.png")
    assert best["cosine"] == pytest.approx(1, abs=1e-4)
    assert ask("search index gone.png --words red --model toy -o found.csv -f csv")[0] == 3
    assert len(pl.read_csv("found.csv")) == 8
    assert ask("search index --model toy")[0] == 1
    assert ask("search index --words x --model toy --box 1,2")[0] == 2
    assert ask("search index --words x --model toy --taxon Nothing")[0] == 1
    assert ask("search nowhere --words x --model toy")[0] == 1


def test_the_vectors_of_an_index_are_those_of_its_photos() -> None:
    looks = decode_many([encoded(noise(0), "PNG")], Toy().preprocess)
    vector = Toy().embed_images(looks.pixels)
    assert asked_vector(open_encoder("toy"), vector, ()) == pytest.approx(vector[0], abs=1e-6)
