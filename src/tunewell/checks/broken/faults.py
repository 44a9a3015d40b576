"""The faults of a row, each with its rule, and whether it is certain enough to drop the row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewell.checks.broken import endings, leftovers, placeholders, refusals, repetition
from tunewell.checks.broken.habits import Habits

RuleName = Literal["broken", "empty", "refusal", "cut_off", "repetition"]
"""The rule of ``rules`` in tunewell.yaml that a fault falls under."""

_REPLACEMENT = "\ufffd"
_NO_HABITS = Habits()


@dataclass(frozen=True, slots=True)
class Breakage:
    """Why a row is broken.

    Attributes:
        kind: ``empty target``, ``empty input``, ``no target``, ``role order``, ``refusal``,
            ``repetition``, ``cut off``, ``leftovers`` or ``unreadable``.
        rule: In words.
        evidence: What was seen.
        is_certain: Whether it is right to drop the row for it unasked.
    """

    kind: str
    rule: str
    evidence: str
    is_certain: bool = True

    @property
    def name(self) -> RuleName:
        """The rule in tunewell.yaml that it falls under."""
        return rule_of(self.kind)


def rule_of(kind: str) -> RuleName:
    """The rule in tunewell.yaml for a kind of fault.

    Example:
        >>> rule_of("cut off"), rule_of("role order")
        ('cut_off', 'broken')
    """
    return _RULE_NAMES.get(kind, "broken")


_RULE_NAMES: dict[str, RuleName] = {
    "empty target": "empty",
    "empty input": "empty",
    "refusal": "refusal",
    "repetition": "repetition",
    "cut off": "cut_off",
}


def find_fault(turns: Sequence[tuple[str, str]], habits: Habits = _NO_HABITS) -> Breakage | None:
    """The first thing that makes a conversation unusable for certain, else the first that may.

    Args:
        turns: (role, content) in order.
        habits: How the answers of the set look (see `tunewell.checks.broken.habits_of`).

    Example:
        >>> find_fault([("user", "Hi"), ("assistant", " ")]).kind
        'empty target'
        >>> find_fault([("user", "Pay?"), ("assistant", "You can pay by card, in cash or")]).kind
        'cut off'
    """
    likely: Breakage | None = None
    for fault in _faults(_Conversation(tuple(turns), habits)):
        if fault.is_certain:
            return fault
        likely = likely or fault
    return likely


@dataclass(frozen=True)
class _Conversation:
    turns: tuple[tuple[str, str], ...]
    habits: Habits

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(role for role, _ in self.turns)

    @property
    def target(self) -> str:
        return self.turns[-1][1]

    @property
    def system(self) -> str:
        return "\n".join(text for role, text in self.turns if role == "system")

    @property
    def spoken(self) -> list[str]:
        """The roles without the system's."""
        return [role for role in self.roles if role != "system"]

    def asked_before(self, position: int) -> str:
        """What the user said last before a turn."""
        for role, text in reversed(self.turns[:position]):
            if role == "user":
                return text
        return ""

    def earlier_answers(self) -> Iterator[tuple[int, str]]:
        """Position and text of the assistant's turns before the target; calls of tools are none."""
        for i, (role, text) in enumerate(self.turns[:-1]):
            if role == "assistant" and self.turns[i + 1][0] == "user":
                yield i, text


def _faults(row: _Conversation) -> Iterator[Breakage]:
    if not row.turns:
        yield Breakage("no target", "a row has at least one turn", "no turns")
        return
    yield from _of_roles(row)
    yield from _empty(row)
    yield from _refusals(row)
    yield from _unreadable(row)
    yield from _loops(row)
    yield from _cut(row)
    left = leftovers.leftovers(
        row.target,
        row.asked_before(len(row.turns) - 1),
        markup_share=row.habits.markup,
    )
    if left:
        yield Breakage("leftovers", "a conversion leaves nothing in the target", left, False)


