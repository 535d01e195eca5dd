"""The pocket model against what else could be made of the same training photos: one table, each data set by itself, with intervals.

Methods, on the catalog that `recipes/pocket.toml` made (WORK/catalog), all scored on its test photos among the labels of their own data set: by
the answer the method gives by itself (`label`, `family`) and by the nearest mean of a taxon's training photos (`prototypes`, which is how the pocket
answers); and by learning species that none was trained on from one photo or five (SimpleShot on the vectors):

- pocket: WORK/pocket, as it is shipped, in eight bits; and before that, in full precision
- probe: logistic regression on histograms of colour and texture, its strength chosen on the validation photos
- supervised: a ResNet-18 (timm) with a linear layer over all taxa and cross-entropy; the same start (from drawn organisms,
  WORK/drawn-model), batches, passes, augmentation, learning rate and average
- plain supervised: the same from nothing, with crops, mirrors and colours alone
- faithful: BioCLIP's recipe (`recipes/bioclip2.toml`) with the pocket's towers and their start, image size, batch, passes and learning rate
- towers: the pocket's recipe with other towers (of timm by name, vit-ti, vit-s), begun from nothing, and few passes (`--towers`): accuracy, and
  milliseconds a photo in eight bits

A run is one line of OUT/results.jsonl and is not repeated; `--table` only prints. Without WORK nothing can be measured, and it says so.

    .venv/bin/python bench/pocket.py --work work --out DIR [--rows "pocket;probe;supervised;plain supervised;faithful"] [--epochs N] [--threads 2]
        [--towers resnet18,regnetx_004] [--tower-epochs 8] [--table]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import timm
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from merian.core.chance import stream
from merian.core.report import Number
from merian.core.settings import load
from merian.core.tables import Catalog
from merian.core.tree import RANKS
from merian.core.vectors import Clades, normalise
from merian.encode import decode_many, open_encoder
from merian.evaluate.fewshot import run_folds
from merian.evaluate.intervals import Resamples
from merian.evaluate.samples import groups_of, histograms
from merian.evaluate.settings import EvaluateSettings
from merian.evaluate.zeroshot import score, summed
from merian.identify import HEADS, Head, embed_catalog
from merian.identify.head import leaves
from merian.train import TrainSettings, train
from merian.train.batches import Batches, drawn_ahead
from merian.train.checkpoint import Average
from merian.train.optimizer import learning_rate, make_optimizer
from merian.train.ranks import Ranks
from merian.train.stocks import stocks
from merian.train.towers import chance, preprocess
from merian.train.views import Views, augment, shown

RECIPES = Path(__file__).parents[1] / "recipes"
ROWS = ("pocket", "pocket, full precision", "probe", "supervised", "plain supervised", "faithful")
SIZE = (
    *("tower", "image_size", "train_size", "text_width", "text_layers", "vocabulary", "context", "dim"),
    *("epochs", "batch", "lr", "warmup", "threads", "device", "seed", "onnx", "image_from"),
)
"""What the faithful recipe has of the pocket's; all else is its own."""
PLAIN = {"turn": 0.0, "erase": 0.0, "mix": 0.0, "crop": 0.7, "colour": 0.1, "ema": 0.0}
_VIT = {"tower": "vit", "patch": 16, "layers": 12, "head": 64, "train_size": 0}
VITS: dict[str, dict[str, Any]] = {"vit-ti": {**_VIT, "width": 192}, "vit-s": {**_VIT, "width": 384}}
"""Vision transformers (Touvron et al. 2021), which timm knows at 224 px only."""
FEWEST = 20
"""Test photos from which a data set is scored by itself."""
FOLDS = 20
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse strengths of the ridge of the probe that are tried."""
Floats = np.ndarray[Any, np.dtype[np.float32]]


def main() -> None:
    """Measure what is missing, then print the tables."""
    given = arguments()
    if not (given.work / "catalog" / "catalog.parquet").is_file():
        print(f"nothing to measure: {given.work}/catalog is not there; `merian train recipes/pocket.toml` makes it")
        return
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    catalog = Catalog.open(given.work / "catalog")
    rows = [row.strip() for row in given.rows.split(";") if row.strip()]
    rows += [f"tower {name}" for name in given.towers.split(",") if name]
    for row in [] if given.table else rows:
        if row in results(given.out):
            continue
        start = time.perf_counter()
        found = method(row, catalog, given)
        line = {"row": row, "seconds": round(time.perf_counter() - start, 1), **found}
        with (given.out / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(
            row, {k: v["text"] for k, v in found["numbers"].items() if k in ("mean.label", "mean.unseen5")}, flush=True
        )
    print(table(results(given.out)))


def results(out: Path) -> dict[str, dict[str, Any]]:
    """What was measured, by row."""
    file = out / "results.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {run["row"]: run for run in map(json.loads, lines)}


def method(row: str, catalog: Catalog, given: argparse.Namespace) -> dict[str, Any]:
    """Train one row unless it is there, and measure it."""
    settings = load(TrainSettings, RECIPES / "pocket.toml", {"epochs": given.epochs} if given.epochs else None, "train")
    start_of = given.work / "drawn-model"
    drawn = str(start_of) if start_of.is_dir() and row in ("supervised", "faithful") else ""
    settings = replace(settings, threads=given.threads, image_from=drawn)
    if row.startswith("pocket"):
        return measured(catalog, *clip_scores(given.work / ("pocket" if row == "pocket" else "model"), catalog))
    if row == "probe":
        return measured(catalog, *probe_scores(catalog))
    if row.endswith("supervised"):
        return measured(
            catalog,
            *supervised(catalog, replace(settings, **PLAIN) if row.startswith("plain") else settings, given.out),
        )
    if row == "faithful":
        theirs = load(TrainSettings, RECIPES / "bioclip2.toml", None, "train")
        own = {"architecture": "", "pretrained": "", "recompute": False, "compile": False, "replay_batch": 0}
        settings = replace(theirs, **own, **{name: getattr(settings, name) for name in SIZE})
    else:
        name = row.removeprefix("tower ")
        settings = replace(settings, **VITS.get(name, {"tower": name}), epochs=given.tower_epochs)
    folder = given.out / row.replace(" ", "-")
    start = time.perf_counter()
    train(catalog.path, folder, settings)
    more: dict[str, Any] = {"training_seconds": time.perf_counter() - start}
    if row.startswith("tower"):
        more |= speed(folder, catalog, given.out)
    return measured(catalog, *clip_scores(folder, catalog)) | more


# ---- methods: vectors of all kept rows, and scores of the labels ------------------------------------------------------


def trained(catalog: Catalog) -> pl.DataFrame:
    """The rows that are trained on."""
    return catalog.kept("train").filter(pl.col("taxon") >= 0)


def asked(catalog: Catalog) -> pl.DataFrame:
    """The rows that are asked about."""
    return catalog.kept().filter(pl.col("split").is_in(["val", "test", "unseen"]) & (pl.col("taxon") >= 0))


def labels_of(catalog: Catalog) -> np.ndarray:
    """The taxa that can be answers: trained on, and with none below."""
    return np.intersect1d(leaves(catalog.tree), trained(catalog)["taxon"].to_numpy()).astype(np.int32)


def clip_scores(model: Path, catalog: Catalog) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """Vectors [m, d] of the rows trained on and [n, d] of those asked about, the latter's probabilities [n, t], and the labels [t]."""
    encoder, labels = open_encoder(model), labels_of(catalog)
    known, vectors = (embed_catalog(catalog, encoder, rows(catalog)).vectors for rows in (trained, asked))
    own = next((model / name for name in HEADS if (model / name).is_dir()), None)
    head = Head.build(encoder, catalog.tree, labels) if own is None else Head.load(own).among(labels)
    return known, vectors, head.probabilities(vectors), head.labels


