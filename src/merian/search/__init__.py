"""An index of images that is asked by photo, by words, or by both, within a clade, a place, a time, a licence or a source."""

from merian.search.asked import Wanted, asked_vector
from merian.search.index import Found, Index, build_index
from merian.search.settings import SearchSettings

__all__ = ["Found", "Index", "SearchSettings", "Wanted", "asked_vector", "build_index"]
