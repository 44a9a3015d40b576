"""When two texts are the same: normalised forms and their digests."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from tunewell.similar.confusables import plain_letters
from tunewell.similar.signs import with_signs

_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


def _marks() -> str:
    """All combining marks as ranges of a character class: vowels of many scripts are marks."""
    ranges: list[list[int]] = []
    for point in range(0x300, 0x11A00):
        is_mark = unicodedata.category(chr(point)).startswith("M")
        if not is_mark or point in _VARIATION_SELECTORS:
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


_ASCII_BLANKS = str.maketrans({chr(n): " " for n in range(128) if not chr(n).isalnum()})
_NOT_WORD = re.compile(rf"(?:[^\w{_marks()}]|_)+")
_SEPARATOR = "\x1f"


def normalise(text: str) -> str:
    r"""Case, white space, Unicode form and punctuation taken away.

    What is left are words with single spaces.

    Example:
        >>> normalise("  The ＢＩＬＬ —\tis due!! ") == normalise("the bill is due")
        True
    """
    if text.isascii():
        words = " ".join(text.lower().translate(_ASCII_BLANKS).split())
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()
        words = _NOT_WORD.sub(" ", folded).strip()
    # A row of nothing but signs ("?!", "👍") must not equal every other such row.
    return words or " ".join(text.split())


def key(*parts: str) -> bytes:
    """Digest of the normalised parts, 16 bytes; signs and numbers count (`with_signs`).

    Example:
        >>> key("Hello, World") == key("hello world"), key("a", "b") == key("ab")
        (True, False)
        >>> key("7 + 3") == key("7 - 3"), key("7,911.6") == key("7911.6")
        (False, True)
    """
    return exact_key(*[normalise(with_signs(plain_letters(part))) for part in parts])


def exact_key(*parts: str) -> bytes:
    """Digest of the parts as they stand, 16 bytes."""
    joined = _SEPARATOR.join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(joined, digest_size=16).digest()
