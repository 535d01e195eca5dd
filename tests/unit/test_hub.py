"""Models by name, from a hub on this machine that speaks huggingface.co's protocol: fetched, checked, removed, and the same vectors as open_clip's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hub_server import Hub, serving
from PIL import Image
from small_models import model_folder

Merian = Callable[..., subprocess.CompletedProcess[str]]
NAME, WEIGHTS = "imageomics/bioclip-2", "open_clip_model.safetensors"
TREE_OF_LIFE = "imageomics/TreeOfLife-200M"
TAXA = "kingdom,phylum,class,order,family,genus,species\n" + "".join(
    f"Animalia,Chordata,Aves,Passeriformes,Corvidae,{name.split()[0]},{name}\n"
    for name in ("Pica pica", "Corvus corax")
)


def published(folder: Path, dim: int) -> dict[str, bytes]:
    """A label file as published: 300 taxa of random vectors, one of them of zeros."""
    names = [
        [["Animalia", "Chordata", "Aves", "Passeriformes", "Corvidae", f"Genus{k % 30}", f"epithet{k}"], ""]
        for k in range(300)
    ]
    vectors = np.random.default_rng(1).normal(size=(dim, 300)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=0)
    vectors[:, 7] = 0
    np.save(folder / "labels.npy", vectors)
    data = {".npy": (folder / "labels.npy").read_bytes(), ".json": json.dumps(names).encode()}
    return {f"embeddings/txt_emb_bioclip-2{suffix}": content for suffix, content in data.items()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a small BioCLIP 2 that has random weights, and a repository that holds no model."""
    folder = model_folder(tmp_path / "made", "bioclip-2")
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {"pytorch_model.bin": b"code" * 5000}
    dim = json.loads(files["open_clip_config.json"])["model_cfg"]["embed_dim"]
    cats = {"README.md": b"cats"}
    with serving({NAME: files, "someone/cats": cats, f"datasets/{TREE_OF_LIFE}": published(tmp_path, dim)}) as served:
        yield served


@pytest.fixture
def merian(hub: Hub, tmp_path: Path) -> Merian:
    """The command line against that hub, in a process with an empty cache."""

    def run(*words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1"} | changes
        own |= {"MERIAN_CACHE": str(tmp_path / "merian")}
        command = [sys.executable, "-m", "merian", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | own, check=False, cwd=tmp_path)

    return run


def photo(path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)).save(path)
    return path


def test_a_model_comes_by_its_name_and_goes(hub: Hub, merian: Merian) -> None:
    told = merian("models").stderr
    assert "bioclip-2.5" in told
    assert "not here" in told
    first = merian("models", "pull", "bioclip-2")
    assert first.returncode == 0, first.stderr
    assert not any(path.endswith("pytorch_model.bin") for path in hub.asked)
    hub.asked.clear()
    assert "MB here" in merian("models", "list").stderr
    told = merian("models", "info", "bioclip-2").stderr
    assert "image tower" in told
    assert "OpenVINO runs it from its weights" in told
    assert hub.asked == []
    assert merian("models", "pull", "bioclip-2").returncode == 0
    assert not any(path.startswith("GET") and WEIGHTS in path for path in hub.asked)
    assert "freed" in merian("models", "rm", "bioclip-2").stderr
    gone = merian("models", "rm", "bioclip-2")
    assert gone.returncode == 1
    assert "no model of the hub is on this machine" in gone.stderr


def test_a_fetch_that_was_cut_off_goes_on(hub: Hub, merian: Merian) -> None:
    hub.cut[WEIGHTS] = 5_000
    assert merian("models", "pull", NAME.join(["hf-hub:", ""])).returncode == 0
    assert sum(path.startswith("GET") and WEIGHTS in path for path in hub.asked) == 2
    assert "MB here" in merian("models").stderr


