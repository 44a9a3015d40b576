"""Names that people choose: tidied for others to see, and folded so that two can be compared.

A name must not pass for another: not for an id, not for a name that looks the same (the skeleton of
Unicode Technical Standard 39, section 4, for the scripts that resemble Latin), and not for nothing.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import regex

from tunewell.errors import UserError

LONGEST_NAME = 100
LONGEST_KEY = 128

SHORTEST_ID = 16
"""A name of nothing but this many hexadecimal digits looks like an id."""

RESERVED = ("tunewell", "erased")
"""Names that records use for what no person did."""

_SCRIPTS: Final = (
    "Latin",
    "Greek",
    "Cyrillic",
    "Armenian",
    "Georgian",
    "Hebrew",
    "Arabic",
    "Thaana",
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Oriya",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Sinhala",
    "Thai",
    "Lao",
    "Tibetan",
    "Myanmar",
    "Khmer",
    "Ethiopic",
    "Hangul",
    "Han",
    "Hiragana",
    "Katakana",
    "Bopomofo",
)
"""The scripts in everyday use (Unicode Standard Annex 31, table 5)."""

_ONE_SCRIPT = {name: regex.compile(rf"\p{{Script={name}}}") for name in _SCRIPTS}

_TOGETHER = (
    {"Latin", "Han", "Hiragana", "Katakana"},
    {"Latin", "Han", "Bopomofo"},
    {"Latin", "Han", "Hangul"},
)
"""Scripts that one name may mix (Unicode Technical Standard 39, 5.2, highly restrictive)."""

_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{C}\u2800\uFFFC]")
_MARK = regex.compile(r"\p{M}")
_TALL = regex.compile(r"\p{M}{3}")

# Letters that look like Latin ones, from the Unicode file confusables.txt: those of the scripts
# above, as they are after compatibility composition. Others are of scripts that names may not use.
_LOOKS: Final = {
    "a": "аɑαᴀ",
    "b": "ЬьƄʙвВΒ",
    "c": "сϲᴄⅽ",
    "d": "ԁɗⅾ",
    "e": "еҽєεɛᴇ",
    "f": "ϝſƒ",
    "g": "ɡցԍɢ",
    "h": "һհнʜΗ",
    "i": "іıɩιɪ",
    "j": "јϳյ",
    "k": "κкᴋĸ",
    "l": "ӏІ|ǀΙⅼւԼ",
    "m": "мᴍΜ",
    "n": "ոռпηᴎɴΝ",
    "o": "оοօσᴏ๐0ՕО",
    "p": "рρϸƿᴘΡР",
    "q": "ԛզգ",
    "r": "гᴦʀ",
    "s": "ѕƽꜱЅՏ",
    "t": "тτᴛΤ",
    "u": "υսʋᴜ",
    "v": "νѵᴠⅴ",
    "w": "ԝшωѡաɯᴡ",
    "x": "хχⅹ×",
    "y": "уүγʏყΥ",
    "z": "ᴢʐΖ",
}
_LOOK_OF = {ord(other): plain for plain, others in _LOOKS.items() for other in others}
_LOOK_OF |= {ord(sign): "-" for sign in "‐‑‒–—―−﹘˗"}
_LOOK_OF |= {ord(sign): "'" for sign in "‘’‛ʼʹ′`´"}
_LOOK_OF |= {ord(sign): "." for sign in "․·‧•"}


def tidy_name(name: str) -> str:
    r"""A name as it is shown: one line, no controls, nothing that turns the direction of text.

    Raises:
        UserError: Nothing is left, it is too long, or it could be taken for something else.

    Example:
        >>> tidy_name(" Ann \u202e Müller\n")
        'Ann Müller'
        >>> tidy_name("Ａｎｎ")
        'Ann'
    """
    text = _one_line(_visible(name))
    if not 1 <= len(text) <= LONGEST_NAME:
        raise UserError(f"a name must have 1 to {LONGEST_NAME} characters")
    why = _why_not(text)
    if why:
        raise UserError(why, hint="choose another one")
    return text


def name_key(name: str) -> str:
    """What a name is compared by.

    Example:
        >>> name_key("Ann  MÜLLER") == name_key("ann müller")
        True
    """
    folded = unicodedata.normalize("NFKC", _one_line(_visible(name))).casefold()
    return unicodedata.normalize("NFKC", folded)[:LONGEST_KEY]


def skeleton(name: str) -> str:
    """What a name looks like: equal for names that a reader would take for each other.

    Example:
        >>> skeleton("Olga") == skeleton("0lga") == skeleton("Оlgа")
        True
        >>> skeleton("AIice") == skeleton("Alice"), skeleton("Rita") == skeleton("Rina")
        (True, False)
    """
    plain = unicodedata.normalize("NFKC", _one_line(_visible(name)))
    # A capital I looks like a small L; small letters do not.
    plain = plain.replace("I", "l").replace("1", "l").translate(_LOOK_OF)
    folded = unicodedata.normalize("NFKC", plain.casefold()).translate(_LOOK_OF)
    letters = []
    for character in folded:
        digit = unicodedata.digit(character, None)
        letters.append(character if digit is None else _digit_look(digit))
    joined = "".join(letters).replace("rn", "m").replace("vv", "w")
    return joined.replace(" ", "")


def _digit_look(digit: int) -> str:
    return {0: "o", 1: "l"}.get(digit, str(digit))


def _visible(name: str) -> str:
    """A name in compatibility form, without what cannot be seen."""
    spaced = regex.sub(r"\s+", " ", name)
    plain = unicodedata.normalize("NFKC", spaced)
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", plain))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _why_not(text: str) -> str:
    """Why a tidied text is no name; empty if it is one."""
    if not any(character.isalnum() for character in text):
        return "a name needs a letter or a digit"
    if _TALL.search(text) or _MARK.match(text):
        return "a name has too many marks on one letter"
    if any(character in '<>\\"|=^' for character in text):
        return 'a name has no < > \\ " | = ^'
    if looks_like_id(text):
        return f"the name {text!r} looks like an id"
    if skeleton(text) in {skeleton(name) for name in RESERVED}:
        return f"the name {text!r} is reserved"
    return _mixed(text)


def looks_like_id(text: str) -> bool:
    """Whether a text could be an id or a digest: nothing but hexadecimal digits.

    Example:
        >>> looks_like_id("0123456789abcdef0123456789abcdef"), looks_like_id("Adele")
        (True, False)
    """
    digits = regex.sub(r"[\s{}()\-_:.]", "", skeleton(text))
    # The skeleton writes 0 and 1 as the letters that they look like.
    return regex.fullmatch(rf"[0-9a-fol]{{{SHORTEST_ID},}}", digits) is not None


def _mixed(text: str) -> str:
    """Why the letters of a name do not belong together; empty if they do."""
    scripts = set()
    for character in text:
        if not character.isalpha():
            continue
        script = _script(character)
        if script is None:
            return f"the letter {character!r} is not of a script in everyday use"
        scripts.add(script)
    allowed = len(scripts) <= 1 or any(scripts <= group for group in _TOGETHER)
    return (
        "" if allowed else f"a name is written in one script, got {' and '.join(sorted(scripts))}"
    )


def _script(character: str) -> str | None:
    for name, pattern in _ONE_SCRIPT.items():
        if pattern.match(character):
            return name
    # Letters of no script of their own, such as º and ー.
    is_common = regex.match(r"[\p{Script=Common}\p{Script=Inherited}]", character)
    return "Latin" if is_common else None
