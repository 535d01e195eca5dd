"""CLIP's vocabulary, read as open_clip reads it: text is repaired and cleaned before it is cut into tokens.

A `tokenizer.json` has no room for what open_clip does first (ftfy, HTML entities, white space). `ClipTokens` does it in Python; text that none of it changes,
as nearly all names, takes no longer.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merian.encode.tokens import Tokens

__all__ = ["CLIP_SIZE", "ClipTokens", "as_clip", "is_clip"]

CLIP_SIZE = 49_408
"""Tokens in CLIP's vocabulary: 256 bytes, each also as the end of a word, 48,894 merges, start and end."""
VOCABULARY = "7cccc44d334555d1ff3c0ac5f0246b428fab2918383e77ee745cf30d41010b78"
"""SHA-256 of CLIP's tokens in the order of their numbers, a line feed between them."""
_CLEAN = re.compile(r"[ !-%'-;=-~]*")
"""Text that neither ftfy nor HTML changes: ASCII without & and < and control characters."""


class ClipTokens(Tokens):
    """CLIP's vocabulary, behind the cleaning of open_clip (`basic_clean`, `whitespace_clean`, lower case)."""

    __slots__ = ()

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token numbers `[n, context]`, equal to those of open_clip's `SimpleTokenizer`."""
        return Tokens.encode(self, [_clean(text) for text in texts])

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens `[n]` each text needs, its start and end counted and nothing cut."""
        return Tokens.lengths(self, [_clean(text) for text in texts])


def is_clip(tokens: Tokens) -> bool:
    """Whether `tokens` have CLIP's vocabulary with CLIP's numbers, whoever wrote them down."""
    if tokens.size != CLIP_SIZE:
        return False
    numbers = tokens.tokenizer.get_vocab()
    return hashlib.sha256("\n".join(sorted(numbers, key=numbers.__getitem__)).encode()).hexdigest() == VOCABULARY


def as_clip(tokens: Tokens) -> Tokens:
    """`tokens`, reading as open_clip reads when their vocabulary is CLIP's."""
    if isinstance(tokens, ClipTokens) or not is_clip(tokens):
        return tokens
    tokens.tokenizer.encode_special_tokens = True  # a text that spells out a special token is a text like any other
    return ClipTokens(tokens.tokenizer, tokens.context, tokens.start, tokens.end)


def _clean(text: str) -> str:
    """`text` as open_clip cleans it, in lower case."""
    if not _CLEAN.fullmatch(text):
        import ftfy

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()
