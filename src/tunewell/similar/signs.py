"""Signs and numbers that count, written as words, so that they survive the loss of punctuation.

"7 + 3" and "7 − 3", "C" and "C++", "5 %" and "5 €" are different things to ask; "7,911.6" and
"7 911,6" are one number. Every word made here begins with a digit: the comparison of words then
holds it for a value (see `tunewell.similar.word_table.have_digits`).
"""

from __future__ import annotations

import functools
import re
import unicodedata

TELLING_BYTES = b"+*/<>=%$#^&|~\\-0123456789"
"""An ASCII text without any of these is left as it is."""

_DIGITS = frozenset("0123456789")
_MINUS = "\\-\u2010\u2011\u2012\u2013\u2212"
_GROUPING = ",.'\u2019\u00a0\u202f\u2009"

_GROUPED = re.compile(
    rf"(?<![\w.,])\d{{1,3}}(?:(?P<by>[{_GROUPING} ])\d{{3}})(?:(?P=by)\d{{3}})*"
    r"(?:[.,]\d+)?(?![\w]|[.,]\d)"
)
"""A number with thousands separators, perhaps with decimals."""

_DECIMAL = re.compile(r"(?<![\w.,])(\d+)[.,](\d+)(?![\w]|[.,]\d)")
_PARTED = re.compile(rf"\d[{_GROUPING} /.\-]\d")
_UNGROUP = re.compile(r"[^\d]")
_CHAIN = re.compile(r"(?<!\d)\d++([/.\-])\d++(?:\1\d++)+")
"""Dates, versions, telephone numbers: what parts them is no sign."""

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")

_FRACTION = re.compile("[\u00bc-\u00be\u2150-\u215e]")
"""Fractions of one sign: ½ is 1/2."""

_OPERAND = r"[\w)\]}]"
_SMALL = r"(?:\d[\d.]*|[^\W\d_]\d*|[)\]}])"


def _behind(operand: str, sign: str) -> str:
    """A pattern for what stands in front of a sign, perhaps with a space between.

    It follows the sign, so that the search begins with the sign, which is rare.
    """
    return rf"(?:(?<={operand}{sign})|(?<={operand}\s{sign}))"


_BEHIND_DIGIT = _behind(r"\d", "/")
_BEHIND_ONE_SIGN = _behind(r"\b\w", "/")
_A_MINUS = f"[{_MINUS}]"
_BEHIND_BRACKET = _behind(r"[)\]]", _A_MINUS)
_BEHIND_NUMBER = _behind(r"\d", _A_MINUS)
_BEHIND_LETTER = _behind(r"\b[^\W\d_]", _A_MINUS)

