"""A scientific name taken apart: one at a time, or a column of millions on all cores.

Names of the commonest shapes (capital, one to three words in lower case, a rank, authors) are read by one regular expression; everything
else, and whatever looks odd, by the full reading in `merian.names.grammar`. Both give the same answer, which tests/law/test_names_parsing.py holds.
"""

from __future__ import annotations

import functools
import re

import polars as pl

from merian.core.progress import track
from merian.core.workers import over_processes
from merian.names.authors import Authorship, authorship_of, usual
from merian.names.grammar import read
from merian.names.parsed import ParsedName
from merian.names.single import LONE_BRACKETS
from merian.names.tokens import clean
from merian.names.words import ODD_EPITHETS, RESERVED, STAGES

__all__ = ["SCHEMA", "ParsedName", "parse", "parse_all"]

ALONE = 50_000
"""Unique names up to which starting further processes costs more than it saves (each takes about 0.4 s to start)."""
CHUNK = 25_000
"""Unique names per task of a process."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(
        (
            "canonical",
            "full",
            "genus",
            "subgenus",
            "epithet",
            "infra",
            "rank_marker",
            "authorship",
            "year",
            "qualifier",
        ),
        pl.String,
    ),
    "hybrid": pl.Boolean,
    "cardinality": pl.Int8,
    "kind": pl.String,
    "quality": pl.Int8,
    "notes": pl.List(pl.String),
}
"""Columns of `parse_all`: the fields of `ParsedName`."""

_NO_PARTICLE = r"(?!(?:de|von|van|du|le|la|da|di|den|der|dos|del|el|al|zu)\b)"
_USUAL = re.compile(
    r"([A-Z][a-z]{2,}+)(?: \(([A-Z][a-z]{2,}+)\)(?= [a-z]{3}))?+"
    rf"(?: {_NO_PARTICLE}([a-z]{{2,}}+(?:-[a-z]{{2,}}+)?+)(?= |$)"
    rf"(?: (?:(subsp\.|var\.|f\.) )?+{_NO_PARTICLE}([a-z]{{2,}}+(?:-[a-z]{{2,}}+)?+)(?= |$))?+)?+"
    r"(?: ((?:(?:(?:de|von|van|du|le|da|di|dos|del) )(?:(?:la|den|der|los) )?+|d')?+[^\W\d_a-z][^\n]{0,200}+|\([^\n]{0,200}+))?+"
)
_ODD_ENDS = (
    *(
        "virus",
        "viruses",
        "viroid",
        "viroids",
        "viruslike",
        "phage",
        "phages",
        "satellite",
        "satellites",
        "prion",
        "prions",
        "particle",
        "particles",
    ),
    *(
        "vector",
        "vectors",
        "plasmid",
        "plasmids",
        "npv",
        "ictv",
        "symbiont",
        "phytoplasma",
        "-group",
        "-complex",
        "-gr",
        "-agg",
        "sedis",
    ),
)
_REMARKS = (
    "Candidatus Environmental Metagenome Missing Empty Blank Other Various Mixed Misc Species Unsorted Synthetic Not None Null Nan Nil Non Indet"
    " Undet Indeterminate Incertae Unidentified Undetermined Unknown Unassigned Unnamed Unamed Unclassified Uncultured Uncertain Unidentifiable"
    " Undescribed Unplaced Unrecorded Viroids Prions Satellite"
)
_ODD_GENERA = frozenset(_REMARKS.split()).union(*ODD_EPITHETS.values())


_ODD_AUTHORS = re.compile(
    r"(?i:virus|viroid|phage|prion|satellite|particle|vector|npv|ictv|plasmid|\b\w{0,2}rna\b|symbiont|phytoplasma)"
)


@functools.lru_cache(maxsize=1 << 16)
def _plain_authors(text: str) -> Authorship | None:
    """The authors behind a name of usual shape; None when there is more to it than authors."""
    if _ODD_AUTHORS.search(text):
        return None
    found = usual(text)
    if found is not None:
        return found
    return authorship_of(text) if clean(text) == (text, (), 1) else None


def parse(text: str) -> ParsedName:
    """The name in `text`, taken apart; a text that names nothing has an empty canonical form and says so in `kind`. Never raises.

    >>> parse("Puma concolor subsp. couguar (Kerr, 1792)").canonical
    'Puma concolor couguar'
    """
    return _usual(text) or read(text)


_SUBGENUS: tuple[str, ...] = ("subgenus dropped",)


def _usual(text: str) -> ParsedName | None:
    """The name when it has a usual shape, None when only the full reading can tell."""
    found = _USUAL.fullmatch(text)
    if found is None:
        return None
    genus, subgenus, epithet, marker, infra, authors = found.groups()
    if epithet in RESERVED or infra in RESERVED or infra in STAGES or genus in _ODD_GENERA or genus.endswith(_ODD_ENDS):
        return None
    if subgenus is not None and (epithet is None or subgenus.endswith(_ODD_ENDS)):
        return None
    if epithet is not None and (epithet.endswith(_ODD_ENDS) or (infra is not None and infra.endswith(_ODD_ENDS))):
        return None
    by = year = None
    quality, notes = 1, _SUBGENUS if subgenus else ()
    if authors is not None:
        known = None if epithet is None and LONE_BRACKETS.fullmatch(authors) else _plain_authors(authors)
        if known is None:
            return None
        by, year, _, quality, more = known
        notes += more
    full = canonical = genus if epithet is None else f"{genus} {epithet}"
    size = 1 if epithet is None else 2
    if infra is not None:
        full = f"{canonical} {marker} {infra}" if marker else f"{canonical} {infra}"
        canonical, size = f"{canonical} {infra}", 3
    words = (canonical, full, genus, subgenus, epithet, infra, marker, by, year, None)
    return tuple.__new__(ParsedName, (*words, False, size, "name", quality, notes))


def parse_all(names: pl.Series, workers: int = 0) -> pl.DataFrame:
    """One row per name, in the order given, with the columns of `SCHEMA`; a null reads as an empty text.

    Each unique text is read once. Above 50,000 of them, `workers` processes share the work (0: as many as there are cores, 1: none but this
    one); the answer is the same for any number.
    """
    texts = names.cast(pl.String).fill_null("").alias("text")
    unique = texts.unique(maintain_order=True)
    chunks = [(at, unique.slice(at, CHUNK)) for at in range(0, len(unique), CHUNK)]
    found = {}
    with track("Reading names", len(unique), "names") as advance:
        for (at, chunk), part in over_processes(_task, chunks, 1 if len(unique) <= ALONE else workers):
            found[at] = part
            advance(len(chunk))
    parts = [found[at] for at in sorted(found)]
    parsed = pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA)
    if len(unique) == len(texts):
        return parsed
    rows = pl.DataFrame({"text": unique}).with_row_index("row")
    where = texts.to_frame().join(rows, on="text", how="left", maintain_order="left")["row"]
    return parsed[where]


def _frame(texts: list[str]) -> pl.DataFrame:
    """The parsed names of a chunk, in order."""
    *columns, notes = zip(*map(parse, texts), strict=True)
    series = [pl.Series(name, values, dtype) for (name, dtype), values in zip(SCHEMA.items(), columns, strict=False)]
    known = {note: at for at, note in enumerate(dict.fromkeys(notes))}
    # few combinations of notes are met: each becomes a list once, which is ten times as fast
    lists = pl.Series("notes", [list(note) for note in known], SCHEMA["notes"])
    return pl.DataFrame([*series, lists.gather([known[note] for note in notes])])


def _task(chunk: tuple[int, pl.Series]) -> pl.DataFrame:
    return _frame(chunk[1].to_list())
