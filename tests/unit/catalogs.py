"""A made-up catalog of any size whose numbers follow from its description: a long tail of species, sources, places, licences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from merian.core import store
from merian.core.tables import CATALOG, Catalog, conform
from merian.core.tree import Tree

LICENCES = ("CC-BY-NC", "http://creativecommons.org/licenses/by/4.0/", "CC0_1_0", "© the museum", "ask me", None)


def frame(tree: Tree, n: int, seed: int = 0) -> pl.DataFrame:
    """`n` rows over the species of `tree`: one in ten refused, species k as common as 1/k, one in five without a place."""
    rng = np.random.default_rng(seed)
    species = tree.at("species")
    weight = 1 / np.arange(1, len(species) + 1) ** 1.3
    taxon = species[rng.choice(len(species), n, p=weight / weight.sum())]
    number = np.arange(n)
    centre = rng.integers(0, 12, n)
    lat, lon = (rng.normal(0, 6, n) + np.linspace(-45, 62, 12)[centre], rng.normal(0, 9, n) + (centre * 67 % 300) - 150)
    columns = {
        "id": [f"https://example.org/{k}" for k in range(n)],
        "source": np.array(["GBIF: Museum & Friends", "iNaturalist open data", "camera <traps>"])[
            rng.choice(3, n, p=[0.3, 0.6, 0.1])
        ],
        "path": [f"photos/{k}.jpg" for k in range(n)],
        "taxon": taxon.astype(np.int32),
        "licence": [LICENCES[k] for k in rng.choice(6, n, p=[0.5, 0.25, 0.1, 0.05, 0.05, 0.05])],
        "rights_holder": [f"Naturalist {k}" if k % 7 else None for k in rng.geometric(0.1, n)],
        "publisher": ["The Museum"] * n,
        "url": [f"https://example.org/photos/{k}.jpg" for k in range(n)],
        "basis": np.array(["HumanObservation", "PreservedSpecimen", "MachineObservation"])[
            rng.choice(3, n, p=[0.7, 0.2, 0.1])
        ],
        "country": [
            ["US", "CA", "DE", "BR", "KE", "AU", None][k]
            for k in rng.choice(7, n, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05])
        ],
        "event_date": [f"{y}-0{1 + y % 9}-12" if y > 1990 else None for y in (2025 - rng.geometric(0.12, n)).tolist()],
        "latitude": np.where(number % 5, np.clip(lat, -89, 89), np.nan),
        "longitude": np.where(number % 5, np.clip(lon, -179, 179), np.nan),
        "group": [f"g{k // 2}" for k in range(n)],
        "split": np.array(["train", "val", "test", "unseen"])[rng.choice(4, n, p=[0.7, 0.05, 0.2, 0.05])],
        "name_decision": np.array(["exact", "synonym", "fuzzy"])[rng.choice(3, n, p=[0.9, 0.07, 0.03])],
        "altered": ["people blurred" if k % 97 == 0 else None for k in range(n)],
        "reason": [["blank", "too small", "near duplicate"][k // 10 % 3] if k % 10 == 3 else None for k in range(n)],
    }
    made = pl.DataFrame(columns).with_columns(pl.col("latitude", "longitude").fill_nan(None))
    refused = pl.col("reason").is_not_null()
    return conform(made.with_columns(split=pl.when(~refused).then("split")), CATALOG)


def catalog(folder: Path, n: int = 2_000, species: int = 300) -> Catalog:
    """The catalog of `n` rows as a finished store at `folder`; its taxonomy has a tenth more species than can be met."""
    lineages = [
        {
            "kingdom": "Animalia",
            "phylum": "Chordata",
            "class": f"C{k // 100}",
            "order": f"O{k // 40}",
            "family": f"F{k // 12}",
        }
        | {"genus": f"G{k // 4}", "species": f"G{k // 4} s{k}"}
        for k in range(species)
    ]
    tree = Tree.from_lineages(pl.DataFrame(lineages))
    work = store.begin(folder, "catalog", 1, {"seed": 0, "min_side": 32}, {"source": "abc"})
    with store.atomic(folder / "catalog.parquet") as stream:
        frame(tree, n).write_parquet(stream)
    tree.save(folder / "tree.parquet")
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-00000.tar").write_bytes(bytes(1024))
    work.finish()
    return Catalog.open(folder)
