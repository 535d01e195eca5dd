"""From pixels and words to unit vectors: the one preprocessing, the encoder seam and its backends."""

from merian.encode.pixels import Decoded, Pixels, Preprocess, Unreadable, decode, decode_many
from merian.encode.seam import BACKENDS, Encoder, Vectors, open_encoder

__all__ = [
    "BACKENDS",
    "Decoded",
    "Encoder",
    "Pixels",
    "Preprocess",
    "Unreadable",
    "Vectors",
    "decode",
    "decode_many",
    "open_encoder",
]
