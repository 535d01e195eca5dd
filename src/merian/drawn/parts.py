"""What a passer-by calls an organism and its parts: everyday words for the truth that draws it. Thresholds are a matter of taste."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from merian.drawn import plans
from merian.drawn.organism import Organism, PlanName

__all__ = ["MARKS", "many", "noun", "parts"]

MARKS: Mapping[PlanName, Mapping[str, str]] = {
    "beetle": {"spots": "{} spots", "bands": "{} bands", "stripes": "{} stripes", "margin": "a {} edge"},
    "butterfly": {
        "band": "{} bands",
        "patches": "{} patches",
        "windows": "{} windows in its wings",
        "rays": "{} rays on its wings",
    },
    "bird": {"streaks": "a streaked breast", "bars": "a barred breast", "bib": "a {} throat"},
    "fish": {"bars": "{} bars", "stripes": "{} stripes", "spots": "{} spots", "saddle": "a {} patch on its back"},
    "hoofed": {
        "stripes": "{} stripes",
        "forked": "{} forked stripes",
        "spots": "{} spots",
        "net": "a net of {} lines",
    },
    "mushroom": {"warts": "{} warts", "scales": "{} scales", "zones": "{} rings on its cap"},
    "leaf": {
        "serrate": "a toothed edge",
        "doubly serrate": "a toothed edge",
        "crenate": "a wavy edge",
        "entire": "a smooth edge",
    },
    "flower": {
        "veins": "{} veins",
        "edge": "{} edged petals",
        "spots": "{} dots on its petals",
        "stripe": "{} striped petals",
    },
}
"""State of the pattern trait of a plan -> what one says of it, with a place for the colour; states that are missing are plain."""

NOUNS: Mapping[PlanName, tuple[str, str]] = {
    "beetle": ("beetle", "beetles"),
    "butterfly": ("butterfly", "butterflies"),
    "bird": ("bird", "birds"),
    "fish": ("fish", "fish"),
    "hoofed": ("antelope", "antelopes"),
    "leaf": ("leaf", "leaves"),
    "flower": ("flower", "flowers"),
    "mushroom": ("mushroom", "mushrooms"),
}
SICK: Mapping[str, str] = {
    "rust": "orange rust spots",
    "blight": "brown dead patches",
    "scab": "dark blotches",
    "mosaic": "pale yellow patches",
    "mildew": "white powder on it",
}
SICKNESS = 0.12
"""Share of the surface from which a disease is noticed."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HORNS: Mapping[str, str] = {
    "spike": "straight horns",
    "sickle": "curved horns",
    "lyre": "curved horns",
    "spiral": "twisted horns",
    "antler": "antlers",
}
CAPS: Mapping[str, str] = {
    "convex": "a round cap",
    "cone": "a pointed cap",
    "bell": "a bell shaped cap",
    "flat": "a flat cap",
    "funnel": "a funnel shaped cap",
}
BLADES: Mapping[str, str] = {
    "pinnate lobes": "lobes on both sides",
    "palmate lobes": "lobes like fingers",
    "leaflets": "many leaflets",
}


def noun(organism: Organism) -> tuple[str, str]:
    """What a passer-by calls it, and what stands before its adjectives: ("a", "young bird"), ("a clump of", "mushrooms"), ("", "flowers on a stem")."""
    one, more = _called(organism)
    if organism.stage in ("larva", "pupa"):
        return "a", "caterpillar" if organism.stage == "larva" else "chrysalis"
    if organism.plan == "mushroom" and (habit := _state(organism, "habit")) != "single":
        return "two" if habit == "pair" else "a clump of", more
    if organism.plan == "flower" and _state(organism, "inflorescence") in ("umbel", "raceme"):
        return "", f"{more} on a stem"
    return "a", f"young {one}" if organism.stage == "juvenile" else one


def many(organism: Organism) -> str:
    """What a passer-by calls several of its kind."""
    return _called(organism)[1]


def _called(organism: Organism) -> tuple[str, str]:
    deer = organism.plan == "hoofed" and _state(organism, "horn_form") == "antler"
    return ("deer", "deer") if deer else NOUNS[organism.plan]


def parts(organism: Organism) -> tuple[str, ...]:
    """Parts that catch the eye, each as it follows "with"."""
    return tuple(_OF[organism.plan](organism))


def _state(organism: Organism, name: str) -> str:
    states = next(t.states for t in plans.TRAITS[organism.plan] if t.name == name)
    return states[int(organism.traits[name])]


def _beetle(organism: Organism) -> list[str]:
    t, male = organism.traits, organism.sex == "male"
    found = {
        "a horn": male and t["horn_length"] > 0.1,
        "big jaws": male and t["mandible_size"] > 0.7,
        "long antennae": t["antenna_length"] > 0.8,
        "long legs": t["leg_length"] > 0.62,
        "a shiny shell": t["gloss"] > 0.75,
    }
    return [words for words, seen in found.items() if seen]


