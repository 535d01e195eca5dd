"""The same photos named by pybioclip and by Merian: images a second, time to the first answer, peak memory, and how often the best species is the same.

Both run as the commands that people type, offline, on one cache of the hub that this bench fills: BioCLIP 2's layout (ViT-L/14), random weights, and
a published label file of 867,455 made-up taxa. pybioclip is installed beforehand in an environment of its own:

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install pybioclip
    .venv/bin/python bench/identify.py /tmp/peer/bin/python [--photos FOLDER] [--count 24] [--work FOLDER] [--model ViT-L-14]

Each command is run with one photo and with all; images a second are of the difference, so that loading is told by itself. Memory is the largest resident set,
mapped files with it. The order is turned in each round; medians.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tree import million

TAXA = 867_455
MODELS = {"bioclip-2": "imageomics/bioclip-2"}
DATA = "imageomics/TreeOfLife-200M"
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def main(peer: str, photos: Path, count: int, work: Path, architecture: str, rounds: int) -> None:
    """Fill the cache, run both, print the table."""
    home = work / "hub"
    if not (home / "ready").is_file():
        fill(home, architecture)
    chosen = {
        "as they are": some(photos, count, work / "small", 0),
        "12 megapixels": some(photos, count, work / "large", 4000),
    }
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "MERIAN_CACHE": str(work / "cache")}
    merian = [str(Path(sys.executable).parent / "merian"), "identify", "--model", "bioclip-2", "-f", "pybioclip"]
    ways = {"pybioclip": [peer, "-m", "bioclip", "predict"]}
    ways |= {f"merian {p}": [*merian, "--precision", p] for p in ("fp32", "bf16", "int8")}
    start = time.perf_counter()
    run([*ways["merian fp32"]], chosen["as they are"][:1], work / "first.csv", environment)
    print(f"labels checked and kept, once: {time.perf_counter() - start:.0f} s")
    told = work / "int8.txt"
    if not told.is_file():
        convert = [merian[0], "models", "convert", "bioclip-2", "--precision", "int8", "--photos", str(photos)]
        start = time.perf_counter()
        done = subprocess.run(convert, env=environment, capture_output=True, text=True, check=True)
        told.write_text(f"converted to int8, once: {time.perf_counter() - start:.0f} s\n{done.stderr}")
    print(told.read_text())
    for name, paths in chosen.items():
        compare(name, ways, paths, work, environment, rounds)


def compare(
    name: str, ways: dict[str, list[str]], paths: list[Path], work: Path, environment: dict[str, str], rounds: int
) -> None:
    """Print a row for each way."""
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    best: dict[str, dict[str, str]] = {}
    for number in range(rounds):
        for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
            one, _ = run(ways[way], paths[:1], work / "one.csv", environment)
            every, memory = run(ways[way], paths, work / "every.csv", environment)
            found[way].append(((len(paths) - 1) / (every - one), one, memory))
            best[way] = species(work / "every.csv")
    print(f"{len(paths)} photos, {name}; {rounds} rounds")
    base = [statistics.median(values) for values in zip(*found["pybioclip"], strict=True)]
    for way, rows in found.items():
        speed, first, memory = (statistics.median(values) for values in zip(*rows, strict=True))
        ratios = [own[0] / other[0] for own, other in zip(rows, found["pybioclip"], strict=True)]
        same = statistics.mean(best[way].get(path) == name_ for path, name_ in best["pybioclip"].items())
        print(
            f"  {way:<12} {speed:6.2f} images/s, {statistics.median(ratios):5.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
            f"   first answer {first:6.1f} s, {base[1] / first:5.2f} x   peak {memory:5.2f} GiB, 1/{base[2] / memory:.2f}"
            f"   same best species {same:.1%}"
        )


def run(command: list[str], photos: list[Path], out: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak GiB of one command."""
    out.unlink(missing_ok=True)
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, *map(str, photos), "--output", str(out)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    error = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(command)}: {error.decode()[-2000:]}")
    return seconds, used.ru_maxrss / 2**20


def species(table: Path) -> dict[str, str]:
    """File name -> best species."""
    best: dict[str, str] = {}
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            best.setdefault(row["file_name"], row["species"])
    return best