def probe_scores(catalog: Catalog) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """The same of the histogram probe."""
    from sklearn.linear_model import LogisticRegression

    train_rows, rows = trained(catalog), asked(catalog)
    looks = histograms(catalog, pl.concat([train_rows, rows]), EvaluateSettings())
    first, vectors = (looks.take(part["id"]).vectors for part in (train_rows, rows))
    centre, spread = first.mean(0), first.std(0) + 1e-6
    known, unit = (first - centre) / spread, (vectors - centre) / spread
    taxa, val = train_rows["taxon"].to_numpy(), (rows["split"] == "val").to_numpy()
    best = (-1.0, None)
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength / len(known), max_iter=2000).fit(known, taxa)
        right = float((model.predict(unit[val]) == rows["taxon"].to_numpy()[val]).mean())
        best = max(best, (right, model), key=lambda pair: pair[0])
    labels = labels_of(catalog)
    chances = best[1].predict_proba(unit)[:, np.searchsorted(best[1].classes_, labels)]
    return first, vectors, chances.astype(np.float32), labels


def supervised(catalog: Catalog, settings: TrainSettings, out: Path) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """The same of a ResNet-18 with a linear layer over all taxa, trained by cross-entropy on the very batches of the pocket model."""
    taxa = np.unique(trained(catalog)["taxon"].to_numpy())
    with chance(settings.seed, "weights"):
        net = timm.create_model("resnet18", num_classes=len(taxa)).to(memory_format=torch.channels_last)
    file = out / ("supervised" if settings.mix else "plain-supervised") / "net.safetensors"
    if not file.is_file():
        fit(net, catalog, settings, out)
        file.parent.mkdir(exist_ok=True)
        save_file({name: value.contiguous() for name, value in net.state_dict().items()}, file)
    net.load_state_dict(load_file(file))
    net.eval()
    look, labels = preprocess(settings), labels_of(catalog)
    known, _ = seen(net, catalog, trained(catalog), look)
    vectors, logits = seen(net, catalog, asked(catalog), look)
    logits = logits[:, np.searchsorted(taxa, labels)]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return normalise(known), normalise(vectors), (odds / odds.sum(1, keepdims=True)).astype(np.float32), labels


