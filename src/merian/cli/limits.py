"""The flags of `merian identify` that leave some of a model's taxa only: those of a list, and those recorded near a place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merian.cli.say import escaped, say
from merian.core.errors import BadSetting

if TYPE_CHECKING:
    from merian.identify import Identifier
    from merian.identify.place import Nearby

__all__ = ["Limits"]


@Parameter(name="*", help="Which taxa may be answers.")
@dataclass(frozen=True)
class Limits:
    """Which taxa may be answers."""

    only: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            show_default=False,
            consume_multiple=False,
            help="Answer within these taxa alone: --only Insecta, or a checklist: a text file with a name a line, or a table. May be given several "
            "times, and with any --rank. `inside` tells what share of all probability lies within.",
        ),
    ] = ()
    place: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Answer only among taxa that --records have near a place: 47.37,8.54,50 is latitude, longitude (degrees) and km around, 100 when left out. "
            "With --only: what both allow.",
        ),
    ] = None
    records: Annotated[
        Path | None,
        Parameter(
            help="Occurrences for --place: a Darwin Core archive (folder or ZIP), a CSV, TSV or Parquet table with scientificName or species and "
            "decimalLatitude, decimalLongitude, or a catalog.",
        ),
    ] = None

    @property
    def flags(self) -> str:
        """Those that are given, in words."""
        given = (("--only", bool(self.only)), ("--place", self.place is not None))
        return " and ".join(flag for flag, is_given in given if is_given)

    def nearby(self) -> Nearby | None:
        """What --records have at --place; None without. Raises BadSetting when one of the two is missing or no place, and what `place.nearby` does."""
        if self.place is None and self.records is None:
            return None
        from merian.identify.place import Place, nearby

        if self.place is None:
            raise BadSetting("records", str(self.records), "needs --place: latitude,longitude,km")
        place = Place.of(self.place)
        if self.records is None:
            raise BadSetting("place", self.place, "needs --records: occurrences that say what lives there")
        return nearby(self.records, place)

    def on(self, identifier: Identifier, found: Nearby | None) -> tuple[Identifier, list[str]]:
        """The Identifier within the limits, and what is to say of names of --only that are not known; what was `found` near the place is said.

        Raises BadData when nothing is left to choose from.
        """
        from merian.identify import names_of
        from merian.identify.place import known

        strange: list[str] = []
        if self.only:
            identifier, strange = identifier.only(names_of(self.only))
        if found is not None:
            met = known(identifier.head.tree, identifier.head.labels, found.names)
            for line in (*found.lines(), *met.lines()):
                say(escaped(line))
            identifier = identifier.within(met.allowed, f"what is recorded within {found.place}")
        return identifier, strange
