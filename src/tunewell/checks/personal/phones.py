"""Phone numbers in a text, by their grouping and by the words beside them."""

from __future__ import annotations

import re
from functools import partial

from tunewell.checks.personal.identifier import DIGIT, Identifier, Place
from tunewell.checks.personal.number_context import (
    NOT_AFTER_WORD,
    NOT_BEFORE_WORD,
    follows_version_word,
    has_other_numbers,
    named_otherwise,
    stands_in_table,
)

_WORDS = (
    r"phone|ph|my number|tel|telephone|telefone?|teléfono|téléphone|telefon\w{0,3}|"
    r"telefoon\w{0,8}|telefono|"
    r"contact|call(?: me| us)?|calling|mobile|cell|fax|desk|whatsapp|signal|landline|hotline|handy|"
    r"mobil|mobiel|rückruf|ruf(?:t|en)?|dial|ring|answering|messages?|sms|text|my registered|"
    r"portable|appel(?:ez|er)?|joignable|móvil|celular|ll[aá]m\w{1,6}|cellulare|"
    r"chiam\w{1,6}|telemóvel|"
    r"lig(?:ue|ar)|komórk\w{1,3}|(?:za)?dzwo\w{1,4}|numer|zavolej\w{0,2}|puhelin\w{0,4}|gsm|"
    r"bel|ring(?:a|e)?|tlf|"
    r"τηλ\w*|κινητό|тел\w*|звон\w*|моб\w*|дзвон\w*|ara(?:yın)?|cep|nomor|hp|điện thoại|sđt|đt|"
    r"hívj\w{0,4}|suna\w{0,2}|sunați|טלפון|נייד|هاتف|جوال|اتصل|تلفن|موبایل|फ़?ोन|मोबाइल|"
    r"โทร\S{0,6}|เบอร์"
)
_EAST_ASIAN_WORDS = r"电话|電話|手机|手機|携帯|連絡先|전화|휴대폰|연락처"
_CALLED = (
    rf"(?:(?i:(?<!\w)(?:{_WORDS})(?!\w))|{_EAST_ASIAN_WORDS})"
    r"(?:番号|号码|號碼|번호)?[^\w\n]{0,4}\n?[ \t]{0,4}"
    r"(?:(?i:number|no|nr|is|at|on|to|me|us|back|unter|my|au|al|em|pod|na|på|por|le|el|il|"
    r"es|est|ist|nummer|за|по|は|是|为|為|는|은)"
    r"(?!\w)[^\w\n]{0,3}|[は是为為는은]\s?){0,4}"
)
_EXTENSION = r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?"
_ANY = rf"\(?\d{{2,5}}\)?(?:[ .-]?\(?\d{{2,5}}\)?){{1,5}}{_EXTENSION}"
_END = rf"{NOT_BEFORE_WORD}(?!-)"
_INTERNATIONAL = re.compile(
    rf"{NOT_AFTER_WORD}(?<![+.,/=*-])(?<!\d )(?:\(?\+|(?<!\d )00[ -]?(?=[1-9]))\d{{1,3}}\)?"
    rf"(?:[ ./-]{{0,2}}\(?\d{{1,5}}\)?){{2,6}}{_EXTENSION}{_END}(?!\.\d)"
)
"""With a country code: +49 170 1234567, 0049 …, (+44) 20 7946 0958."""
_NORTH_AMERICAN = re.compile(
    rf"{NOT_AFTER_WORD}(?<![.,+:/#-])(?<!\d )(?:1[ .-])?"
    r"(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}(?P<mark>[ .-]))\d{3}[ .-]\d{4}"
    rf"{_EXTENSION}{_END}(?![.,:]\d)"
)
"""(212) 555-0123, 212-555-0123, 1-212-555-0123, 212.555.0123 x12."""
_NATIONAL = re.compile(
    rf"{NOT_AFTER_WORD}(?<![.,+:/-])(?<!\d )\(?0[1-9]\d{{1,4}}\)?[ /-]\d{{2,4}}"
    rf"(?:[ -]?\d{{2,4}}){{1,3}}{_END}(?![.,:]\d)(?! \d)"
)
"""With a trunk zero: 030 1234567, 0170/1234567, 020 7946 0958."""
_IN_PAIRS = re.compile(
    rf"{NOT_AFTER_WORD}(?<![.,+:/-])(?<!\d )0[1-9](?P<pair>[ .-])\d\d"
    rf"(?:(?P=pair)\d\d){{3}}{_END}(?![ .,]\d)"
)
"""01 23 45 67 89, as in France."""
_AFTER_WORD = re.compile(rf"{NOT_AFTER_WORD}(?<!\d[.,:/-])({_ANY}){_END}(?![.,:]\d)")
_ENDS_WITH_WORD = re.compile(rf"{_CALLED}$")
"""Any grouping of digits, but only after a word that says what they are."""
_BEFORE_WORD = re.compile(
    rf"{NOT_AFTER_WORD}(?<![.,+:/-])({_ANY})[ -](?i:office|fax|mobile|cell|home|work|phone)\b"
)
_LEAST_DIGITS = {
    _INTERNATIONAL: 8,
    _NORTH_AMERICAN: 10,
    _NATIONAL: 9,
    _IN_PAIRS: 10,
    _AFTER_WORD: 7,
    _BEFORE_WORD: 7,
}
_MOST_DIGITS = 20
SEVEN_DIGITS = re.compile(r"\d(?:[ ./()-]{0,3}\d){6}")
"""A text without so many in a row has no phone number."""
_NAMED = (_AFTER_WORD, _BEFORE_WORD)

