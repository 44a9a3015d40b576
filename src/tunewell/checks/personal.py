"""Personal data and secrets (pitfall D07): structured identifiers, each with its own proof, and consistent masks.

A number counts only when its check digit holds (cards: Luhn, ISO/IEC 7812; IBAN: mod 97, ISO 7064),
so order numbers, versions and the like are left alone.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TYPES = ("secret", "iban", "card", "ssn", "email", "ip", "phone")
"""What is looked for, the strongest evidence first: where two overlap, the first one counts."""


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    """Personal data in a text: ``text[start:end]`` is of this type."""

    start: int
    end: int
    type: str


_MAY = re.compile(r"@|\d{2}|:[/:]|-----BEGIN|[\w-]{20}|(?i:pass|secret|token|key)")
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+'%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.-])(?<!\d[ ])[1-6]\d{3}(?:[ -]?\d){8,15}(?![\w-])(?!\.\d)")
_CARD_WORD = re.compile(
    r"(?i)\b(?:card|credit|debit|maestro|visa|amex|karte|kreditkarte|carte|tarjeta)\b"
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
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])"
)
_SSN = re.compile(r"(?<![\w.-])(\d{3})([- ])(\d{2})\2(\d{4})(?![\w-])(?!\.\d)")
_SSN_BARE = re.compile(r"(?i:\bssn\b|social security)\D{0,25}?(?<!\d)(\d{3})(\d{2})(\d{4})(?!\d)")
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:{1,2}){3,7}[0-9A-Fa-f]{1,4}(?![\w:])|(?<![\w:.])[0-9A-Fa-f]{1,4}"
    r"(?::[0-9A-Fa-f]{1,4}){0,5}::(?:[0-9A-Fa-f]{1,4}:){0,5}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_CALLED = (
    r"(?i:\b(?:phone|tel|telephone|contact|call(?: me| us)?|calling|mobile|cell|fax|desk|whatsapp|telefon|handy|mobil|"
    r"rückruf|dial|answering|messages?|sms|my registered)\b)[^\w\n]{0,4}\n?[ \t]{0,4}"
    r"(?:(?i:number|no|nr|is|at|on|to|me|us|back|unter|my)\b[^\w\n]{0,3}){0,4}"
)
_ANY = r"\(?\d{2,5}\)?(?:[ .-]?\(?\d{2,5}\)?){1,5}(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
_PHONES = (
    # With a country code: +49 170 1234567, 0049 …, (+44) 20 7946 0958.
    re.compile(
        r"(?<![\w+])(?:\(?\+|(?<!\d )00(?=[1-9]))\d{1,3}\)?(?:[ ./-]{0,2}\(?\d{1,5}\)?){2,6}(?:\s?(?:x|ex"
        r"t\.?)\s?\d{1,6})?(?![\w-])"
    ),
    # North America: (212) 555-0123, 212-555-0123, 1-212-555-0123, 212.555.0123 x12.
    re.compile(
        r"(?<![\w.+-])(?<!\d )(?:1[ .-])?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}(?:\s?(?:"
        r"x|ext\.?)\s?\d{1,6})?(?![\w-])(?!\.\d)"
    ),
    # National with a trunk zero: 030 1234567, 0170/1234567, 020 7946 0958.
    re.compile(
        r"(?<![\w.,+:/-])(?<!\d )\(?0[1-9]\d{1,4}\)?[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}(?![\w-])(?![.,:]\d)"
    ),
    re.compile(r"(?<![\w.,+:/-])0\d(?:[ .-]\d\d){4}(?![\w-])"),
    # Any grouping of digits, but only beside a word that says what they are.
    re.compile(rf"{_CALLED}({_ANY})(?![\w-])(?!\.\d)"),
    re.compile(rf"(?<![\w.,+:/-])({_ANY})[ -](?i:office|fax|mobile|cell|home|work|phone)\b"),
)
_VERSION = re.compile(
    r"(?i:\b(?:v|ver|version|release|build|firmware|isbn|section|chapter|rev)\.?\s*:?\s*)$"
)
_NOT_PHONE = re.compile(
    r"(?i:\b(?:order|invoice|ticket|case|ref|reference|tracking|isbn|serial|part|item|model|account|meter|contract|"
    r"customer|policy|licen[cs]e|passport|card|iban|pin|code|id|uuid|sku|offset|bestell\w*|rechnung\w*|vertrags\w*|kunden\w*|zähler\w*)"
    r"(?:[ -]?(?:number|no|nr|nummer|id|code))?\.?\s*(?:is|:|#|=)?\s*#?)$"
)
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{30,}\b|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bsk-(?:proj-|ant-|live-|test-)?[A-Za-z0-9_-]{20,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{35}|\bhf_[A-Za-z0-9]{30,}\b|\bnpm_[A-Za-z0-9]{30,}\b"
    r"|\bpypi-[A-Za-z0-9_-]{40,}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bdop_v1_[a-f0-9]{40,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[\s\S]{0,8000}?-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
)
_URL_LOGIN = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:([^\s:/@]{3,128})@")
_ASSIGNED = re.compile(
    r"(?i:\b(?:password|passwd|passwort|pwd|api[_-]?key|secret(?:[_-]?key)?|access[_-]?token|auth[_-]?token|"
    r"client[_-]?secret|private[_-]?key)\b)[\"']?\s*(?:[:=]|(?i:is)\b:?)\s*[\"']?([^\s\"',;<>{}\[\]()]{8,128})"
)
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


def find_personal(text: str) -> list[PersonalSpan]:
    """Personal data and secrets in a text, in order, without overlaps.

    Example:
        >>> [s.type for s in find_personal("Card 4111 1111 1111 1111, not 4111 1111 1111 1112; mail jo@example.org")]
        ['card', 'email']
    """
    if not _MAY.search(text):
        return []
    found: list[PersonalSpan] = []
    for span in _candidates(text):
        if not any(span.start < other.end and other.start < span.end for other in found):
            found.append(span)
    return sorted(found, key=lambda s: s.start)


def _candidates(text: str) -> Iterator[PersonalSpan]:
    yield from _secrets(text)
    digits = any(c.isdigit() for c in text)
    if digits:
        for match in _IBAN.finditer(text):
            if end := _iban_end(match[0]):
                yield PersonalSpan(match.start(), match.start() + end, "iban")
        for match in _CARD.finditer(text):
            beside = text[max(0, match.start() - 40) : match.end() + 20]
            if is_card(match[0], named=bool(_CARD_WORD.search(beside))):
                yield PersonalSpan(*match.span(), "card")
        yield from _ssn(text)
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield PersonalSpan(*match.span(), "email")
    if digits:
        yield from _addresses(text)
        yield from _phones(text)


def _secrets(text: str) -> Iterator[PersonalSpan]:
    for match in _SECRETS.finditer(text):
        yield PersonalSpan(*match.span(), "secret")
    if "://" in text:
        for match in _URL_LOGIN.finditer(text):
            yield PersonalSpan(*match.span(1), "secret")
    for match in _ASSIGNED.finditer(text):
        value = match[1].rstrip(".!?")
        kinds = sum(any(test(c) for c in value) for test in (str.islower, str.isupper, str.isdigit))
        special = any(not c.isalnum() for c in value)
        if len(value) >= 8 and kinds + special >= 3 and not value.startswith(("$", "%", "*", "[")):
            yield PersonalSpan(match.start(1), match.start(1) + len(value), "secret")


def is_card(number: str, *, named: bool = False) -> bool:
    """Whether this is a payment card's number: 12 to 19 digits, the prefix of a scheme, the Luhn check digit.

    Args:
        number: Digits, with any separators.
        named: Whether the text around it speaks of a card; 12 digits count only then.

    Example:
        >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
        (True, False)
    """
    digits = "".join(c for c in number if c.isdigit())
    if len(set(digits)) < 2 or (len(digits) == 12 and not named):
        return False
    return any(
        len(digits) in lengths and re.match(prefix, digits) for prefix, lengths in _SCHEMES
    ) and _luhn([int(c) for c in digits])


def _luhn(digits: Sequence[int]) -> bool:
    odd, even = digits[-1::-2], digits[-2::-2]
    return (sum(odd) + sum(d * 2 - 9 * (d > 4) for d in even)) % 10 == 0


def _iban_end(text: str) -> int:
    """Length of the IBAN at the start of the text, 0 if there is none."""
    length = _IBAN_LENGTH.get(text[:2].upper(), 0)
    if not length:
        return 0
    letters, end = "", 0
    for i, c in enumerate(text):
        if c.isalnum():
            letters += c
            if len(letters) == length:
                end = i + 1
                break
    if not end:
        return 0
    moved = (letters[4:] + letters[:4]).upper()
    return end if int("".join(str(int(c, 36)) for c in moved)) % 97 == 1 else 0


def _ssn(text: str) -> Iterator[PersonalSpan]:
    for match in _SSN.finditer(text):
        if _is_ssn(match[1], match[3], match[4]) and not _NOT_PHONE.search(
            text[max(0, match.start() - 30) : match.start()]
        ):
            yield PersonalSpan(*match.span(), "ssn")
    for match in _SSN_BARE.finditer(text):
        if _is_ssn(match[1], match[2], match[3]):
            yield PersonalSpan(match.start(1), match.end(3), "ssn")


def _is_ssn(area: str, group: str, serial: str) -> bool:
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def _addresses(text: str) -> Iterator[PersonalSpan]:
    for match in _IPV4.finditer(text):
        octets = [int(o) for o in match[0].split(".")]
        before = text[max(0, match.start() - 24) : match.start()]
        plain = (
            max(octets) > 255
            or octets[0] in (0, 127, 255)
            or any(len(o) > 1 and o[0] == "0" for o in match[0].split("."))
        )
        # Small numbers throughout are a version or a section ("2.4.1.0") unless the text says
        # otherwise.
        small = max(octets) < 32 and not re.search(
            r"(?i)\b(?:ip|host|address|server|from)\W*$", before
        )
        if not plain and not small and not _VERSION.search(before):
            yield PersonalSpan(*match.span(), "ip")
    if "::" in text or text.count(":") >= 7:
        for match in _IPV6.finditer(text):
            try:
                address = ipaddress.IPv6Address(match[0])
            except ValueError:
                continue
            if not address.is_loopback and (
                len(match[0]) > 6 and any(c.isdigit() for c in match[0])
            ):
                yield PersonalSpan(*match.span(), "ip")


_LEAST = (8, 10, 9, 10, 7, 7)
"""Fewest digits for each of the patterns."""


def _phones(text: str) -> Iterator[PersonalSpan]:
    for pattern, least in zip(_PHONES, _LEAST, strict=True):
        for match in pattern.finditer(text):
            start, end = match.span(match.lastindex or 0)
            digits = sum(c.isdigit() for c in text[start:end])
            before = text[max(0, start - 40) : start]
            if (
                least <= digits <= 20
                and not _NOT_PHONE.search(before)
                and not _VERSION.search(before)
            ):
                yield PersonalSpan(start, end, "phone")


def placeholder(text: str, kind: str) -> str:
    """What stands in place of a value: the same value gives the same placeholder, everywhere and in every run.

    Example:
        >>> placeholder("Jo@Example.org", "email") == placeholder("jo@example.org", "email")
        True
    """
    plain = "".join(c for c in text.lower() if c.isalnum() or c in "@.")
    if kind in ("phone", "card", "iban", "ssn"):
        plain = "".join(c for c in plain if c.isalnum())
    mark = hashlib.sha256(f"tunewell {kind} {plain}".encode("utf-8", "replace")).hexdigest()[:5]
    return f"[{kind.upper()}_{mark}]"


def mask(text: str, spans: Sequence[PersonalSpan], same: Mapping[str, str] | None = None) -> str:
    """The text with every span replaced by its `placeholder`.

    Args:
        text: The text.
        spans: In order, without overlaps.
        same: What a value stands for (see `tunewell.checks.people.canonical`); itself if it is not
            in there.
    """
    parts, at = [], 0
    for span in spans:
        value = text[span.start : span.end]
        parts += [text[at : span.start], placeholder((same or {}).get(value, value), span.type)]
        at = span.end
    return "".join(parts) + text[at:]
