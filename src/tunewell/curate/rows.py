"""A row on its way through curation, and what could not be read as one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import (
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field, replace
from typing import cast

from tunewell.checks.date_columns import DateNote
from tunewell.json_leaves import leaves, with_leaves
from tunewell.json_text import parse_json
from tunewell.similar.conversations import (
    has_target,
    input_of,
    target_of,
)
from tunewell.types import (
    Example,
    Label,
    Media,
    Message,
    Origin,
    Role,
    ToolCall,
    without_audio_mark,
)

_FIELDS = frozenset({"source", "kind", "group", "parent", "id"})
"""Fields that are text as they are."""


@dataclass(frozen=True, slots=True)
class TurnDetails:
    """What few turns have besides their text; see `tunewell.types.Message`."""

    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    reasoning: str = ""
    weight: float | None = None
    media: tuple[Media, ...] = ()
    audio: str = ""

    @classmethod
    def of(cls, turn: Message) -> TurnDetails:
        """The details of a turn."""
        return cls(*(getattr(turn, name) for name in cls.__slots__))

    def message(self, role: str, text: str) -> Message:
        """The turn with these details, whose text (see `Message.text`) is this."""
        content = without_audio_mark(text) if self.audio else text
        calls = self.tool_calls
        if calls:
            content, calls = _apart(content, calls)
        return Message.model_construct(
            role=cast("Role", role),
            content=content,
            tool_calls=calls,
            tool_call_id=self.tool_call_id,
            name=self.name,
            reasoning=self.reasoning,
            weight=self.weight,
            media=self.media,
            audio=self.audio,
        )


PLAIN_TURN = TurnDetails()
_PLAIN_FIELDS = frozenset({"role", "content"})


def _apart(text: str, calls: tuple[ToolCall, ...]) -> tuple[str, tuple[ToolCall, ...]]:
    """Content and calls of a turn's text, in which the calls are the last lines.

    A step may have changed them: masked a number in an argument, for instance.
    """
    lines = text.split("\n")
    first = len(lines) - len(calls)
    if first < 0:
        return text, calls
    found = []
    for line, call in zip(lines[first:], calls, strict=True):
        found.append(call if line == call.text else _changed_call(line, call))
    return "\n".join(lines[:first]), tuple(found)


def _changed_call(line: str, call: ToolCall) -> ToolCall:
    try:
        values = parse_json(line)
        arguments = json.dumps(values["arguments"], ensure_ascii=False, sort_keys=True)
        name = str(values["name"])
    except (ValueError, KeyError, TypeError):
        # No JSON any more: the arguments are kept as text.
        _, _, arguments = line.partition('"arguments": ')
        name = call.name
    return ToolCall.model_construct(name=name, arguments=arguments, id=call.id)


@dataclass(slots=True)
class InputRow:
    """One input row. Steps change it in place; the ledger keeps what they did.

    Attributes:
        id: The user's own id, else ``file:line``.
        place: ``file:line``.
        turns: (role, text) in order; the calls of a turn are the last lines of its text.
        details: By place, what a turn has besides its text.
        held: Whether it belongs to the project's own test set.
        dropped: Whether a step has dropped it.
        format: How the user's record looked.
        origin: ``source``, or ``correction`` where a person wrote the answer.
        date_said: The date field as it stands in the file.
        date_note: What there is to say of the reading of it.
        tools: Definitions of tools, as in `tunewell.types.Example`.
        rejected: The turns of the answer that people liked less.
        label: What people said of the answer.
        file: The file that it was read from.
    """

    id: str
    place: str
    turns: list[tuple[str, str]]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    held: bool = False
    dropped: bool = False
    format: str = ""
    origin: Origin = "source"
    date_said: str = ""
    date_note: DateNote = ""
    details: dict[int, TurnDetails] = field(default_factory=dict)
    tools: str = ""
    rejected: tuple[Message, ...] = ()
    label: Label = ""
    file: str = ""

    @classmethod
    def turns_of(
        cls,
        messages: Iterable[Message],
    ) -> tuple[list[tuple[str, str]], dict[int, TurnDetails]]:
        """Turns and details of messages."""
        turns: list[tuple[str, str]] = []
        details: dict[int, TurnDetails] = {}
        for place, message in enumerate(messages):
            turns.append((message.role, message.text))
            if message.model_fields_set <= _PLAIN_FIELDS:
                continue
            found = TurnDetails.of(message)
            if found != PLAIN_TURN:
                details[place] = found
        return turns, details

    @property
    def target(self) -> str:
        """The last turn if it is the assistant's, else empty."""
        return target_of(self.turns)

    @property
    def input(self) -> str:
        """The turns before the target without system turns, joined by blank lines."""
        return input_of(self.turns)

    @property
    def clip(self) -> str:
        """Digest of the recording that is heard in the row; empty in a written one."""
        return next((each.audio for each in self.details.values() if each.audio), "")

    @property
    def gist(self) -> str:
        """What a comparison by meaning looks at: the input, the target where there is none."""
        return self.input or self.target

    @property
    def whole(self) -> str:
        """Input and target, a line each."""
        return f"{self.input}\n{self.target}"

    @property
    def roles(self) -> list[str]:
        """The role of each turn."""
        return [role for role, _ in self.turns]

    @property
    def texts(self) -> list[str]:
        """The text of each turn."""
        return [text for _, text in self.turns]

    @property
    def trains(self) -> bool:
        """Whether it is still there and may be trained on."""
        return not self.dropped and not self.held

    @property
    def has_system(self) -> bool:
        """Whether it begins with a system turn."""
        return len(self.turns) > 0 and self.turns[0][0] == "system"

    @property
    def asides(self) -> list[str]:
        """Texts beside the turns: what the assistant thought, then the answer that was rejected."""
        texts = [each.reasoning for each in self.details.values() if each.reasoning]
        return [*texts, *(turn.text for turn in self.rejected)]

    @property
    def beside(self) -> list[str]:
        """Texts that stand in tags, further right answers among them, and in definitions of tools.

        They are searched for personal data like the turns, and never repaired.
        """
        return [text for value in (*self.tags.values(), self.tools) for text in leaves(value)]

    def set_texts(self, texts: Sequence[str]) -> None:
        """Put other texts in the turns, one for each, behind them in the asides, then `beside`."""
        several = len(self.turns)
        self.turns = list(zip(self.roles, texts[:several], strict=True))
        self._settle_calls()
        asides = iter(texts[several:])
        for place, each in self.details.items():
            if each.reasoning:
                self.details[place] = replace(each, reasoning=next(asides, each.reasoning))
        rejected = []
        for turn in self.rejected:
            text = next(asides, turn.text)
            rejected.append(TurnDetails.of(turn).message(turn.role, text))
        self.rejected = tuple(rejected)
        rest = list(asides)
        if rest:
            others = iter(rest)
            self.tags = {name: with_leaves(value, others) for name, value in self.tags.items()}
            self.tools = with_leaves(self.tools, others)

    def _settle_calls(self) -> None:
        """Take changed calls from the texts of the turns."""
        for place, each in self.details.items():
            if each.tool_calls:
                _, calls = _apart(self.turns[place][1], each.tool_calls)
                self.details[place] = replace(each, tool_calls=calls)

    def instruct(self, instruction: str) -> None:
        """Put a system turn in front."""
        self.turns.insert(0, ("system", instruction))
        self.details = {place + 1: each for place, each in self.details.items()}

    def answer(self, target: str) -> None:
        """Put another target in the place of the present one, a good one."""
        asked = self.turns[:-1] if has_target(self.turns) else self.turns
        if self.target != target:
            self.details = {n: each for n, each in self.details.items() if n < len(asked)}
        self.turns = [*asked, ("assistant", target)]
        self.label = ""

    def copy(self) -> InputRow:
        """A row that steps may change without changing this one."""
        return replace(self, turns=list(self.turns), details=dict(self.details))

    def field(self, name: str) -> str:
        """As `tunewell.types.Example.field`."""
        name = name.removeprefix("tags.")
        if name in _FIELDS:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")

    def example(self) -> Example:
        """The row as a noun."""
        messages = []
        for place, (role, text) in enumerate(self.turns):
            details = self.details.get(place)
            if details is None:
                message = Message.model_construct(role=cast("Role", role), content=text)
            else:
                message = details.message(role, text)
            messages.append(message)
        return Example.model_construct(
            id=self.id,
            messages=tuple(messages),
            source=self.source,
            kind=self.kind,
            date=self.date,
            group=self.group,
            parent=self.parent,
            origin=self.origin,
            tags=self.tags,
            tools=self.tools,
            rejected=self.rejected,
            label=self.label,
        )


