"""When two texts are the same: normalised forms and their digests."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_NOT_WORD = re.compile(r"[\W_]+")
_SEPARATOR = "\x1f"


def normalise(text: str) -> str:
    r"""Case, white space, Unicode form and punctuation taken away.

    What is left are words with single spaces.

    Example:
        >>> normalise("  The ＢＩＬＬ —\tis due!! ") == normalise("the bill is due")
        True
    """
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    words = _NOT_WORD.sub(" ", text.casefold()).strip()
    # A row of nothing but signs ("?!", "👍") must not equal every other such row.
    return words or " ".join(text.split())


def key(*parts: str) -> bytes:
    """Digest of the normalised parts, 16 bytes.

    Example:
        >>> key("Hello, World") == key("hello world"), key("a", "b") == key("ab")
        (True, False)
    """
    return exact_key(*[normalise(part) for part in parts])


def exact_key(*parts: str) -> bytes:
    """Digest of the parts as they stand, 16 bytes."""
    joined = _SEPARATOR.join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(joined, digest_size=16).digest()
