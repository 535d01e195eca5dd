"""The same photos named by pybioclip and by Merian: images a second, time to the first answer, peak memory, and how often the best species is the same.

Both run offline, each in a process of its own, on one cache of the hub that this bench fills: BioCLIP 2's layout (ViT-L/14), random weights, and a published
label file of 867,455 made-up taxa. pybioclip is installed beforehand in an environment of its own:

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install pybioclip
    .venv/bin/python bench/identify.py /tmp/peer/bin/python [--photos FOLDER] [--count 24] [--work FOLDER] [--model ViT-L-14]
        [--rounds 3] [--ways compat fp32 bf16 int8]

A process loads all, names one photo (the time to the first answer, from its start), then sets of photos, each timed by itself: from JPEG to names. pybioclip is
asked for its default, 10 photos at a time, Merian for its own, 32. Memory is the largest resident set, mapped files with it. Medians of rounds in turn.
The fraction of the peak is what the image tower's products as published ask for, over what the processor could do in that precision and time (bench/peak.py).
"""

from __future__ import annotations

import argparse
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

from peak import KINDS, peak, reading
from tree import million

TAXA = 867_455
MODELS = {"bioclip-2": "imageomics/bioclip-2"}
DATA = "imageomics/TreeOfLife-200M"
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


PEER = """
import json, sys, time
from bioclip import Rank, TreeOfLifeClassifier
sets = json.loads(sys.argv[1])
known = TreeOfLifeClassifier()
known.predict(sets[0][0], Rank.SPECIES)
first, found = time.time(), []
for paths in sets:
    start = time.perf_counter()
    rows = known.predict(paths, Rank.SPECIES)
    best = {}
    for row in rows:
        best.setdefault(row["file_name"], row["species"])
    found.append([len(paths) / (time.perf_counter() - start), best])
print(json.dumps([first, found]))
"""
OURS = """
import json, sys, time
from pathlib import Path
from merian.identify import Identifier, in_batches
sets = [[Path(path) for path in paths] for paths in json.loads(sys.argv[1])]
known = Identifier.open(Path("bioclip-2"), precision=sys.argv[2])
list(in_batches(known, sets[0][:1], 5, "species", 0.8))
first, found = time.time(), []
for paths in sets:
    start = time.perf_counter()
    best = {str(path): rows[0]["species"] for path, rows, _, _ in in_batches(known, paths, 5, "species", 0.8)}
    found.append([len(paths) / (time.perf_counter() - start), best])
print(json.dumps([first, found]))
"""
WAYS = ("pybioclip", "compat", "fp32", "bf16", "int8")
"""pybioclip; the same lines with Merian's module of its interface; Merian's own in each precision."""
Found = tuple[float, float, list[tuple[float, dict[str, str]]]]
"""Seconds to the first answer, peak GiB, and for each set images a second and the best species."""


