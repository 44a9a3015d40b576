"""What the words before a number say that it is."""

from __future__ import annotations

import re

_OTHERWISE = re.compile(
    r"(?i:\b(?:order|invoice|ticket|case|ref|reference|tracking|isbn|serial|part|item|model|"
    r"account|meter|contract|customer|policy|licen[cs]e|passport|card|iban|pin|code|id|uuid|sku|"
    r"offset|bestell\w*|rechnung\w*|vertrags\w*|kunden\w*|zähler\w*)"
    r"(?:[ -]?(?:number|no|nr|nummer|id|code))?\.?\s*(?:is|:|#|=)?\s*#?)$"
)
_VERSION = re.compile(
    r"(?i:\b(?:v|ver|version|release|build|firmware|isbn|section|chapter|rev)\.?\s*:?\s*)$"
)


def named_otherwise(before: str) -> bool:
    """Whether the words before a number say that it is an order, a contract or the like."""
    return _OTHERWISE.search(before) is not None


def follows_version_word(before: str) -> bool:
    """Whether the text ends with a word after which a number is a version, section or the like."""
    return _VERSION.search(before) is not None
