"""The study of emergent properties as a whole: a small world whose truth is planted, its tables and claims, and what cannot be computed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from merian.cli.emergence import emergence as verb
from merian.cli.emergence import named
from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadData, BadSetting, Mismatch, Missing, UnknownTaxon
from merian.core.report import Report
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree
from merian.core.vectors import Embeddings, normalise
from merian.encode import decode_many, open_encoder
from merian.explore.axes import clade_folds
from merian.explore.emergence.claims import CHANGES, CLAIMS, Verdict, changes, summary
from merian.explore.emergence.measures import Measure, bootstrapped, p_value
from merian.explore.emergence.probes import across, inside
from merian.explore.emergence.results import MEASURES, SERIES, number_of
from merian.explore.emergence.run import CLAIMS_PAGE, FIGURES, PAGE, Subjects, emergence
from merian.explore.emergence.settings import EmergenceSettings
from merian.explore.emergence.species_traits import COLUMNS, species_traits
from merian.explore.emergence.study import begin_study
from merian.explore.emergence.variants import LEFT_OUT, labelled
from merian.explore.emergence.within import Pairs

TABLES = Path(__file__).parents[2].parent / "shared" / "data" / "tables"
SPECIES, IMAGES, D = 24, 12, 20
QUICK = EmergenceSettings(images="all", shuffles=99, permutations=19, resamples=100, cases=3, spans=(2,), triplets=500)


def tree_of(species: int = SPECIES) -> Tree:
    lineages = {
        "kingdom": ["Animalia"] * species,
        "class": ["Aves"] * species,
        "family": [f"F{k // 6}idae" for k in range(species)],
        "genus": [f"G{k // 3}" for k in range(species)],
        "species": [f"G{k // 3} sp{k:02}" for k in range(species)],
    }
    return Tree.from_lineages(pl.DataFrame(lineages))


def catalog_of(folder: Path, tree: Tree, images: int = IMAGES, **columns: list[object]) -> Catalog:
    """`images` of each species, half of them female, a third ill; specimens of one image each; every fourth image was trained on."""
    taxa = np.repeat(tree.at("species"), images)
    number = np.arange(len(taxa))
    table = {
        "id": [f"i{k:04}" for k in number],
        "source": ["made"] * len(taxa),
        "path": [f"{k}.jpg" for k in number],
        "taxon": taxa,
        "sex": ["Female" if k % 2 else " male" for k in number],
        "health": ["Leaf Rust" if k % 3 == 0 else "healthy" for k in number],
        "group": [f"g{k}" for k in number],
        "split": ["train" if k % 4 == 0 else "test" for k in number],
    } | columns
    work = store.begin(folder, "catalog", 1, {}, {"source": str(folder)})
    with store.atomic(folder / "catalog.parquet") as file:
        conform(pl.DataFrame(table), CATALOG).write_parquet(file)
    tree.save(folder / "tree.parquet")
    work.finish()
    return Catalog.open(folder)


def traits_of(tree: Tree) -> np.ndarray:
    return stream(0, "beak").standard_normal(len(tree.at("species")))


def vectors_of(catalog: Catalog, name: str = "model", knows: float = 1.0, sexes: bool = True) -> Embeddings:
    """Vectors in which the beak lies along axis 0, kinship along 1 to 12 and sex along 13, as much as the model `knows`; the rest is noise."""
    tree, rows = catalog.tree, catalog.kept()
    rng = stream(1, "vectors", name)
    species = tree.at("species")
    at = np.searchsorted(species, rows["taxon"].to_numpy())
    places = np.zeros((len(species), D))
    places[:, 0] = traits_of(tree)
    for rank, first in (("family", 1), ("genus", 5)):
        clades, of = np.unique(tree.ancestors[species, ["family", "genus"].index(rank) + 4], return_inverse=True)
        places[:, first : first + len(clades)] += 1.5 * np.eye(len(clades))[of]
    x = knows * places[at] + 0.3 * rng.standard_normal((len(rows), D)) + 4 * np.eye(D)[19]
    if sexes:
        x[:, 13] += knows * 1.2 * (rows["sex"] == "Female").to_numpy()
    return Embeddings(rows["id"], normalise(x), f"made-{name}", tree.version)


def table_of(path: Path, tree: Tree) -> Path:
    names = tree.names.gather(tree.at("species").tolist()).to_list()
    beak = [(n, "beak_depth", f"{v:.5f}", "mm") for n, v in zip(names, traits_of(tree), strict=True)]
    other = [(n, "noise", f"{v:.5f}", "") for n, v in zip(names, stream(9).standard_normal(len(names)), strict=True)]
    habitat = [(n, "habitat", "forest" if k % 5 < 2 else "coast", "") for k, n in enumerate(names)]
    two = [(n, "rare", "1.5", "g") for n in names[:2]]
    same = [(n, "constant", "3", "") for n in names]
    columns = ["scientificName", "measurementType", "measurementValue", "measurementUnit"]
    pl.DataFrame([*beak, *other, *habitat, *two, *same], schema=columns, orient="row").write_csv(path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    folder = tmp_path_factory.mktemp("emergence")
    return folder, catalog_of(folder / "catalog", tree_of())


@pytest.fixture(scope="module")
def done(world: tuple[Path, Catalog]) -> tuple[Report, Path]:
    folder, catalog = world
    model, nothing = vectors_of(catalog), vectors_of(catalog, "untrained", knows=0)
    subjects = Subjects(("model", model), {"untrained": nothing}, {"1%": nothing, "100%": model})
    settings = replace(QUICK, traits=table_of(folder / "traits.csv", catalog.tree), trait="beak_depth")
    return emergence(catalog, subjects, folder / "out", settings, command="a command"), folder / "out"


def test_what_was_planted_is_found_and_what_was_not_is_not(done: tuple[Report, Path]) -> None:
    report, out = done
    claims = pl.read_parquet(out / "claims.parquet")
    verdict = {(c, s, m): v for c, s, m, v in claims.select("claim", "subject", "measure", "verdict").rows()}
    sex, health = "sex: female | male", "health: diseased | healthy"
    assert verdict["axis", "beak_depth", "rho"] == "holds"
    assert verdict["beyond", "beak_depth", "pgls"] == "holds"
    assert verdict["axis", "noise", "rho"] != "holds"
    assert verdict["apart", sex, "fdr"] == "holds"
    assert verdict["shared", sex, "probe_across"] == "holds"
    assert verdict["orthogonal", sex, "rho.k2"] == "holds"
    assert verdict["shared", health, "probe_across"] != "holds"
    assert verdict["apart", health, "fdr"] != "holds"
    assert verdict["orthogonal", health, "rho.k2"] == "not decided", "there is no difference to lie anywhere"
    assert verdict["triplets", "all", "triplets"] == "holds"
    assert verdict["apart along", sex, "fdr"] == "holds"
    assert verdict["triplets along", "all", "triplets"] == "holds"
    assert report["traits.beak_depth.rho"].value > 0.8
    assert report["within.sex: female | male.probe_across"].value > 0.95
    assert report["within.all.retained"].value < 0.5
    line = next(r for r in report.remarks if r.startswith("One direction tells"))
    assert "depends on the variants" in line
    assert "holds for sex" in line.split(";")[0]
    assert "health" not in line.split(";")[0]


def test_every_table_has_its_declared_columns_and_the_page_tells_them(done: tuple[Report, Path]) -> None:
    report, out = done
    measures = pl.read_parquet(out / "measures.parquet")
    assert measures.columns == list(MEASURES)
    assert set(measures["role"]) == {"model", "control", "series", "tree"}
    own = measures.filter((pl.col("role") == "model") & (pl.col("measure") == "rho.k2"))
    assert own["chance"].to_list() == pytest.approx([2 / D] * 2)
    scatter = measures.filter((pl.col("role") == "model") & (pl.col("measure") == "scatter.k2"))
    assert scatter["value"].to_list() == pytest.approx([2 / D], abs=0.05), "specimens scatter alike in all directions"
    known = measures.filter(pl.col("low").is_not_null())
    assert (known["low"] <= known["high"]).all()
    assert pl.read_parquet(out / "series.parquet").columns == list(SERIES)
    line = pl.read_parquet(out / "series.parquet").filter(pl.col("measure") == "probe_across")
    assert line["at"].to_list() == [1.0, 100.0] * 2
    assert line["per_tenfold"][0] == pytest.approx((line["value"][1] - line["value"][0]) / 2)
    left = pl.read_parquet(out / "left_out.parquet")
    assert left.columns == list(LEFT_OUT)
    why = dict(left.filter(pl.col("part") == "traits").select("subject", "reason").rows())
    assert "known of 2 of the species" in why["rare"]
    assert "same value, 3" in why["constant"]
    species = pl.read_parquet(out / "axis_species.parquet").filter(pl.col("role") == "model")
    assert np.corrcoef(species["axis"], species["value"])[0, 1] > 0.8
    images = pl.read_parquet(out / "axis_images.parquet").filter(pl.col("role") == "model")
    means = images.group_by("taxon").agg(pl.col("axis").mean()).sort("taxon")
    assert means["axis"].to_numpy() == pytest.approx(species.sort("taxon")["axis"].to_numpy(), abs=1e-6)
    assert len(images) == SPECIES * IMAGES
    page = (out / CLAIMS_PAGE).read_text()
    for claim in CLAIMS:
        assert claim.words in page
    assert "the differences may be noise alone" in page
    assert all(r in page for r in report.remarks if not r.startswith(tuple(c.words for c in (*CLAIMS, *CHANGES))))


def test_figures_stand_in_the_page_with_the_numbers_of_model_and_controls(done: tuple[Report, Path]) -> None:
    report, out = done
    drawn = sorted(p.name for p in (out / FIGURES).iterdir())
    sex = "upright-sex-female-male"
    health = "upright-health-diseased-healthy.svg"
    assert set(drawn) >= {"axis.svg", f"{sex}.svg", f"{sex}.html", health, "series.svg", "trees.svg"}
    assert all(
        ET.fromstring((out / FIGURES / name).read_text()).tag.endswith("svg") for name in drawn if name[-3:] == "svg"
    )
    why = next(r for r in report.remarks if r.startswith("no figure of health: diseased | healthy"))
    assert "no crop has 10 groups of images in each state" in why
    page = unescape((out / PAGE).read_text())
    assert page.count("<img src=") == sum(name.endswith(".svg") for name in drawn)
    assert f'href="figures/{sex}.html"' in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
    measures = pl.read_parquet(out / "measures.parquet").filter(pl.col("measure") == "axis_rho")
    for value in measures.filter(pl.col("role") != "series")["value"]:
        assert f"<td>{value:.3f}<small>" in page
    assert all(claim.words in page for claim in (*CLAIMS, *CHANGES) if claim.name not in ("siblings", "siblings along"))


def test_a_series_in_another_order_is_another_run(world: tuple[Path, Catalog]) -> None:
    folder, catalog = world
    small, few = replace(QUICK, clade="F0idae"), vectors_of(catalog)
    members = {"1": vectors_of(catalog, "one", 0.1), "2": vectors_of(catalog, "two", 0.5)}
    emergence(catalog, Subjects(("model", few), {}, members), folder / "order", small)
    emergence(catalog, Subjects(("model", few), {}, members), folder / "order", small)
    turned = dict(reversed(members.items()))
    with pytest.raises(Mismatch, match="series"):
        emergence(catalog, Subjects(("model", few), {}, turned), folder / "order", small)
    taught = Subjects(("model", few), {}, members, ("the model was taught sex",))
    with pytest.raises(Mismatch, match="told"):
        emergence(catalog, taught, folder / "order", small)


@pytest.mark.parametrize(
    ("name", "number"),
    [("25%", 25), ("0.07", 0.07), ("214M", 214e6), ("1e-3", 1e-3), ("50 k", 5e4), ("untrained", None), ("v2", None)],
)
def test_the_number_a_name_begins_with(name: str, number: float | None) -> None:
    assert number_of(name) == number


def test_the_same_run_is_not_repeated_and_gives_the_same_bytes(world: tuple[Path, Catalog]) -> None:
    folder, catalog = world
    small = replace(QUICK, traits=None)
    model = vectors_of(catalog)
    for name in "ab":
        emergence(catalog, Subjects(("model", model)), folder / name, small)
    files, again = (
        sorted(str(p.relative_to(folder / n)) for p in (folder / n).rglob("*.*") if p.name != "manifest.json")
        for n in "ab"
    )
    assert files == again
    assert all((folder / "a" / f).read_bytes() == (folder / "b" / f).read_bytes() for f in files)
    before = (folder / "a" / "report.json").stat().st_mtime_ns
    again = emergence(catalog, Subjects(("model", model)), folder / "a", small)
    assert (folder / "a" / "report.json").stat().st_mtime_ns == before
    assert any("no control was given" in r for r in again.remarks)
    assert any("no table of traits" in r for r in again.remarks)
    with pytest.raises(Mismatch, match="seed"):
        emergence(catalog, Subjects(("model", model)), folder / "a", replace(small, seed=3))
    assert "not decided" in (folder / "a" / CLAIMS_PAGE).read_text()


def test_what_does_not_belong_together_is_refused(world: tuple[Path, Catalog], tmp_path: Path) -> None:
    _, catalog = world
    model = vectors_of(catalog)
    with pytest.raises(BadSetting, match="made by the model under study"):
        emergence(catalog, Subjects(("model", model), {"untrained": model}), tmp_path / "a", QUICK)
    with pytest.raises(BadSetting, match="is the name of the model"):
        emergence(catalog, Subjects(("model", model), {"model": vectors_of(catalog, "x")}), tmp_path / "b", QUICK)
    flat = Embeddings(model.ids, normalise(np.ones((len(model), D))), "flat", "")
    with pytest.raises(BadData, match="all alike"):
        emergence(catalog, Subjects(("model", flat)), tmp_path / "c", QUICK)
    part = Embeddings(model.ids.head(5), model.vectors[:5], "part", "")
    with pytest.raises(Missing, match="embed the same catalog"):
        emergence(catalog, Subjects(("model", part)), tmp_path / "d", QUICK)
    other = Embeddings(model.ids, model.vectors, "other", "another tree")
    with pytest.raises(Mismatch, match="embed this catalog"):
        emergence(catalog, Subjects(("model", other)), tmp_path / "e", QUICK)
    with pytest.raises(UnknownTaxon, match="Mammalia"):
        begin_study(catalog, replace(QUICK, clade="Mammalia"))
    with pytest.raises(BadSetting, match="needs a table"):
        begin_study(catalog, replace(QUICK, trait="beak_depth"))
    with pytest.raises(BadSetting, match="is no trait of the table"):
        begin_study(catalog, replace(QUICK, trait="beak", traits=table_of(tmp_path / "t.csv", catalog.tree)))
    with pytest.raises(BadData, match="too few"):
        begin_study(catalog, replace(QUICK, per_species=IMAGES + 1))
    with pytest.raises(BadSetting, match="NAME=MODEL"):
        named("=vectors", "control")


def test_the_verb_takes_embeddings_by_name_and_says_what_was_decided(
    world: tuple[Path, Catalog], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, catalog = world
    for name, knows in (("model", 1.0), ("untrained", 0.0)):
        vectors_of(catalog, name, knows).save(tmp_path / f"{name}.parquet")
    flags = {"images": "all", "shuffles": 99, "permutations": 19, "resamples": 100, "spans": [2], "clade": "Aves"}
    given = {"model": str(tmp_path / "model.parquet"), "control": (f"untrained={tmp_path / 'untrained.parquet'}",)}
    assert verb(folder / "catalog", tmp_path / "out", **given, **flags) == 0
    said = capsys.readouterr().err
    assert "Nearer relatives lie closer: " in said
    assert "claims.md" in said
    report = Report.load(tmp_path / "out" / "report.json")
    assert set(report.inputs) == {"catalog", "model model", "control untrained"}
    place = tmp_path / "taught"  # as a model's folder is, but with its embeddings in it
    work = store.begin(place, "model", 1, {"traits": 0.5}, {"catalog": catalog.hash})
    vectors_of(catalog).save(place / "embeddings.parquet")
    work.finish()
    verb(folder / "catalog", tmp_path / "second", model=f"pocket={place}", **flags)
    assert "pocket may have been taught sex" in capsys.readouterr().err
    assert "pocket may have been taught sex" in (tmp_path / "second" / PAGE).read_text()
    with pytest.raises(BadSetting, match="named twice"):
        verb(folder / "catalog", tmp_path / "out", model=given["model"], control=given["control"] * 2)
    with pytest.raises(BadSetting, match="NAME=MODEL"):
        verb(folder / "catalog", tmp_path / "out", model=given["model"], series=("untrained",))


def test_only_images_of_the_clade_that_were_not_trained_on(world: tuple[Path, Catalog]) -> None:
    _, catalog = world
    study = begin_study(catalog, replace(QUICK, images="held-out", clade="F1idae"))
    assert len(study.species) == 6
    assert (study.rows["split"] == "test").all()
    assert len(study.rows) == 6 * IMAGES * 3 // 4
    assert any("left out: what a model was shown is memory" in r for r in study.remarks)
    few = begin_study(catalog, replace(QUICK, most=20))
    assert (len(few.species), len(few.few)) == (24, 20)


def test_words_are_read_without_regard_to_case_and_say_nothing_when_unknown(tmp_path: Path) -> None:
    tree = tree_of()
    words = ["Female", "MALE ", "unknown", None] * (SPECIES * IMAGES // 4)
    catalog = catalog_of(tmp_path / "c", tree, sex=words, health=["rust"] * len(words), group=["same"] * len(words))
    study = begin_study(catalog, QUICK)
    assert study.contrasts == []
    assert any(r.startswith("sex: no species has 3 specimens") for r in study.remarks), "one group is one specimen"
    assert "health: cannot be looked at, only 'rust' is noted" in study.remarks
    assert "life_stage: cannot be looked at, it is noted of no image" in study.remarks
    assert study.left_out["reason"][0] == "1 of 3 specimens: female; 1 of 3 specimens: male"
    rows = labelled(catalog.kept())
    assert rows["sex"].unique().drop_nulls().sort().to_list() == ["female", "male"]


def test_a_table_of_labels_stands_in_for_the_catalog_and_no_lesion_is_health(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path / "c", tree_of())
    ids = catalog.kept()["id"]
    truth = {
        "occurrenceID": ids,
        "lesion": ["", "rust", "scab"] * (len(ids) // 3),
        "stage": ["adult", "larva"] * (len(ids) // 2),
    }
    pl.DataFrame(truth).write_parquet(tmp_path / "truth.parquet")
    study = begin_study(catalog, replace(QUICK, labels=tmp_path / "truth.parquet"))
    assert [c.name for c in study.contrasts] == [
        "sex: female | male",
        "life_stage: larva | adult",
        "health: diseased | healthy",
    ]
    assert dict(study.rows["health"].value_counts().rows()) == {"diseased": 192, "healthy": 96}
    with pytest.raises(Missing, match="table of labels"):
        labelled(catalog.kept(), tmp_path / "none.csv")
    pl.DataFrame({"id": ["else"], "sex": ["male"]}).write_csv(tmp_path / "else.csv")
    with pytest.raises(BadData, match="ids are not theirs"):
        labelled(catalog.kept(), tmp_path / "else.csv")
    pl.DataFrame({"name": ["a"], "sex": ["male"]}).write_csv(tmp_path / "nameless.csv")
    with pytest.raises(BadData, match="needs the column id"):
        labelled(catalog.kept(), tmp_path / "nameless.csv")


def test_traits_are_read_long_or_wide_by_name_or_epithet(tmp_path: Path) -> None:
    tree = tree_of()
    long = species_traits(table_of(tmp_path / "long.csv", tree), tree)
    assert long.columns == list(COLUMNS)
    assert set(long["trait"]) == {"beak_depth", "constant", "habitat = forest", "noise", "rare"}
    assert long.filter(pl.col("trait") == "habitat = forest")["value"].sum() == sum(k % 5 < 2 for k in range(SPECIES))
    (tmp_path / "wide.csv").write_text(
        ",band,species,bdepth,diet\n0,7,sp00,8,seeds\n1,8,sp00,10,seeds\n2,9,G0_sp01,NA,fruit\n3,1,sp99,5,x\n"
    )
    wide = species_traits(tmp_path / "wide.csv", tree)
    found = {(t, tree.names[x]): v for t, x, v in wide.select("trait", "taxon", "value").rows()}
    assert found["bdepth", "G0 sp00"] == 9
    assert ("bdepth", "G0 sp01") not in found
    assert found["diet = seeds", "G0 sp01"] == 0
    assert {t for t, _ in found} == {"bdepth", "diet = seeds"}, "bands and row numbers are no traits"
    (tmp_path / "genus.csv").write_text("Genus,Species,mass\nG0,sp02,3\n")
    assert species_traits(tmp_path / "genus.csv", tree)["value"].to_list() == [3]
    with pytest.raises(BadData, match="names no species"):
        species_traits(tmp_path / "genus.csv", tree, tree.find("F1idae"))
    # as PanTHERIA writes: ranks under other names, -999 for what is not known
    head = "MSW05_Order,MSW05_Genus,MSW05_Species,5-1_AdultBodyMass_g\n"
    (tmp_path / "coded.csv").write_text(head + "O,G0,sp00,-999.00\nO,G0,sp01,12\n")
    assert species_traits(tmp_path / "coded.csv", tree).select("trait", "value").rows() == [("5-1_AdultBodyMass_g", 12)]
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadData, match="a column species"):
        species_traits(tmp_path / "none.csv", tree)
    with pytest.raises(Missing, match="traits"):
        species_traits(tmp_path / "not.csv", tree)


def test_skewed_amounts_are_logarithms_and_clades_that_hold_most_species_are_divided(tmp_path: Path) -> None:
    lineages = {
        "kingdom": ["Animalia"] * 12,
        "family": ["Aidae"] * 10 + ["Bidae", "Cidae"],
        "genus": [f"G{k // 3}" for k in range(12)],
        "species": [f"G{k // 3} sp{k:02}" for k in range(12)],
    }
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    catalog = catalog_of(tmp_path / "c", tree, 4)
    rows = [f"{n},{10 ** (k / 3):.6f},{k},1" for k, n in enumerate(lineages["species"])]
    (tmp_path / "t.csv").write_text("\n".join(["species,mass,height,constant", *rows]))
    study = begin_study(catalog, replace(QUICK, traits=tmp_path / "t.csv", trait="height"))
    found = {k.trait: k for k in study.traits}
    assert found["mass"].unit == "log10"
    assert found["mass"].values == pytest.approx(np.arange(12) / 3, abs=1e-5)
    assert found["height"].values.tolist() == list(range(12))
    assert found["height"].rank == "genus", "of the families one holds more than half of the species"
    assert len(np.unique(found["height"].folds)) == 6, "genera of the same name in other families are other genera"
    assert study.axis is not None
    assert study.axis.trait == "height"
    without = begin_study(catalog, replace(QUICK, traits=tmp_path / "t.csv", trait="constant"))
    assert without.axis is None, "no other trait takes the place of the one that was asked for"
    assert any(r.startswith("constant: has the same value, 1,") for r in without.remarks)


def test_species_without_a_family_are_left_out_together() -> None:
    lineages = {
        "kingdom": ["Animalia"] * 12,
        "family": ["Aidae"] * 4 + ["Bidae"] * 4 + [None] * 4,
        "species": [f"G{k} sp{k:02}" for k in range(12)],
    }
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    taxa = np.array([tree.find(name) for name in lineages["species"]])
    folds, rank = clade_folds(tree, taxa)
    assert rank == "family"
    assert [len(set(folds[k : k + 4])) for k in (0, 4, 8)] == [1, 1, 1]
    assert len(set(folds)) == 3
    # two families are too few, and no genus is given: each species by itself
    assert clade_folds(tree, taxa[:8])[1] == "species"


@pytest.mark.real
@pytest.mark.skipif(not TABLES.is_dir(), reason=f"the real data are not at {TABLES}")
@pytest.mark.parametrize(("year", "depths"), [(1975, (9.17, 8.96)), (2012, (8.61, 9.19))])
def test_the_grants_beaks_are_a_table_of_traits_and_two_species_no_axis(
    year: int, depths: tuple[float, float], tmp_path: Path
) -> None:
    """Daphne Major: mean depth of beak in mm of Geospiza fortis and G. scandens (Grant & Grant, Dryad 10.5061/dryad.g6g3h)."""
    names = ["fortis", "scandens", "magnirostris", "fuliginosa"]
    lineage = {"kingdom": "Animalia", "family": "Thraupidae", "genus": "Geospiza"}
    tree = Tree.from_lineages(pl.DataFrame([lineage | {"species": f"Geospiza {n}"} for n in names]))
    table = species_traits(TABLES / f"darwin_finch_beaks_{year}.csv", tree)
    assert sorted(table["trait"].unique().to_list()) == ["bdepth", "blength"]
    found = table.filter(pl.col("trait") == "bdepth").select("taxon", "value").rows()
    assert {tree.names[t]: round(v, 2) for t, v in found} == dict(
        zip(("Geospiza fortis", "Geospiza scandens"), depths, strict=True)
    )
    catalog = catalog_of(tmp_path / "c", tree, 6)
    chosen = replace(QUICK, traits=TABLES / f"darwin_finch_beaks_{year}.csv", trait="bdepth", clade="Geospiza")
    study = begin_study(catalog, chosen)
    assert study.traits == []
    assert any("bdepth: known of 2 of the species" in r and "an axis always fits" in r for r in study.remarks)


@pytest.mark.real
@pytest.mark.skipif(not (TABLES.parent / "photos.csv").is_file(), reason=f"the real photos are not at {TABLES.parent}")
def test_colour_tells_ill_leaves_of_a_species_and_hardly_those_of_others() -> None:
    """Apple, tomato, potato and pepper leaves of PlantVillage (Hughes & Salathe 2015): what a picture of one crop shows need not be health."""
    photos = pl.read_csv(TABLES.parent / "photos.csv", infer_schema=False).filter(
        pl.col("dataset").str.starts_with("plantvillage")
    )
    ill = pl.col("health") != "healthy"
    photos = photos.with_columns(ill.alias("ill")).filter(pl.int_range(pl.len()).over("species", "ill") < 40)
    encoder = open_encoder(Path("descriptor"))
    files = [TABLES.parent / path for path in photos["path"]]
    vectors = encoder.embed_images(decode_many(files, encoder.preprocess).pixels)
    species = photos["species"].rank("dense").to_numpy().astype(np.int64)
    pairs = Pairs.of(vectors, species, photos["ill"].to_numpy(), stream(0, "leaves"), 49)
    assert inside(pairs).mean() > 0.85
    told = across(pairs, stream(1, "leaves"))
    assert told is not None
    assert told[0].mean() < 0.7
    assert p_value(float(told[0].mean()), told[1]) > 0.05


def test_few_species_get_no_interval_and_no_verdict() -> None:
    few = bootstrapped(Measure("within", "sex", "fdr", 0.5, 3), np.ones(100))
    assert np.isnan(few.low)
    assert not len(few.replicates)
    series = [("a", {few.key: few}), ("b", {few.key: few})]
    found = changes(series)
    assert [v.verdict for v in found] == ["not decided"]
    assert "3 species are too few" in found[0].reason
    assert changes(series[:1]) == []
    noise = replace(few, value=np.nan, n=30, note="the differences may be noise alone")
    found_noise = changes([("a", {few.key: noise}), ("b", {few.key: replace(few, n=30)})])
    assert [v.reason for v in found_noise] == ["a: the differences may be noise alone"]
    assert summary(found) == ["Variants of a species move apart along the series: not decided for sex"]
    assert isinstance(found[0], Verdict)
