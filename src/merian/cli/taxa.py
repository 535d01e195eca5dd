"""Taxa as answers of `merian identify`: which are asked for, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from merian.cli.answers import Row
from merian.core import store
from merian.core.tree import RANKS, rank_number

if TYPE_CHECKING:
    from rich.text import Text

    from merian.identify import Identifier

__all__ = ["COLUMNS", "Taxa", "bar"]

COLUMNS = ["file_name", *RANKS[:6], "species_epithet", "species", "common_name", "score"]
"""The columns that users of pybioclip know; ours follow."""
OURS = ["rank", "safe_rank", "safe_name", "safe_score", "unknown", "none", "inside", "reason"]


@dataclass(frozen=True)
class Taxa:
    """The `k` likeliest taxa of a rank, and the deepest that is at least as probable as `threshold`."""

    identifier: Identifier
    rank: str
    k: int
    threshold: float
    limits: str = "--only"
    """The flags that left some taxa only."""

    @property
    def columns(self) -> list[str]:
        """Of the CSV file."""
        return COLUMNS + OURS

    @property
    def numbers(self) -> Sequence[str]:
        """Those of the columns that hold numbers."""
        return ("score", "safe_score", "unknown", "inside")

    @property
    def theirs(self) -> list[str]:
        """The columns as pybioclip has them."""
        upper = list(RANKS[: rank_number(self.rank) + 1])
        return COLUMNS if self.rank == "species" else ["file_name", *upper, "score"]

    @property
    def key(self) -> str:
        """Names all that the answers depend on but for the photos."""
        head, allowed = self.identifier.head, self.identifier.allowed
        made = [self.identifier.encoder.fingerprint, head.tree.version, store.plain(head.calibration)]
        labels = head.labels.tobytes() + (b"" if allowed is None else np.packbits(allowed).tobytes())
        return store.digest_bytes(json.dumps([*made, self.rank, self.k, self.threshold]).encode() + labels)

    @property
    def at_once(self) -> int:
        """Photos at a time that suit the model and the machine."""
        from merian.encode.seam import at_once

        return at_once(self.identifier.encoder)

    def answers(self, paths: list[Path], batch: int, start: int) -> Iterator[tuple[Path, list[Row], Row, str | None]]:
        """(path, best, safe, reason) of each photo from number `start` on, as they are done."""
        from merian.identify import in_batches

        return in_batches(self.identifier, paths, self.k, self.rank, self.threshold, batch, start)

    def rows(self, best: list[Row], safe: Row) -> Iterator[Row]:
        """An answer as rows of the CSV file, without file_name."""
        shared = _safe(safe)
        if not best:
            yield shared
        for row in best:
            yield {**shared, **_named(row), "score": f"{row['probability']:.6g}", "rank": row["rank"]}

    def document(self, best: list[Row], safe: Row, named: Row, reason: Row) -> Row:
        """An answer as an object of JSON."""
        unknown, none, inside = (safe.pop(name, None) for name in ("unknown", "none", "inside"))
        for row in best:
            row.pop("taxon")
        answer = {**named, "safe": safe or None, "unknown": unknown, "none": none, "predictions": best, **reason}
        answer |= {} if inside is None else {"inside": inside}
        return answer | {"model": self.identifier.encoder.fingerprint}

    def lines(self, best: list[Row], safe: Row) -> Iterator[Text]:
        """An answer as lines to read."""
        from rich.text import Text

        sure = f"{safe['rank']} {safe['name']} ({safe['probability']:.0%})" if safe["name"] else "nothing"
        within = "" if safe["inside"] is None else f"; within {self.limits}: {safe['inside']:.0%} of all probability"
        start = f"most likely none of these ({safe['unknown']:.0%})" if safe["none"] else f"sure of {sure}"
        end = "" if safe["none"] else f"; none of these: {safe['unknown']:.0%}"
        yield Text(f"  {start}{end}{within}")
        width = max((len(str(row["name"])) for row in best), default=0)
        for row in best:
            line = bar(float(str(row["probability"])))
            line.append(f"{row['name']:<{width}}  ", style="italic")
            line.append(str(row["common_name"] or ""))
            family = row["family"] if row["family"] != row["name"] else row["order"]
            line.append(f"  {family}" if family else "", style="dim")
            yield line

    def their_rows(self, best: list[Row]) -> Iterator[Row]:
        """An answer as pybioclip's rows, without file_name."""
        for row in best:
            yield {**_named(row), "score": float(np.float32(str(row["probability"])))}


def bar(share: float) -> Text:
    """How a probability is drawn at the head of a line."""
    from rich.text import Text

    line = Text(f"  {share:6.1%}  ")
    return line.append(f"{'█' * round(share * 10) or '▏':<10}  ", style="green")


def _named(row: Row) -> Row:
    """The columns of an answer's lineage."""
    named: Row = {r: row[r] or "" for r in RANKS}
    epithet = str(named["species"]).partition(" ")[2]
    return {**named, "species_epithet": epithet, "common_name": row["common_name"] or ""}


def _safe(safe: Row) -> Row:
    if not safe:
        return {}
    chance = {"safe_score": f"{safe['probability']:.6g}"} if safe["name"] else {}
    return {
        "safe_rank": safe["rank"] or "",
        "safe_name": safe["name"] or "",
        **chance,
        "unknown": f"{safe['unknown']:.6g}",
        "none": "yes" if safe["none"] else "",
        "inside": "" if safe["inside"] is None else f"{safe['inside']:.6g}",
    }
