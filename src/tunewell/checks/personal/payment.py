"""Payment cards and IBANs in a text; a number counts only when its check digits hold."""

from __future__ import annotations

import re

from tunewell.checks.personal.check_digits import luhn
from tunewell.checks.personal.identifier import DIGIT, Identifier, Place
from tunewell.checks.personal.number_context import stands_in_table

_CARD = re.compile(r"(?<![\w.,/-])(?<!\d[ ])[1-6]\d{3}(?:[ -]?\d){8,15}(?![\w-])(?!\.\d)")
_CARD_WORD = re.compile(
    r"(?i)\b(?:card|cc|credit|debit|maestro|visa|amex|karte|kreditkarte|carte|tarjeta)\b"
)
_SCHEMES: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|3[689]", (14, 16)),  # Diners Club
    (r"35", (16, 17, 18, 19)),  # JCB
    (r"1800|2131", (15,)),  # JCB, older
    (r"60|6[245]", (16, 17, 18, 19)),  # Discover, UnionPay, RuPay
    (r"50|5[6-8]|6[0-9]", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}"
    r"(?:[ -]?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])"
)
_LETTER = re.compile(r"[^\W_]")
_IBAN_LENGTH = {
    "AD": 24,
    "AE": 23,
    "AL": 28,
    "AT": 20,
    "AZ": 28,
    "BA": 20,
    "BE": 16,
    "BG": 22,
    "BH": 22,
    "BR": 29,
    "BY": 28,
    "CH": 21,
    "CR": 22,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "DO": 28,
    "EE": 20,
    "EG": 29,
    "ES": 24,
    "FI": 18,
    "FO": 18,
    "FR": 27,
    "GB": 22,
    "GE": 22,
    "GI": 23,
    "GL": 18,
    "GR": 27,
    "GT": 28,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IQ": 23,
    "IS": 26,
    "IT": 27,
    "JO": 30,
    "KW": 30,
    "KZ": 20,
    "LB": 28,
    "LC": 32,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "LY": 25,
    "MC": 27,
    "MD": 24,
    "ME": 22,
    "MK": 19,
    "MR": 27,
    "MT": 31,
    "MU": 30,
    "NL": 18,
    "NO": 15,
    "PK": 24,
    "PL": 28,
    "PS": 29,
    "PT": 25,
    "QA": 29,
    "RO": 24,
    "RS": 22,
    "SA": 24,
    "SC": 31,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "ST": 25,
    "SV": 28,
    "TL": 23,
    "TN": 24,
    "TR": 26,
    "UA": 29,
    "VA": 22,
    "VG": 24,
    "XK": 20,
}
"""Characters of an IBAN by its country (SWIFT, IBAN registry)."""
_LONGER_THAN_ANY = 99


def _card(match: re.Match[str]) -> Place | None:
    beside = match.string[max(0, match.start() - 40) : match.end() + 20]
    named = _CARD_WORD.search(beside) is not None
    number = match[0]
    while len(number) >= 12:
        if is_card(number, named=named) and (named or _is_printed_so(number, match)):
            return match.start(), match.start() + len(number)
        # What follows the number may have been taken for its last group.
        number = number[: max(number.rfind(" "), number.rfind("-"), 0)]
    return None


def _is_printed_so(number: str, match: re.Match[str]) -> bool:
    """Whether the digits stand in groups as on a card, or all together outside a table."""
    groups = [len(group) for group in re.split("[ -]", number)]
    if len(groups) == 1:
        return groups[0] >= 15 and not stands_in_table(match.string, *match.span())
    return groups == [4, 6, 5] or set(groups[:-1]) == {4}


def is_card(number: str, *, named: bool = False) -> bool:
    """Whether this is a payment card's number: 12 to 19 digits, a scheme's prefix, a check digit.

    Args:
        number: Digits, with any separators.
        named: Whether the text around it speaks of a card; 12 digits count only then.

    Example:
        >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
        (True, False)
    """
    digits = "".join(DIGIT.findall(number))
    if len(set(digits)) < 2 or (len(digits) == 12 and not named):
        return False
    known = any(len(digits) in lengths and re.match(prefix, digits) for prefix, lengths in _SCHEMES)
    return known and luhn(digits)


def _iban(match: re.Match[str]) -> Place | None:
    """Where an IBAN ends is known from its country; what was matched may go on behind it."""
    length = _IBAN_LENGTH.get(match[0][:2].upper(), _LONGER_THAN_ANY)
    letters = list(_LETTER.finditer(match[0]))[:length]
    if len(letters) < length:
        return None

    written = "".join(letter[0] for letter in letters).upper()
    moved = written[4:] + written[:4]
    number = int("".join(str(int(letter, 36)) for letter in moved))
    start = match.start()
    return (start, start + letters[-1].end()) if number % 97 == 1 else None


PAYMENT = (
    Identifier("iban", _IBAN, proof=_iban, needs=DIGIT),
    Identifier("card", _CARD, proof=_card, needs=DIGIT),
)
"""IBANs by their length and check digits (mod 97, ISO 7064), cards by `is_card`."""