_SIGNS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("<", re.compile(r"</?[A-Za-z][^<>]*>"), " "),
    ("<≤⩽", re.compile(r"<=|=<|≤|⩽"), " 0le "),
    (">≥⩾", re.compile(r">=|≥|⩾"), " 0ge "),
    ("!≠<", re.compile(r"!==?|≠|<>"), " 0ne "),
    (">", re.compile(r"=>|->|-->|=->"), " 0to "),
    ("<", re.compile(r"<<"), " 0shl "),
    (">", re.compile(r">>(?!>)(?<=\S>>)"), " 0shr "),
    ("=", re.compile(r"={1,3}(?!=)"), " 0eq "),
    ("<", re.compile(r"<(?=[\s\d(.$€£\-−A-Za-z])"), " 0lt "),
    (">", re.compile(rf">(?!>){_behind(_OPERAND, '>')}"), " 0gt "),
    (">", re.compile(r">(?<!\w>)(?=\s?\d)"), " 0gt "),
    ("&", re.compile(r"&&"), " 0and "),
    ("|", re.compile(r"\|\|"), " 0or "),
    ("&", re.compile(r"(?<=[\w)\]]\s)&(?=\s[\w(~])"), " and "),
    ("|", re.compile(r"(?<=\b\w\s)\|(?=\s\w\b)"), " 0or "),
    ("*", re.compile(r"(?<=[\w)\]]\s)\*\*(?=\s[\w(])"), " 0pow "),
    ("/", re.compile(r"(?<=[\w)\]]\s)//(?=\s[\w(])"), " 0floor "),
    # the commands of LaTeX: \subset and \supset are other signs
    ("\\", re.compile(r"\\(?![nrt][A-Z])(?=[A-Za-z]{2})"), " 0"),
    ("±+", re.compile(r"±|\+/[-−]"), " 0pm "),
    ("+", re.compile(r"\+"), " 0plus "),
    ("×⋅·", re.compile(r"×|⋅|·(?=\s*\d)"), " 0times "),
    ("^", re.compile(r"(?<=[A-Za-z_)\]]\s)\^(?=\s[A-Za-z_(])"), " 0xor "),
    ("*^", re.compile(r"\*\*(?=\s*\d)|\^"), " 0pow "),
    (
        "*",
        re.compile(
            rf"\*(?:{_behind(_OPERAND, '[*]')}(?=\s*{_SMALL}(?!\w))|(?<=\S\s\*)(?=\s[\w(\[{{]))"
        ),
        " 0times ",
    ),
    ("÷", re.compile(r"÷"), " 0over "),
    (
        "/",
        re.compile(rf"/(?:{_BEHIND_DIGIT}(?=\s*\d)|(?<=\s/)(?=\s)|{_BEHIND_ONE_SIGN}(?=\s?\w\b))"),
        " 0over ",
    ),
    ("#", re.compile(r"#(?<=[A-Za-z]#)"), " 0sharp "),
    ("%", re.compile(r"%"), " 0percent "),
    ("‰", re.compile(r"‰"), " 0permille "),
    ("~", re.compile(r"~(?=\s?\w)"), " 0tilde "),
)
"""What must be in a text, the sign that then may be there, and the word for it, in this order."""

_IN_WORDS = re.compile(r"\b(?:percent|per cent|prozent)\b", re.IGNORECASE)

_IS_MINUS = re.compile(
    rf"{_A_MINUS}(?:"
    # between two operands: numbers, letters, brackets
    rf"(?:{_BEHIND_NUMBER}|{_BEHIND_LETTER})(?=\s*(?:\d[\d.]*|[^\W\d_])(?!\w))"
    rf"|{_BEHIND_BRACKET}(?=\s*[\w(])|(?<=\w\s{_A_MINUS})(?=\s\()"
    # in front of a number or a letter
    rf"|(?<![\w{_MINUS}.,]{_A_MINUS})(?=[\d.(])|(?<=\s{_A_MINUS})(?=[A-Za-z]\b)"
    # behind a grade or a blood group: "A−", "AB−"
    rf"|(?:(?<=\b[A-FO]{_A_MINUS})|(?<=\bAB{_A_MINUS}))(?=[\s.,;:!?)\]]|$)"
    r")"
)

_CURRENCIES = {
    "$": "0usd", "€": "0eur", "£": "0gbp", "¥": "0jpy", "₹": "0inr", "₽": "0rub", "₩": "0krw",
    "₺": "0try", "₴": "0uah", "₫": "0vnd", "₪": "0ils", "₿": "0btc", "¢": "0cent",
}  # fmt: skip
_SYMBOLS = "".join(map(re.escape, _CURRENCIES))
_BEFORE = re.compile(rf"(?<!\w)([{_SYMBOLS}])\s?(\d[\dp.]*)")
_SYMBOL = re.compile(rf"[{_SYMBOLS}]")
_CODES = {name[1:]: name for name in _CURRENCIES.values()} | {"euro": "0eur", "euros": "0eur"}
_AMOUNT = re.compile(
    rf"\s?(?:[{_SYMBOLS}%°]|(?:usd|eur|gbp|chf|[mkcdnµ]?[mgls]|k?wh?|mwh?|ml|km/h|mph|hz|[kmg]hz|"
    r"[kmgt]b|lbs?|oz|ft|feet|inch(?:es)?|miles?|met(?:er|re)s?|litr?e?r?s?|hours?|days?|weeks?|"
    r"years?|percent)\b)",
    re.IGNORECASE,
)
"""What makes a number in front of it an amount, of which 3.50 and 3.5 are one."""

