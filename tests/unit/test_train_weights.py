"""Models come in and go out in open_clip's layout; whatever does not fit is refused, and nothing is random unless that was asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from small_models import configured, model_folder, small_catalog, taught, weights

from merian.core import store
from merian.core.errors import BadData, BadSetting, Mismatch, Missing
from merian.core.report import Report
from merian.core.settings import load
from merian.encode import open_encoder
from merian.encode.tokens import train_tokenizer
from merian.train import TrainSettings, train
from merian.train.drift import said
from merian.train.weights import begun

KINDS = ["bioclip", "bioclip-2", "bioclip-2.5"]
NAMES = ["a photo of Rubus ruber.", "a photo of Viridis viridis L’Hoëst, 1799.", "Azureus azureus"]


def read(folder: Path, **changes: object):  # type: ignore[no-untyped-def]
    start = begun(taught(folder, **changes))
    assert start.tokens is not None
    return start, start.load(start.tokens)


def pixels(size: int, n: int = 4) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(1).integers(0, 256, (n, size, size, 3), np.uint8)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_catalog(tmp_path_factory.mktemp("plain") / "catalog")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_catalog(tmp_path_factory.mktemp("general") / "catalog", captions=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_downloaded_folder_gives_open_clips_own_vectors(kind: str, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / kind, kind)
    start, made = read(folder)
    theirs, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    texts = open_clip.get_tokenizer(f"local-dir:{folder}")(NAMES)
    assert torch.equal(torch.from_numpy(start.tokens.encode(NAMES)), texts)
    image = torch.stack([transform(Image.fromarray(p)) for p in pixels(start.preprocess.size)])
    with torch.no_grad():
        for ours, other in zip(made.model.eval()(image, texts), theirs.eval()(image, texts), strict=True):
            assert torch.equal(ours, other)
    assert start.preprocess.size == configured(kind)["vision_cfg"]["image_size"]
    assert start.preprocess.mode == "shortest"
    assert made.projectors == {}


def test_a_checkpoint_of_bioclip_2_brings_its_second_projector(tmp_path: Path) -> None:
    """Also wrapped as its trainer writes it: `state_dict` within, `module.` before each name."""
    state = weights("bioclip-2")
    folder = model_folder(tmp_path / "model", "bioclip-2")
    wrapped = {"epoch": 30, "state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(wrapped, tmp_path / "epoch_30.pt")
    _, made = read(folder, pretrained=str(tmp_path / "epoch_30.pt"))
    assert torch.equal(made.projectors["replay"], state["visual.continual_proj"])
    assert torch.equal(made.model.visual.proj, state["visual.proj"])


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "bioclip-2.5")
    save_file({k: v.bfloat16() for k, v in weights("bioclip-2.5").items()}, tmp_path / "half.safetensors")
    _, made = read(folder, pretrained=str(tmp_path / "half.safetensors"))
    assert {p.dtype for p in made.model.parameters()} == {torch.float32}
    assert torch.equal(made.model.visual.proj, weights("bioclip-2.5")["visual.proj"].bfloat16().float())


def broken(folder: Path, **changes: torch.Tensor | None) -> Path:
    """The folder's weights with some changed, given (dots as __) or, if None, left out."""
    state = weights("bioclip-2.5")
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"visual__ln_post__bias": None}, r"lacks visual\.ln_post\.bias"),
        ({"visual__strange": torch.ones(2)}, r"has visual\.strange"),
        ({"visual__proj": torch.ones(40, 30)}, r"visual\.proj is \[40, 30\], not \[40, 32\]"),
        ({"visual__proj": torch.full((40, 32), float("nan"))}, r"not numbers \(visual\.proj\)"),
    ],
)
def test_weights_that_do_not_fit_are_named(changes: dict[str, torch.Tensor], why: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=why):
        read(broken(model_folder(tmp_path / "model", "bioclip-2.5"), **changes))


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "bioclip-2.5")
    save_file(weights("bioclip"), tmp_path / "other.safetensors")
    with pytest.raises(BadData, match="are no weights of"):
        read(folder, pretrained=str(tmp_path / "other.safetensors"))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, (13,))


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "bioclip-2.5")
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "short.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes()[:5000])
    (tmp_path / "page.bin").write_text("<html>404</html>")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "x.npz").write_bytes(b"PK")
    for name, why in [
        ("evil.pt", "run code"),
        ("short.safetensors", "no whole safetensors"),
        ("page.bin", "is no weights file of torch"),
        ("list.pt", "no table of weights"),
        ("x.npz", "weights are one of"),
    ]:
        with pytest.raises(BadData, match=why):
            read(folder, pretrained=str(tmp_path / name))
    with pytest.raises(Missing, match="gone.bin"):
        read(folder, pretrained=str(tmp_path / "gone.bin"))


