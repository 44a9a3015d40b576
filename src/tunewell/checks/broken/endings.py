"""Targets that break off, told from those that are complete without a full stop."""

from __future__ import annotations

import json
import re

from tunewell.checks.verbatim import is_structured
from tunewell.json_text import parse_json

_CONJUNCTIONS = frozenset(
    "the a and or but than your my their our because whose although unless whereas "
    "und oder aber von im dem den für einen einer dass weil wenn sowie ihre "
    "et ou mais des du une dans pour avec parce "
    "el los las del una pero porque "
    "il gli della delle degli dei nel nella perché "
    "os uma não com mas het een en maar omdat voor".split()
)
"""Words that no sentence of their language ends with."""

_RARE_ENDS = frozenset(
    "an of to in on at for with by from into onto upon between as is are was were be that which "
    "who if when so his her "
    "its this these those will would can could should have has had not please we you i "
    "der die das zu am an auf mit bei aus als ist sind war ein eine ihr wir sie "
    "la le les de y que con para un di che per por em no".split()
)
"""Words that few sentences end with: questions and separable verbs do (`rufen Sie morgen an`)."""

_OPEN_END = re.compile(r"[,(\[{\-–—&+]$")
_DONE = re.compile(r"[.!?…。！？।؟:)\]}>\"'”’»`*|%€$;]\s*$")
_WORD = re.compile(r"\w+")
_LIST_ITEM = re.compile(r"[-*•|#>–]|\d+[.)]\s|\(?[a-z]\)\s")
_FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
_GREETING = re.compile(
    r"(?:regards|wishes|sincerely|faithfully|truly|thanks|cheers|greetings|grüße|grüßen|gruß|"
    r"salutations|saludos|saluti|cordialmente|atentamente|hello|hi|dear|hallo|cumprimentos)\b.{0,20}$",
    re.IGNORECASE,
)
_PLAIN_END = re.compile(r"(?<!\S)[^\W\d_A-ZÀ-ÞА-ЯΑ-Ω][^\W\d_]*$")
"""A word in small letters: prose may end with a name, a figure, a tag or a formula and no stop."""

_SUFFIX = re.compile(r"\w['’]\w+$")
"""The end of a name with its case, as in Turkish: no word by itself."""

_COMMENT = re.compile(r"(?:^|\s)(?:#|//|--) \w")
"""Code with a remark behind it, which needs no full stop."""

_LAST_LINE_WORDS = 5
_LONG_LINE = 60
"""Characters from which a line is prose rather than one of verse."""

_DONE_SET = 0.9
"""Share of finished targets from which prose that breaks off is certainly cut."""

_STRICT_SET = 0.97
"""Share of finished targets from which prose without a full stop may be cut."""

_JSON_SET = 0.9


def ends_properly(target: str) -> bool | None:
    """Whether a target ends as finished prose does.

    None where one cannot tell (lists, verse, code, short answers).

    Example:
        >>> ends_properly("We close the desk on Friday evening at seven."), ends_properly("yes")
        (True, None)
    """
    last = last_line(target)
    if len(_WORD.findall(target)) < 8 or len(_WORD.findall(last)) < _LAST_LINE_WORDS:
        return None
    if _LIST_ITEM.match(last) or "```" in target:
        return None
    if _DONE.search(last) or not last[-1].isascii():
        return True
    is_other = is_structured(last) or is_verse(target) or is_enumeration(last)
    return None if is_other else False


def last_line(text: str) -> str:
    """The last line that is not blank."""
    return text.rstrip().rsplit("\n", 1)[-1].strip()


def is_verse(text: str) -> bool:
    """Whether a text consists of several short lines, as verse, songs and lists do."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= 2 and max(map(len, lines)) <= _LONG_LINE


def is_enumeration(line: str) -> bool:
    """Whether a line is a row of short items between commas: values, names, ingredients."""
    items = re.split(r"[,;|/]", line)
    return len(items) >= 3 and max(len(item.split()) for item in items) <= 3


def unclosed_fence(target: str, asked: str) -> bool:
    """Whether a code block begins in the target and does not end there."""
    if "````" in target or "````" in asked:
        return False
    # A question may open the block that the answer closes.
    opened_before = len(_FENCE.findall(asked)) % 2 == 1
    return len(_FENCE.findall(target)) % 2 == 1 and not opened_before


def truncated_json(target: str) -> bool:
    """Whether a target is the beginning of a JSON value.

    Example:
        >>> truncated_json('{"a": [1, 2'), truncated_json('{"a": 1}'), truncated_json("[sic] so")
        (True, False, False)
    """
    text = target.strip()
    if not text.startswith(("{", "[")):
        return False
    try:
        parse_json(text)
    except json.JSONDecodeError as error:
        is_at_end = error.pos >= len(text) - 1 or error.msg.startswith("Unterminated string")
        return is_at_end and '"' in text
    return False


def ends_inside(text: str) -> bool:
    """Whether a text, however short, ends with a word that no sentence ends with.

    Example:
        >>> ends_inside("None and the"), ends_inside("Non-smoker"), ends_inside("the end of the.")
        (True, False, False)
    """
    tail = text.rstrip().casefold()
    words = _WORD.findall(tail[-80:])
    return len(words) > 1 and words[-1] in _CONJUNCTIONS and tail.endswith(words[-1])


def breaks_off(target: str, *, ends_done: float, json_share: float) -> tuple[str, bool]:
    """Where a target breaks off, and whether that is certain; an empty text if it is complete.

    Args:
        target: The target.
        ends_done: Share of finished targets in the set (see `tunewell.checks.broken.habits`).
        json_share: Share of JSON among the targets.
    """
    tail = target.rstrip()
    shown = f"… {tail[-40:]}"
    if truncated_json(tail):
        return shown, json_share >= _JSON_SET
    words = _WORD.findall(tail[-200:])
    if len(words) < 4 or _is_other_than_prose(tail):
        return "", False

    last_word = words[-1]
    ends_in_word = tail.endswith(last_word) and not _SUFFIX.search(tail)
    if ends_in_word and last_word in _CONJUNCTIONS:
        return shown, True
    if _ends_open(tail):
        # A line that ends in a comma may be verse, or a greeting above a name.
        return shown, ends_done >= _DONE_SET
    if ends_done >= _DONE_SET and ends_in_word and last_word in _RARE_ENDS:
        return shown, False
    if ends_done >= _STRICT_SET and ends_properly(tail) is False:
        return (shown, False) if _PLAIN_END.search(tail) else ("", False)
    return "", False


def _is_other_than_prose(tail: str) -> bool:
    last = last_line(tail)
    if is_structured(last) or is_verse(tail) or _COMMENT.search(last):
        return True
    in_items = len([line for line in tail.splitlines() if _LIST_ITEM.match(line.strip())])
    return in_items >= 2 or is_enumeration(last.rstrip(","))


def _ends_open(tail: str) -> bool:
    """Whether prose ends with a comma, an open bracket or the like."""
    if not _OPEN_END.search(tail) or tail.endswith(("--", "->", "=>", "++")):
        return False
    last = last_line(tail)
    if _GREETING.search(last.rstrip(",")):
        return False
    return len(_WORD.findall(last)) >= _LAST_LINE_WORDS
