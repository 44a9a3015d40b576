"""Signs and numbers that count, written as words, so that they survive the loss of punctuation.

"7 + 3" and "7 − 3", "C" and "C++", "5 %" and "5 €" are different things to ask; "7,911.6" and
"7 911,6" are one number. Every word made here begins with a digit: the comparison of words then
holds it for a value (see `tunewell.similar.word_table.have_digits`).
"""

from __future__ import annotations

import re
import unicodedata

TELLING_BYTES = b"+*/<>=%$#^&|~-0123456789"
"""An ASCII text without any of these is left as it is."""

_MINUS = "\\-\u2010\u2011\u2012\u2013\u2212"
_GROUPING = ",.'\u2019\u00a0\u202f\u2009"

_GROUPED = re.compile(
    rf"(?<![\w.,])\d{{1,3}}(?:(?P<by>[{_GROUPING} ])\d{{3}})(?:(?P=by)\d{{3}})*"
    r"(?:[.,]\d+)?(?![\w]|[.,]\d)"
)
"""A number with thousands separators, perhaps with decimals."""

_DECIMAL = re.compile(r"(?<![\w.,])(\d+)[.,](\d+)(?![\w]|[.,]\d)")
_UNGROUP = re.compile(r"[^\d]")
_CHAIN = re.compile(r"(?<!\d)\d++([/.\-])\d++(?:\1\d++)+")
"""Dates, versions, telephone numbers: what parts them is no sign."""

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")

_OPERAND = r"[\w)\]}]"
_SMALL = r"(?:\d[\d.]*|[^\W\d_]\d*|[)\]}])"
_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"</?[A-Za-z][^<>]*>"), " "),
    (re.compile(r"<=|=<|≤|⩽"), " 0le "),
    (re.compile(r">=|≥|⩾"), " 0ge "),
    (re.compile(r"!==?|≠|<>"), " 0ne "),
    (re.compile(r"=>|->|-->|=->"), " 0to "),
    (re.compile(r"<<"), " 0shl "),
    (re.compile(r"(?<=\S)>>(?!>)"), " 0shr "),
    (re.compile(r"={1,3}(?!=)"), " 0eq "),
    (re.compile(r"<(?=[\s\d(.$€£\-−A-Za-z])"), " 0lt "),
    (re.compile(rf"(?<={_OPERAND})\s*>(?!>)"), " 0gt "),
    (re.compile(r"(?<!\w)>(?=\s?\d)"), " 0gt "),
    (re.compile(r"&&"), " 0and "),
    (re.compile(r"\|\|"), " 0or "),
    (re.compile(r"±|\+/[-−]"), " 0pm "),
    (re.compile(r"\+"), " 0plus "),
    (re.compile(r"×|⋅|·(?=\s*\d)"), " 0times "),
    (re.compile(r"\*\*(?=\s*\d)|\^"), " 0pow "),
    (
        re.compile(rf"(?<={_OPERAND})\s*\*\s*(?={_SMALL}(?!\w))|(?<=\S\s)\*(?=\s\S)"),
        " 0times ",
    ),
    (re.compile(r"÷"), " 0over "),
    (re.compile(r"(?<=\d)\s*/\s*(?=\d)|(?<=\s)/(?=\s)|(?<=\b\w)\s?/\s?(?=\w\b)"), " 0over "),
    (re.compile(r"(?<=[A-Za-z])#"), " 0sharp "),
    (re.compile(r"%|\b(?:percent|per cent|prozent)\b", re.IGNORECASE), " 0percent "),
    (re.compile(r"‰"), " 0permille "),
    (re.compile(r"~(?=\s?\w)"), " 0tilde "),
    # A minus stands between two operands, in front of a number, or behind a short name ("A−").
    (
        re.compile(
            rf"(?<![\w])(?P<a>\d[\d.]*|[^\W\d_])\s*[{_MINUS}]\s*(?=(?:\d[\d.]*|[^\W\d_])(?!\w))"
        ),
        r"\g<a> 0minus ",
    ),
    (re.compile(rf"(?<=[)\]])\s*[{_MINUS}]\s*(?=[\w(])|(?<=\w)\s[{_MINUS}]\s(?=\()"), " 0minus "),
    (re.compile(rf"(?<![\w{_MINUS}.,])[{_MINUS}](?=[\d.(])"), " 0minus "),
    (re.compile(rf"(?:^|(?<=\s))[{_MINUS}](?=[A-Za-z]\b)"), " 0minus "),
    (re.compile(rf"(?<=\b[A-Z])[{_MINUS}](?!\w)|(?<=\b[A-Z][A-Z])[{_MINUS}](?!\w)"), " 0minus "),
)