def test_a_damaged_file_is_fetched_again_and_one_that_stays_damaged_is_refused(hub: Hub, merian: Merian) -> None:
    hub.spoilt[WEIGHTS] = 1
    assert merian("models", "pull", "bioclip-2").returncode == 0
    assert sum(path.startswith("GET") and WEIGHTS in path for path in hub.asked) == 2
    merian("models", "rm", "bioclip-2")
    hub.spoilt[WEIGHTS] = 2
    refused = merian("models", "pull", "bioclip-2")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_its_vectors_are_open_clips_and_no_torch_is_needed(hub: Hub, merian: Merian, tmp_path: Path) -> None:
    """The photo is as large as the model's input, so that no resizing comes in between."""
    size = json.loads(hub.repositories[NAME]["open_clip_config.json"])["model_cfg"]["vision_cfg"]["image_size"]
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)).save(tmp_path / "a.png")
    done = merian("embed", "a.png", "--model", "bioclip-2", "--out", "vectors")
    assert done.returncode == 0, done.stderr
    ours = np.array(pl.read_parquet(tmp_path / "vectors" / "embeddings.parquet")["vector"].to_list())[0]
    code = (
        "import open_clip, torch, numpy as np; from PIL import Image\n"
        f"model, _, look = open_clip.create_model_and_transforms('hf-hub:{NAME}')\n"
        "with torch.inference_mode(): v = model.eval().encode_image(look(Image.open('a.png'))[None], normalize=True)\n"
        "np.save('theirs.npy', v.numpy())"
    )
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | own, cwd=tmp_path, capture_output=True)
    assert float(np.load(tmp_path / "theirs.npy")[0] @ ours) > 0.9999
    (tmp_path / "taxa.csv").write_text(TAXA)
    offline = merian(
        "identify",
        "a.png",
        "--model",
        "bioclip-2",
        "--taxa",
        "taxa.csv",
        HF_HUB_OFFLINE="1",
        HF_ENDPOINT="http://127.0.0.1:9",
    )
    assert offline.returncode == 0, offline.stderr
    assert "Corvidae" in offline.stdout


def test_without_a_list_of_taxa_the_published_labels_are_the_answers(hub: Hub, merian: Merian, tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    first = merian("identify", "a.png", "--model", "bioclip-2", "--k", 3)
    assert first.returncode == 0, first.stderr
    assert "1 whose vector is zero" in " ".join(first.stderr.split())
    assert first.stdout.count("Genus") >= 3
    hub.asked.clear()
    again = merian("identify", "a.png", "--model", "bioclip-2", "--k", 3)
    assert again.stdout == first.stdout
    assert hub.asked == []
    within = merian(
        "identify", "a.png", "--model", "bioclip-2", "--only", "Genus3", "--rank", "family", HF_HUB_OFFLINE="1"
    )
    assert within.returncode == 0
    assert "Corvidae" in within.stdout


def test_what_cannot_be_had_is_told_with_what_is_here(merian: Merian, tmp_path: Path) -> None:
    merian("models", "pull", "bioclip-2")
    for words, code, told in (
        (("models", "pull", "bioclip2"), 2, "nearest: bioclip-2"),
        (("models", "pull", "../etc"), 2, "hf-hub:owner/name"),
        (("models", "pull", "hf-hub:someone/dogs"), 1, "no such repository"),
        (("models", "pull", "hf-hub:someone/cats"), 1, "no model in open_clip's layout"),
        (("models", "pull"), 2, "needs a name"),
        (("models", "list", "bioclip"), 2, "takes no name"),
        (("identify", photo(tmp_path / "b.png"), "--model", "bioclip"), 1, "on this machine: bioclip-2"),
    ):
        done = merian(*words)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        assert told in " ".join(done.stderr.split())
    dark = merian("models", "pull", "biocap", HF_ENDPOINT="http://127.0.0.1:9")
    assert dark.returncode == 1
    assert "on this machine: bioclip-2" in " ".join(dark.stderr.split())
    silent = merian("models", "pull", "biocap", HF_HUB_OFFLINE="1")
    assert silent.returncode == 1
    assert "Traceback" not in silent.stderr
