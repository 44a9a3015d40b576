"""What makes a row unusable for training, from the row alone (pitfall D08)."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_HELP = r"(?:help|assist|fulfil+|comply|provide|answer|support|engage|continue|complete|create|generate|do that)\b"
_UNABLE = r"(?:can(?:no|'|’)t|cannot|won(?:'|’)t|am (?:not able|unable) to|(?:'|’)m (?:not able|unable) to)"
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language)\b.{0,40}?\b(?:model|assistant|,|i\b)"
    rf"|^\W*(?:i(?:'|’)?m|i am)?\s*(?:very |really |so |truly )?(?:sorry|afraid)\b.{{0,60}}?"
    rf"\bi\s*{_UNABLE}.{{0,40}}?\b{_HELP}"
    rf"|^\W*(?:i|we)\s*{_UNABLE}\s*{_HELP}"
    rf"|^\W*(?:i|we)\s+apologi[sz]e\b.{{0,60}}?\b(?:(?:un|not )able to|can(?:no|'|’)t)\s*{_HELP}"
    r"|^\W*(?:es tut mir leid|tut mir leid|entschuldigung)\b.{0,60}?\bkann ich\b.{0,60}?\bnicht\b"
    r"|\bals (?:ki|künstliche intelligenz|sprachmodell)\b",
    re.IGNORECASE,
)
_HINT = re.compile(
    r"sorry|afraid|apolog|as an? (?:ai|art|large)|"
    r"leid|entschuld|als k|als spr|unable|not able|cannot|can.t\b|won.t\b",
    re.IGNORECASE,
)
_TRAILING = frozenset(
    "the a an and or but of to in on at for with by from as is are was were be that which who if when because so than "
    "your our my their his her its this these those will would can could should have has had not please we you i "
    "der die das und oder aber von zu im in am an auf für mit bei aus als ist sind war ein eine einen einer dass wenn "
    "weil ihr ihre wir sie".split()
)
_OPEN_END = re.compile(r"[,;(\[{<\-–—/&+=]\s*$")
_DONE = re.compile(r"[.!?…。！？:)\]}>\"'”’»`*|%€$]\s*$")
_WORD = re.compile(r"\w+")
_FFFD = "\ufffd"


@dataclass(frozen=True, slots=True)
class Breakage:
    """Why a row is broken.

    Attributes:
        kind: ``empty target``, ``empty input``, ``no target``, ``role order``, ``refusal``,
            ``repetition``, ``cut off`` or ``unreadable``.
        rule: In words.
        evidence: What was seen.
    """

    kind: str
    rule: str
    evidence: str


def find_fault(turns: Sequence[tuple[str, str]], *, ends_done: bool = False) -> Breakage | None:
    """The first thing that makes a conversation unusable, or None.

    Args:
        turns: (role, content) in order.
        ends_done: Whether nearly all targets of the set end with a full stop or the like, so that
            one that does not is cut off (see `ends_properly`).

    Example:
        >>> find_fault([("user", "Hi"), ("assistant", " ")]).kind
        'empty target'
        >>> find_fault([("user", "Pay?"), ("assistant", "You can pay by card, by transfer or")]).kind
        'cut off'
    """
    return _roles(turns) or _target(turns[-1][1], ends_done=ends_done)


def _roles(turns: Sequence[tuple[str, str]]) -> Breakage | None:
    if not turns:
        return Breakage("no target", "a row has at least one turn", "no turns")
    roles = [role for role, _ in turns]
    shown = " ".join(roles[:8])
    if roles[-1] != "assistant":
        return Breakage("no target", "the last turn is the assistant's", shown)
    if not _WORD.search(turns[-1][1]) and len(turns[-1][1].strip()) < 4:
        return Breakage("empty target", "the target is not empty", shown)
    spoken = [role for role in roles if role != "system"]
    if "system" in roles[1:]:
        return Breakage("role order", "a system turn stands first", shown)
    if len(spoken) > 1 and spoken[0] == "assistant" and "user" not in spoken:
        return Breakage("role order", "a user turn comes before the answer", shown)
    for before, after in itertools.pairwise(spoken):
        if before == after == "assistant":
            return Breakage("role order", "turns of user and assistant alternate", shown)
    asked = [text for role, text in turns[:-1] if role == "user"]
    if asked and not any(text.strip() for text in asked):
        return Breakage("empty input", "the input is not empty", shown)
    return None


def _target(target: str, *, ends_done: bool) -> Breakage | None:
    if _HINT.search(target, 0, 400) and (match := _REFUSAL.search(target[:400])):
        return Breakage("refusal", "the target is not a refusal", match[0])
    if target.count(_FFFD) > max(2, len(target) // 100):
        return Breakage(
            "unreadable", "the target can be read", f"{target.count(_FFFD)} replacement characters"
        )
    if repeated := _repetition(target):
        return Breakage("repetition", "the target does not repeat itself", repeated)
    if cut := _cut(target, ends_done=ends_done):
        return Breakage("cut off", "the target is complete", cut)
    return None


def _repetition(text: str) -> str:
    """What is repeated: fewer than 4 in 10 of the word triples are distinct; empty if nothing."""
    words = _WORD.findall(text[:20_000].lower())
    if len(words) >= 12:
        triples = list(zip(words, words[1:], words[2:], strict=False))
        distinct = Counter(triples)
        if len(distinct) < 0.4 * len(triples):
            worst = distinct.most_common(1)[0][
                0
            ]  # of equally frequent ones the first: a rerun says the same
            return (
                " ".join(worst)
                + f" … ({len(distinct)} of {len(triples)} word triples are distinct)"
            )
    elif len(text) >= 60 and len(set(text)) <= 4:
        return text[:40]
    return ""


def ends_properly(target: str) -> bool | None:
    """Whether a target ends as finished text does.

    None where one cannot tell (lists, code, short answers).
    """
    last = target.rstrip().rsplit("\n", 1)[-1].strip()
    if len(_WORD.findall(target)) < 8 or len(_WORD.findall(last)) < 5:
        return None
    if (
        last.startswith(("-", "*", "•", "|", "#", ">"))
        or re.match(r"\d+[.)]\s", last)
        or "```" in target
    ):
        return None
    return bool(_DONE.search(last)) or not last[-1].isascii()


def _cut(target: str, *, ends_done: bool) -> str:
    tail = target.rstrip()
    if tail.count("```") % 2:
        return "a code block that is not closed"
    words = _WORD.findall(tail[-200:])
    if len(words) < 4:
        return ""
    if _OPEN_END.search(tail) and not tail.endswith(("--", "->", "=>")) and "\n" not in tail[-40:]:
        return f"… {tail[-40:]}"
    if not _DONE.search(tail) and words[-1].islower() and words[-1] in _TRAILING:
        return f"… {tail[-40:]}"
    if ends_done and ends_properly(target) is False:
        return f"… {tail[-40:]}"
    return ""