def _butterfly(organism: Organism) -> list[str]:
    t = organism.traits
    if organism.stage == "larva":
        pattern = {"rings": "rings", "lines": "stripes", "dots": "dots"}[_state(organism, "larva_pattern")]
        return [pattern, *(["spines"] if t["larva_spines"] > 0.4 else [])]
    if organism.stage == "pupa":
        return []
    found = {
        "tails on its wings": t["tail_length"] > 0.07,
        "eyespots": t["eyespot_size"] > 0.15 and t["eyespot_count"] >= 1,
        "dark borders": t["border_width"] > 0.12,
        "pointed wings": t["forewing_point"] > 0.75,
    }
    return [words for words, seen in found.items() if seen]


def _bird(organism: Organism) -> list[str]:
    t, adult = organism.traits, organism.stage == "adult"
    crest = t["crest_length"] * (0.5 if organism.sex == "female" else 1.0)
    found = {
        "a long beak": adult and t["beak_length"] > 1.0,
        "a short beak": t["beak_length"] < 0.5,
        "a thick beak": t["beak_depth"] > 0.45,
        "a curved beak": t["beak_curve"] > 0.45,
        "a long tail": adult and t["tail_length"] > 0.85,
        "a short tail": adult and t["tail_length"] < 0.5,
        "a crest": adult and crest > 0.35,
        "long legs": t["leg_length"] > 0.5,
    }
    return [words for words, seen in found.items() if seen]


def _fish(organism: Organism) -> list[str]:
    t, adult = organism.traits, organism.stage == "adult"
    found = {
        "a forked tail": t["tail_fork"] > 0.4,
        "a deep body": adult and t["body_depth"] > 0.52,
        "a slender body": t["body_depth"] < 0.35,
        "big eyes": t["eye_size"] > 0.29,
        "a high fin on its back": adult and t["dorsal_height"] > 0.23,
        "two fins on its back": _state(organism, "dorsal_form") == "double",
        "a spiny fin on its back": _state(organism, "dorsal_form") == "spiny",
    }
    return [words for words, seen in found.items() if seen]


def _hoofed(organism: Organism) -> list[str]:
    t, adult = organism.traits, organism.stage == "adult"
    strong = adult and organism.sex == "male"
    found = {
        HORNS[_state(organism, "horn_form")]: strong and t["horn_length"] > 0.5,
        "a mane": strong and t["mane_height"] > 0.35,
        "a hump": strong and t["hump"] > 0.18,
        "a long neck": adult and t["neck_length"] > 0.58,
        "long legs": t["leg_length"] > 0.68,
        "big ears": t["ear_size"] > 0.58,
    }
    return [words for words, seen in found.items() if seen]


def _leaf(organism: Organism) -> list[str]:
    t = organism.traits
    form = BLADES.get(_state(organism, "blade_form"))
    found = {
        "pale patches": t["variegation"] > 0.4,
        "a long stalk": t["petiole_length"] > 0.4,
        "a long tip": t["tip_length"] > 0.75,
    }
    return [*([form] if form else []), *_sick(organism), *(words for words, seen in found.items() if seen)]


def _flower(organism: Organism) -> list[str]:
    t = organism.traits
    count = int(t["petal_count"])
    single = _state(organism, "inflorescence") == "single"
    number = NUMBERS[count] if count < len(NUMBERS) else "many"
    found = {
        f"{number} petals": single,
        "many petals": _state(organism, "inflorescence") == "double",
        "pointed petals": t["petal_point"] > 0.5,
        "narrow petals": t["petal_width"] < 0.4,
        "a large centre": single and t["centre_size"] > 0.34,
    }
    return [*_sick(organism), *(words for words, seen in found.items() if seen)]


def _mushroom(organism: Organism) -> list[str]:
    t = organism.traits
    found = {
        "a ring on its stem": t["ring_size"] > 0.6,
        "a thick stem": t["stem_thickness"] > 0.23,
        "a thin stem": t["stem_thickness"] < 0.13,
    }
    cap = CAPS[_state(organism, "cap_form")]
    return [cap, *_sick(organism), *(words for words, seen in found.items() if seen)]


def _sick(organism: Organism) -> list[str]:
    return [SICK[organism.lesion]] if organism.lesion and organism.severity > SICKNESS else []


_OF: Mapping[PlanName, Callable[[Organism], list[str]]] = {
    "beetle": _beetle,
    "butterfly": _butterfly,
    "bird": _bird,
    "fish": _fish,
    "hoofed": _hoofed,
    "leaf": _leaf,
    "flower": _flower,
    "mushroom": _mushroom,
}
