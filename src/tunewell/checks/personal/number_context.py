"""What stands around a number and says what it is."""

from __future__ import annotations

import re

from tunewell.checks.personal.identifier import DIGIT

_NUMBERED = (
    r"order|invoice|ticket|case|ref|reference|tracking|isbn|issn|ean|upc|gtin|serial|part|"
    r"item|model|"
    r"account|meter|contract|customer|policy|licen[cs]e|card|iban|pin|code|id|uuid|sku|batch|lot|"
    r"offset|shipment|parcel|booking|reservation|confirmation|claim|transaction|version|"
    r"build|article|"
    r"bestell\w*|auftrags\w*|rechnung\w*|vertrags\w*|kunden\w*|zähler\w*|artikel\w*|sendungs\w*|"
    r"vorgangs\w*|commande|facture|contrat|dossier|référence|colis|pedido|factura|contrato|"
    r"expediente|"
    r"referencia|ordine|fattura|contratto|pratica|encomenda|fatura|zamówieni\w*|faktur\w*|"
    r"objednáv\w*|"
    r"bestelling|factuur|klantnummer|beställning|ordre\w*|tilaus\w*|sipariş|заказ\w*|сч[её]т\w*|"
    r"замовлення|订单号?|單號|注文番号|주문\S*"
)
_OTHERWISE = re.compile(
    rf"(?i:\b(?:{_NUMBERED})(?:[ -]?(?:number|no|nr|nummer|id|code|numéro|n°|número|numero|"
    rf"nº|№|#))?"
    r"\.?(?:\s+(?:of|for|de|für|der|von|the|your|my|is|was|ist|lautet|est|es|è)\b[^.\n\d]{0,24}?)?"
    r"\s*(?:is|:|#|=|n°|nº|№|-)?\s*#?)$"
)
_EAST_ASIAN = "\u3040-\u9fff\uac00-\ud7af"
NOT_AFTER_WORD = rf"(?<![^\W{_EAST_ASIAN}])"
NOT_BEFORE_WORD = rf"(?![^\W{_EAST_ASIAN}])"
"""No letter or digit here, but for Chinese, Japanese and Korean ones: they write no space."""
_VERSION = re.compile(
    r"(?i:\b(?:v|ver|version|release|build|firmware|driver|isbn|section|chapter|rev|kernel|agent|"
    r"chrome|firefox|safari|thunderbird|seamonkey|opera|edge|windows|macos|ios|android|"
    r"linux|ubuntu|"
    r"python|java|node|mail|"
    r"(?:up|down)(?:dat|grad)\w* (?:from|to)|aktualisier\w* (?:von|auf))\.?\s*[:/(\[]{0,2}\s*)$"
)
_SECONDS, _MILLISECONDS = 10, 13
"""Digits of a moment."""
_FIRST_SECOND, _LAST_SECOND = 1_000_000_000, 2**31
"""From 2001 to 2038."""
_NUMBER = re.compile(r"[\d][\d.,:/-]*")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def named_otherwise(before: str) -> bool:
    """Whether the words before a number say that it is an order, a contract or the like.

    Example:
        >>> named_otherwise("Your order number for the lamp is "), named_otherwise("Call me on ")
        (True, False)
    """
    return _OTHERWISE.search(before) is not None


def follows_version_word(before: str) -> bool:
    """Whether the text ends with a word after which a number is a version, section or the like."""
    return _VERSION.search(before) is not None


def is_moment(number: str) -> bool:
    """Whether digits are a moment as machines write it: seconds or milliseconds since 1970.

    Example:
        >>> is_moment("1707763800"), is_moment("1707763800123"), is_moment("2907763800")
        (True, True, False)
    """
    if len(number) not in (_SECONDS, _MILLISECONDS) or not number.isdecimal():
        return False
    return _FIRST_SECOND <= int(number[:_SECONDS]) < _LAST_SECOND


def stands_in_table(text: str, start: int, end: int) -> bool:
    """Whether the rest of the line is numbers rather than words: a table, a list, a series.

    Example:
        >>> line = "12 345 | 212-555-0123 | 99.5 | 17"
        >>> stands_in_table(line, 9, 21), stands_in_table("ring 212-555-0123 at 9", 5, 17)
        (True, False)
    """
    line = _rest_of_line(text, start, end)
    numbers = len(_NUMBER.findall(line))
    return numbers >= 3 and numbers >= len(_LETTERS.findall(line))


def has_other_numbers(text: str, start: int, end: int) -> bool:
    """Whether the rest of the line has any digit.

    Example:
        >>> has_other_numbers("12 786 545 6754", 3, 15), has_other_numbers("786 545 6754", 0, 12)
        (True, False)
    """
    return DIGIT.search(_rest_of_line(text, start, end)) is not None


def _rest_of_line(text: str, start: int, end: int) -> str:
    """What stands on the same line, at most 120 characters on each side."""
    before = text[max(0, start - 120) : start].rsplit("\n", 1)[-1]
    behind = text[end : end + 120].split("\n", 1)[0]
    return f"{before} {behind}"
