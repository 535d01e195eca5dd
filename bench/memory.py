"""Peak memory of `merian identify` over more and more photos: it must not grow with their number.

    .venv/bin/python bench/memory.py [--photos FOLDER] [--counts 1000 10000 100000]

A small model (its weights are some megabytes, so that the rest is what is seen) names links to real photos, or to drawn ones, and writes CSV to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from merian.drawn.scene import encode_jpeg, render
from merian.drawn.shots import organism_of, plan_images, shot_of
from merian.drawn.world import DrawSettings, draw_tree
from tree import million

VISION = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16, "head_width": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
LIMIT = 1.5
"""GiB beside the model, the promise."""


def main(photos: Path | None, counts: list[int]) -> None:
    """Print a row for each count."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        model = small(work / "model")
        million(1_000).write_csv(work / "taxa.csv")
        every = sorted(photos.rglob("*.jpg")) if photos else drawn(work / "drawn")
        for count in counts:
            listing = work / f"{count}.txt"
            folder = work / str(count)
            folder.mkdir()
            for number in range(count):
                (folder / f"{number}.jpg").symlink_to(every[number % len(every)].absolute())
            listing.write_text("\n".join(str(folder / f"{number}.jpg") for number in range(count)))
            seconds, peak = run(model, work, listing)
            print(
                f"{count:>8,} photos: peak {peak:.2f} GiB of at most {LIMIT}, {count / seconds:,.0f} photos/s",
                flush=True,
            )


def run(model: Path, work: Path, listing: Path) -> tuple[float, float]:
    """Seconds and peak GiB."""
    line = [str(Path(sys.executable).parent / "merian"), "identify", f"@{listing}", "--model", str(model)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*line, "--taxa", str(work / "taxa.csv"), "-o", str(work / "out.csv")],
        env={**os.environ, "MERIAN_CACHE": str(work / "cache")},
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 3)
    return time.perf_counter() - start, used.ru_maxrss / 2**20


def small(folder: Path) -> Path:
    """A random model in open_clip's layout."""
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    from merian.train.vocabulary import clip_tokens

    folder.mkdir()
    config = {"embed_dim": 32, "vision_cfg": VISION, "text_cfg": TEXT}
    torch.manual_seed(0)
    save_file(dict(CLIP(**config).state_dict()), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    (folder / "tokenizer.json").write_text(clip_tokens().tokenizer.to_str(), encoding="utf-8")
    return folder


def drawn(folder: Path) -> list[Path]:
    """A hundred drawn photos."""
    folder.mkdir()
    rows = plan_images(draw_tree(DrawSettings(species=32, images=300))).sample(100, seed=0).rows(named=True)
    for number, row in enumerate(rows):
        (folder / f"{number}.jpg").write_bytes(encode_jpeg(render(shot_of(row), organism_of(row), 256)))
    return sorted(folder.glob("*.jpg"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    given = parser.parse_args()
    main(given.photos, given.counts)