def fit(net: Any, catalog: Catalog, settings: TrainSettings, out: Path) -> None:
    """Train `net` by cross-entropy."""
    look, ranks = preprocess(settings), Ranks()
    side = replace(look, size=settings.train_size or look.size)
    held = stocks(catalog, None, settings, look, out / "cache-supervised", settings.threads, ranks)
    taxa, of = np.unique(trained(catalog)["taxon"].to_numpy(), return_inverse=True)
    assert (held.bio.texts.of == of).all()
    batches = Batches(replace(held.bio, traits=None), replace(settings, negatives=0, classes=0.0), None)
    if settings.image_from:
        begin(net, Path(settings.image_from))
    optimizer, average = make_optimizer(net, settings), Average(net, settings.ema) if settings.ema else None
    net.train()
    for step, batch in enumerate(drawn_ahead(batches, 0, batches.total)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, batches.total, settings)
        image = shown(batch.pixels, batch.views, slice(0, len(batch.pixels)), side)
        right = torch.from_numpy(of[batches._rows("bio", step, batches.size, batches.per_epoch)])
        target = F.one_hot(right, len(taxa)).float()
        if batch.views.mix is not None:
            target = torch.lerp(target[batch.views.mix.partner], target, batch.views.mix.share)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            logits = net(image.contiguous(memory_format=torch.channels_last))
        loss = -(F.log_softmax(logits.float(), 1) * target).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.grad_clip)
        optimizer.step()
        if average is not None:
            average.update(net)
        if step % batches.per_epoch == 0:
            print(f"supervised: step {step:,} of {batches.total:,}, loss {loss.item():.3f}", flush=True)
    if average is not None:
        average.into(net)


