"""pybioclip's interface on Merian's engine: parser, recorder, classifiers and commands behave as theirs do (cases after the list of their suite)."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_models import configured, model_folder
from torchvision import transforms

from merian.cli.main import run as merian
from merian.compat import bioclip
from merian.compat.bioclip import commands, predict, recorder
from merian.compat.bioclip.__main__ import main, parse_args
from merian.compat.bioclip.predict import Rank, TreeOfLifeClassifier

BIRD = ["Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae"]
NAMES: list[Any] = [
    [[*BIRD, "Pica", "pica"], "Eurasian magpie"],
    [[*BIRD, "Pica", "hudsonia"], "black-billed magpie"],
    [[*BIRD, "Corvus", "corax"], "raven"],
    [["Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "catus"], "domestic cat"],
    [["Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae", "Ursus", "arctos syriacus"], "Syrian brown bear"],
    [["Plantae", "", "Magnoliopsida", "Rosales", "Rosaceae", "Rubus", "idaeus"], ""],
    [[*BIRD, "Pica", "pica"], "magpie again"],
]
SPECIES = "file_name,kingdom,phylum,class,order,family,genus,species_epithet,species,common_name,score"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BioCLIP 2 with random weights, and its label vectors."""
    folder = model_folder(tmp_path_factory.mktemp("compat") / "bioclip-2", "bioclip-2")
    dim = configured("bioclip-2")["embed_dim"]
    vectors = np.random.default_rng(3).normal(size=(dim, len(NAMES))).astype(np.float32)
    np.save(folder.parent / "labels.npy", vectors / np.linalg.norm(vectors, axis=0))
    (folder.parent / "labels.json").write_text(json.dumps(NAMES))
    return folder


@pytest.fixture(autouse=True)
def here(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's models are that one; the working folder has three photos, one with alpha."""
    monkeypatch.setattr("merian.encode.hub.resolve", lambda name: model)
    monkeypatch.setattr("merian.encode.hub.labels", lambda name: model.parent / "labels.npy")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)).resize((240, 180)).save(name)
    Image.fromarray(rng.integers(0, 256, (40, 30, 4), np.uint8), "RGBA").save("alpha.png")


def in_torch(model: Path, names: list[str]) -> torch.Tensor:
    """Features `[n, d]` as pybioclip computes them: squashed by torchvision with antialiasing, by open_clip's model."""
    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{model}")
    clip.load_state_dict(load_file(model / "open_clip_model.safetensors"))
    size = configured("bioclip-2")["vision_cfg"]["image_size"]
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    look = transforms.Compose(
        [transforms.ToTensor(), transforms.Resize((size, size), antialias=True), transforms.Normalize(mean, std)]
    )
    with torch.inference_mode():
        return clip.eval().encode_image(torch.stack([look(Image.open(name).convert("RGB")) for name in names]))


# ---- the command line's parser ------------------------------------------------------------------------------------


def test_arguments_have_their_defaults() -> None:
    args = parse_args(["predict", "image.jpg"])
    assert (args.image_file, args.format, args.output, args.rank) == (["image.jpg"], "csv", "stdout", Rank.SPECIES)
    assert (args.k, args.device, args.batch_size, args.model, args.cls, args.log) == (5, "cpu", 10, None, None, None)
    args = parse_args(["predict", "a.jpg", "b.jpg", "--cls", "cat,dog", "--format", "table", "--output", "x"])
    assert (args.cls, args.k, args.rank) == ("cat,dog", None, None)
    assert parse_args(["predict", "a.jpg", "--rank", "genus", "--k", "3"]).rank == Rank.GENUS
    assert parse_args(["embed", "a.jpg", "--batch-size", "4"]).batch_size == 4
    assert parse_args([]).command is None


