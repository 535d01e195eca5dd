"""Two grazers of one grass that look alike, one thirty times as common: the smallest ecosystem in which a classifier misleads."""

from __future__ import annotations

from pathlib import Path

from merian.twin.ecosystem import Ecosystem, made
from merian.twin.worked import shipped

__all__ = ["COMMON", "RARE", "two_grazers", "written"]

COMMON, RARE = "Communis communis", "Rarus rarus"
SPECIES = """
[[species]]
name = "{name}"
class = "{group}"
common = "{common}"
density_km2 = [{density}, "made", {spread}]
mass_g = [50000, "made"]
diet_plants = [1, "made"]
grass = [1, "made"]
stratum_ground = [1, "made"]
group_size = [1, "made"]
longevity_years = [12, "made"]
"""
WORLD = """
name = "two grazers"
title = "A common grazer and a rare one that looks like it"
land = "plain"
area_km2 = [25, "made"]
celsius = [20, "made"]
rain_mm_month = [60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60]
rain_source = "made"
[sources]
made = { cite = "made up for tests", read = true }
[[pools]]
name = "grass"
food = "grass"
crop_g_m2 = 300.0
turnover = 1.0
source = "made"
"""


def written(folder: Path, group: str = "Mammalia") -> Path:
    """The ecosystem as a TOML file for `merian twin build`."""
    kinds = [(COMMON, "common grazer", 30, 0.3), (RARE, "rare grazer", 1, 0.5)]
    text = "".join(SPECIES.format(name=n, common=c, density=d, spread=s, group=group) for n, c, d, s in kinds)
    (folder / "two.toml").write_text(WORLD + text, encoding="utf-8")
    return folder / "two.toml"


def two_grazers(folder: Path, group: str = "Mammalia") -> Ecosystem:
    """The ecosystem itself, on a ground of 8 x 8 cells."""
    worked = shipped(str(written(folder, group)))
    return made(worked.facts, worked.landscape(0, 8))
