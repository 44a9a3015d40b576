"""Boilerplate (D05): signatures, footers and disclaimers that recur across rows, by counting."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewell.similar.conversations import ComparedRow
from tunewell.similar.exact_keys import normalise

_DIGITS = re.compile(r"\d+")
_PLACEHOLDER = re.compile(r"\[([A-Z]+)_[0-9a-f]{5}\]")
_ENDS = re.compile(r"(?<=[.!?])\s+")
_SIGNAL = re.compile(
    r"(?i)regards|sincerely|yours truly|faithfully|sent from my|confidential|disclaimer|"
    r"intended recipient|do not reply|unsubscribe|registered (?:office|in)|all rights reserved|©|"
    r"\bwww\.|opening hours|vat (?:no|id)|freundlichen grüßen|viele grüße|geschäftsführ|"
    r"amtsgericht|vertraulich|cordialement|saludos|consider the environment|"
    r"if you have received this|addressee|received (?:it|this) (?:by mistake|in error)|"
    r"virus[- ]free|irrtümlich|destinataire|destinatario"
)
"""Words that say of a line that it is boilerplate."""

_ASKS = re.compile(r"[?？؟]\s*$")
_DATA = re.compile(r"^\s*[{\[]\"|[\"}\]][}\]]\s*$")
"""The beginning, or the end, of a JSON value."""

_SIGN_OFF = re.compile(
    r"(?i)regards|sincerely|yours truly|faithfully|freundlichen grüßen|viele grüße|cordialement|"
    r"saludos"
)
_LETTER = re.compile(
    r"(?i)\b(?:write|draft|compose|create|generate|prepare|rewrite|schreib\w*|verfass\w*|rédige\w*|"
    r"écri\w*|escrib\w*|redact\w*|scriv\w*)\b[^.?!\n]{0,80}\b(?:letter|e-?mail|mail|note|memo|"
    r"message|apology|application|brief|anschreiben|lettre|carta|correo|lettera)\b"
)
"""A request whose answer is a letter."""

_RULE_OFF = " -_=*–—"
"""Signs that a line without words may be made of."""

ENOUGH = 12
"""Rows in which a sentence recurs, however many there are."""

TAIL = 12
"""At most so many lines at the end of a turn are looked at."""

_LAST_SENTENCES = 3
"""At most so many sentences at the end of a line are looked at."""

_LONG = 6
"""A line of so many words that recurs is boilerplate even if no word says so."""

_LEFT = 2
"""Words that must be left of a turn."""


def recurring(rows: Sequence[ComparedRow]) -> frozenset[str]:
    """Shapes of the sentences below the first line of many turns.

    Many is 4 rows and 0.5 % (or 12) of them, but not half: what stands in half of all rows is the
    format of the task, not boilerplate. One team's signature stands in few of 100,000 rows, so from
    2,400 rows on the number counts and not the share.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        shapes: set[str] = set()
        for text in _texts_of_lines(row):
            shapes.update(_tail_shapes(text))
        counts.update(shapes)
    del counts[""]

    least = min(max(4, len(rows) // 200), ENOUGH)
    most = max(len(rows) // 2, 8)
    return frozenset(shape for shape, n in counts.items() if least <= n <= most)


def _texts_of_lines(row: ComparedRow) -> Iterator[str]:
    """The turns without system turns."""
    for role, text in row.turns:
        if role != "system":
            yield text


def _tail_shapes(text: str) -> Iterator[str]:
    """Shapes of the sentences in the last lines below the first, and of the last in their line."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return
    for shape, _ in _sentences(lines[-1])[1:][-_LAST_SENTENCES:]:
        yield shape
    for line in lines[1:][-TAIL:]:
        for shape, _ in _sentences(line):
            yield shape


def ends_in(row: ComparedRow, common: frozenset[str]) -> bool:
    """Whether a turn of the row ends in recurring text."""
    endings = (_split_off(text, common)[1] for text in _texts_of_lines(row))
    return any(endings)


@dataclass(frozen=True)
class Endings:
    """The recurring endings of a row's turns.

    Attributes:
        texts: The text of each turn without those that are certain.
        taken: The lines of the certain ones: signatures, disclaimers.
        left: The lines of the others. A warning, a clause, a question or an instruction that recurs
            is content.
    """

    texts: list[str]
    taken: list[str]
    left: list[str]


def without_endings(row: ComparedRow, common: frozenset[str]) -> Endings:
    """Take from each turn its recurring ending, if it says of itself that it is boilerplate."""
    texts: list[str] = []
    taken: list[str] = []
    left: list[str] = []
    for role, text in row.turns:
        kept = text
        ending: list[str] = []
        if role != "system":
            kept, ending = _split_off(text, common)
        if _is_certain(ending) and not (role == "assistant" and _closes_letter(row, ending)):
            taken += ending
        else:
            kept = text
            left += ending
        texts.append(kept)
    return Endings(texts, taken, left)


def _is_certain(ending: Sequence[str]) -> bool:
    """Whether lines say that they are boilerplate, and are neither a question nor data."""
    if any(_ASKS.search(line) or _DATA.search(line) for line in ending):
        return False
    return any(map(_SIGNAL.search, ending))


def _closes_letter(row: ComparedRow, ending: Sequence[str]) -> bool:
    """Whether an answer ends as a letter does, and a letter was asked for."""
    wanted = any(_LETTER.search(text) for role, text in row.turns if role == "user")
    signals = [found for line in ending for found in _SIGNAL.findall(line)]
    return wanted and all(map(_SIGN_OFF.fullmatch, signals))


def _split_off(text: str, common: frozenset[str]) -> tuple[str, list[str]]:
    """As `split_ending`; where no line is an ending, the last sentences of the last line."""
    kept, ending = split_ending(text, common)
    if ending:
        return kept, ending
    begin = len(text)
    starts = [0, *(match.end() for match in _ENDS.finditer(text))]
    for start in reversed(starts[1:][-_LAST_SENTENCES:]):
        parts = _sentences(text[start:begin])
        if not parts or not all(shape in common for shape, _ in parts):
            break
        begin = start
    tail = text[begin:].strip()
    if len(tail.split()) < _LONG or len(text[:begin].split()) < _LEFT:
        return text, []
    return text[:begin].rstrip(), [tail]


def _sentences(line: str) -> list[tuple[str, int]]:
    """Shape and words of each sentence of a line: digits and placeholders do not count."""
    plain = _DIGITS.sub("0", _PLACEHOLDER.sub(r"\1", line))
    parts = filter(str.strip, _ENDS.split(plain))
    return [(normalise(part), len(part.split())) for part in parts]


def split_ending(text: str, common: frozenset[str]) -> tuple[str, list[str]]:
    r"""A text without its recurring ending, and the ending's lines.

    The ending is a run of lines at the very end, each made for the better part of recurring
    sentences. It goes only if one of its lines says that it is boilerplate or is at least six words
    long, and if something is left.

    Example:
        >>> split_ending("It is due in May. We\nwish you well.\nKind regards\nThe desk",
        ...              frozenset({"kind regards", "the desk"}))
        ('It is due in May. We\nwish you well.', ['Kind regards', 'The desk'])
    """
    lines = text.split("\n")
    end = len(lines)
    ending: list[str] = []
    while end > 1 and len(ending) < TAIL:
        line = lines[end - 1]
        if line.strip(_RULE_OFF) and not _recurs(line, common):
            break
        end -= 1
        if line.strip():
            ending.insert(0, line.strip())

    kept = "\n".join(lines[:end]).rstrip()
    if len(kept.split()) < _LEFT or not any(map(_is_telling, ending)):
        return text, []
    return kept, ending


def _is_telling(line: str) -> bool:
    return len(line.split()) >= _LONG or _SIGNAL.search(line) is not None


def _recurs(line: str, common: frozenset[str]) -> bool:
    parts = _sentences(line)
    words = sum(count for _, count in parts)
    recurring_words = sum(count for shape, count in parts if shape in common)
    return 2 * recurring_words >= words
