"""From pixels and words to unit vectors: the one preprocessing, the encoder seam and its backends."""

from merian.encode.pixels import (
    Decoded,
    Pixels,
    Preprocess,
    Probe,
    Unreadable,
    decode,
    decode_ahead,
    decode_many,
    probe,
)
from merian.encode.seam import BACKENDS, Encoder, Vectors, open_encoder

__all__ = [
    "BACKENDS",
    "Decoded",
    "Encoder",
    "Pixels",
    "Preprocess",
    "Probe",
    "Unreadable",
    "Vectors",
    "decode",
    "decode_ahead",
    "decode_many",
    "open_encoder",
    "probe",
]
