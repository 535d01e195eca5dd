"""What only a person can say of a data set, for its card."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["About"]


@dataclass(frozen=True, slots=True)
class About:
    """Title, description, authors, address and citation of a data set; what is empty is left out or made from the catalog."""

    title: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    url: str = ""
    cite: str = ""
    version: str = "1.0.0"
