"""Taking out of both answers, by the same rules, what tells who wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from tunewell.compare.design import BlindingRules
from tunewell.types import Value

_GREETING: Final = re.compile(
    r"\A\s*(?:hi|hello|hey|dear|greetings|good (?:morning|afternoon|evening|day)|hallo|bonjour)\b"
    r"[^\n.!?:]{0,60}?(?:[,.!:]+\s+|\n+)",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(
    r"\A\s*(?:(?:thank you|thanks)[^\n.!?]{0,80}[.!]+\s*"
    r"|(?:sure|certainly|of course|absolutely|(?:great|good) question)[^\n.!?,]{0,40}[.!,:]+\s*"
    r"|as an ai[^\n.!?,]{0,60}[.!,:]+\s*)",
    re.IGNORECASE,
)
_CLOSING_WORDS: Final = (
    r"(?:kind(?:est)? regards|best(?: regards| wishes)?|warm(?:est)? regards|regards|sincerely"
    r"|yours(?: sincerely| faithfully| truly)?|cheers|many thanks|thanks(?: again| in advance)?"
    r"|thank you|greetings|mfg)"
)
_SIGN_OFF: Final = re.compile(
    rf"\n[ \t]*(?:--[ \t]*|{_CLOSING_WORDS}[ \t]*[,.!]?[ \t]*)(?:\n[^\n]{{0,60}}){{0,4}}\s*\Z",
    re.IGNORECASE,
)
_DASHED: Final = re.compile(r"\n[ \t]*-{1,2}[ \t]?[A-Z][^\n]{0,40}\s*\Z")
_OFFER: Final = re.compile(
    r"(?:\A|(?<=[.!?\n]))\s*(?:i hope (?:this|that) helps|hope (?:this|that) helps"
    r"|let (?:me|us) know if[^\n.!?]{0,100}|feel free to[^\n.!?]{0,100}"
    r"|is there anything else[^\n.!?]{0,60}|please do not hesitate[^\n.!?]{0,100})[.!?]*\s*\Z",
    re.IGNORECASE,
)

_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n?", re.MULTILINE)
_HEADING: Final = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.MULTILINE)
_RULE: Final = re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$\n?", re.MULTILINE)
_BULLET: Final = re.compile(r"^[ \t]*(?:[-*+•·‣]|\d{1,2}[.)])[ \t]+", re.MULTILINE)
_QUOTE: Final = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_LINK: Final = re.compile(r"!?\[([^\]\n]{0,300})\]\((?:[^()\s]{0,2000})\)")
_STRONG: Final = re.compile(r"(\*\*\*|\*\*|__|~~|\*|`)(?=\S)([^\n*`~]{1,400}?)(?<=\S)\1")
_TAG: Final = re.compile(r"</?(?:p|br|b|i|em|strong|ul|ol|li|a|code|pre|div|span)\b[^<>]{0,300}/?>")
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"'）)\]]{1,2000}", re.IGNORECASE)
_SPACES: Final = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
_LINES: Final = re.compile(r"[ \t]*\n[ \t]*(?:\n[ \t]*)*")

_TYPOGRAPHY: Final = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "‘": "'",
        "’": "'",
        "‚": "'",
        "–": "-",
        "—": "-",
        "‑": "-",
        "−": "-",
        "…": "...",
    }
)
_ZERO_WIDTH: Final = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])

_BRITISH: Final = {
    "analyse": "analyze",
    "apologise": "apologize",
    "authorise": "authorize",
    "behaviour": "behavior",
    "cancelled": "canceled",
    "cancelling": "canceling",
    "catalogue": "catalog",
    "centre": "center",
    "cheque": "check",
    "colour": "color",
    "customise": "customize",
    "defence": "defense",
    "dialogue": "dialog",
    "favour": "favor",
    "favourite": "favorite",
    "grey": "gray",
    "honour": "honor",
    "initialise": "initialize",
    "labelled": "labeled",
    "licence": "license",
    "litre": "liter",
    "metre": "meter",
    "minimise": "minimize",
    "neighbour": "neighbor",
    "normalise": "normalize",
    "offence": "offense",
    "optimise": "optimize",
    "organisation": "organization",
    "organise": "organize",
    "personalise": "personalize",
    "practise": "practice",
    "prioritise": "prioritize",
    "programme": "program",
    "realise": "realize",
    "recognise": "recognize",
    "summarise": "summarize",
    "synchronise": "synchronize",
    "travelling": "traveling",
    "whilst": "while",
}
_ENDINGS: Final = ("", "s", "d", "r", "rs", "ed", "ing", "ings", "able")


def _spellings() -> dict[str, str]:
    found = {}
    for british, american in _BRITISH.items():
        for ending in _ENDINGS:
            found[british + ending] = american + ending
        if british.endswith("e"):
            found[british[:-1] + "ing"] = american.removesuffix("e") + "ing"
    return found


_SPELLINGS: Final = _spellings()
_WORD: Final = re.compile(r"[A-Za-z]{4,20}")

_EMOJI_CATEGORIES: Final = frozenset({"So", "Sk", "Cs", "Co", "Me"})
_KEPT_SYMBOLS: Final = frozenset("°©®™^`¨´")


class BlindedText(Value):
    """An answer as raters see it.

    Attributes:
        text: What they see.
        changed: The rules that changed it.
    """

    text: str
    changed: tuple[str, ...]


def blind_text(text: str, rules: BlindingRules) -> BlindedText:
    r"""An answer without what gives its author away; the same rules for both arms.

    Args:
        text: As the arm gave it.
        rules: Which rules apply.

    Example:
        >>> blind_text("Hi Ann,\n\n**Restart** it. 😀\n\nKind regards,\nBob", BlindingRules())
        BlindedText(text='Restart it.', changed=('signatures', 'markdown', 'emoji'))
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    steps: tuple[tuple[str, bool, Callable[[str], str]], ...] = (
        ("typography", rules.typography, _typography),
        ("signatures", rules.signatures, _signatures),
        ("markdown", rules.markdown, _markdown),
        ("addresses", rules.addresses, _addresses),
        ("emoji", rules.emoji, _without_emoji),
        ("spelling", rules.spelling, _spelling),
    )
    changed = []
    for name, wanted, step in steps:
        if not wanted:
            continue
        after = step(plain)
        if after != plain:
            changed.append(name)
        plain = after
    return BlindedText(text=plain.strip(), changed=tuple(changed))