Families = list[list[InputRow]]
"""Rows that belong together, the first of each the one that the others are held against."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in a file that could not be read as a row.

    Attributes:
        place: ``file:line``.
        why: The rule that it breaks.
        evidence: The first characters of it.
        size: How many bytes of the file it stands for.
        rows: How many rows may have been lost in it, by the mean size of the others.
        hint: What to do about it.
    """

    place: str
    why: str
    evidence: str = ""
    size: int = 0
    rows: int = 1
    hint: str = ""


def ids_of(rows: Iterable[InputRow]) -> tuple[str, ...]:
    """The id of each row."""
    return tuple(row.id for row in rows)


def gists_of(rows: Iterable[InputRow]) -> list[str]:
    """What a comparison by meaning looks at in each row."""
    return [row.gist for row in rows]


def written_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows that are written: what is heard is not compared by its words."""
    return [row for row in rows if not row.clip]


def dropped_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows that a step has dropped."""
    return [row for row in rows if row.dropped]


def training_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows that are still there and may be trained on."""
    return [row for row in rows if row.trains]


def tests_of(rows: Iterable[InputRow]) -> list[InputRow]:
    """The rows of the project's own test set that are still there."""
    return [row for row in rows if row.held and not row.dropped]


def members_of(families: Iterable[Sequence[InputRow]], *, but: int = 0) -> list[InputRow]:
    """The rows of all families, but for the first so many of each."""
    return [row for family in families for row in family[but:]]


def counted(kinds: Mapping[str, int]) -> str:
    """Kinds with how many there are of each, in the order given: ``3 email, 1 phone``."""
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())


def newest_of(rows: Sequence[InputRow]) -> InputRow:
    """The row with the newest date, undated ones last; of several the first."""
    return max(rows, key=lambda row: row.date or dt.date.min)


def clip(text: str, most: int = 160) -> str:
    r"""One line of at most ``most`` characters that any store can hold.

    Example:
        >>> clip("a\nb"), clip("x" * 9, 4)
        ('a b', 'xxx…')
    """
    if len(text) > 4 * most:
        text = text[: 4 * most]
    text = " ".join(text.split())
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
