"""Names and postal addresses by what stands around them (pitfall D07).

Titles, introductions, greetings, signatures, the grammar of streets. No list of names and no model:
only places where people write names. It is fast and misses every name without such a sign;
`tunewell.checks.personal.names_by_rampart` finds those too.
"""

from __future__ import annotations

import re

from tunewell.checks.personal.identifier import DIGIT, Identifier, Place, every
from tunewell.checks.personal.spans import PersonalSpan, first_of_overlapping

_UPPER = r"[A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΑ-ΩА-Я]"
_WORD = rf"{_UPPER}[^\W\d_]*(?:['’-][^\W\d_]+)*"
_LINK = r"(?:van|von|der|den|de|del|della|di|da|dos|la|le|el|al|bin|ben|ibn|zu|y|e)"
_NAME = rf"{_WORD}(?:(?:[ ]{_LINK}){{0,2}}[ ](?:{_UPPER}\.|{_WORD})){{0,3}}"
_TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|"
    r"Sr|Sra|Señora?|Don|Doña|Signora?|Sig|Dott)"
)
_TITLED = re.compile(rf"\b{_TITLE}(?:\.[ ]?|[ ])(?:(?:Dr|Prof)\.[ ])?({_NAME})")
_INTRODUCED = re.compile(
    r"(?:(?i:\bmy (?:full |first |last |real |maiden )?name(?: is|'s|’s|:)|\bname:|\bthis is|"
    r"\bi am called|\bi'm called|\bcalled me|\bon behalf of|\bspeaking with|\bsigned(?: by)?[:,]?|"
    r"\bmein name ist|\bich heiße|\bje m'appelle|\bme llamo|\bmi chiamo|"
    r"\bregistered to|\bthe name of|\bcardholder:?|\bpatient:?)[ \t]+)"
    rf"(?:{_TITLE}\.?[ ])?({_NAME})"
)
_PLAIN = re.compile(
    r"(?i:\bmy (?:full |first |last )?name is|\bmein name ist|\bich heiße|\bje m'appelle|"
    r"\bme llamo|\bmi chiamo)[ ]+([a-z]{2,20}(?:[ ][a-z]{2,20})?)\b"
)
_GREETED = re.compile(
    r"(?m)(?:^|[.!?]\s)[ \t]*"
    r"(?:Hi|Hello|Hey|Dear|Hallo|Liebe|Lieber|Bonjour|Cher|Chère|Hola|Ciao|"
    r"Thanks|Thank you|Good (?:morning|afternoon|evening))[ ]"
    rf"(?:{_TITLE}\.?[ ])?({_NAME})(?=[ ]?[,.!\n]|$|[ ]-)"
)
_SIGNED = re.compile(
    r"(?im)^[ \t]*(?:(?:kind|best|warm|many|with kind|with best)[ ]regards|regards|best wishes|"
    r"best|sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|cheers|thanks|thank you|"
    r"mit freundlichen grüßen|viele grüße|cordialement|saludos)"
    rf"[,.!]?[ \t]*\n+[ \t]*(?-i:({_NAME}))[ \t]*$"
)
_NOT_NAMES = frozenset(
    "I You We They He She It The This That A An And Or But If When Where What Why How Who Not No "
    "Yes All Any Each Every Team Support Service Customer Everyone Everybody Everything Guys Folks "
    "Sir Madam There Again Friend Friends Monday Tuesday Wednesday Thursday Friday Saturday Sunday "
    "January February March April June July August September October November December Today "
    "Tomorrow Here Okay Ok Just For Your My Our Their Please In On At To From Of World Colleague "
    "Colleagues Suite Apt Apartment Unit Box Alle Leute Welt Damen Herren".split()
)
"""Words with a capital that are no part of a name."""
_NOT_LOWER = frozenset(
    "the a an not no on in at is it for from with to and or but wrong correct listed registered "
    "under also still spelled misspelled only same different going please of changed incorrect "
    "missing there here now that this".split()
)
"""Words without a capital after "my name is" that are no name."""
_SUFFIX = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Way|"
    r"Place|Pl|Terrace|Close|Crescent|Highway|Hwy|Parkway|Pkwy|Row|Walk|Hill|Gardens|Grove|Quay|"
    r"Circle|Cir|Trail|Mews|Heights)"
)
_PART = rf"(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)|[NSEW]\.?)"
_UNIT = (
    r"(?:,?[ \n]+(?i:apt|apartment|suite|unit|flat|floor|room|door|#)\.?[ ]?#?"
    r"[A-Za-z]?\d{1,5}[A-Za-z]?)"
)
_TOWN = (
    rf"(?:,?[ \n]+{_WORD}(?:[ ]{_WORD}){{0,2}})?"
    r"(?:,?[ ]+(?:[A-Z]{2}[ ]+)?(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}))"
)
_GERMAN = (
    rf"{_UPPER}[^\W\d_]{{2,}}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee)"
)
_ENGLISH_ADDRESS = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?,?[ ](?:{_PART}[ ]){{1,4}}{_SUFFIX}\b\.?{_UNIT}?(?:{_TOWN})?"
)
_GERMAN_ADDRESS = re.compile(
    r"(?<!\w)(?!During|Spring|String|Evening|Offering|Bring)"
    rf"(?:{_GERMAN}|(?:{_WORD}-)*(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse)|"
    rf"(?:Am|An der|Im|Zum|Zur)[ ]{_WORD})"
    rf"[ ]\d{{1,4}}[ ]?[a-h]?\b(?:,[ ]?(?:D-)?\d{{4,5}}[ ]{_WORD})?"
)
_ROMANCE_ADDRESS = re.compile(
    r"\b(?:\d{1,4}(?:[ ](?:bis|ter))?,?[ ])?"
    r"(?i:rue|avenue|av\.|boulevard|quai|impasse|calle|carrer|paseo|plaza|via|viale|piazza|corso|"
    r"rua|c/)[ ]"
    rf"(?:(?:de|del|della|des|du|la|le|los|las|l'|d')[ ]?){{0,2}}{_WORD}"
    rf"(?:[ ](?:(?:de|del|du|la)[ ])?{_WORD}){{0,3}}(?:,?[ ]\d{{1,4}}\b)?{_UNIT}?"
)
_BOX = re.compile(r"\b(?:P\.?[ ]?O\.?[ ]Box|Postfach)[ ]\d{1,6}\b")


