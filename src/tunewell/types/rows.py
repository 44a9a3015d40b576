"""Rows, what happened to each of them, and the versions of the data that they make up."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tunewell.json_text import parse_json
from tunewell.types.values import Value

Role = Literal["system", "user", "assistant", "tool"]

Origin = Literal["source", "annotation", "augmentation", "correction", "production"]

Action = Literal["kept", "changed", "dropped"]

REFERENCES = "references"
"""The tag that keeps every right answer of a row, as a JSON list: see `references_tag`."""


MediaKind = Literal["image", "audio", "video", "file"]

Label = Literal["", "good", "bad"]

NO_SPEECH = "no-speech"
"""Kind of a row in whose recording nobody speaks."""


_MARK_LETTERS = 20
_AS_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_MARK = re.compile(rf"\n?\[audio [a-p]{{{_MARK_LETTERS}}}\]")


def audio_mark(digest: str) -> str:
    """What stands for a recording where a row is compared or shown as text.

    Letters alone: digits would be searched for telephone numbers.

    Example:
        >>> audio_mark("05af" * 16)
        '[audio glafglafglafglafglaf]'
    """
    return f"[audio {digest[:_MARK_LETTERS].translate(_AS_LETTERS)}]"


def without_audio_mark(text: str) -> str:
    r"""The text of a turn without what stands for its recording.

    Example:
        >>> without_audio_mark("Please write down:\n[audio glafglafglafglafglaf]")
        'Please write down:'
    """
    return _MARK.sub("", text)


class Sparse(Value):
    """A value whose absent parts are not written.

    A record from before a part existed therefore keeps its digest.
    """

    @model_serializer(mode="wrap")
    def _without_absent_parts(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        fields = type(self).model_fields
        absent = {name for name in self.sparse if getattr(self, name) == fields[name].default}
        return {name: value for name, value in written.items() if name not in absent}

    sparse: ClassVar[frozenset[str]] = frozenset()
    """Names of the parts that are left out where they hold their default."""


class ToolCall(Value):
    """One call of a tool by the assistant.

    Attributes:
        name: Of the tool.
        arguments: A JSON value as text, keys sorted; text that is no JSON as it was given.
        id: What the tool's result refers to; empty where calls carry none.

    Example:
        >>> ToolCall(name="weather", arguments='{"city": "Oslo"}').text
        '{"name": "weather", "arguments": {"city": "Oslo"}}'
    """

    name: str
    arguments: str = "{}"
    id: str = ""

    @property
    def text(self) -> str:
        """The call in the one form in which it is compared and shown; the id does not count."""
        try:
            arguments = parse_json(self.arguments)
        except ValueError:
            arguments = self.arguments
        return json.dumps({"name": self.name, "arguments": arguments}, ensure_ascii=False)


class Media(Value):
    """Something that a turn refers to and that is not text.

    Attributes:
        kind: What it is.
        reference: The path, address or digest that the row gave.
    """

    kind: MediaKind
    reference: str = ""


class Message(Sparse):
    """One turn of a chat.

    Attributes:
        role: Who speaks.
        content: The text.
        tool_calls: Calls that the assistant makes in this turn.
        tool_call_id: In a turn of a tool: the call that it answers.
        name: Of the speaker or the tool, where the row gave one.
        reasoning: What the assistant thought before it answered, where the row gave it.
        weight: Whether an assistant's turn is learned: 0 is context only, None is unsaid (learned).
        media: Files that the turn refers to.
        audio: Digest of the recording that is heard in this turn, a file of the project's store;
            empty where the turn is written.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    reasoning: str = ""
    weight: float | None = Field(default=None, ge=0)
    media: tuple[Media, ...] = ()
    audio: str = ""

    sparse: ClassVar[frozenset[str]] = frozenset(
        {"tool_calls", "tool_call_id", "name", "reasoning", "weight", "media", "audio"}
    )

    @property
    def text(self) -> str:
        r"""The content, what stands for a recording, and the calls, a line each.

        Example:
            >>> call = ToolCall(name="ping")
            >>> Message(role="assistant", content="One moment.", tool_calls=(call,)).text
            'One moment.\n{"name": "ping", "arguments": {}}'
        """
        parts = [self.content] if self.content else []
        if self.audio:
            parts.append(audio_mark(self.audio))
        return "\n".join([*parts, *(call.text for call in self.tool_calls)])

    @property
    def is_learned(self) -> bool:
        """Whether the turn is the assistant's and not marked as context."""
        return self.role == "assistant" and (self.weight is None or self.weight > 0)


