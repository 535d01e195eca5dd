"""What an ecosystem knows of how its animals breed, see and go together, put to the animals of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from merian.core.errors import Mismatch
from merian.twin.foodweb import Doubles
from merian.twin.herds.company import company_of
from merian.twin.herds.groups import groups_of
from merian.twin.herds.maturing import growth_of
from merian.twin.herds.seasons import breeding_of, greenest_day
from merian.twin.herds.sight import sight_of, strip_m
from merian.twin.herds.window import Animals
from merian.twin.landscape import Landscape
from merian.twin.senses.eyes import GRADES, all_eyes
from merian.twin.senses.optics import sees_body_at_m
from merian.twin.species import Species

__all__ = ["BREEDS", "behaving", "birth_day"]

BREEDS = ("Mammalia", "Aves")
"""Classes whose births come by season; of the others no trait table knows enough of litters."""
SPRING_DAY, AUTUMN_DAY = 150.0, 332.0
"""End of May and of November: when most young of the temperate and cold zones are born, north and south of the equator (moose, deer: from memory; assumed
of all)."""
TEMPERATE_DEG = 30.0
"""Latitude from which on warmth, not rain, says when young are born. From taste."""


def birth_day(months_mm: Doubles, latitude_deg: float) -> float:
    """The day of the year about which young are born: late spring from 30 degrees on, the middle of the rains nearer to the equator. months_mm: [12]."""
    if abs(latitude_deg) < TEMPERATE_DEG:
        return greenest_day(months_mm)
    return SPRING_DAY if latitude_deg > 0 else AUTUMN_DAY


def behaving(
    animals: Animals, species: Species, landscape: Landscape, latitude_deg: float
) -> tuple[Animals, list[str]]:
    """The animals with what is known of their litters, eyes and groups; and in words how the eyes of hunters by sight are known.

    `animals` [s + p]: the species and then what grows. Mammals and birds breed by season; eyes are those of senses/species.toml where it has them, else those
    of a mammal of that mass (mammals alone); groups are as large as usual, and the rates of the food web hold at that. Raises Mismatch when lengths differ.
    """
    count, plants = len(species.names), len(animals.adult_g) - len(species.names)
    if plants < 0:
        raise Mismatch("animals and species", len(animals.adult_g), count)

    def padded(values: Doubles, by: float = 0.0) -> Doubles:
        return np.concatenate([values, np.full(plants, by)])

    breeds = np.array([name in BREEDS for name in species.classes], bool)
    names = ("litter_size", "litters_year", "gestation_days")
    traits = {name: padded(np.where(breeds, species[name], np.nan), np.nan) for name in names}
    months = landscape.layers["rain"][:, landscape.land].mean(1)
    adult = padded(animals.adult_g[:count])
    growth = growth_of(adult, traits["litter_size"], padded(species["maturity_days"], np.nan))
    breeding = replace(breeding_of(traits, birth_day(months, latitude_deg)), growth=growth)
    eyes, told = _eyes(species)
    awake = {name: padded(species[name]) for name in ("active_day", "active_twilight", "active_night")}
    sight, _ = sight_of(adult, padded(eyes, np.nan), awake)
    known = np.concatenate([[name == "Mammalia" for name in species.classes], np.zeros(plants, bool)]).astype(bool)
    seeing = np.where(np.isfinite(padded(eyes, np.nan)) | known, sight.acuity_cpd, np.nan)
    # how far off they see their own kind where no tree stands; without eyes that are known, as far as a hundred bodies
    far = np.where(np.isfinite(seeing), sees_body_at_m(sight.size_m, np.nan_to_num(seeing)), 100 * sight.size_m)
    company = company_of(padded(species["group_size"], 1.0), np.maximum(strip_m(far, sight.open_m), 1e-3))
    behaved = replace(animals, breeding=breeding, groups=groups_of(animals.group), company=company)
    ranges = padded(species["home_range_km2"], np.nan)
    return replace(behaved, sight=replace(sight, acuity_cpd=seeing), range_km2=ranges), told


def _eyes(species: Species) -> tuple[Doubles, list[str]]:
    """The acuity of each species of which something is known, else NaN [s]; and what is known of each in words."""
    facts: Mapping[str, tuple[float, str]] = {
        eyes.name: (eyes["acuity_cpd"], GRADES[eyes.facts["acuity_cpd"].grade]) for eyes in all_eyes()
    }
    told: list[str] = []
    for name, kind in zip(species.names, species.classes, strict=True):
        if name in facts:
            told.append(f"eyes of {name}: {facts[name][0]:g} cycles per degree, {facts[name][1]}")
        elif kind == "Mammalia":
            told.append(f"eyes of {name}: assumed from its mass")
    return np.array([facts.get(name, (np.nan, ""))[0] for name in species.names]), told