def main(peer: str, photos: Path, count: int, work: Path, architecture: str, rounds: int, chosen: list[str]) -> None:
    """Fill the cache, run all that are chosen, print the table."""
    home = work / "hub"
    if not (home / "ready").is_file():
        fill(home, architecture)
    sets = {
        "as they are": some(photos, count, work / f"small-{count}", 0),
        "12 megapixels": some(photos, count, work / f"large-{count}", 4000),
    }
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "MERIAN_CACHE": str(work / "cache")}
    compat = PEER.replace("from bioclip", "from merian.compat.bioclip")
    lines = {"pybioclip": [peer, "-c", PEER], "compat": [sys.executable, "-c", compat]}
    ways = {way: lines.get(way, [sys.executable, "-c", OURS]) for way in dict.fromkeys(["pybioclip", *chosen])}
    prepare(work, environment, photos, sets, "int8" in ways)
    found: dict[str, list[Found]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
            found[way].append(
                run([*ways[way], json.dumps([list(map(str, own)) for own in sets.values()]), way], environment)
            )
        told(found, list(sets), count, number + 1, operations(home))


def operations(home: Path) -> float:
    """Multiplications and additions of the image tower for one photo."""
    config = json.loads(next((home / "hub").glob("models--*/snapshots/*/open_clip_config.json")).read_text())
    part = config["model_cfg"]["vision_cfg"]
    width, patch = part["width"], part["patch_size"]
    tokens = (part["image_size"] // patch) ** 2 + 1
    block = tokens * width * width * (4 + 2 * part.get("mlp_ratio", 4.0)) + 2 * tokens**2 * width
    return float(2 * (part["layers"] * block + (tokens - 1) * 3 * patch**2 * width))


def prepare(work: Path, environment: dict[str, str], photos: Path, sets: dict[str, list[Path]], convert: bool) -> None:
    """What is done once: the labels are checked and kept, the model is converted."""
    start = time.perf_counter()
    run([sys.executable, "-c", OURS, json.dumps([[str(sets["as they are"][0])]]), "fp32"], environment)
    print(f"labels checked and kept, once: {time.perf_counter() - start:.0f} s")
    said = work / "int8.txt"
    if convert and not said.is_file():
        words = ["models", "convert", "bioclip-2", "--precision", "int8", "--photos", str(photos)]
        start = time.perf_counter()
        line = [str(Path(sys.executable).parent / "merian"), *words]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        said.write_text(f"converted to int8, once: {time.perf_counter() - start:.0f} s\n{done.stderr}")
    if convert:
        print(said.read_text())


def told(found: dict[str, list[Found]], sets: list[str], count: int, rounds: int, work: float) -> None:
    """Print the table."""
    base, best = found["pybioclip"], {kind: peak(kind) for kind in KINDS}
    machine = ", ".join(f"{kind} {top / 1e9:.0f}" for kind, top in best.items() if top)
    print(
        f"{count} photos; {rounds} rounds; {work / 1e9:.0f} G operations a photo; the machine's peak: {machine} G/s, {reading() / 1e9:.0f} GB/s"
    )
    for way, rows in found.items():
        first, most = (statistics.median(row[k] for row in rows) for k in (0, 1))
        starts = statistics.median(other[0] / own[0] for own, other in zip(rows, base, strict=True))
        peaks = statistics.median(other[1] / own[1] for own, other in zip(rows, base, strict=True))
        print(f"  {way:<10} first answer {first:5.1f} s, 1/{starts:.1f}; peak {most:.2f} GiB, 1/{peaks:.1f}")
        for k, kind in enumerate(sets):
            speed = statistics.median(row[2][k][0] for row in rows)
            ratios = [own[2][k][0] / other[2][k][0] for own, other in zip(rows, base, strict=True)]
            top = best.get({"compat": "bf16"}.get(way, way), best["fp32"])
            share = f", {work * speed / top:.0%} of the peak" if top else ""
            same = statistics.mean(rows[0][2][k][1].get(path) == name for path, name in base[0][2][k][1].items())
            print(
                f"    {kind:<14} {speed:5.2f} images/s, {statistics.median(ratios):5.2f} x ({min(ratios):.2f} to {max(ratios):.2f}){share}; "
                f"the same best species {same:.1%}"
            )


def run(command: list[str], environment: dict[str, str]) -> Found:
    """What one process says."""
    start = time.time()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    first, found = json.loads(said.splitlines()[-1])
    return first - start, used.ru_maxrss / 2**20, [(speed, best) for speed, best in found]


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
    parser.add_argument("peer", nargs="?", help="the python of an environment with pybioclip")
    parser.add_argument("--photos", type=Path, default=Path("../shared/data/photos"))
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--work", type=Path, default=Path("/tmp/merian-bench-identify"))
    parser.add_argument("--model", default="ViT-L-14")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = parser.parse_args()
    if given.peer is None:
        parser.exit(message=__doc__)  # make bench runs each file as it is
    main(given.peer, given.photos, given.count, given.work, given.model, given.rounds, given.ways)
