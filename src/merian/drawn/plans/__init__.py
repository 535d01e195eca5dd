"""The eight body plans: what can evolve in each (`TRAITS`), and how an organism is drawn (`draw`).

Reading the tables does not load the graphics library; drawing does.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from merian.drawn.organism import Organism, PlanName, Sex, Stage, Trait
from merian.drawn.pigment import Pigment
from merian.drawn.plans import beetle, bird, butterfly, fish, flower, hoofed, leaf, mushroom

if TYPE_CHECKING:
    import skia

    from merian.drawn.ink import Ink

__all__ = ["LESIONS", "SEXES", "STAGES", "TRAITS", "colours", "draw", "paint"]

PLANS: dict[PlanName, ModuleType] = {
    "beetle": beetle,
    "butterfly": butterfly,
    "bird": bird,
    "fish": fish,
    "hoofed": hoofed,
    "leaf": leaf,
    "flower": flower,
    "mushroom": mushroom,
}

TRAITS: dict[PlanName, tuple[Trait, ...]] = {name: plan.TRAITS for name, plan in PLANS.items()}
"""Every trait of every plan, in a fixed order."""

STAGES: dict[PlanName, tuple[Stage, ...]] = {
    "beetle": ("adult",),
    "butterfly": ("adult", "larva", "pupa"),
    "bird": ("adult", "juvenile"),
    "fish": ("adult", "juvenile"),
    "hoofed": ("adult", "juvenile"),
    "leaf": ("adult",),
    "flower": ("adult",),
    "mushroom": ("adult",),
}
"""The life stages that look different, per plan; any other stage is drawn as the adult."""

SEXES: dict[PlanName, tuple[Sex, ...]] = {
    "beetle": ("female", "male"),
    "butterfly": ("female", "male"),
    "bird": ("female", "male"),
    "fish": ("female", "male"),
    "hoofed": ("female", "male"),
    "leaf": ("undetermined",),
    "flower": ("undetermined",),
    "mushroom": ("undetermined",),
}
"""The sexes that look different, per plan (larvae, pupae and juveniles do not show theirs)."""

LESIONS: dict[PlanName, tuple[str, ...]] = {
    "beetle": (),
    "butterfly": (),
    "bird": (),
    "fish": (),
    "hoofed": (),
    "leaf": ("rust", "blight", "scab", "mosaic", "mildew"),
    "flower": ("blight", "mildew"),
    "mushroom": ("scab", "mildew"),
}
"""The diseases that can be seen, per plan."""


def colours(organism: Organism) -> tuple[Pigment, Pigment]:
    """The main colour of an organism and that of its marks, as `draw` draws them; of a leaf: blade and veins."""
    main, marks = PLANS[organism.plan].colours(organism)
    return main, marks


def draw(canvas: skia.Canvas, organism: Organism) -> None:
    """Draw an organism on a Skia canvas, centred on the origin, within about [-0.5, 0.5] in x and y (y points down).

    The same Organism always gives the same picture. Colours are opaque or blended over what is there.
    """
    from merian.drawn.ink import Ink

    paint(Ink(canvas), organism)


def paint(ink: Ink, organism: Organism) -> None:
    """Draw an organism with an `Ink`, which afterwards knows where the eyes are."""
    PLANS[organism.plan].draw(ink, organism)
