"""A backbone of some forty usages whose every homonym, synonym and doubtful name is known: facts of nomenclature, arranged by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from merian.core.tree import RANKS

__all__ = ["USAGES", "SmallBackbone", "small_backbone"]

USAGES = """
A|Animalia||kingdom|accepted||zoological
A1|Chordata||phylum|accepted|A|zoological
A2|Aves||class|accepted|A1|zoological
A3|Passeriformes||order|accepted|A2|zoological
A4|Muscicapidae|Fleming, 1822|family|accepted|A3|zoological
A5|Oenanthe|Vieillot, 1816|genus|accepted|A4|zoological
A6|Oenanthe oenanthe|(Linnaeus, 1758)|species|accepted|A5|zoological
A7|Oenanthe isabellina|(Temminck, 1829)|species|accepted|A5|zoological
A8|Motacilla oenanthe|Linnaeus, 1758|species|synonym|A6|zoological
A9|Suliformes||order|accepted|A2|zoological
A10|Sulidae|Reichenbach, 1849|family|accepted|A9|zoological
A11|Morus|Vieillot, 1816|genus|accepted|A10|zoological
A12|Morus bassanus|(Linnaeus, 1758)|species|accepted|A11|zoological
A13|Sula bassana|(Linnaeus, 1758)|species|synonym|A12|zoological
A14|Mammalia||class|accepted|A1|zoological
A15|Carnivora||order|accepted|A14|zoological
A16|Felidae|Fischer, 1817|family|accepted|A15|zoological
A17|Puma|Jardine, 1834|genus|accepted|A16|zoological
A18|Puma concolor|(Linnaeus, 1771)|species|accepted|A17|zoological
A19|Puma concolor couguar|(Kerr, 1792)|subspecies|accepted|A18|zoological
A20|Felis concolor|Linnaeus, 1771|species|synonym|A18|zoological
A21|Primates||order|accepted|A14|zoological
A22|Aotidae|Poche, 1908|family|accepted|A21|zoological
A23|Aotus|Illiger, 1811|genus|accepted|A22|zoological
A24|Aotus trivirgatus|(Humboldt, 1811)|species|accepted|A23|zoological
A25|Mollusca||phylum|accepted|A|zoological
A26|Gastropoda||class|accepted|A25|zoological
A27|Littorinimorpha||order|accepted|A26|zoological
A28|Ficidae|Meek, 1864|family|accepted|A27|zoological
A29|Ficus|Röding, 1798|genus|accepted|A28|zoological
A30|Ficus variegata|Röding, 1798|species|accepted|A29|zoological
A31|Chiroptera||order|accepted|A14|zoological
A32|Phyllostomidae|Gray, 1825|family|accepted|A31|zoological
A33|Micronycteris|Gray, 1866|genus|accepted|A32|zoological
A34|Micronycteris nigra|Smith, 1900|species|accepted|A33|zoological
A35|Micronycteris nigrata|Smith, 1900|species|accepted|A33|zoological
A36|Micronycteris hirsuta|(Peters, 1869)|species|accepted|A33|zoological
A37|Micronycteris hirsuta|Jones, 1950|species|synonym|A34|zoological
A38|Micronycteris pusilla|Owen, 1901|species|synonym|A34|zoological
A39|Micronycteris pusilla|Brown, 1911|species|synonym|A35|zoological
A40|Sylviidae|Leach, 1820|family|synonym|A4|zoological
P|Plantae||kingdom|accepted||botanical
P1|Tracheophyta||phylum|accepted|P|botanical
P2|Magnoliopsida||class|accepted|P1|botanical
P3|Apiales||order|accepted|P2|botanical
P4|Apiaceae|Lindl.|family|accepted|P3|botanical
P5|Oenanthe|L.|genus|accepted|P4|botanical
P6|Oenanthe crocata|L.|species|accepted|P5|botanical
P7|Rosales||order|accepted|P2|botanical
P8|Moraceae|Gaudich.|family|accepted|P7|botanical
P9|Morus|L.|genus|accepted|P8|botanical
P10|Morus alba|L.|species|accepted|P9|botanical
P11|Ficus|Tourn. ex L.|genus|accepted|P8|botanical
P12|Ficus variegata|Blume|species|accepted|P11|botanical
P13|Ficus carica|L.|species|accepted|P11|botanical
P14|Fabales||order|accepted|P2|botanical
P15|Fabaceae|Lindl.|family|accepted|P14|botanical
P16|Aotus|Sm.|genus|accepted|P15|botanical
P17|Aotus ericoides|(Vent.) G.Don|species|accepted|P16|botanical
P18|Salix|L.|genus|accepted|P8|botanical
P19|Salix babylonica|L.|species|accepted|P18|botanical
P20|Salix fragilis|L.|species|accepted|P18|botanical
P21|Salix euxina|I.V.Belyaeva|species|misapplied|P20|botanical
"""
"""identifier | name | author | rank | status | parent, or the accepted usage | code"""


@dataclass(frozen=True, eq=False)
class SmallBackbone:
    """What the resolution reads of a Backbone."""

    usages: pl.DataFrame
    vernaculars: pl.DataFrame = field(default_factory=pl.DataFrame)
    version: str = "Small World 2026"
    title: str = "Small World"


def small_backbone(text: str = USAGES) -> SmallBackbone:
    """The backbone that `text` describes, in the order of its lines."""
    lines = [line.split("|") for line in text.strip().splitlines()]
    rows = {line[0]: line for line in lines}
    number = {key: i for i, key in enumerate(rows)}

    def taxon(key: str) -> list[str]:
        return rows[key] if "accepted" in rows[key][4] else rows[rows[key][5]]

    def lineage(key: str) -> dict[str, str]:
        found: dict[str, str] = {}
        at: list[str] | None = taxon(key)
        while at is not None:
            found[at[3]] = at[1]
            at = rows.get(at[5])
        return found

    columns: dict[str, list[object]] = {
        "id": list(rows),
        "name": [r[1] for r in lines],
        "authorship": [r[2] or None for r in lines],
        "rank": [r[3] for r in lines],
        "status": [r[4] for r in lines],
        "accepted": [number[taxon(key)[0]] for key in rows],
        "code": [r[6] for r in lines],
    }
    columns |= {rank: [lineage(key).get(rank) for key in rows] for rank in RANKS}
    frame = pl.DataFrame(
        columns | {"extinct": [None] * len(lines)},
        schema_overrides=dict.fromkeys(RANKS, pl.String) | {"accepted": pl.Int32, "authorship": pl.String},
    )
    return SmallBackbone(frame)