_COUNTRY_CODES = (
    "1 20 211 212 213 216 218 22\\d 23\\d 24\\d 25\\d 26\\d 27 290 291 297 298 299 30 31 "
    "32 33 34 350 351 352 "
    "353 354 355 356 357 358 359 36 370 371 372 373 374 375 376 377 378 379 380 381 382 "
    "383 385 386 387 389 "
    "39 40 41 420 421 423 43 44 45 46 47 48 49 50\\d 51 52 53 54 55 56 57 58 59\\d 60 61 "
    "62 63 64 65 66 67\\d "
    "68\\d 69\\d 7 800 808 81 82 84 850 852 853 855 856 86 870 88\\d 90 91 92 93 94 95 960 "
    "961 962 963 964 965 "
    "966 967 968 970 971 972 973 974 975 976 977 979 98 992 993 994 995 996 998"
).split()
"""Country codes of ITU-T E.164."""
_CODED = re.compile(rf"(?:\+|00)(?:{'|'.join(_COUNTRY_CODES)})\d{{6,13}}")
_NORTH_AMERICAN_CODED = re.compile(r"(?:\+|00)1[2-9]\d{9}")
_DATE_OR_TIME = re.compile(
    r"(?:19|20)\d\d[ .-]\d\d?[ .-]\d\d?(?: \d\d?){0,3}|\d\d?[ .-]\d\d?[ .-](?:19|20)\d\d|"
    r"(?:19|20)\d\d[ -](?:19|20)\d\d"
)
_FAR_APART = re.compile(r"\d[ \t\n]{2,}\d|\d[.,]\d{6,}")
"""Between numbers of a table."""
_POSTAL_CODE = re.compile(r"\d{5}-\d{4}")
_WORD_NEARBY = re.compile(rf"(?i)(?<!\w)(?:{_WORDS})(?!\w)|{_EAST_ASIAN_WORDS}")
_VARIABLE = re.compile(r"\b(?:text|messages?|signal|ring|call|contact|desk|answering) ?= ?$")
"""A name in code, and not the word for a phone."""
_CODE_BEFORE = re.compile(r"(?:[=<>*%&|^~{\[]\s*|\w\()$")


def _proof(pattern: re.Pattern[str], match: re.Match[str]) -> Place | None:
    start, end = match.span(1) if pattern in _NAMED else match.span()
    number = match.string[start:end]
    digits = len(DIGIT.findall(number))
    if _FAR_APART.search(number) or _POSTAL_CODE.fullmatch(number):
        return None
    if not _LEAST_DIGITS[pattern] <= digits <= _MOST_DIGITS or _DATE_OR_TIME.fullmatch(number):
        return None

    said = match.string[max(0, start - 60) : start]
    is_international = number.startswith(("+", "(+"))
    if not is_international and (named_otherwise(said) or follows_version_word(said)):
        return None
    if pattern is _AFTER_WORD and (_VARIABLE.search(said) or not _ENDS_WITH_WORD.search(said)):
        return None
    if pattern in _NAMED:
        return start, end
    return (start, end) if _is_unmistakable(pattern, match, said) else None


def _is_unmistakable(pattern: re.Pattern[str], match: re.Match[str], said: str) -> bool:
    """Whether the grouping, or a word not far before it, leaves no doubt."""
    if pattern is _INTERNATIONAL and not _has_country_code(match[0]):
        return False
    if _WORD_NEARBY.search(said):
        return True
    if pattern is _INTERNATIONAL and match[0].startswith(("+", "(+")):
        return not match[0][1:].isdigit() or not _CODE_BEFORE.search(said)
    if "(" in match[0]:
        return True
    # Digits between spaces alone may be anything in a row of numbers.
    if pattern is _NORTH_AMERICAN and match["mark"] == " ":
        return not has_other_numbers(match.string, *match.span())
    return not stands_in_table(match.string, *match.span())


def _has_country_code(number: str) -> bool:
    bare = re.split(r"\s?(?:x|ext)", number)[0].replace("(0)", "")
    plain = re.sub(r"[^\d+]", "", bare)
    if plain.lstrip("+0").startswith("1") and not plain.startswith("+0"):
        return _NORTH_AMERICAN_CODED.fullmatch(plain) is not None
    return _CODED.fullmatch(plain) is not None


PHONES = tuple(
    Identifier("phone", pattern, proof=partial(_proof, pattern), needs=SEVEN_DIGITS)
    for pattern in _LEAST_DIGITS
)
"""One for each way in which phone numbers are written."""
