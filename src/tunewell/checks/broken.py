"""What makes a row unusable for training, from the row alone (pitfall D08)."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_HELP = (
    r"(?:help|assist|fulfil+|comply|provide|answer|support|engage|continue|complete|create|"
    r"generate|do that)\b"
)
_UNABLE = (
    r"(?:can(?:no|'|’)t|cannot|won(?:'|’)t|am (?:not able|unable) to|"
    r"(?:'|’)m (?:not able|unable) to)"
)
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
    "the a an and or but of to in on at for with by from as is are was were be that which who if "
    "when because so than your our my their his her its this these those will would can could "
    "should have has had not please we you i "
    "der die das und oder aber von zu im in am an auf für mit bei aus als ist sind war ein eine "
    "einen einer dass wenn weil ihr ihre wir sie".split()
)
"""Words that no sentence ends with."""
_OPEN_END = re.compile(r"[,;(\[{<\-–—/&+=]\s*$")
_CODE_SIGNS = re.compile(r"[=(){}\[\]<>]|\w\.\w|::|->|^[a-z-]+: |^\s*[#.@]?\w+ ?$")
"""In a line that ends with a semicolon or an open bracket, as whole lines of code do."""
_DONE = re.compile(r"[.!?…。！？:)\]}>\"'”’»`*|%€$]\s*$")
_WORD = re.compile(r"\w+")
_LIST_ITEM = re.compile(r"[-*•|#>]|\d+[.)]\s")
_REPLACEMENT = "\ufffd"
_LEAST_DISTINCT = 0.4
"""Least share of distinct word triples in a text that does not repeat itself."""


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
        >>> find_fault([("user", "Pay?"), ("assistant", "You can pay by card, in cash or")]).kind
        'cut off'
    """
    roles = tuple(role for role, _ in turns)
    contents = tuple(content for _, content in turns)
    conversation = _Conversation(roles, contents, ends_done)
    for kind, rule, evidence in _RULES:
        seen = evidence(conversation)
        if seen:
            return Breakage(kind, rule, seen)
    return None


@dataclass(frozen=True)
class _Conversation:
    roles: tuple[str, ...]
    contents: tuple[str, ...]
    ends_done: bool

    @property
    def target(self) -> str:
        return self.contents[-1]

    @property
    def spoken(self) -> list[str]:
        """The roles without the system's."""
        return [role for role in self.roles if role != "system"]

    def roles_if(self, broken: bool) -> str:
        """The roles as evidence that something is broken; empty if it is not."""
        return " ".join(self.roles[:8]) if broken else ""


def _no_turns(conversation: _Conversation) -> str:
    return "" if conversation.roles else "no turns"


def _unanswered(conversation: _Conversation) -> str:
    return conversation.roles_if(conversation.roles[-1] != "assistant")


def _empty_target(conversation: _Conversation) -> str:
    target = conversation.target
    has_words = _WORD.search(target) is not None
    # Four signs and more may be an answer without words.
    return conversation.roles_if(not has_words and len(target.strip()) < 4)


def _late_system(conversation: _Conversation) -> str:
    return conversation.roles_if("system" in conversation.roles[1:])


def _unasked(conversation: _Conversation) -> str:
    spoken = conversation.spoken
    begins_with_answer = len(spoken) > 1 and spoken[0] == "assistant"
    return conversation.roles_if(begins_with_answer and "user" not in spoken)


def _doubled_answer(conversation: _Conversation) -> str:
    neighbours = itertools.pairwise(conversation.spoken)
    return conversation.roles_if(("assistant", "assistant") in neighbours)


def _empty_input(conversation: _Conversation) -> str:
    before = zip(conversation.roles[:-1], conversation.contents, strict=False)
    asked = [content.strip() for role, content in before if role == "user"]
    return conversation.roles_if(bool(asked) and not any(asked))


def _refusal(conversation: _Conversation) -> str:
    """The words of a refusal at the head of the target; empty if there are none."""
    target = conversation.target
    # Few targets hold one of these words: looking for them first is faster.
    if not _HINT.search(target, 0, 400):
        return ""
    match = _REFUSAL.search(target[:400])
    return match[0] if match else ""


def _unreadable(conversation: _Conversation) -> str:
    target = conversation.target
    count = target.count(_REPLACEMENT)
    return f"{count} replacement characters" if count > max(2, len(target) // 100) else ""


def _repetition(conversation: _Conversation) -> str:
    """What is repeated: fewer than 4 in 10 of the word triples are distinct; empty if nothing."""
    text = conversation.target
    words = _WORD.findall(text[:20_000].lower())
    if len(words) < 12:
        few_characters = len(text) >= 60 and len(set(text)) <= 4
        return text[:40] if few_characters else ""

    triples = list(zip(words, words[1:], words[2:], strict=False))
    distinct = Counter(triples)
    if len(distinct) >= _LEAST_DISTINCT * len(triples):
        return ""

    # Of equally frequent ones the first: a rerun says the same.
    worst = distinct.most_common(1)[0][0]
    said = " ".join(worst)
    return f"{said} … ({len(distinct)} of {len(triples)} word triples are distinct)"


def ends_properly(target: str) -> bool | None:
    """Whether a target ends as finished text does.

    None where one cannot tell (lists, code, short answers).
    """
    last = target.rstrip().rsplit("\n", 1)[-1].strip()
    if len(_WORD.findall(target)) < 8 or len(_WORD.findall(last)) < 5:
        return None
    if _LIST_ITEM.match(last) or "```" in target:
        return None
    return bool(_DONE.search(last)) or not last[-1].isascii()


def _cut(conversation: _Conversation) -> str:
    """Where the target breaks off; empty if it is complete."""
    tail = conversation.target.rstrip()
    if tail.count("```") % 2:
        return "a code block that is not closed"

    words = _WORD.findall(tail[-200:])
    if len(words) < 4:
        return ""

    signs = (
        _ends_open(tail),
        _ends_mid_sentence(tail, words[-1]),
        conversation.ends_done and ends_properly(tail) is False,
    )
    return f"… {tail[-40:]}" if any(signs) else ""


def _ends_open(tail: str) -> bool:
    """Whether a text ends with a comma, an open bracket or the like; arrows and lists may."""
    if not _OPEN_END.search(tail):
        return False
    last_line = tail.rsplit("\n", 1)[-1]
    if tail.endswith((";", "{", "(", "[")) and _CODE_SIGNS.search(last_line[:-1]):
        return False
    return not tail.endswith(("--", "->", "=>")) and "\n" not in tail[-40:]


def _ends_mid_sentence(tail: str, last_word: str) -> bool:
    """Whether a text ends, without a full stop, with a word that no sentence ends with."""
    if _DONE.search(tail):
        return False
    return last_word in _TRAILING


_RULES: tuple[tuple[str, str, Callable[[_Conversation], str]], ...] = (
    ("no target", "a row has at least one turn", _no_turns),
    ("no target", "the last turn is the assistant's", _unanswered),
    ("empty target", "the target is not empty", _empty_target),
    ("role order", "a system turn stands first", _late_system),
    ("role order", "a user turn comes before the answer", _unasked),
    ("role order", "turns of user and assistant alternate", _doubled_answer),
    ("empty input", "the input is not empty", _empty_input),
    ("refusal", "the target is not a refusal", _refusal),
    ("unreadable", "the target can be read", _unreadable),
    ("repetition", "the target does not repeat itself", _repetition),
    ("cut off", "the target is complete", _cut),
)
"""Kind, rule in words, what gives the evidence that it is broken; the first broken one counts."""
