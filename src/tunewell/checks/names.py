"""Names and addresses by what stands around them: titles, introductions, greetings, signatures, street grammar (D07).

No list of names and no model: only places where people write names. It is fast and misses every
name without such a sign; `tunewell.checks.rampart` finds those too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunewell.checks.personal import PersonalSpan

_UPPER = r"[A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΑ-ΩА-Я]"
_WORD = rf"{_UPPER}[^\W\d_]*(?:['’-][^\W\d_]+)*"
_LINK = r"(?:van|von|der|den|de|del|della|di|da|dos|la|le|el|al|bin|ben|ibn|zu|y|e)"
_NAME = rf"{_WORD}(?:(?:[ ]{_LINK}){{0,2}}[ ](?:{_UPPER}\.|{_WORD})){{0,3}}"
_TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Sr|Sra|Señora?|Don|Doña|"
    r"Signora?|Sig|Dott)"
)
_TITLED = re.compile(rf"\b{_TITLE}(?:\.[ ]?|[ ])(?:(?:Dr|Prof)\.[ ])?({_NAME})")
_INTRODUCED = re.compile(
    r"(?:(?i:\bmy (?:full |first |last |real |maiden )?name(?: is|'s|’s|:)|\bname:|\bthis is|\bi am called|"
    r"\bi'm called|\bcalled me|\bon behalf of|\bspeaking with|\bsigned(?: by)?[:,]?|\bmein name ist|\bich heiße|"
    rf"\bje m'appelle|\bme llamo|\bmi chiamo|\bregistered to|\bthe name of|\bcardholder:?|\bpatient:?)[ \t]+)"
    rf"(?:{_TITLE}\.?[ ])?({_NAME})"
)
_PLAIN = re.compile(
    r"(?i:\bmy (?:full |first |last )?name is|\bmein name ist|\bich heiße|\bje m'appelle|\bme llamo|\bmi chiamo)[ ]+"
    r"([a-z]{2,20}(?:[ ][a-z]{2,20})?)\b"
)
_GREETED = re.compile(
    r"(?m)(?:^|[.!?]\s)[ \t]*(?:Hi|Hello|Hey|Dear|Hallo|Liebe|Lieber|Bonjour|Cher|Chère|Hola|Ciao|Thanks|Thank you|"
    rf"Good (?:morning|afternoon|evening))[ ](?:{_TITLE}\.?[ ])?({_NAME})(?=[ ]?[,.!\n]|$|[ ]-)"
)
_SIGNED = re.compile(
    r"(?im)^[ \t]*(?:(?:kind|best|warm|many|with kind|with best)[ ]regards|regards|best wishes|best|"
    r"sincerely(?: yours)?|yours (?:sincerely|faithfully|truly)|cheers|thanks|thank you|"
    rf"mit freundlichen grüßen|viele grüße|cordialement|"
    rf"saludos)[,.!]?[ \t]*\n+[ \t]*(?-i:({_NAME}))[ \t]*$"
)
_NOT_NAMES = frozenset(
    "I You We They He She It The This That A An And Or But If When Where What Why How Who Not No Yes All Any Each "
    "Every Team Support Service Customer Everyone Everybody Everything Guys Folks Sir Madam There Again Friend Friends "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July "
    "August September October November December Today Tomorrow Here Okay Ok Just For "
    "Your My Our Their Please In On At To From Of World "
    "Colleague Colleagues Suite Apt Apartment Unit Box Alle Leute Welt Damen Herren".split()
)
_NOT_LOWER = frozenset(
    "the a an not no on in at is it for from with to and or but wrong correct listed registered under also still "
    "spelled misspelled only same different going please of changed incorrect missing there here now that this".split()
)
_SUFFIX = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Way|Place|Pl|Terrace|Close|"
    r"Crescent|Highway|Hwy|Parkway|Pkwy|Row|Walk|Hill|Gardens|Grove|Quay|Circle|Cir|Trail|Mews|Heights)"
)
_PART = rf"(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)|[NSEW]\.?)"
_UNIT = r"(?:,?[ \n]+(?i:apt|apartment|suite|unit|flat|floor|room|door|#)\.?[ ]?#?[A-Za-z]?\d{1,5}[A-Za-z]?)"
_TOWN = (
    rf"(?:,?[ \n]+{_WORD}(?:[ ]{_WORD}){{0,2}})?(?:,?[ ]+(?:[A-Z]{{2}}[ ]+)?(?:\d{{5}}(?:-\d{{4}})?|"
    r"[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}))"
)
_GERMAN = (
    rf"{_UPPER}[^\W\d_]{{2,}}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee)"
)
_ADDRESSES = (
    re.compile(
        rf"\b\d{{1,5}}[A-Za-z]?,?[ ](?:{_PART}[ ]){{1,4}}{_SUFFIX}\b\.?{_UNIT}?(?:{_TOWN})?"
    ),
    re.compile(
        rf"(?<!\w)(?!During|Spring|String|Evening|Offering|Bring)(?:{_GERMAN}|(?:{_WORD}-)*(?:Straße|Strasse|Str\.|Weg|Platz|Allee|Gasse)|"
        rf"(?:Am|An der|Im|Zum|Zur)[ ]{_WORD})[ ]\d{{1,4}}[ ]?[a-h]?\b(?:,[ ]?(?:D-)?\d{{4,5}}[ ]{_WORD})?"
    ),
    re.compile(
        rf"\b(?:\d{{1,4}}(?:[ ](?:bis|ter))?,?[ ])?(?i:rue|avenue|av\.|boulevard|quai|impasse|calle|carrer|paseo|plaza|"
        rf"via|viale|piazza|corso|rua|c/)[ ](?:(?:de|del|della|des|du|la|le|los|las|l'|d')[ ]?){{0,2}}{_WORD}"
        rf"(?:[ ](?:(?:de|del|du|la)[ ])?{_WORD}){{0,3}}(?:,?[ ]\d{{1,4}}\b)?{_UNIT}?"
    ),
    re.compile(r"\b(?:P\.?[ ]?O\.?[ ]Box|Postfach)[ ]\d{1,6}\b"),
)


def find_names(text: str) -> list[PersonalSpan]:
    """Names (``name``) and postal addresses (``address``) that their surroundings give away, in order.

    Example:
        >>> text = "Dear Ms. Okoro, my name is Jun Ito and I live at 12 Old Mill Road."
        >>> [(text[s.start : s.end], s.type) for s in find_names(text)]
        [('Okoro', 'name'), ('Jun Ito', 'name'), ('12 Old Mill Road.', 'address')]
    """
    found: list[PersonalSpan] = []
    for span in (*_addresses(text), *_names(text)):
        if not any(span.start < other.end and other.start < span.end for other in found):
            found.append(span)
    return sorted(found, key=lambda s: s.start)


def _addresses(text: str) -> Iterator[PersonalSpan]:
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            if any(c.isdigit() for c in match[0]):
                yield PersonalSpan(*match.span(), "address")


def _names(text: str) -> Iterator[PersonalSpan]:
    for pattern in (_TITLED, _INTRODUCED, _GREETED, _SIGNED):
        for match in pattern.finditer(text):
            words = match[1].split(" ")
            while words and words[-1] in _NOT_NAMES:
                words.pop()
            if words and words[0] not in _NOT_NAMES:
                yield PersonalSpan(match.start(1), match.start(1) + len(" ".join(words)), "name")
    for match in _PLAIN.finditer(text):
        words = match[1].lower().split(" ")
        if words[0] not in _NOT_LOWER:
            end = match.end(1) if words[-1] not in _NOT_LOWER else match.start(1) + len(words[0])
            yield PersonalSpan(match.start(1), end, "name")
