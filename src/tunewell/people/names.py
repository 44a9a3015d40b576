"""Names that people choose: tidied for others to see, and folded so that two can be compared."""

from __future__ import annotations

import re
import unicodedata

from tunewell.errors import UserError

LONGEST_NAME = 100


def tidy_name(name: str) -> str:
    r"""A name as it is shown: one line, no controls, nothing that turns the direction of text.

    Raises:
        UserError: Nothing is left, or it is too long.

    Example:
        >>> tidy_name(" Ann \u202e Müller\n")
        'Ann Müller'
    """
    composed = unicodedata.normalize("NFC", name)
    text = _one_line("".join(c for c in composed if _is_kept(c)))
    if not 1 <= len(text) <= LONGEST_NAME:
        raise UserError(f"a name must have 1 to {LONGEST_NAME} characters")
    return text


def name_key(name: str) -> str:
    """What a name is compared by.

    Example:
        >>> name_key("Ann  MÜLLER") == name_key("ann müller")
        True
    """
    composed = unicodedata.normalize("NFC", name)
    return _one_line(composed).casefold()[:128]


def _is_kept(character: str) -> bool:
    is_control = unicodedata.category(character).startswith("C")
    return not is_control or character == "\t"


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
