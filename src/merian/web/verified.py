"""What people say of photos, kept as verified Records in the store: one per photo, in `records/verified.csv`, as Darwin Core."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import polars as pl

from merian.core.tables import RECORDS, Records
from merian.core.tree import RANKS, Tree
from merian.web import facts
from merian.web.facts import Json
from merian.web.parts import Parts
from merian.web.uploads import Refused

__all__ = ["FILE", "MOST", "Verified"]

FILE = Path("records") / "verified.csv"
"""Where they are kept, in the store."""
MOST = 100_000
"""Records kept at most: the file is written anew with each. From taste."""
LONGEST = 200
HASH = re.compile(r"[0-9a-f]{64}")
COPIED = tuple(c.name for c in RECORDS if c.name not in ("id", "common_name", "verbatim_name"))
"""What a photo of the catalog brings along, where its columns are of this name: place, date, sex ..."""
WHAT = 'send {"image": an id or "hash": the hash that /api/identify gave, "taxon": an id, "guess": an id or null}'


@dataclass(eq=False)
class Verified:
    """The verified Records of one store, one writer at a time; each change is written at once and whole."""

    parts: Parts
    _lock: Lock = field(default_factory=Lock)

    @property
    def file(self) -> Path:
        """The file that holds them."""
        return self.parts.folder / FILE

    def all(self) -> Records:
        """All of them."""
        return Records.read_csv(self.file) if self.file.is_file() else Records(pl.DataFrame())

    def keep(self, said: Json) -> Json:
        """Keep what a person says of a photo, in the place of what was said of it before. Raises Refused for what cannot be understood or found."""
        tree, number = self._taxon(said.get("taxon"))
        key, about = self._photo(said)
        guess = said.get("guess")
        guessed = None if guess is None else self._taxon(guess)
        first = guessed is not None and guessed[0].ids[guessed[1]] == tree.ids[number]
        named = "" if guessed is None else guessed[0].names[guessed[1]]
        remark = (
            "it is what the model said first" if first else f"the model said {named}" if named else "named by a person"
        )
        identifier = self.parts.identifier
        row = about | {
            "id": key,
            "scientific_name": tree.names[number],
            "rank": RANKS[tree.rank[number]],
            **_lineage(tree, number),
            "common_name": tree.common_name(number),
            "verbatim_name": named or None,
            "identified_by": "a person, by merian serve",
            "references": None if identifier is None or guess is None else identifier.encoder.fingerprint,
            "status": "ValidatedByHuman",
            "remarks": remark,
        }
        with self._lock:
            others = self.all().frame
            kept = others.filter(pl.col("id") != key)
            if len(kept) >= MOST:
                raise Refused(409, f"the store holds {MOST:,} verified records, as many as it may", "take some away")
            made = Records(pl.DataFrame([row], infer_schema_length=None)).frame
            Records(pl.concat([kept, made])).write_csv(self.file)
        return {"id": key, "taxon": facts.taxon(tree, number), "replaced": len(kept) < len(others)}

    def remove(self, said: Json) -> Json:
        """Take a record back; how many are left. Raises Refused when there is none of this id."""
        with self._lock:
            before = self.all().frame
            left = before.filter(pl.col("id") != str(said.get("id")))
            if len(left) == len(before):
                raise Refused(404, "there is no verified record of this id", "take an id from /api/records")
            Records(left).write_csv(self.file)
        return {"left": len(left)}

    def listed(self) -> Json:
        """All of them in short, the newest last."""
        columns = ["id", "path", "scientific_name", "rank", "verbatim_name", "remarks"]
        return {"records": self.all().frame.select(columns).rows(named=True), "file": FILE.as_posix()}

    def _taxon(self, taxon: object) -> tuple[Tree, int]:
        try:
            return facts.found(self.parts, str(taxon).encode("utf-8", "replace").decode())
        except KeyError as error:
            raise Refused(404, f"no taxon has the id {str(taxon)[:80]!r}", "take one from /api/find") from error

    def _photo(self, said: Json) -> tuple[str, Json]:
        """The record's id and what is known of its photo."""
        image, sent = said.get("image"), said.get("hash")
        if isinstance(image, str) and sent is None:
            if image not in self.parts.rows or self.parts.catalog is None:
                raise Refused(404, f"no photo has the id {image[:80]!r}", "take an id from /api/samples")
            row = self.parts.catalog.frame.row(self.parts.rows[image], named=True)
            return image, {
                name: row[name] for name in COPIED if name in row and row[name] is not None and name != "reason"
            }
        name = said.get("name", "")
        if image is not None or not isinstance(sent, str) or not HASH.fullmatch(sent) or not isinstance(name, str):
            raise Refused(422, "it is not said which photo", WHAT)
        return f"sha256:{sent}", {"path": "".join(c for c in name if c.isprintable())[:LONGEST] or None}


def _lineage(tree: Tree, number: int) -> Json:
    line = dict(zip(RANKS, tree.lineage(number), strict=True))
    return {"class_" if rank == "class" else rank: name for rank, name in line.items() if rank != "species"}
