"""What each part of the better recipe gives: recipes trained at equal data, steps and images seen, over data sets and seeds, as Markdown tables.

Rows: the faithful recipe (the method of `recipes/bioclip2.toml`) with parts (a) to (g) added, and the better recipe (`recipes/merian.toml`) with parts taken
out or put in. Towers, batch, steps, augmentation, learning rate, warm-up and clipping are the same in all rows; the row "faithful, its own augmentation" tells
what augmentation alone gives. Shards hold neighbouring images of one source, as those of TreeOfLife-200M do, so that `order` means something on few images.

Data: `drawn`, a tree of life with another seed for each run, unseen species kept out; `photos`, real photos (`--photos`), fold 0 held out, each data set
scored by itself and the mean over them told. Both replay drawn images with general captions, of a world of their own. A run is one line of
OUT/results.jsonl; those that are there, or in `bench/ablation.jsonl` (what docs/numbers.md shows), are not run again, so the same command goes on where it was
stopped, and `--table` only prints.

    .venv/bin/python bench/ablation.py --out DIR [--photos photos.csv] [--data drawn,photos] [--seeds 3] [--rows "faithful;better"] [--epochs 12]
        [--images 4000] [--species 120] [--size 64] [--batch 128] [--lr 1e-3] [--threads 2] [--device cpu] [--table]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy.stats import t as student

from merian.core import store
from merian.core.chance import stream
from merian.core.errors import BadSetting
from merian.core.settings import load
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.core.vectors import Clades, Embeddings, normalise
from merian.curate.run import curate
from merian.curate.settings import CurateSettings
from merian.drawn.folder import draw_source
from merian.drawn.world import DrawSettings
from merian.encode import Preprocess, decode_many
from merian.encode.tokens import Tokens
from merian.evaluate.fewshot import run_folds
from merian.evaluate.samples import groups_of
from merian.evaluate.zeroshot import prompted, score, summed
from merian.identify import Head
from merian.identify.head import leaves
from merian.train.batches import Batches
from merian.train.loop import fit
from merian.train.ranks import Ranks
from merian.train.settings import TrainSettings
from merian.train.stocks import stocks
from merian.train.towers import BIO, Towers, build, model_config, preprocess
from merian.train.views import Views, augment

RECIPES = Path(__file__).parents[1] / "recipes"
DONE = Path(__file__).with_suffix(".jsonl")
METHOD = (
    *("objective", "level_weights", "text_types", "text_per", "order", "cap", "traits", "precision", "replay_weight"),
    *("logit_scale", "logit_scale_max", "logit_scale_fixed", "hyperbolic"),
)
"""The settings in which rows differ."""
COMMON = ("epochs", "batch", "replay_batch", "lr", "image_size", "crop", "flip", "colour", "seed")
OWN_AUGMENTATION = {"crop": 0.9, "flip": 0.0, "colour": 0.0}
FAITHFUL, BETTER, PLUS_C, ALL = "faithful", "better", "better + c", "better + b marginal + c"
FIXED_30 = {"logit_scale": 30.0, "logit_scale_fixed": True}
C = {"text_per": "image"}
MARGINAL = {"objective": "marginal"} | C
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    FAITHFUL: ("", {}),
    "faithful, its own augmentation": (FAITHFUL, OWN_AUGMENTATION),
    "faithful + a multi-positive": (FAITHFUL, {"objective": "multi_positive"}),
    "faithful + a, b levels": (FAITHFUL, {"objective": "levels"}),
    "faithful + a, b marginal": (FAITHFUL, {"objective": "marginal"}),
    "faithful + c caption kind per image": (FAITHFUL, C),
    "faithful + d fp32": (FAITHFUL, {"precision": "fp32"}),
    "faithful + d bf16 over fp32 weights": (FAITHFUL, {"precision": "bf16"}),
    "faithful + d bf16 rounded by chance": (FAITHFUL, {"precision": "rounded_bf16"}),
    "faithful + e global shuffle": (FAITHFUL, {"order": "global"}),
    "faithful + e cap of 20": (FAITHFUL, {"cap": 20}),
    "faithful + f traits": (FAITHFUL, {"traits": 0.5}),
    "faithful + g scale 30, fixed": (FAITHFUL, FIXED_30),
    "faithful + g hyperbolic": (FAITHFUL, {"hyperbolic": True}),
    BETTER: (FAITHFUL, {}),
    PLUS_C: (BETTER, C),
    "better + b marginal": (BETTER, {"objective": "marginal"}),
    "better + e cap of 20": (BETTER, {"cap": 20}),
    "better + g hyperbolic": (BETTER, {"hyperbolic": True}),
    "better + c - a": (PLUS_C, C | {"objective": "infonce"}),
    ALL: (PLUS_C, MARGINAL),
    "better + b levels + c": (PLUS_C, C | {"objective": "levels"}),
    "better + b marginal + c - d": (ALL, MARGINAL | {"precision": "pure_bf16"}),
    "better + b marginal + c - e": (ALL, MARGINAL | {"order": "shards", "cap": 0}),
    "better + b marginal + c - f": (ALL, MARGINAL | {"traits": 0.0}),
    "better + b marginal + c + g scale 30, fixed": (ALL, MARGINAL | FIXED_30),
    "better + b marginal + c + g scale 100, fixed": (ALL, MARGINAL | {"logit_scale": 100.0, "logit_scale_fixed": True}),
}
"""Row -> the row that it is held against, and what it changes in its recipe: the better one, or the faithful one where its name says so."""
MEASURES = {
    "label": "species",
    **{rank: rank for rank in ("family", "class")},
    "class_asked": "class, asked",
    "shot1": "unseen 1-shot",
    "shot5": "unseen 5-shot",
    "replay1": "captions",
}
SHARD = 8
"""Images of a shard: 16 of them fill a batch of 128, as some 32 sources fill one of BioCLIP 2's."""
UNSEEN, FOLDS, FEWEST = 0.12, 20, 20
"""Share of species kept out of training; draws of few-shot learning; images that a data set needs to be scored."""

