"""Embeddings x Tree -> Predictions: a head of names, its calibration, and the run over any number of photos."""

from merian.identify.engine import HEADS, Answers, Identifier, answer_rows, embed_catalog, in_batches
from merian.identify.head import Head
from merian.identify.only import names_of

__all__ = ["HEADS", "Answers", "Head", "Identifier", "answer_rows", "embed_catalog", "in_batches", "names_of"]