def some(photos: Path, count: int, out: Path, width: int) -> list[Path]:
    """`count` JPEGs of a folder, evenly taken; enlarged to `width` x 3/4 pixels unless that is 0."""
    if not out.is_dir():
        every = sorted(photos.rglob("*.jpg"))
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        for number, path in enumerate(every[:: max(1, len(every) // count)][:count]):
            if not width:
                shutil.copyfile(path, out / f"{number}.jpg")
                continue
            with Image.open(path) as image:
                image.convert("RGB").resize((width, width * 3 // 4), Image.Resampling.BICUBIC).save(
                    out / f"{number}.jpg", quality=90
                )
    return sorted(out.glob("*.jpg"))


def fill(home: Path, architecture: str) -> None:
    """A cache of the hub with the model and its labels, as huggingface_hub would leave it."""
    model = dict(weights(architecture, home / "scratch"))
    keep(home, "models--" + MODELS["bioclip-2"].replace("/", "--"), model)
    dim = json.loads(model["open_clip_config.json"].read_text())["model_cfg"]["embed_dim"]
    keep(home, "datasets--" + DATA.replace("/", "--"), dict(labels(home / "scratch", dim)))
    (home / "ready").touch()


def weights(architecture: str, scratch: Path) -> Iterator[tuple[str, Path]]:
    """The files of a model in open_clip's layout, random, that sees photos as pybioclip shows them."""
    import open_clip
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    from merian.train.vocabulary import clip_tokens

    scratch.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = open_clip.get_model_config(architecture)
    torch.manual_seed(0)
    model = CLIP(**json.loads(json.dumps(config)))
    with torch.no_grad():
        model.logit_scale.fill_(float(np.log(100)))
    look = {"mean": MEAN, "std": STD, "interpolation": "bilinear", "resize_mode": "squash"}
    (scratch / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": look}))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, scratch / "open_clip_model.safetensors")
    (scratch / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
    for name in ("open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"):
        yield name, scratch / name


def labels(scratch: Path, dim: int) -> Iterator[tuple[str, Path]]:
    """A label file as published for TreeOfLife: float32 [d, t], and lineages with a common name."""
    from merian.core.tree import RANKS

    names = million(int(TAXA * 1.2)).drop_nulls("species").unique(RANKS, keep="first", maintain_order=True).head(TAXA)
    assert len(names) == TAXA
    lineages = names.select(RANKS).fill_null("").rows()
    listed = [[[*row[:6], row[6].partition(" ")[2] or row[6]], ""] for row in lineages]
    (scratch / "labels.json").write_text(json.dumps(listed), encoding="utf-8")
    rng = np.random.default_rng(0)
    array = np.lib.format.open_memmap(scratch / "labels.npy", "w+", np.float32, (dim, TAXA))
    for start in range(0, TAXA, 65_536):
        block = rng.standard_normal((min(65_536, TAXA - start), dim), np.float32)
        array[:, start : start + len(block)] = (block / np.linalg.norm(block, axis=1, keepdims=True)).T
    array.flush()
    for suffix in (".npy", ".json"):
        yield f"embeddings/txt_emb_species{suffix}", scratch / f"labels{suffix}"


def keep(home: Path, repository: str, files: dict[str, Path]) -> None:
    """Move the files into the cache: blobs by their SHA-256, a snapshot of links to them, a reference to that."""
    place, commit = home / "hub" / repository, hashlib.sha1(repository.encode()).hexdigest()
    (place / "blobs").mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        with path.open("rb") as stream:
            blob = place / "blobs" / hashlib.file_digest(stream, "sha256").hexdigest()
        shutil.copyfile(path, blob)
        link = place / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (place / "refs").mkdir(exist_ok=True)
    (place / "refs" / "main").write_text(commit)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer")
    parser.add_argument("--photos", type=Path, default=Path("../shared/data/photos"))
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--work", type=Path, default=Path("/tmp/merian-bench-identify"))
    parser.add_argument("--model", default="ViT-L-14")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.peer, given.photos, given.count, given.work, given.model, given.rounds)