SIZES = {
    **{"seeds": 3, "first-seed": 0, "epochs": 12, "images": 4000, "replay-images": 1500, "species": 120},
    **{"size": 64, "draw-size": 96, "batch": 128, "threads": 2},
}
"""How much; `size` is the side that the tower sees, `draw-size` that of the drawn images."""


@dataclass(frozen=True, slots=True)
class Data:
    """What one run trains on and is measured on."""

    catalog: Catalog
    replay: Catalog
    cache: Path


@dataclass
class Equal(Batches):
    """Batches of a run of so many steps, whatever a pass has."""

    steps: int = 1

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.steps


class Encoder:
    """Towers in memory, as an Encoder; images go through the projector `projector`."""

    fingerprint = "ablation"

    def __init__(self, towers: Towers, tokens: Tokens, look: Preprocess, device: torch.device) -> None:
        self.towers, self.tokens, self.preprocess, self.device = towers.float().eval(), tokens, look, device
        self.projector = BIO
        self.logit_scale = float(towers.logit_scale.detach().exp())
        self.dim = int(self.embed_texts(["a"]).shape[1])

    @torch.inference_mode()
    def embed_images(self, pixels: np.ndarray) -> np.ndarray:
        """Unit vectors of images `[n, s, s, 3]`."""
        parts = []
        for part in torch.split(torch.from_numpy(np.array(pixels)), 256):
            image = augment(part.to(self.device), Views.plain(len(part), self.device), self.preprocess)
            parts.append(self.towers.project(self.towers.images(image), self.projector).cpu().numpy())
        return normalise(np.concatenate(parts))

    @torch.inference_mode()
    def embed_texts(self, texts: Iterable[str]) -> np.ndarray:
        """Unit vectors of texts."""
        table = torch.from_numpy(self.tokens.encode(list(texts)).astype(np.int64)).to(self.device)
        return normalise(torch.cat([self.towers.texts(part) for part in torch.split(table, 256)]).cpu().numpy())