def _without_trailing_words(match: re.Match[str]) -> Place | None:
    """A name without the words behind it that are none; None if it begins with one."""
    words = match[1].split(" ")
    if words[0] in _NOT_NAMES or _is_code(match, words):
        return None
    while words[-1] in _NOT_NAMES:
        words.pop()
    start = match.start(1)
    return start, start + len(" ".join(words))


def _is_code(match: re.Match[str], words: list[str]) -> bool:
    """Whether the name is that of a class, a decorator, a call or a step of a configuration."""
    following = match.string[match.end(1) : match.end(1) + 2]
    is_member = following[:1] in ("(", "[", "_", "=") or _MEMBER.match(following) is not None
    is_key = len(words) == 1 and match[0].lower().startswith("name:")
    is_step = _STEP.search(match.string, max(0, match.start() - 4), match.start(1)) is not None
    return is_member or is_key or is_step or any(map(_INNER_CAPITAL.search, words))


_MEMBER = re.compile(r"\.[^\W\d_]|::")
_STEP = re.compile(r"@|- name:")
_INNER_CAPITAL = re.compile(
    r"(?<!^Mc)(?<!^Mac)(?<!^De)(?<!^Di)(?<!^La)(?<!^Le)(?<!^Van)(?<=[a-z])[A-Z]"
)


def _without_capitals(match: re.Match[str]) -> Place | None:
    """A name of one or two words that is introduced but written small."""
    start, end = match.span(1)
    words = match[1].lower().split(" ")
    if words[0] in _NOT_LOWER:
        return None
    if words[-1] in _NOT_LOWER:
        end = start + len(words[0])
    return start, end


def _with_number(match: re.Match[str]) -> Place | None:
    return match.span() if DIGIT.search(match[0]) else None


_ADDRESSES = (
    Identifier("address", _ENGLISH_ADDRESS, proof=_with_number, needs=DIGIT),
    Identifier("address", _GERMAN_ADDRESS, proof=_with_number, needs=DIGIT),
    Identifier("address", _ROMANCE_ADDRESS, proof=_with_number, needs=DIGIT),
    Identifier("address", _BOX, proof=_with_number, needs=DIGIT),
)
_NAMES = (
    Identifier("name", _TITLED, proof=_without_trailing_words),
    Identifier("name", _INTRODUCED, proof=_without_trailing_words),
    Identifier("name", _GREETED, proof=_without_trailing_words),
    Identifier("name", _SIGNED, proof=_without_trailing_words),
    Identifier("name", _PLAIN, proof=_without_capitals),
)


def find_names(text: str) -> list[PersonalSpan]:
    """Names (``name``) and postal addresses (``address``) that their context gives away, in order.

    Example:
        >>> text = "Dear Ms. Okoro, my name is Jun Ito and I live at 12 Old Mill Road."
        >>> [(text[s.start : s.end], s.type) for s in find_names(text)]
        [('Okoro', 'name'), ('Jun Ito', 'name'), ('12 Old Mill Road.', 'address')]
    """
    return first_of_overlapping(every((*_ADDRESSES, *_NAMES), text))