def _of_roles(row: _Conversation) -> Iterator[Breakage]:
    shown = " ".join(row.roles[:8])
    for kind, rule, is_broken in _ROLE_RULES:
        if is_broken(row):
            yield Breakage(kind, rule, shown)


def _begins_with_answer(row: _Conversation) -> bool:
    spoken = row.spoken
    return len(spoken) > 1 and spoken[0] == "assistant" and "user" not in spoken


_ROLE_RULES: tuple[tuple[str, str, Callable[[_Conversation], bool]], ...] = (
    ("no target", "the last turn is the assistant's", lambda row: row.roles[-1] != "assistant"),
    ("role order", "a system turn stands first", lambda row: "system" in row.roles[1:]),
    ("role order", "a user turn comes before the answer", _begins_with_answer),
    (
        "role order",
        "turns of user and assistant alternate",
        lambda row: ("assistant", "assistant") in itertools.pairwise(row.spoken),
    ),
)


def _empty(row: _Conversation) -> Iterator[Breakage]:
    shown = " ".join(row.roles[:8])
    if placeholders.is_blank(row.target):
        yield Breakage("empty target", "the target is not empty", shown)
    else:
        yield from _placeholder(row)

    asked = [text for role, text in row.turns[:-1] if role == "user"]
    if asked and all(map(placeholders.is_blank, asked)):
        yield Breakage("empty input", "the input is not empty", shown)
    elif any(map(placeholders.is_blank, asked)):
        yield Breakage("empty input", "no turn is empty", shown, False)

    if any(placeholders.is_blank(text) for _, text in row.earlier_answers()):
        yield Breakage("empty target", "no answer in the conversation is empty", shown)


def _placeholder(row: _Conversation) -> Iterator[Breakage]:
    said = placeholders.placeholder(row.target)
    if not said:
        return
    value = placeholders.normal(said)
    asked = "\n".join(text for _, text in row.turns[:-1]).casefold()
    # A value of the set, or one that the question speaks of, is an answer.
    if value in row.habits.labels or (value and value in asked):
        return
    yield Breakage(
        "empty target",
        "the target is not a placeholder",
        f"placeholder {said}",
        placeholders.is_surely_placeholder(said),
    )


def _refusals(row: _Conversation) -> Iterator[Breakage]:
    answers = [*row.earlier_answers(), (len(row.turns) - 1, row.target)]
    for position, text in answers:
        words, is_bare = refusals.refusal(text)
        if not words:
            continue
        wanted = refusals.may_be_wanted(row.asked_before(position), row.system)
        yield Breakage("refusal", "no answer is a refusal", words, is_bare and not wanted)


def _unreadable(row: _Conversation) -> Iterator[Breakage]:
    count = row.target.count(_REPLACEMENT)
    if count > max(2, len(row.target) // 100):
        evidence = f"{count} replacement characters"
        yield Breakage("unreadable", "the target can be read", evidence)


def _loops(row: _Conversation) -> Iterator[Breakage]:
    answers = [*row.earlier_answers(), (len(row.turns) - 1, row.target)]
    for position, text in answers:
        said, is_certain = repetition.repetition(text, row.asked_before(position))
        if said:
            yield Breakage("repetition", "no answer repeats itself", said, is_certain)


def _cut(row: _Conversation) -> Iterator[Breakage]:
    before = "\n".join(text for _, text in row.turns[:-1])
    rule = "the target is complete"
    if endings.unclosed_fence(row.target, before):
        yield Breakage("cut off", rule, "a code block that is not closed")
        return
    is_passage = row.target.strip() in before and not endings.truncated_json(row.target)
    if is_passage:
        # An answer that is taken from the text in question ends where it was taken.
        return
    shown, is_certain = endings.breaks_off(
        row.target,
        ends_done=row.habits.ends_done,
        json_share=row.habits.json,
    )
    if shown:
        yield Breakage("cut off", rule, shown, is_certain)