def begin(net: Any, folder: Path) -> None:
    """Give `net` all of the image tower in a model folder but its last layer."""
    prefix = "visual.trunk."
    state = load_file(folder / "open_clip_model.safetensors")
    given = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    lacking, strange = net.load_state_dict(given, strict=False)
    assert (set(lacking), strange) == ({"fc.weight", "fc.bias"}, [])


@torch.inference_mode()
def seen(net: Any, catalog: Catalog, rows: pl.DataFrame, look: Any) -> tuple[Floats, Floats]:
    """What the net has before its last layer, and behind it, of some rows."""
    images = catalog.images(rows)
    vectors, logits = [], []
    while part := [image for _, image in zip(range(64), images, strict=False)]:
        pixels = torch.from_numpy(decode_many(part, look).pixels)
        features = net.forward_features(augment(pixels, Views.plain(len(pixels), torch.device("cpu")), look))
        vectors.append(net.forward_head(features, pre_logits=True).float().numpy())
        logits.append(net.forward_head(features).float().numpy())
    return np.concatenate(vectors), np.concatenate(logits)


def speed(model: Path, catalog: Catalog, out: Path) -> dict[str, Any]:
    """Bytes and photos a second of the image tower in eight bits."""
    from merian.encode.convert import convert

    rows = trained(catalog).sample(128, seed=0)
    full = open_encoder(model)
    pixels = decode_many(list(catalog.images(rows)), full.preprocess).pixels
    with tempfile.TemporaryDirectory() as place:
        fast = open_encoder(convert(model, Path(place) / "int8", "int8", pixels).path)
        fast.embed_images(pixels[:32])
        size = (Path(place) / "int8" / "image.bin").stat().st_size
        rounds = []
        for _ in range(7):
            start = time.perf_counter()
            fast.embed_images(pixels)
            rounds.append((time.perf_counter() - start) / len(pixels))
    return {"int8_ms": 1000 * float(np.median(rounds)), "int8_mb": size / 1e6}


# ---- measures ---------------------------------------------------------------------------------------------------------


def measured(
    catalog: Catalog, known: Floats, vectors: Floats, probabilities: Floats, labels: np.ndarray
) -> dict[str, Any]:
    """Each data set by itself: its own labels as candidates, at the label and at each rank; and unseen species from one photo or five; the means over sets."""
    rows = asked(catalog)
    taxa, sources, split = rows["taxon"].to_numpy(), rows["source"].to_numpy(), rows["split"].to_numpy()
    numbers: dict[str, Number] = {}
    replicates: dict[str, list[np.ndarray]] = {}
    shown_taxa = trained(catalog)
    of = shown_taxa["taxon"].to_numpy()
    likeness = normalise(vectors) @ normalise(np.stack([normalise(known[of == taxon]).mean(0) for taxon in labels])).T
    for source in sorted(set(sources.tolist())):
        own = np.intersect1d(labels, shown_taxa.filter(pl.col("source") == source)["taxon"].to_numpy())
        here = np.flatnonzero((split == "test") & (sources == source) & np.isin(taxa, own))
        if len(here) >= FEWEST and len(own) > 1:
            columns = np.searchsorted(labels, own)
            chances = probabilities[np.ix_(here, columns)]
            named = score(
                Clades(catalog.tree, own.astype(np.int32)),
                taxa[here],
                summed(Clades(catalog.tree, own.astype(np.int32)), chances),
            )
            nearest = own[likeness[np.ix_(here, columns)].argmax(1)]
            right = {
                "label": own[chances.argmax(1)] == taxa[here],
                "prototypes": nearest == taxa[here],
                "family": named.right[:, RANKS.index("family")],
            }
            whole = np.ones(len(here), bool)
            counted = {"label": whole, "prototypes": whole, "family": named.scored[:, RANKS.index("family")]}
            resamples = Resamples.draw(taxa[here], groups_of(rows[here.tolist()]), stream(0, "pocket", source), 1000)
            for what in right:
                note(numbers, replicates, what, source, resamples, right[what], counted[what])
        here = np.flatnonzero((split == "unseen") & (sources == source))
        for shots in (1, 5):
            groups = groups_of(rows[here.tolist()])
            found = (
                run_folds([vectors[here]], taxa[here].astype(np.int64), groups, shots, FOLDS, 0, source)
                if len(here)
                else None
            )
            if found is not None and found.ways:
                resamples = Resamples.draw(taxa[here], groups, stream(0, "pocket", source, "unseen"), 1000)
                note(numbers, replicates, f"unseen{shots}", source, resamples, found.right[:, 0], found.asked)
    for what, parts in replicates.items():
        values = [
            numbers[f"{what}.{source}"].value
            for source in sorted(set(sources.tolist()))
            if f"{what}.{source}" in numbers
        ]
        low, high = np.quantile(np.mean(parts, 0), [0.025, 0.975])
        numbers[f"mean.{what}"] = Number(
            f"mean.{what}", float(np.mean(values)), float(low), float(high), "share", len(values)
        )
    return {
        "numbers": {
            name: {"value": n.value, "low": n.low, "high": n.high, "n": n.n, "text": n.text}
            for name, n in numbers.items()
        }
    }


