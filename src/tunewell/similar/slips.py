"""Whether one word is another with a slip of the hand or of the ear, by their letters alone."""

from __future__ import annotations

from rapidfuzz.distance import OSA, Levenshtein

_ROWS_OF_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiopü", "asdfghjklöä", "yxcvbnm")

_OF_ONE_SOUND = ("aeiouyäöü", "ckqs", "szx", "dt", "bp", "fvw", "gj", "mn", "lr")
"""Letters that are heard, or taken, for one another."""


def is_near(a: str, b: str) -> bool:
    """Whether two words are as alike as a slip leaves them; another word may be as near.

    Example:
        >>> is_near("kitchen", "kitchn"), is_near("million", "billion"), is_near("on", "off")
        (True, True, False)
    """
    short = min(len(a), len(b))
    distance = OSA.distance(a, b, score_cutoff=2)
    if distance == 1:
        if len(a) == len(b) and sorted(a) != sorted(b):
            return short >= 5 or (short >= 4 and a[0] == b[0])
        return short >= 3
    return distance == 2 and short >= 6


def is_plain(a: str, b: str) -> bool:
    """Whether a slip alone, and no other word, explains what differs.

    Letters were swapped, doubled, left out, struck on a key beside the right one or heard for each
    other; but another letter more at the end is another form or another name.

    Example:
        >>> is_plain("kitchen", "kitchn"), is_plain("million", "billion"), is_plain("user", "users")
        (True, False, False)
    """
    if a == b:
        return True
    if OSA.distance(a, b, score_cutoff=1) > 1:
        return False
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        is_doubled = long == short + short[-1:]
        return is_doubled or not long.startswith(short)
    if sorted(a) == sorted(b):
        return True
    (op,) = Levenshtein.editops(a, b)
    return _are_confused(a[op.src_pos], b[op.dest_pos])


def _are_confused(a: str, b: str) -> bool:
    """Whether two letters lie side by side on a keyboard or sound alike."""
    if any(a in letters and b in letters for letters in _OF_ONE_SOUND):
        return True
    return any(a + b in row or b + a in row for row in _ROWS_OF_KEYS)
