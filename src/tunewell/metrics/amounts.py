"""Amounts in one writing: currencies as codes behind the number, per cent as its sign, units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CODES: Final = frozenset(
    "aud brl cad chf clp cny cop crc czk dkk eur gbp ghs hkd huf idr ils inr jpy kes khr krw kzt "
    "lak mnt mxn myr ngn nok nzd php pln pyg ron rub sek sgd thb try twd uah usd vnd zar".split()
)
"""Codes of ISO 4217 that are read as currencies."""
_SYMBOLS: Final = {
    "€": "eur",
    "£": "gbp",
    "₤": "gbp",
    "$": "usd",
    "¥": "jpy",
    "₹": "inr",
    "₩": "krw",
    "₽": "rub",
    "₺": "try",
    "₴": "uah",
    "₫": "vnd",
    "₦": "ngn",
    "₪": "ils",
    "₱": "php",
    "₡": "crc",
    "₲": "pyg",
    "₵": "ghs",
    "₸": "kzt",
    "₮": "mnt",
    "₭": "lak",
    "៛": "khr",
    "฿": "thb",
}
_DOLLARS: Final = {
    "us": "usd",
    "u.s.": "usd",
    "a": "aud",
    "au": "aud",
    "c": "cad",
    "ca": "cad",
    "hk": "hkd",
    "nz": "nzd",
    "nt": "twd",
    "s": "sgd",
    "sg": "sgd",
    "r": "brl",
    "mx": "mxn",
}
_WORDS: Final = {
    "us dollars": "usd",
    "us dollar": "usd",
    "dollars": "usd",
    "dollar": "usd",
    "euros": "eur",
    "euro": "eur",
    "pounds sterling": "gbp",
    "pound sterling": "gbp",
    "swiss francs": "chf",
    "yen": "jpy",
    "yuan": "cny",
    "renminbi": "cny",
    "rupees": "inr",
    "roubles": "rub",
    "rubles": "rub",
    "рублей": "rub",
    "руб": "rub",
    "zloty": "pln",
    "złotych": "pln",
    "zł": "pln",
    "kč": "czk",
    "rmb": "cny",
}
_IDEOGRAPHS: Final = {
    "人民币": "cny",
    "美元": "usd",
    "美金": "usd",
    "欧元": "eur",
    "歐元": "eur",
    "英镑": "gbp",
    "日元": "jpy",
    "日圓": "jpy",
    "ドル": "usd",
    "ユーロ": "eur",
    "円": "jpy",
    "달러": "usd",
    "유로": "eur",
    "원": "krw",
}
"""Behind a number, without a space."""


def _any_of(names: Iterable[str]) -> str:
    longest_first = sorted(names, key=len, reverse=True)
    return "|".join(map(re.escape, longest_first))


_PREFIXED_DOLLAR: Final = re.compile(rf"(?<!\w)({_any_of(_DOLLARS)})\$")
_SYMBOL: Final = re.compile(rf"[{''.join(map(re.escape, _SYMBOLS))}]")
_WORD: Final = re.compile(rf"(?<![^\W\d])(?:{_any_of(_WORDS)})(?!\w)")
_IDEOGRAPH: Final = re.compile(rf"(?<=\d)\s*({_any_of(_IDEOGRAPHS)})(?![^\W\d_]*\d)")
_CODE: Final = "|".join(sorted(_CODES))
_CODE_FIRST: Final = re.compile(
    rf"(?P<outer>(?<!\S)[-+])?(?<!\w)(?P<code>{_CODE})\s*(?P<inner>[-+](?=\d))?\s*"
    r"(?P<number>\d+(?:\.\d+)?)(?![.,]?\d)"
)
_STUCK: Final = re.compile(rf"(?<=\d)({_CODE})(?!\w)")
_ZEROS: Final = re.compile(rf"(\d\.\d*?)0+(?=%| (?:{_CODE})(?!\w))")
_BARE_POINT: Final = re.compile(rf"(?<=\d)\.(?=%| (?:{_CODE})(?!\w))")

_PER_CENT: Final = re.compile(
    r"(?<!\w)(?:per\s?cent|percent|pct|prozent|pour cent|por ciento|per cento|por cento|procent|"
    r"процентов|процента|процент)(?!\w)|٪"
)
_BEFORE_PER_CENT: Final = re.compile(r"(?<=\d)\s+(?=[%‰])")
_DEGREES: Final = re.compile(r"\s*°\s*(?=[cfk](?!\w))|(?<=\d)\s*°")

_SQUARES: Final = re.compile(r"(?<=\d)(\s?)(mm|cm|dm|m|km|in|ft|yd|mi)([23])(?!\w)")
"""Squares and cubes of lengths, written without a raised digit."""
_UNIT_STUCK: Final = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)(?=(?:[µnkcdm]?[glm]|[mkg]?b(?:it)?|tb|[mkg]?hz|k?wh?|m?ah|[mk]?v|"
    r"min|ms|hrs?|kcal|k?j|k?pa|mmol|oz|lbs?|km/h|mph|kwp|ct)(?!\w))"
)
_MEGA: Final = re.compile(r"(?<=\d)(\s?)M(?=(?:W|Wh|Hz|V|VA|J|Pa|N|Ω|Ohm|mol|S|T|A)(?!\w))")
_BITS: Final = re.compile(r"(?<=\d)(\s?)([kKMGTP]i?)b(?=(?:ps|/s)?(?!\w))")


def with_units_apart(text: str) -> str:
    """Units that only their case tells apart, written differently: before case is folded.

    Example:
        >>> with_units_apart("5 MW, 5 mW, 10 Mb, 10 MB, 8 Mbps")
        '5 megaW, 5 mW, 10 Mbit, 10 MB, 8 Mbitps'
    """
    text = _MEGA.sub(r"\1mega", text)
    return _BITS.sub(r"\1\2bit", text)


def plain_amounts(text: str) -> str:
    """Per cent as a sign, currencies as codes behind the number, amounts by their value.

    Args:
        text: Small letters, numbers in plain writing.

    Example:
        >>> plain_amounts("-$5.50, us$ 5, 20 per cent, 1200.00 €, a$5, 5円, 5kg, 5 m2")
        '-5.5 usd, 5 usd, 20%, 1200 eur, 5 aud, 5 jpy, 5 kg, 5 m^2'
    """
    text = _PER_CENT.sub("%", text)
    text = _BEFORE_PER_CENT.sub("", text)
    text = _DEGREES.sub("°", text)
    text = _SQUARES.sub(r"\1\2^\3", text)
    text = _UNIT_STUCK.sub(r"\1 ", text)
    text = _PREFIXED_DOLLAR.sub(lambda match: f"{_DOLLARS[match[1]]} ", text)
    text = _IDEOGRAPH.sub(_code_of_word, text)
    text = _WORD.sub(_code_of_name, text)
    text = _SYMBOL.sub(_code_of_symbol, text)
    text = _STUCK.sub(r" \1", text)
    text = _CODE_FIRST.sub(_number_first, text)
    text = _ZEROS.sub(r"\1", text)
    return _BARE_POINT.sub("", text)


def _code_of_word(match: re.Match[str]) -> str:
    after = match.string[match.end() : match.end() + 1]
    right = " " if after.isalnum() else ""
    return f" {_IDEOGRAPHS[match[1]]}{right}"


def _code_of_name(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    left = " " if before.isdigit() else ""
    return f"{left}{_WORDS[match[0]]}"


def _code_of_symbol(match: re.Match[str]) -> str:
    """A code with a space towards a number or a letter that touches it."""
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    code = _SYMBOLS[match[0]]
    left = " " if before.isalnum() else ""
    right = " " if after.isalnum() else ""
    return f"{left}{code}{right}"


def _number_first(match: re.Match[str]) -> str:
    sign = match["outer"] or match["inner"] or ""
    return f"{sign}{match['number']} {match['code']}"