_CURRENCIES = {
    "$": "0usd", "€": "0eur", "£": "0gbp", "¥": "0jpy", "₹": "0inr", "₽": "0rub", "₩": "0krw",
    "₺": "0try", "₴": "0uah", "₫": "0vnd", "₪": "0ils", "₿": "0btc", "¢": "0cent",
}  # fmt: skip
_SYMBOLS = "".join(map(re.escape, _CURRENCIES))
_BEFORE = re.compile(rf"(?<!\w)([{_SYMBOLS}])\s?(\d[\dp.]*)")
_SYMBOL = re.compile(rf"[{_SYMBOLS}]")
_CODES = {name[1:]: name for name in _CURRENCIES.values()} | {"euro": "0eur", "euros": "0eur"}
_AMOUNT = re.compile(rf"\s?(?:[{_SYMBOLS}%]|(?:usd|eur|gbp|chf)\b)", re.IGNORECASE)
_CODE = re.compile(
    r"(?<=\d)\s?(usd|eur|euros?|gbp|jpy|inr|rub|krw|try|uah|vnd|ils|btc)\b", re.IGNORECASE
)


def with_signs(text: str) -> str:
    """The text with its signs, currencies and numbers as words that count.

    Example:
        >>> with_signs("7 - 3").split(), with_signs("well-known - good").split()
        (['7', '0minus', '3'], ['well-known', '-', 'good'])
        >>> with_signs("7,911.6") == with_signs("7 911,6") == with_signs("7911.6")
        True
    """
    if text.isascii():
        raw = text.encode()
        if len(raw.translate(None, TELLING_BYTES)) == len(raw):
            return text
    else:
        text = _beyond_ascii(text)
    text = _with_plain_numbers(f" {text.strip()} ")
    text = _with_currencies(text)
    for pattern, word in _TOKENS:
        text = pattern.sub(word, text)
    return text


def _beyond_ascii(text: str) -> str:
    text = _POWER.sub(lambda found: f" 0pow {found[0].translate(_SUPERSCRIPTS)} ", text)
    return "".join(map(_written, text))


def _written(sign: str) -> str:
    """A mathematical sign or a picture as a word of its own; everything else as it stands."""
    if sign.isascii() or sign.isalnum() or sign in _KNOWN:
        return sign
    kind = unicodedata.category(sign)
    if kind == "Sm":
        return f" 0u{ord(sign):x} "
    if kind == "So" and ord(sign) > _FIRST_PICTURE:
        return f" u{ord(sign):x} "
    if kind == "So" and sign == "°":
        return " 0degree "
    return sign


_KNOWN = frozenset("≤⩽≥⩾≠±×⋅÷−")
_FIRST_PICTURE = 0x2600
"""Box drawings, bullets and arrows before it are layout; what follows are emoji."""


def _with_plain_numbers(text: str) -> str:
    """Numbers in one form: no thousands separators, a point before the decimals."""
    chains = list(_CHAIN.finditer(text))
    if chains:
        text = _CHAIN.sub(_as_chain, text)
    text = _GROUPED.sub(_ungrouped, text)
    return _DECIMAL.sub(_decimal, text)


def _as_chain(found: re.Match[str]) -> str:
    whole = found[0]
    if _GROUPED.fullmatch(whole):
        return whole
    return re.sub(r"[/.\-]", " ", whole)


def _ungrouped(found: re.Match[str]) -> str:
    whole, by = found[0], found["by"]
    decimals = _decimals_of(whole, by)
    if decimals is None and _may_be_decimals(whole, by):
        return whole
    before = whole[: decimals.start()] if decimals else whole
    plain = _UNGROUP.sub("", before)
    return f"{plain}.{decimals[1]}" if decimals else plain


def _decimals_of(whole: str, by: str) -> re.Match[str] | None:
    """The decimals of a number, behind the sign that does not part its thousands."""
    other = {",": "[.]", ".": "[,]"}.get(by, "[.,]")
    return re.search(rf"{other}(\d+)$", whole)


def _may_be_decimals(whole: str, by: str) -> bool:
    """Whether what parts the thousands may part decimals: "1.234", "0,125"."""
    if whole.startswith("0"):
        return True
    return by == "." and whole.count(by) == 1


def _decimal(found: re.Match[str]) -> str:
    """Decimals as one word: "1.5" is "1p5".

    Zeros at the end of an amount say nothing; version 3.10 is not version 3.1.
    """
    after = found[2]
    around = found.string[max(0, found.start() - 2) : found.start()]
    behind = found.string[found.end() : found.end() + 6]
    if _SYMBOL.search(around) or _AMOUNT.match(behind) or not after.strip("0"):
        after = after.rstrip("0")
    return f"{found[1]}p{after}" if after else found[1]


def _with_currencies(text: str) -> str:
    text = _CODE.sub(lambda found: f" {_CODES[found[1].casefold()]} ", text)
    text = _BEFORE.sub(lambda found: f"{found[2]} {_CURRENCIES[found[1]]} ", text)
    return _SYMBOL.sub(lambda found: f" {_CURRENCIES[found[0]]} ", text)
