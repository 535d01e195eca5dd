"""Tasks and suites as TOML files, and how a class becomes words."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_benchmarks as small

from merian.core.errors import BadSetting, Missing, MissingExtra
from merian.core.tree import Lineage
from merian.evaluate.benchmarks.layouts import LAYOUTS
from merian.evaluate.benchmarks.prompts import RULES, TEMPLATES, Subject, clean, filled, prompts_of
from merian.evaluate.benchmarks.tables import TableOptions
from merian.evaluate.benchmarks.task import Task, read, suites, tasks

MINE = """
name = "mine"
title = "My fish"
url = "a drawer"
folder = "fish"
layout = "table"
protocols = ["zero-shot", "few-shot"]
prompt = "{prompt}"
templates = ["photo", "a drawing of {{c}}"]
published = [{{ model = "CLIP", protocol = "zero-shot", value = 12.5, source = "a paper" }}]

[options]
table = "fish.csv"
path = "file"
images = "photos"
suffix = ".jpg"
label = ["species", "sex"]
where = ["kind = fish | shark"]
group = "pond"
fold = "fold"
ranks = ["", "", "", "", "family", "genus", "species"]
common = "english"
attributes = ["striped"]
keep = ["kind"]
"""
FISH = """file,species,sex,kind,pond,fold,family,genus,english,striped
a,Perca fluviatilis,male,fish,1,0,Percidae,Perca,perch,1
b,Perca fluviatilis,female,fish,1,1,Percidae,Perca,perch,yes
c,Lota lota,male,fish,2,0,Lotidae,Lota,burbot,0
d,Pica pica,male,bird,3,0,Corvidae,Pica,magpie,0
e,Lota lota,,shark,2,1,Lotidae,Lota,burbot,no
"""


def mine(tmp_path: Path, prompt: str = "common", text: str = MINE) -> Task:
    file = tmp_path / "mine.toml"
    file.write_text(text.format(prompt=prompt))
    return tasks([str(file)])[0]


def fish(tmp_path: Path) -> Path:
    for letter in "abcde":
        small.picture(tmp_path / "fish" / "photos" / f"{letter}.jpg")
    (tmp_path / "fish" / "fish.csv").write_text(FISH)
    return tmp_path


def test_every_built_in_task_is_whole() -> None:
    found = tasks(["all"])
    assert len(found) == 20
    for task in found:
        assert task.title
        assert task.cite
        assert task.url.startswith("https://")
        assert task.notes
        assert isinstance(task.options, LAYOUTS[task.layout].options)
        assert task.prompt in RULES
        assert all(template in TEMPLATES for template in task.templates)
        # the papers average the 80; iNaturalist's numbers by rank were made with "A photo of ..." alone
        assert ("zero-shot" not in task.protocols) or (task.templates == ("clip-80",)) != (task.name == "inat21")
        assert ("zero-shot" in task.protocols) <= (task.layout != "fishnet")
        assert all(0 <= number.value <= 100 for number in task.published)
    by_name = {task.name: task for task in found}
    assert all(task.name == name for name, task in by_name.items())
    # every task has numbers of others, by itself or through its suite
    through = {name for suite in suites() for name in suite.tasks if suite.published}
    assert all(task.published or task.name in through for task in found)


def test_published_numbers_are_those_of_the_tables() -> None:
    """Spot checks against the BioCLIP 2 card: the mean of the ten printed columns is the printed mean."""
    species = next(suite for suite in suites() if suite.name == "species")
    camera = next(suite for suite in suites() if suite.name == "camera-traps")
    for model in ("CLIP L/14 (LAION-2B)", "SigLIP L/16-256", "BioCLIP B/16", "BioCLIP 2 L/14", "BioCAP B/16"):
        own = [t for t in tasks(["species"]) if not t.name.startswith("camera")]
        values = [
            n.value for part in (*own, camera) for n in part.published if (n.model, n.protocol) == (model, "zero-shot")
        ]
        mean = [n.value for n in species.published if (n.model, n.protocol) == (model, "zero-shot")]
        assert len(values) == 10
        assert mean == [pytest.approx(sum(values) / 10, abs=0.06)]
    beyond = next(suite for suite in suites() if suite.name == "beyond-species")
    for model in ("CLIP L/14", "SigLIP L/16-256", "DINOv2", "BioCLIP", "BioCLIP 2"):
        values = [
            n.value
            for t in tasks(["beyond-species"])
            for n in t.published
            if n.model == model and n.source.startswith("BioCLIP 2 card")
        ]
        assert len(values) == 5
        assert [n.value for n in beyond.published if n.model == model] == [pytest.approx(sum(values) / 5, abs=0.06)]


def test_names_are_tasks_suites_all_or_files(tmp_path: Path) -> None:
    assert [t.name for t in tasks(["newt", "awa2", "newt"])] == ["newt", "awa2"]
    assert [t.name for t in tasks(["camera-traps"])] == [t.name for t in tasks(["all"]) if t.name.startswith("camera")]
    assert len(tasks(["species"])) == 14
    both = tasks([str(tmp_path / "mine.toml"), "newt"]) if mine(tmp_path) else []
    assert [t.name for t in both] == ["mine", "newt"]
    for suite in suites():
        assert [t.name for t in tasks([suite.name])] == list(suite.tasks)


@pytest.mark.parametrize(
    ("names", "hint"),
    [(["nabird"], "nabirds"), (["specie"], "species"), (["zebra"], "known are all"), ([], "names no task")],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(names: list[str], hint: str) -> None:
    with pytest.raises(BadSetting, match=hint):
        tasks(names)


def test_a_file_that_is_not_there_or_of_a_taken_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="none.toml"):
        tasks([str(tmp_path / "none.toml")])
    mine(tmp_path, text=MINE.replace('"mine"', '"newt"'))
    with pytest.raises(BadSetting, match="second task of the name 'newt'"):
        tasks(["newt", str(tmp_path / "mine.toml")])
    mine(tmp_path, text=MINE.replace('"My fish"', '"NeWT"'))
    with pytest.raises(BadSetting, match="the title 'NeWT' of task 'newt'"):
        tasks(["newt", str(tmp_path / "mine.toml")])


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('layout = "table"', 'layout = "tabel"', "did you mean 'table'"),
        ('layout = "table"', "", "must be given"),
        ('["zero-shot", "few-shot"]', '["zero-shots"]', "must be one of zero-shot"),
        ('folder = "fish"', 'folder = "../fish"', "below the folder given with --data"),
        ('folder = "fish"', 'folder = "/fish"', "below the folder given with --data"),
        ('title = "My fish"', 'titel = "My fish"', "did you mean 'title'"),
        ('path = "file"', 'paths = "file"', "did you mean 'path'"),
        ("value = 12.5", "value = 125", "must be >= 0 and <= 100"),
        (", value = 12.5", "", "must give value"),
        ('source = "a paper"', 'sauce = "a paper"', "did you mean 'source'"),
        ('"a drawing of {{c}}"', '"a drawing"', "must hold {c} once"),
        ('"a drawing of {{c}}"', '"a {{d}} of {{c}}"', "must hold {c} once"),
        ('prompt = "{prompt}"', 'prompt = "raw"', "must be one of asis"),
        ("[options]", "[option]", "option"),
        ('name = "mine"', 'name = "../mine"', "must be letters, digits"),
        ('name = "mine"', 'name = "suite"', "none of suite, encoder, trained"),
        ('"few-shot"]', '"zero-shot"]', "must name each protocol once"),
        ("name = ", "name := ", "not valid TOML"),
    ],
)
def test_a_broken_task_says_which_file_and_key(tmp_path: Path, old: str, new: str, rule: str) -> None:
    assert old in MINE
    with pytest.raises(BadSetting, match=rule) as caught:
        mine(tmp_path, text=MINE.replace(old, new, 1))
    assert "mine.toml" in str(caught.value)


def test_a_task_of_ones_own_is_a_toml_file(tmp_path: Path) -> None:
    task, data = mine(tmp_path), fish(tmp_path)
    assert isinstance(task.options, TableOptions)
    assert filled(task.templates) == ("a photo of {c}.", "a drawing of {c}")
    assert task.published[0].value == 12.5
    found = read(task, data)
    assert found.classes == ("Lota lota male", "Perca fluviatilis female", "Perca fluviatilis male")
    assert found.prompts == ("burbot", "perch", "perch")
    assert any("1 prompts stand for several classes" in r for r in found.remarks)
    assert found.frame["id"].to_list() == [f"photos/{letter}.jpg" for letter in "abce"]
    assert found.frame["label"].to_list() == [2, 1, 0, -1]
    assert found.frame["group"].to_list() == ["1", "1", "2", "2"]
    assert found.frame["fold"].to_list() == ["0", "1", "0", "1"]
    assert found.frame["kind"].to_list() == ["fish", "fish", "fish", "shark"]
    assert found.frame["kingdom"].null_count() == 4
    assert found.attribute_names == ("striped",)
    assert found.attributes is not None
    assert found.attributes[:, 0].tolist() == [1, 1, 0, 0]


def test_a_prompt_that_the_data_set_cannot_give_is_refused(tmp_path: Path) -> None:
    text = MINE.replace('common = "english"\n', "")
    data = fish(tmp_path)
    with pytest.raises(BadSetting, match="mine: prompt.*needs common names"):
        read(mine(tmp_path, "common", text), data)
    found = read(mine(tmp_path, "taxon_com", text), data)
    assert found.prompts[0] == "Lotidae Lota lota"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Tomato___Late_blight", "Tomato with Late blight"),
        ("Apple___healthy", "healthy Apple"),
        ("Corn___Cercospora_leaf_spot Gray_leaf_spot", "Corn with Cercospora leaf spot Gray leaf spot"),
        ("Emiliania_huxleyi", "Emiliania huxleyi"),
        ("blue+whale", "blue whale"),
        ("Amanita excelsa Gonn. & Rabenh.", "Amanita excelsa"),
        ("Amanita muscaria (L.) Lam., 1783", "Amanita muscaria"),
        ("Mycena galericulata (Scop.) Gray", "Mycena galericulata"),
        ("Dacus dorsalis(Hendel)", "Dacus dorsalis"),
        ("Les CharanÃ§ons verts (Phyllobius, Polydrusus)", "Les Charançons verts (Phyllobius, Polydrusus)"),
        # what is no author stays
        ("Piper Betle (Betel)", "Piper Betle (Betel)"),
        ("Corn Gray leaf spot", "Corn Gray leaf spot"),
        ("Abert's Towhee", "Abert's Towhee"),
        ("Red-tailed Hawk (Light morph immature)", "Red-tailed Hawk (Light morph immature)"),
        ("La Punaise du Chou (Eurydema oleracea)", "La Punaise du Chou (Eurydema oleracea)"),
        ("Chaetoceros_didymus_flagellate", "Chaetoceros didymus flagellate"),
        ("Les Adèles unies", "Les Adèles unies"),
    ],
)
def test_cleaning_leaves_words(label: str, words: str) -> None:
    assert clean(label) == words
    assert clean(words) == words


def test_each_rule_gives_its_text() -> None:
    whole = Lineage("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", "Pica", "Pica pica")
    subjects = [Subject("pica_pica", whole, "magpie"), Subject("some_bird", None, None)]
    assert prompts_of("asis", subjects) == (("pica_pica", "some_bird"), [])
    assert prompts_of("clean", subjects)[0] == ("pica pica", "some bird")
    texts, remarks = prompts_of("taxon_com", subjects)
    assert texts == ("Animalia Chordata Aves Passeriformes Corvidae Pica pica with common name magpie", "some bird")
    assert remarks == ["1 classes without a lineage are asked for by their label: some_bird."]
    assert prompts_of("common", subjects)[0] == ("magpie", "some bird")
    with pytest.raises(BadSetting, match="leaves no words"):
        prompts_of("clean", [Subject("___")])


def test_a_class_of_several_lineages_is_known_by_what_they_share(tmp_path: Path) -> None:
    taxa = [
        ("animalia", "chordata", "aves", "passeriformes", "corvidae", "pica", "pica", "crow bird"),
        ("animalia", "chordata", "aves", "passeriformes", "corvidae", "corvus", "corax", "crow bird"),
    ]
    small.camera_traps(tmp_path, "ENA24", taxa)
    found = read(tasks(["camera-traps-ena24"])[0], tmp_path)
    assert found.prompts == ("Animalia Chordata Aves Passeriformes Corvidae with common name crow bird",)
    assert any("1 classes hold several lineages" in r for r in found.remarks)
    assert found.lineages == (Lineage("Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", None, None),)


def test_templates_are_sets_or_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert filled(["photo", "a photo of {c}."]) == ("a photo of {c}.",)
    monkeypatch.setattr("merian.identify.custom.templates", lambda: tuple(f"{k} of {{}}." for k in range(80)))
    assert filled(["clip-80", "a {c}"]) == (*(f"{k} of {{c}}." for k in range(80)), "a {c}")
    monkeypatch.setattr("merian.identify.custom.templates", lambda: ("a photo of a {}.",))
    with pytest.raises(MissingExtra, match=r"merian\[train\]"):
        filled(["clip-80"])


def test_the_papers_templates_are_those_that_open_clip_carries() -> None:
    pytest.importorskip("open_clip")
    found = filled(["clip-80"])
    assert len(found) == 80
    assert all(text.count("{c}") == 1 and "{}" not in text for text in found)
    assert "a bad photo of a {c}." in found