def note(
    numbers: dict[str, Number],
    replicates: dict[str, list[np.ndarray]],
    what: str,
    source: str,
    resamples: Resamples,
    right: np.ndarray,
    counted: np.ndarray,
) -> None:
    """Add one number with its interval, and its replicates for the mean over data sets."""
    (estimate,) = resamples.micro(np.asarray(right, float)[:, None], np.asarray(counted)[:, None])
    top, bottom = (resamples.sums(np.asarray(part, float)[:, None])[:, 0] for part in (right * (counted > 0), counted))
    replicates.setdefault(what, []).append(
        np.divide(top, bottom, out=np.full_like(top, estimate.value), where=bottom > 0)
    )
    numbers[f"{what}.{source}"] = Number(
        f"{what}.{source}", estimate.value, estimate.low, estimate.high, "share", estimate.n
    )


def table(done: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row a data set and measure, a column a method; then the towers."""
    columns = [row for row in done if not row.startswith("tower")]
    names = list(dict.fromkeys(name for row in columns for name in done[row]["numbers"]))
    order = {"label": 0, "prototypes": 1, "family": 2, "unseen1": 3, "unseen5": 4}
    names.sort(
        key=lambda name: (not name.startswith("mean"), order.get(name.replace("mean.", "").split(".")[0], 9), name)
    )
    lines = ["| measure | photos | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for name in names:
        cells = [done[row]["numbers"].get(name, {}).get("text", "") for row in columns]
        count = next(done[row]["numbers"][name]["n"] for row in columns if name in done[row]["numbers"])
        lines.append(f"| {name} | {count} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| tower | label, mean over sets | unseen, 5 photos | ms a photo, int8 | MB | training, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in (row for row in done if row.startswith("tower")):
        run, own = done[row], done[row]["numbers"]
        cells = [
            own["mean.label"]["text"],
            own["mean.unseen5"]["text"],
            f"{run['int8_ms']:.2f}",
            f"{run['int8_mb']:.1f}",
            f"{run['training_seconds']:.0f}",
        ]
        lines.append(f"| {row.removeprefix('tower ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--work", type=Path, default=Path("work"), help="the folder in which recipes/pocket.toml was run"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(tempfile.gettempdir()) / "merian-bench-pocket",
        help="folder of results; the same again goes on",
    )
    parser.add_argument("--rows", default=";".join(ROWS), help="names of rows, with ; between them")
    parser.add_argument("--towers", default="", help="towers to compare, with , between them")
    parser.add_argument("--epochs", type=int, default=0, help="passes, when not the recipe's")
    parser.add_argument("--tower-epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="only print what is there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