def test_folders_that_are_no_models_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "bioclip-2.5")
    (folder / "tokenizer.json").write_text(train_tokenizer(NAMES, 300, 77).tokenizer.to_str())
    with pytest.raises(BadData, match="282 tokens, and the model reads 49,408"):
        read(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(Missing, match="the weights"):
        read(folder)
    (folder / "open_clip_config.json").write_text('{"model_cfg": {}}')
    with pytest.raises(BadData, match="not a configuration"):
        read(folder)
    (folder / "open_clip_config.json").unlink()
    with pytest.raises(Missing, match="open_clip_config"):
        read(folder)
    with pytest.raises(Missing, match="model folder"):
        read(tmp_path / "gone" / "model")


@pytest.mark.parametrize(
    ("named", "given", "why"),
    [
        ("ViT-B16", "random", "nearest: ViT-B-16"),
        ("ViT-B-16", "laion2b_s34b_b88", "nearest: laion2b_s34b_b88k"),
        ("ViT-B-16", "", "name the weights"),
        ("coca_ViT-B-32", "random", "CoCa"),
        ("ViT-B-16-SigLIP", "random", "reads the tokens of timm/ViT-B-16-SigLIP"),
        ("", "laion2b", "belongs to an architecture"),
    ],
)
def test_names_that_open_clip_does_not_know_are_refused(named: str, given: str, why: str) -> None:
    with pytest.raises(BadSetting, match=why):
        begun(load(TrainSettings, None, {"architecture": named, "pretrained": given}))


def test_without_a_network_weights_are_not_made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    settings = load(TrainSettings, None, {"architecture": "ViT-L-14", "pretrained": "laion2b_s32b_b82k"})
    with pytest.raises(Missing, match=r"laion2b_s32b_b82k.*give the file as `pretrained`"):
        begun(settings)


def test_random_is_said(tmp_path: Path) -> None:
    """And its weights, as a file, are weights of that architecture by name, and of no other."""
    settings = load(TrainSettings, None, {"architecture": "ViT-S-32-alt", "pretrained": "random", "seed": 3})
    start = begun(settings)
    assert start.tokens is not None
    assert start.inputs == {}
    one = start.load(start.tokens).model.state_dict()
    assert one["logit_scale"].exp().item() == pytest.approx(14.3)
    torch.save(one, tmp_path / "small.pt")
    named = {"architecture": "ViT-S-32-alt", "pretrained": str(tmp_path / "small.pt"), "seed": 4}
    again = begun(load(TrainSettings, None, named)).load(start.tokens).model.state_dict()
    assert all(torch.equal(one[key], again[key]) for key in one)
    with pytest.raises(BadData, match="no weights of ViT-S-16-alt; they look like ViT-S-32-alt"):
        begun(load(TrainSettings, None, named | {"architecture": "ViT-S-16-alt"})).load(start.tokens)
    with pytest.raises(BadSetting, match="adapt"):
        begun(load(TrainSettings, None, {"architecture": "ViT-S-32-alt", "pretrained": "random", "adapt": "lora"}))
    with pytest.raises(BadSetting, match="adapt"):
        begun(load(TrainSettings, None, {"adapt": "prototypes"}))


def in_the_way_of_pybioclip(folder: Path, image: np.ndarray, names: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    """Probabilities as pybioclip computes them: open_clip loads and tokenises, text vectors are kept as [d, n], softmax of scaled cosines."""
    model = open_clip.create_model_and_transforms(f"local-dir:{folder}")[0].eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    size = model.visual.image_size
    size = size if isinstance(size, tuple) else (size, size)
    mean, std = torch.tensor(model.visual.preprocess_cfg["mean"]), torch.tensor(model.visual.preprocess_cfg["std"])
    with torch.no_grad():
        columns = []
        for name in names:
            classes = model.encode_text(tokenizer([f"{say} {name}." for say in ("a photo of", "art of the")]))
            column = torch.nn.functional.normalize(classes, dim=-1).mean(dim=0)
            columns.append(column / column.norm())
        text = torch.stack(columns, dim=1)
        assert image.shape[1:3] == size
        tensor = ((torch.from_numpy(image) / 255.0 - mean) / std).permute(0, 3, 1, 2)
        features = torch.nn.functional.normalize(model.encode_image(tensor), dim=-1)
        return (model.logit_scale.exp() * features @ text).softmax(dim=-1).numpy()


def test_what_was_fine_tuned_loads_in_open_clip_and_in_the_way_of_pybioclip(
    catalog: Path, replayed: Path, tmp_path: Path
) -> None:
    folder = model_folder(tmp_path / "old", "bioclip-2", second=True)
    out = train(catalog, tmp_path / "new", taught(folder, replay_batch=6), replay=replayed)
    encoder = open_encoder(out, "torch")
    old, new = (load_file(f / "open_clip_model.safetensors") for f in (folder, out))
    assert new.keys() == old.keys() - {"visual.continual_proj"}
    assert not torch.equal(new["visual.conv1.weight"], old["visual.conv1.weight"])
    image, names = pixels(encoder.preprocess.size), ["Rubus ruber", "Viridis viridis", "Azureus azureus"]
    theirs = in_the_way_of_pybioclip(out, image, names)
    columns = [
        encoder.embed_texts([f"{say} {name}." for say in ("a photo of", "art of the")]).mean(0) for name in names
    ]
    text = np.stack(columns, axis=1)
    logits = encoder.logit_scale * encoder.embed_images(image) @ (text / np.linalg.norm(text, axis=0))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.allclose(theirs, shares / shares.sum(axis=1, keepdims=True), atol=1e-5)
    assert np.ptp(theirs) > 0.01
    assert store.read(out).inputs["weights"] == begun(taught(folder)).inputs["weights"]
    # the second projector learned on from the one that came, and the next run finds it again
    given, left = old["visual.continual_proj"], read(out)[1].projectors["replay"]
    assert 0 < (left - given).abs().max() < 0.1 < (given - old["visual.proj"]).abs().max()
    told = Report.load(out / "drift.json")
    assert [name for name, _ in told.groups()] == ["catalog", "replay"]
    assert 0.3 < told["catalog_image_cosine"].value < 1 - 1e-6
    assert f"loss {told['catalog_loss_before'].value:.2f} -> {told['catalog_loss_after'].value:.2f}" in said(told)


def test_other_weights_in_the_same_place_are_another_run(catalog: Path, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "old", "bioclip-2.5")

    def stop(step: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(catalog, tmp_path / "new", taught(folder), after_step=stop)
    save_file(weights("bioclip-2.5", seed=1), folder / "open_clip_model.safetensors")
    with pytest.raises(Mismatch, match="input weights changed"):
        train(catalog, tmp_path / "new", taught(folder))


def test_a_model_of_merians_own_vocabulary_goes_on(catalog: Path, tmp_path: Path) -> None:
    small = {"image_size": 16, "patch": 8, "width": 32, "layers": 1, "head": 16, "text_width": 32, "text_layers": 1}
    first = train(catalog, tmp_path / "first", taught(Path(), architecture="", dim=16, vocabulary=300, **small))
    again = train(catalog, tmp_path / "again", taught(first))
    one, two = (json.loads((folder / "open_clip_config.json").read_text()) for folder in (first, again))
    assert one["model_cfg"] == two["model_cfg"]
    assert one["preprocess_cfg"] == two["preprocess_cfg"]
    assert (first / "tokenizer.json").read_bytes() == (again / "tokenizer.json").read_bytes()
    # open_clip's own tokenizer reads captions as Merian does, cut at the context too
    ours = open_encoder(first, "torch").tokens
    said = ["a photo of Rubus ruber.", "Ein ÄRGERLICHES  Wort 鳥 ", "", "long " * 100]
    theirs = open_clip.get_tokenizer(f"local-dir:{first}")(said)
    assert np.array_equal(theirs.numpy(), ours.encode([" ".join(text.split()) for text in said]))
    assert not (first / "drift.json").exists()
    assert (again / "drift.json").is_file()


SMALL = {
    "image_size": 16,
    "patch": 8,
    "width": 32,
    "layers": 1,
    "head": 16,
    "text_width": 32,
    "text_layers": 1,
    "dim": 16,
}


def test_new_towers_may_see_as_another_model_does_with_words_of_their_own(tmp_path: Path) -> None:
    tokens = train_tokenizer(NAMES, 300, 40)
    before = begun(load(TrainSettings, None, SMALL | {"seed": 5})).load(tokens).model
    save_file(before.state_dict() | {"visual.continual_proj": torch.ones(2)}, tmp_path / "open_clip_model.safetensors")
    start = begun(load(TrainSettings, None, SMALL | {"image_from": str(tmp_path)}))
    after, plain = start.load(tokens).model, begun(load(TrainSettings, None, SMALL)).load(tokens).model
    assert start.inputs.keys() == {"image_from"}
    for name, value in after.state_dict().items():
        assert torch.equal(value, (before if name.startswith("visual.") else plain).state_dict()[name]), name
    assert not torch.equal(before.token_embedding.weight, after.token_embedding.weight)
    with pytest.raises(BadData, match="another architecture or size"):
        begun(load(TrainSettings, None, SMALL | {"width": 48, "image_from": str(tmp_path)})).load(tokens)
    with pytest.raises(Missing, match="image_from is a model folder"):
        begun(load(TrainSettings, None, SMALL | {"image_from": str(tmp_path / "none")})).load(tokens)
    with pytest.raises(BadSetting, match="is for new towers"):
        begun(load(TrainSettings, None, {"architecture": "ViT-S-32-alt", "pretrained": "random", "image_from": "x"}))
