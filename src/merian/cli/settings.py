"""`merian settings`."""

from __future__ import annotations

import importlib
from typing import Annotated, Literal, get_args

from cyclopts import Parameter

from merian.core import settings as core

__all__ = ["HOMES", "page", "settings"]

Verb = Literal[
    "tour",
    "draw",
    "names",
    "download",
    "curate",
    "leakage",
    "train",
    "evaluate",
    "traits",
    "explore",
    "emergence",
    "concepts",
    "index",
    "twin",
    "eyes",
    "record",
    "live",
    "watch",
    "calibrate",
    "simulate",
]
HOMES: dict[Verb, str] = {
    "tour": "merian.cli.tour:TourSettings",
    "draw": "merian.drawn.world:DrawSettings",
    "names": "merian.names.settings:NamesSettings",
    "download": "merian.curate.download.settings:DownloadSettings",
    "curate": "merian.curate.settings:CurateSettings",
    "leakage": "merian.curate.leakage:LeakageSettings",
    "train": "merian.train:TrainSettings",
    "evaluate": "merian.evaluate.benchmarks.settings:BenchmarkSettings",
    "traits": "merian.explore.impute.settings:ImputeSettings",
    "explore": "merian.explore:ExploreSettings",
    "emergence": "merian.explore.emergence.settings:EmergenceSettings",
    "concepts": "merian.explore.explain.autoencoder:ConceptSettings",
    "index": "merian.search.settings:SearchSettings",
    "twin": "merian.twin.settings:TwinSettings",
    "eyes": "merian.twin.senses.montage:EyesSettings",
    "record": "merian.twin.frames.settings:RecordSettings",
    "live": "merian.web.running:LiveSettings",
    "watch": "merian.twin.observe.settings:WatchSettings",
    "calibrate": "merian.twin.calibrate.settings:CalibrateSettings",
    "simulate": "merian.twin.space.settings:MapSettings",
}
"""Verb -> `module:class` of its settings."""


def settings(*verbs: Verb, markdown: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Print every setting of the verbs (of all when none is named) as TOML, to edit and give back with --settings.

    Parameters
    ----------
    verbs
        tour, draw, names, download, curate, leakage, train, evaluate, traits, explore, emergence, concepts, index,
        twin, eyes, record, live, watch, calibrate, simulate.
    markdown
        Print the page of the documentation instead.
    """
    chosen = verbs or get_args(Verb)
    print(
        page(chosen) if markdown else "\n".join(f"[{verb}]\n{core.as_toml(_home(verb)())}" for verb in chosen), end=""
    )
    return 0


def page(verbs: tuple[Verb, ...]) -> str:
    """docs/reference/settings.md: a table of settings for each verb."""
    parts = [
        "# Settings\n\nMade by `merian settings --markdown`. Each is a flag of its verb (`--min-side 64`) and a key of its table in a TOML file given "
        "with `--settings`; flags win.\n"
    ]
    parts += [f"## merian {verb}\n\n{core.table(_home(verb))}" for verb in verbs]
    return "\n".join(parts)


def _home(verb: Verb) -> type:
    module, _, name = HOMES[verb].partition(":")
    home: type = getattr(importlib.import_module(module), name)
    return home