_CODE = re.compile(
    r"(?<=\d)\s?(usd|eur|euros?|gbp|jpy|inr|rub|krw|try|uah|vnd|ils|btc)\b", re.IGNORECASE
)


SIGN_WORDS = (
    *_CURRENCIES.values(),
    *(word.strip() for _, _, word in _SIGNS if word.strip() != "0"),
    *"0minus 0percent 0pow 0degree".split(),
)
"""The words that stand for signs, but for those of LaTeX and of rare symbols."""

_CODE_NAMES = ("usd", "eur", *"gbp jpy inr rub krw try uah vnd ils btc".split())


def with_signs(text: str) -> str:
    r"""The text with its signs, currencies and numbers as words that count.

    Example:
        >>> with_signs("7 - 3").split(), with_signs("well-known - good").split()
        (['7', '0minus', '3'], ['well-known', '-', 'good'])
        >>> with_signs(r"A \subset B").split(), with_signs("a ** b").split()
        (['A', '0subset', 'B'], ['a', '0pow', 'b'])
        >>> with_signs("7,911.6") == with_signs("7 911,6") == with_signs("7911.6")
        True
    """
    if text.isascii():
        raw = text.encode()
        if len(raw.translate(None, TELLING_BYTES)) == len(raw):
            return text
    else:
        text = _beyond_ascii(text)
    text = f" {text.strip()} "
    present, small = set(text), text.lower()
    if not present.isdisjoint(_DIGITS):
        text = _with_plain_numbers(text)
    text = _with_currencies(text, present, small)
    for needed, pattern, word in _SIGNS:
        if not present.isdisjoint(needed):
            text = pattern.sub(word, text)
    if "cent" in small or "prozent" in small:
        text = _IN_WORDS.sub(" 0percent ", text)
    if not present.isdisjoint(_MINUS):
        text = _IS_MINUS.sub(" 0minus ", text)
    return text


def _beyond_ascii(text: str) -> str:
    text = _FRACTION.sub(lambda found: f" {unicodedata.normalize('NFKC', found[0])}", text)
    text = text.replace("\u2044", "/")
    text = _POWER.sub(lambda found: f" 0pow {found[0].translate(_SUPERSCRIPTS)} ", text)
    for sign in sorted(set(text)):
        if not sign.isascii():
            written = _written(sign)
            if written != sign:
                text = text.replace(sign, written)
    return text


@functools.cache
def _written(sign: str) -> str:
    """A mathematical sign or a picture as a word of its own; everything else as it stands."""
    if sign.isalnum() or sign in _KNOWN:
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
    if not _PARTED.search(text):
        return text
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
    behind = found.string[found.end() : found.end() + 9]
    if _SYMBOL.search(around) or _AMOUNT.match(behind) or not after.strip("0"):
        after = after.rstrip("0")
    return f"{found[1]}p{after}" if after else found[1]


def _with_currencies(text: str, present: set[str], small: str) -> str:
    """Currencies as words behind their amounts."""
    if not present.isdisjoint(_DIGITS) and any(code in small for code in _CODE_NAMES):
        text = _CODE.sub(lambda found: f" {_CODES[found[1].casefold()]} ", text)
    if present.isdisjoint(_CURRENCIES):
        return text
    text = _BEFORE.sub(lambda found: f"{found[2]} {_CURRENCIES[found[1]]} ", text)
    return _SYMBOL.sub(lambda found: f" {_CURRENCIES[found[0]]} ", text)
