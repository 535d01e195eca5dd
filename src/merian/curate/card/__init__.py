"""The data card of a catalog: a page for people, Croissant metadata for machines, and a table of who is to be credited."""

from merian.curate.card.write import About, write_card

__all__ = ["About", "write_card"]
