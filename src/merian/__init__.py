"""Merian: biology from pixels to populations."""

__version__ = "0.1.0"