@pytest.mark.parametrize(
    "words",
    [
        ["--rank", "genus", "--cls", "a,b"],
        ["--cls", "a", "--bins", "b.csv"],
        ["--subset", "s.csv", "--rank", "genus"],
        ["--rank", "tribe"],
        ["--format", "xml"],
    ],
)
def test_what_does_not_go_together_is_misuse(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse_args(["predict", "a.jpg", *words])
    assert left.value.code == 2
    assert merian(["bioclip", "predict", "a.jpg", *words]) == 2


def test_models_without_label_vectors_are_refused() -> None:
    for words in (["predict", "a.jpg"], ["list-tol-taxa"]):
        with pytest.raises(ValueError, match="TreeOfLife predictions are only supported for the following models: hf"):
            parse_args([*words, "--model", "ViT-B-32"])
    with pytest.raises(ValueError, match="Custom checkpoints are currently not supported for TreeOfLife prediction"):
        parse_args(["predict", "a.jpg", "--pretrained", "openai"])
    assert predict.get_tol_repo_id("hf-hub:imageomics/bioclip") == "imageomics/TreeOfLife-10M"
    assert predict.get_tol_repo_id(bioclip.BIOCLIP_MODEL_STR) == "imageomics/TreeOfLife-200M"
    assert predict.get_rank_labels() == ["kingdom", "phylum", "class", "order", "family", "genus", "species"]


def test_help_loads_no_engine() -> None:
    code = "import sys; from merian.compat.bioclip.__main__ import create_parser; create_parser().format_help(); "
    code += "print([m for m in ('numpy', 'openvino', 'torch', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_of_labels_and_bins() -> None:
    Path("labels.txt").write_text("cat \ndog\n")
    assert commands.create_classes_str("labels.txt") == "cat,dog"
    Path("bins.csv").write_text("cls,bin\ncat,pet\nlion,wild\n")
    assert commands.parse_bins_csv("bins.csv") == {"cat": "pet", "lion": "wild"}
    Path("one.csv").write_text("cls\ncat\n")
    with pytest.raises(ValueError, match="at least two columns"):
        commands.parse_bins_csv("one.csv")
    with pytest.raises(FileNotFoundError, match=r"File not found: none\.csv"):
        commands.parse_bins_csv("none.csv")


# ---- the recorder -----------------------------------------------------------------------------------------------------


class Dummy:
    model_str, pretrained_str, device = "a model", None, "cpu"
    recorder: Any = None

    def set_recorder(self, value: Any) -> None:
        self.recorder = value


def test_a_log_tells_what_was_done() -> None:
    dummy = Dummy()
    with pytest.raises(ValueError, match="does not have a recorder attached"):
        recorder.save_recorded_predictions(dummy, "log.txt")
    kept = recorder.attach_prediction_recorder(dummy, subset=None, tree_of_life_version="10M")
    assert dummy.recorder is kept
    kept.add_prediction(["a.jpg", "b.jpg"], rank="genus", min_prob=0.1)
    kept.add_prediction(["c.jpg"], rank="family")
    recorder.save_recorded_predictions(dummy, "log.txt")
    recorder.save_recorded_predictions(dummy, "log.txt", include_command_line=False)
    text = Path("log.txt").read_text()
    assert text.count("** Prediction Log - pybioclip v") == 2
    assert text.count("Command Line: ") == 1
    for line in ("Model: a model", "Device: cpu", "Tree Of Life Version: 10M", "Rank: genus", "Min Prob: 0.1", "c.jpg"):
        assert f"{line}\n" in text
    assert "Subset" not in text
    assert "Pretrained" not in text
    recorder.save_recorded_predictions(dummy, "log.json")
    told = json.loads(Path("log.json").read_text())
    assert list(told) == [
        *("pybioclip_version", "start", "end", "command_line", "model", "pretrained", "device"),
        *("top_level_settings", "predictions"),
    ]
    assert told["predictions"][0] == {"images": ["a.jpg", "b.jpg"], "details": {"rank": "genus", "min_prob": 0.1}}
    with pytest.raises(ValueError, match=r"File log\.json already exists"):
        recorder.save_recorded_predictions(dummy, "log.json")
    assert recorder.verify_recorder_path("log.txt") is True
    assert recorder.PredictionLogReport.format_key("batch_size") == "Batch Size"
    assert kept.end is not None


# ---- the classifiers ----------------------------------------------------------------------------------------------------


def test_features_are_those_of_open_clip_on_photos_squashed_by_torchvision(model: Path) -> None:
    classifier = predict.BaseClassifier()
    raw = classifier.create_image_features(["a.png", Image.open("b.png")], normalize=False)
    theirs = in_torch(model, ["a.png", "b.png"]).numpy()
    assert np.allclose(raw, theirs, atol=0.02 * np.abs(theirs).max())
    unit = classifier.create_image_features(["a.png", "b.png"])
    wanted = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    assert (unit * wanted).sum(1).min() > 0.999
    assert classifier.create_image_features_for_image("alpha.png", normalize=True).shape == (raw.shape[1],)


def test_species_with_their_keys_and_probabilities(model: Path) -> None:
    classifier = TreeOfLifeClassifier()
    rows = classifier.predict("a.png", Rank.SPECIES)
    assert len(rows) == 5
    assert ",".join(rows[0]) == SPECIES
    theirs = in_torch(model, ["a.png"])
    scale = load_file(model / "open_clip_model.safetensors")["logit_scale"].exp()
    vectors = torch.from_numpy(np.load(model.parent / "labels.npy"))
    shares = (scale * torch.nn.functional.normalize(theirs, dim=-1) @ vectors).softmax(dim=-1)[0]
    order = shares.argsort(descending=True)[:5].tolist()
    assert [row["common_name"] for row in rows] == [NAMES[i][1] for i in order]
    assert [row["score"] for row in rows] == pytest.approx(shares[order].tolist(), abs=0.02)
    bear = next(row for row in classifier.predict("a.png", Rank.SPECIES, k=99) if row["genus"] == "Ursus")
    assert (bear["species_epithet"], bear["species"]) == ("arctos syriacus", "Ursus arctos syriacus")
    assert len(classifier.predict("a.png", Rank.SPECIES, k=99)) == len(NAMES)


def test_a_coarser_rank_sums_the_species_that_share_its_lineage() -> None:
    classifier = TreeOfLifeClassifier()
    species = classifier.predict("a.png", Rank.SPECIES, k=99)
    families = classifier.predict("a.png", Rank.FAMILY, k=2)
    assert len(families) == 2
    assert list(families[0]) == ["file_name", "kingdom", "phylum", "class", "order", "family", "score"]
    for row in families:
        own = sum(s["score"] for s in species if s["family"] == row["family"])
        assert row["score"] == pytest.approx(own, abs=1e-6)
    assert families[0]["score"] >= families[1]["score"]
    assert classifier.predict("a.png", Rank.GENUS, min_prob=1.1) == []


def test_several_photos_and_pictures_keep_their_keys() -> None:
    classifier = TreeOfLifeClassifier()
    rows = classifier.predict(["a.png", "b.png"], Rank.SPECIES, batch_size=1)
    assert [row["file_name"] for row in rows] == ["a.png"] * 5 + ["b.png"] * 5
    again = classifier.predict([Image.open("a.png"), Image.open("b.png")], Rank.SPECIES)
    assert [row["file_name"] for row in again] == ["0"] * 5 + ["1"] * 5
    assert [row["score"] for row in again] == pytest.approx([row["score"] for row in rows], abs=1e-6)  # of two batches
    told: list[tuple[int, int]] = []
    classifier.predict(["a.png", "b.png", "alpha.png"], Rank.SPECIES, batch_size=2, callback=lambda *n: told.append(n))
    assert told == [(2, 3), (3, 3)]


def test_a_filter_leaves_some_taxa() -> None:
    classifier = TreeOfLifeClassifier()
    table = classifier.get_label_data()
    assert table.columns == SPECIES.split(",")[1:-1]
    assert len(table) == len(NAMES)
    keep = classifier.create_taxa_filter(Rank.GENUS, ["Pica", "Rubus"])
    assert keep.tolist() == [True, True, False, False, False, True, True]
    classifier.apply_filter(keep)
    rows = classifier.predict("a.png", Rank.SPECIES, k=9)
    assert {row["genus"] for row in rows} == {"Pica", "Rubus"}
    assert sum(row["score"] for row in rows) == pytest.approx(1, abs=1e-5)
    assert classifier.get_txt_embeddings().shape[1] == 4
    families = classifier.predict("a.png", Rank.FAMILY)
    assert {row["family"] for row in families} == {"Corvidae", "Rosaceae"}
    with pytest.raises(ValueError, match=r"Unknown species received: Felis x\. Only known species may be used\."):
        classifier.create_taxa_filter(Rank.SPECIES, ["Felis catus", "Felis x"])
    with pytest.raises(ValueError, match="should be a list containing 7 items"):
        classifier.apply_filter([True])
    Path("s.csv").write_text("Genus,x\nFelis,1\n")
    assert classifier.create_taxa_filter_from_csv("s.csv").sum() == 1
    Path("t.csv").write_text("tribe\nFelini\n")
    with pytest.raises(ValueError, match=r"The first column of t\.csv is named 'tribe' but must be one of kingdom,"):
        classifier.create_taxa_filter_from_csv("t.csv")


def test_forward_takes_pixels() -> None:
    classifier = TreeOfLifeClassifier()
    size = classifier.preprocess.size
    assert classifier(np.zeros((1, size, size, 3), np.uint8)).shape == (1, len(NAMES))


def test_labels_and_bins_of_ones_own() -> None:
    classifier = predict.CustomLabelsClassifier(["cat ", "dog", "duck"])
    assert classifier.classes == ["cat", "dog", "duck"]
    assert len(predict.templates()) == 80
    rows = classifier.predict(["a.png", "b.png"])
    assert [list(row) for row in rows] == [["file_name", "classification", "score"]] * 6
    assert [row["file_name"] for row in rows] == ["a.png"] * 3 + ["b.png"] * 3
    assert sum(row["score"] for row in rows[:3]) == pytest.approx(1, abs=1e-5)
    assert len(classifier.predict("a.png", k=1)) == 1
    bins = predict.CustomLabelsBinningClassifier({"cat": "one", "dog": "two", "duck": "one"})
    found = {row["classification"]: row["score"] for row in bins.predict("a.png")}
    own = {row["classification"]: row["score"] for row in rows[:3]}
    assert found == pytest.approx({"one": own["cat"] + own["duck"], "two": own["dog"]}, abs=1e-6)
    for bad in ("", None, float("nan")):
        with pytest.raises(ValueError, match="Empty, null, or nan are not allowed for bin values"):
            predict.CustomLabelsBinningClassifier({"cat": "x", "dog": bad})


def test_the_templates_are_averaged_as_theirs(model: Path) -> None:
    classifier = predict.CustomLabelsClassifier(["cat", "dog"])
    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{model}")
    words = open_clip.get_tokenizer("ViT-L-14")
    with torch.inference_mode():
        for column, name in enumerate(("cat", "dog")):
            own = words([template(name) for template in predict.templates()])
            vectors = torch.nn.functional.normalize(clip.eval().encode_text(own), dim=-1).mean(0)
            assert np.allclose(classifier.txt_embeddings[:, column], (vectors / vectors.norm()).numpy(), atol=1e-4)


# ---- the commands ---------------------------------------------------------------------------------------------------------


def test_predict_writes_csv_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(["predict", "a.png", "b.png", "--k", "2"])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == SPECIES
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["file_name"] for row in rows] == ["a.png", "a.png", "b.png", "b.png"]
    main(["predict", "a.png", "--rank", "order", "--output", "o.csv", "--log", "log.json"])
    assert Path("o.csv").read_text().splitlines()[0] == "file_name,kingdom,phylum,class,order,score"
    assert json.loads(Path("log.json").read_text())["top_level_settings"]["tree_of_life_version"].endswith("200M")
    main(["predict", "a.png", "--cls", "cat,dog", "--format", "table"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[2] == lines[-1]
    assert [cell.strip() for cell in lines[1].strip("|").split("|")] == ["file_name", "classification", "score"]
    Path("labels.txt").write_text("cat\ndog\n")
    main(["predict", "a.png", "--cls", "labels.txt"])
    assert capsys.readouterr().out.count("\n") == 3
    Path("bins.csv").write_text("cls,bin\ncat,pet\ndog,pet\n")
    main(["predict", "a.png", "--bins", "bins.csv"])
    assert "a.png,pet," in capsys.readouterr().out
    Path("s.csv").write_text("species\nFelis catus\n")
    main(["predict", "a.png", "--subset", "s.csv"])
    assert "domestic cat,1.0" in capsys.readouterr().out


def test_embed_and_the_lists(capsys: pytest.CaptureFixture[str]) -> None:
    main(["embed", "a.png", "b.png", "--batch-size", "1"])
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "hf-hub:imageomics/bioclip-2"
    assert list(told["embeddings"]) == ["a.png", "b.png"]
    assert abs(np.linalg.norm(told["embeddings"]["a.png"]) - 1) > 0.01
    main(["list-tol-taxa"])
    assert capsys.readouterr().out.splitlines()[0] == SPECIES.removeprefix("file_name,").removesuffix(",score")
    main(["list-models"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "\thf-hub:imageomics/bioclip"
    assert "\tViT-B-32" in lines
    main(["list-models", "--model", "ViT-B-32"])
    assert "openai" in capsys.readouterr().out.split()


def test_the_verb_of_merian_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert merian(["bioclip", "predict", "a.png", "--k", "1"]) == 0
    assert merian(["bioclip", "predict", "a.png", "--model", "nope"]) == 1
    assert "only supported for the following models" in " ".join(capsys.readouterr().err.split())
    Path("bad.png").write_bytes(b"no image")
    assert merian(["bioclip", "predict", "bad.png"]) == 1
    assert "bad.png" in capsys.readouterr().err
    assert merian(["bioclip", "predict", "a.png", "--device", "cuda"]) == 1
    assert merian(["bioclip", "--version"]) == 0