def _typography(text: str) -> str:
    """Quotation marks, dashes, invisible characters and runs of spaces made alike."""
    text = unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY).translate(_ZERO_WIDTH)
    text = _SPACES.sub(" ", text)
    return _LINES.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n", text).strip()


def _signatures(text: str) -> str:
    """Greetings, thanks and sign-offs; an answer that is nothing else stays."""
    before = None
    after = text
    while after != before:
        before = after
        for pattern in (_GREETING, _OPENING, _SIGN_OFF, _DASHED, _OFFER):
            shorter = pattern.sub("", after).strip()
            if shorter:
                after = shorter
    # Small letters at the beginning would tell that something stood before it.
    return after if after == text else after[:1].upper() + after[1:]


def _markdown(text: str) -> str:
    """Marks of format taken away, the words kept, one line for each paragraph or item."""
    text = _TAG.sub(" ", text)
    text = _FENCE.sub("", text)
    text = _RULE.sub("", text)
    text = _HEADING.sub(r"\1", text)
    text = _QUOTE.sub("", text)
    text = _BULLET.sub("", text)
    text = _LINK.sub(r"\1", text)
    for _ in range(3):
        text = _STRONG.sub(r"\2", text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def _addresses(text: str) -> str:
    return _ADDRESS.sub("(link)", text)


def _without_emoji(text: str) -> str:
    kept = [character for character in text if not _is_emoji(character)]
    if len(kept) == len(text):
        return text
    return _SPACES.sub(" ", "".join(kept)).replace(" \n", "\n").strip()


def _is_emoji(character: str) -> bool:
    if character in _KEPT_SYMBOLS or character.isascii():
        return False
    if "\ufe00" <= character <= "\ufe0f":
        return True
    return unicodedata.category(character) in _EMOJI_CATEGORIES


def _spelling(text: str) -> str:
    return _WORD.sub(_american, text)


def _american(found: re.Match[str]) -> str:
    word = found[0]
    other = _SPELLINGS.get(word.lower())
    if other is None:
        return word
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other