class Example(Sparse):
    """One row: a conversation whose assistant turns are the targets.

    Attributes:
        id: The user's own id where there is one, else ``file:line``.
        messages: The turns in order. ``target`` is the last one if it is the assistant's.
        source: The system or file set that it came from.
        kind: What kind of document it is (bill question, memo, statute …), in the project's own
            words.
        date: The day that the row speaks for, where known.
        group: Document, conversation or patient: rows of one group are never cut by a split.
        parent: The id of the row that this one was made from.
        origin: How it came to be.
        tags: Everything else that is known, as text.
        tools: Definitions of the tools that the assistant may call, as a JSON array with sorted
            keys; empty where there are none.
        rejected: The turns of the answer that people liked less, in a row of preference data;
            ``messages`` then ends in the answer that they chose.
        label: What people said of the answer, in a row of thumbs up and down.
    """

    id: str = Field(min_length=1)
    messages: tuple[Message, ...]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    origin: Origin = "source"
    tags: Mapping[str, str] = Field(default_factory=dict)
    tools: str = ""
    rejected: tuple[Message, ...] = ()
    label: Label = ""

    sparse: ClassVar[frozenset[str]] = frozenset({"tools", "rejected", "label"})

    @property
    def targets(self) -> tuple[int, ...]:
        """Places of the turns that are learned; none in a row whose answer people called bad.

        Example:
            >>> turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
            >>> row = Example(id="1", messages=tuple(Message(role=r, content=c) for r, c in turns))
            >>> row.targets
            (1, 3)
        """
        if self.label == "bad":
            return ()
        return tuple(place for place, turn in enumerate(self.messages) if turn.is_learned)

    def up_to(self, place: int) -> Example:
        """The row as it was when the turn at ``place`` was to be answered, that answer included."""
        return self.model_copy(update={"messages": self.messages[: place + 1]})

    @property
    def audio(self) -> tuple[str, ...]:
        """Digests of the recordings that are heard in the row, in order."""
        return tuple(turn.audio for turn in self.messages if turn.audio)

    @property
    def is_without_speech(self) -> bool:
        """Whether nobody speaks in the recording: its transcript is empty, and that is right."""
        return bool(self.audio) and self._answered and self.kind == NO_SPEECH

    @property
    def is_answered(self) -> bool:
        """Whether it holds what a model should answer, which may be nothing where nobody speaks."""
        return bool(self.target) or self.is_without_speech

    @property
    def is_preference(self) -> bool:
        """Whether the row says which of two answers is better, or whether one is good."""
        return bool(self.rejected or self.label)

    @property
    def target(self) -> str:
        """What the assistant should answer; empty if the last turn is not the assistant's."""
        return self.messages[-1].text if self._answered else ""

    @property
    def references(self) -> tuple[str, ...]:
        """Every answer that counts as right: the target, then those of the tag `REFERENCES`.

        Example:
            >>> tags = references_tag(["12 May", "May 12th"])
            >>> said = (Message(role="assistant", content="12 May"),)
            >>> Example(id="1", messages=said, tags=tags).references
            ('12 May', 'May 12th')
        """
        more = listed(self.tags.get(REFERENCES, ""))
        return tuple(dict.fromkeys([self.target, *more]))

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the target."""
        return self.messages[:-1] if self._answered else self.messages

    @property
    def _answered(self) -> bool:
        """Whether the last turn is the assistant's."""
        return bool(self.messages) and self.messages[-1].role == "assistant"

    @property
    def input(self) -> str:
        """The text of all turns but the target and system turns, joined by blank lines.

        Example:
            >>> Example(id="1", messages=(Message(role="user", content="When?"),
            ...                           Message(role="assistant", content="Today."))).input
            'When?'
        """
        return "\n\n".join(m.text for m in self.prompt if m.role != "system")

    @property
    def asked(self) -> str:
        """Everything that the model is asked: tools, system turns and all turns before the target.

        Rows are the same question only where this is the same.
        """
        parts = [self.tools] if self.tools else []
        return "\n\n".join([*parts, *(turn.text for turn in self.prompt)])

    def field(self, name: str) -> str:
        """The value of a field by name (``region`` looks into the tags), as text.

        Empty where unknown.
        """
        name = name.removeprefix("tags.")
        if name in {"source", "kind", "group", "parent", "origin", "id"}:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")


def listed(text: str) -> tuple[str, ...]:
    """The items of a JSON list, as texts; nothing if the text is none.

    Example:
        >>> listed('["a", 5]'), listed("a, b")
        (('a', '5'), ())
    """
    if not text.lstrip().startswith("["):
        return ()
    try:
        found = parse_json(text)
    except ValueError:
        return ()
    return tuple(item if isinstance(item, str) else json.dumps(item) for item in found)


def references_tag(answers: Sequence[str]) -> dict[str, str]:
    """The tag that keeps several right answers of a row; the first of them is its target.

    Empty with fewer than two: readers add it to a row's tags as it is.
    """
    distinct = list(dict.fromkeys(answers))
    if len(distinct) < 2:
        return {}
    return {REFERENCES: json.dumps(distinct, ensure_ascii=False)}


class Receipt(Value):
    """What one step did to one input row. Every input row has at least one line.

    Attributes:
        row: Id of the row.
        place: Where the row was read, as ``file:line``.
        step: The step of curation, such as ``age``.
        order: 0, 1, 2 … within the row.
        action: ``kept`` (the row's last word when it survived), ``changed`` or ``dropped`` (the
            last word otherwise).
        rule: The rule in words, with its numbers.
        cites: The line of tunewell.yaml that asked for it (``tunewell.yaml:41``), or ``built-in``.
        code: The pitfall (``D06``), empty for ``kept``.
        evidence: What was seen: the date, the span, the length.
        other: The row that it duplicates, leaks from or contradicts.
    """

    row: str
    place: str
    step: str
    order: int
    action: Action
    rule: str
    cites: str = ""
    code: str = ""
    evidence: str = ""
    other: str = ""


class Dataset(Value):
    """A version of the data: Parquet of Examples and of Receipts, both content-addressed.

    Nothing is edited in place.

    Attributes:
        id: Digest of the content (not of the file), 64 hex characters.
        rows: How many Examples.
        examples: Artifact digest of the Parquet of Examples, sorted by id.
        receipts: Artifact digest of the Parquet of Receipts, sorted by (row, order).
        held_out: Ids of rows that the project gave as its test set (role ``test``); they are not
            curated for training.
        read: How many input rows were read, rejects included.
        parent: The version that this one came from.
    """

    id: str
    rows: int
    examples: str
    receipts: str
    held_out: tuple[str, ...] = ()
    read: int = 0
    parent: str = ""


def by_id(examples: Sequence[Example]) -> dict[str, Example]:
    """Examples by their id."""
    return {e.id: e for e in examples}