def main() -> None:
    """Train and evaluate what is missing, then print the tables."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    names = [name for name in given.data.split(",") if name != "photos" or given.photos is not None]
    rows = chosen(given.rows)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    for seed in () if given.table else seeds:
        for name in names:
            data = None
            for row in rows:
                settings = settings_of(row, seed, given)
                key = key_of(name, settings, given)
                if key in results(given.out):
                    continue
                data = data or prepared(name, seed, settings, given)
                start = time.perf_counter()
                try:
                    found = measured(data, settings, given)
                except BadSetting as error:  # the loss diverged: that is a result too
                    found = {"failed": str(error)}
                seconds = round(time.perf_counter() - start, 1)
                line = {"key": key, "data": name, "seed": seed, "row": row, "seconds": seconds, **found}
                with (given.out / "results.jsonl").open("a", encoding="utf-8") as file:
                    file.write(f"\n{json.dumps(line)}\n")  # behind a line cut short too
                told = [f"{MEASURES[m]} {100 * found[m]:.1f}" for m in MEASURES if m in found]
                print(f"{name} seed {seed} {row}: {', '.join(told) or found['failed']} ({seconds:.0f} s)", flush=True)
    done = results(given.out)
    for name in names:
        keys = [key_of(name, settings_of(row, seed, given), given) for seed in seeds for row in rows]
        print(table(name, [done[key] for key in keys if key in done]))


def chosen(rows: str) -> list[str]:
    """The rows named, in the table's order; leaves with a message when one is not known."""
    asked = list(ROWS) if rows == "all" else [row.strip() for row in rows.split(";")]
    unknown = [row for row in asked if row not in ROWS]
    if unknown:
        raise SystemExit(f"--rows: {unknown[0]!r} is none of {'; '.join(ROWS)}")
    return [row for row in ROWS if row in asked]


def settings_of(row: str, seed: int, given: argparse.Namespace) -> TrainSettings:
    """The settings of a row: the common ones, the method of its recipe, what it changes."""
    changes = ROWS[row][1]
    faithful, base, better = (
        load(TrainSettings, RECIPES / f"{name}.toml", None, "train") for name in ("bioclip2", "bioclip2-tiny", "merian")
    )
    method = faithful if row.startswith(FAITHFUL) else better
    common = {name: getattr(given, name) for name in ("epochs", "batch", "lr", "threads", "device")}
    common |= {name: getattr(better, name) for name in OWN_AUGMENTATION}
    common |= {"replay_batch": max(2, round(given.batch / 8.8)), "image_size": given.size, "seed": seed}
    common |= {"grad_clip": 1.0, "checkpoint": 1_000_000}
    return replace(base, **common | {name: getattr(method, name) for name in METHOD} | changes)


def key_of(data: str, settings: TrainSettings, given: argparse.Namespace) -> str:
    """What names a run: data, sizes and method, not where or on how many threads it ran. What is off is left out, so that new parts rename no run."""
    every = store.plain(settings)
    plain = {name: every[name] for name in (*COMMON, *METHOD) if every[name]}
    source = [given.species, given.images] if data == "drawn" else [store.digest(given.photos), given.species]
    made = [data, *source, given.replay_images, given.draw_size, plain]
    return store.digest_bytes(json.dumps(made, sort_keys=True).encode())[:16]


def results(out: Path) -> dict[str, dict[str, Any]]:
    """The finished runs by key, those of docs/numbers.md among them; a line cut short counts as none."""
    files = [file for file in (DONE, out / "results.jsonl") if file.is_file()]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return {run["key"]: run for line in lines for run in [json.loads(line)]}


def prepared(name: str, seed: int, settings: TrainSettings, given: argparse.Namespace) -> Data:
    """The catalogs of a data set and seed, made unless they are there."""
    folder = (
        given.out / "data" / f"{name}-{seed}-{given.species}-{given.images}-{given.replay_images}-{given.draw_size}"
    )
    if name == "drawn":
        world = DrawSettings(species=given.species, images=given.images, size=given.draw_size, seed=seed)
        draw_source(folder / "world", world)
        catalog = curate(folder / "world", folder / "catalog", CurateSettings(unseen=UNSEEN, seed=seed))
    else:
        kept = CurateSettings(test_fold="0", unseen=UNSEEN, seed=seed)
        catalog = curate(given.photos, folder / "catalog", kept)
    web = DrawSettings(
        species=given.species, images=given.replay_images, size=given.draw_size, seed=1000 + seed, captions=True
    )
    draw_source(folder / "web", web)
    general = curate(folder / "web", folder / "general", CurateSettings(subject="caption", seed=seed))
    return Data(catalog, general, folder / f"cache-{settings.image_size}")


