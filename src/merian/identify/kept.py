"""Heads that are made once: of a taxonomy's names or of a published label file, kept in the cache under the hash of what they are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from merian.core import store
from merian.core.errors import BadData, Missing
from merian.core.tree import Tree
from merian.encode import Encoder
from merian.encode.folder import FolderEncoder
from merian.identify.head import PROMPTS, Head
from merian.identify.published import is_published, published

__all__ = ["KEPT_FROM", "kept_head"]

KEPT_FROM = 500
"""Labels from which a head is kept: fewer are embedded as fast as they are read."""
REMARKS = "remarks.txt"


def kept_head(taxa: Path, encoder: Encoder) -> tuple[Head, tuple[str, ...]]:
    """The Head of a taxonomy or a published label file for `encoder`, and what was found of the latter; from the cache when it is there."""
    if is_published(taxa):
        key = [store.named_digest(taxa.with_suffix(suffix)) for suffix in (".npy", ".json")]
        # given vectors are the same in whatever precision images are computed
        exact = encoder.exact if isinstance(encoder, FolderEncoder) else encoder.fingerprint
        place = _place(exact, *key)
        if (found := _load(place)) is None:
            head, checked = published(taxa, encoder)
            remarks = tuple(checked.lines())
            replace(head, fingerprint=exact).save(place)
            store.write_text(place.with_name(f"{place.name}-{REMARKS}"), "\n".join(remarks))
            found = Head.load(place)
        told = place.with_name(f"{place.name}-{REMARKS}")
        return replace(found, fingerprint=encoder.fingerprint), tuple(
            told.read_text(encoding="utf-8").splitlines()
        ) if told.is_file() else ()
    tree = Tree.read(taxa)[0]
    place = _place(encoder.fingerprint, tree.version, *PROMPTS)
    if (found := _load(place)) is None:
        found = Head.build(encoder, tree).compact()
        if len(found.labels) >= KEPT_FROM:
            found.save(place)
    return found, ()


def _place(*made_of: str) -> Path:
    key = store.digest_bytes("\n".join(made_of).encode())[:24]
    return store.cache_folder("heads") / key


def _load(place: Path) -> Head | None:
    """The head at `place`; None when there is none, or one that is damaged or of another version."""
    try:
        return Head.load(place)
    except (Missing, BadData):
        return None
