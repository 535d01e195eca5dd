"""Sources: whatever images come in as, read as rows of one shape."""

from merian.curate.sources.seam import REFUSED, SOURCES, NoBytes, Source, open_source

__all__ = ["REFUSED", "SOURCES", "NoBytes", "Source", "open_source"]