def measured(data: Data, settings: TrainSettings, given: argparse.Namespace) -> dict[str, Any]:
    """Train one row and measure it."""
    device = torch.device("cuda" if given.device == "cuda" else "cpu")
    torch.set_num_threads(given.threads)
    torch.manual_seed(settings.seed)
    ranks, look = Ranks(device=device), preprocess(settings)
    held = stocks(data.catalog, data.replay, settings, look, data.cache, given.threads, ranks)
    trained = data.catalog.kept("train").filter(pl.col("taxon") >= 0)
    bio = replace(held.bio, shard=clustered(trained, settings.seed))
    steps = len(bio) // min(settings.batch, len(bio)) * settings.epochs
    batches = Equal(bio, settings, held.replay, steps=steps)
    config = model_config(settings, held.tokens.size, held.tokens.context)
    with tempfile.TemporaryDirectory() as place:
        towers = fit(build(settings, config), batches, settings, look, Path(place), ranks)
        lines = [json.loads(line) for line in (Path(place) / "metrics.jsonl").read_text().splitlines()]
    encoder = Encoder(towers, held.tokens, look, device)
    ends = {"steps": steps, "train_images": len(bio), "loss": lines[-1]["loss"], "scale": lines[-1]["scale"]}
    return ends | named(data.catalog, trained, encoder, settings) | replayed(data.replay, encoder)


def clustered(rows: pl.DataFrame, seed: int) -> np.ndarray:
    """Shards `[n]` of SHARD images each, of one source and kind of record and near each other in the tree, as a collection's are."""
    chance = stream(seed, "shards").random(len(rows))
    keys = rows.select("source", "basis", "taxon").with_columns(chance=pl.Series(chance))
    order = keys.with_row_index("row").sort("source", "basis", pl.col("taxon") // 16, "chance")["row"].to_numpy()
    shard = np.empty(len(rows), np.int64)
    shard[order] = np.arange(len(rows)) // SHARD
    return shard


def embedded(catalog: Catalog, rows: pl.DataFrame, encoder: Encoder) -> np.ndarray:
    """Unit vectors of the images of `rows`."""
    pixels = decode_many(list(catalog.images(rows)), encoder.preprocess).pixels
    return encoder.embed_images(pixels)


def named(catalog: Catalog, trained: pl.DataFrame, encoder: Encoder, settings: TrainSettings) -> dict[str, float]:
    """Means over the data sets of the catalog: accuracy on known species and coarser ranks, few-shot accuracy on unseen ones."""
    each: list[dict[str, float]] = []
    leaf = leaves(catalog.tree)
    for source in sorted(catalog.kept()["source"].unique().to_list()):
        own = pl.col("source") == source
        labels = np.intersect1d(trained.filter(own)["taxon"].to_numpy(), leaf).astype(np.int32)
        rows = catalog.kept("test").filter(own, pl.col("taxon").is_in(pl.Series(labels).implode()))
        found: dict[str, float] = {}
        if len(rows) >= FEWEST and len(labels) > 1:
            found |= known(catalog, rows, labels, encoder)
        strange = catalog.kept("unseen").filter(own)
        if len(strange) >= FEWEST and strange["taxon"].n_unique() > 1:
            vectors, classes = embedded(catalog, strange, encoder), strange["taxon"].to_numpy().astype(np.int64)
            for shots in (1, 5):
                result = run_folds([vectors], classes, groups_of(strange), shots, FOLDS, settings.seed, str(source))
                if result.ways:
                    found[f"shot{shots}"] = float(result.right.sum() / result.asked.sum())
        each.append(found)
    names = {name for found in each for name in found}
    return {name: float(np.mean([found[name] for found in each if name in found])) for name in sorted(names)}


def known(catalog: Catalog, rows: pl.DataFrame, labels: np.ndarray, encoder: Encoder) -> dict[str, float]:
    """Accuracy on the labels themselves, at coarser ranks by sums of their probabilities (calibrated on "val"), and by asking for each rank's own names."""
    vectors, truth = embedded(catalog, rows, encoder), rows["taxon"].to_numpy()
    head = Head.build(encoder, catalog.tree, labels)
    shown = catalog.kept("val").filter(pl.col("taxon").is_in(pl.Series(labels).implode()))
    if len(shown):
        seen = Embeddings(shown["id"], embedded(catalog, shown, encoder), encoder.fingerprint)
        head = head.calibrated(seen, shown["taxon"].to_numpy())
    clades, probabilities = Clades(catalog.tree, labels), head.probabilities(vectors)
    found = {"label": float((labels[probabilities.argmax(1)] == truth).mean())}
    asked = score(clades, truth, prompted(clades, encoder, vectors))
    by_sums = score(clades, truth, summed(clades, probabilities))
    for r, rank in enumerate(RANKS):
        if by_sums.scored[:, r].any() and by_sums.candidates[r] > 1:
            share = by_sums.right[:, r].sum() / by_sums.scored[:, r].sum()
            found |= {rank: float(share), f"{rank}_asked": float(asked.right[:, r].sum() / asked.scored[:, r].sum())}
    return found


def replayed(general: Catalog, encoder: Encoder) -> dict[str, float]:
    """How often the nearest of all captions of the held-out replay images is an image's own, through the projector of the replay."""
    rows = general.kept("test").filter(pl.col("caption").is_not_null())
    words = rows["caption"].unique().sort()
    encoder.projector = "replay" if "replay" in encoder.towers.projectors else BIO
    scores = embedded(general, rows, encoder) @ encoder.embed_texts(words).T
    encoder.projector = BIO
    best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    truth = words.search_sorted(rows["caption"]).to_numpy()
    right = best == truth[:, None]
    return {"replay1": float(right[:, 0].mean()), "replay5": float(right.any(1).mean()), "replay_captions": len(words)}


def interval(values: np.ndarray, sign: str = "") -> str:
    """Mean in percent with half a 95 % interval by Student's t; the mean alone of fewer than two."""
    mean = 100 * values.mean()
    if len(values) < 2:
        return f"{mean:{sign}.1f}"
    half = 100 * float(student.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    return f"{mean:{sign}.1f} ± {half:.1f}"


def table(name: str, runs: list[dict[str, Any]]) -> str:
    """A Markdown table: means over the seeds, and for species the paired difference to the recipe that the row starts from."""
    failed = Counter(run["row"] for run in runs if "failed" in run)
    runs = [run for run in runs if "failed" not in run]
    if not runs:
        return f"\n{name}: no finished run; diverged: {dict(failed)}"
    by = {(run["row"], run["seed"]): run for run in runs}
    seeds = sorted({run["seed"] for run in runs})
    shown = [m for m in MEASURES if any(m in run for run in runs)]
    steps = sorted({(run["train_images"], run["steps"]) for run in runs})
    lines = [
        f"\n**{name}**: seeds {', '.join(map(str, seeds))}; training images and steps "
        f"{'; '.join(f'{n:,} and {k:,}' for n, k in steps)}. Percent, mean over seeds ± half a 95 % interval (Student's t); "
        "differences are paired by seed.\n",
        "| recipe | " + " | ".join(MEASURES[m] for m in shown) + " | held against | species | unseen 5-shot | s |",
        "|---|" + "---|" * (len(shown) + 4),
    ]
    for row in dict.fromkeys(run["row"] for run in runs):
        own = [by[row, seed] for seed in seeds if (row, seed) in by]
        cells = [interval(np.array([run[m] for run in own])) if all(m in run for run in own) else "" for m in shown]
        against = ROWS[row][0]
        cells.append(against)
        for measure in ("label", "shot5"):
            pairs = [(run, by[against, run["seed"]]) for run in own if (against, run["seed"]) in by]
            pairs = [(a, b) for a, b in pairs if measure in a and measure in b]
            change = np.array([a[measure] - b[measure] for a, b in pairs])
            cells.append(interval(change, "+") if len(change) else "")
        lines.append(f"| {row} | " + " | ".join(cells) + f" | {np.mean([run['seconds'] for run in own]):.0f} |")
    lines += [f"\nDiverged, and left out: {row} ({count})." for row, count in failed.items()]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of results and data; the same again goes on")
    parser.add_argument("--photos", type=Path, help="a table of photos with folds; without it they are skipped")
    parser.add_argument("--rows", default="all", help="names of rows, with ; between them")
    parser.add_argument("--data", default="drawn,photos")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    for name, default in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


if __name__ == "__main__":
    main()
