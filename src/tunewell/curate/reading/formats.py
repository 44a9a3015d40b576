"""How a record becomes a row, whatever shape it has.

Chats (OpenAI, ShareGPT, Gemini, Bedrock, Anthropic …), questions and answers with context, history
and system (Alpaca, Dolly …), multiple choice, preferences, rendered chats, plain text, or columns
that the user names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.curate.reading.choices import ChoiceReader, is_choice
from tunewell.curate.reading.columns import (
    AmbiguousColumns,
    Columns,
    Misfit,
    has_value,
    plain_key,
    structure,
)
from tunewell.curate.reading.guess import guess_columns, hint_of
from tunewell.curate.reading.judged import (
    common_start,
    label_of,
    pair_of,
    turns_of_answer,
)
from tunewell.curate.reading.rendered import looks_rendered, parse_rendered, require_parsed
from tunewell.curate.reading.row_fields import RowFields, as_date, as_text, column_of
from tunewell.curate.reading.tool_calls import TOOL_COLUMNS, calls_of, is_call, tools_of
from tunewell.curate.reading.turns import MEDIA_WORDS, TurnReader, reference_of
from tunewell.curate.rows import InputRow, clip
from tunewell.task import DataSource, Format
from tunewell.types import Media, Message

TURNS = (
    "messages",
    "conversations",
    "conversation",
    "contents",
    "turns",
    "dialogue",
    "dialog",
    "chat",
    "utterances",
    "data",
)
ASKED = (
    "instruction",
    "prompt",
    "question",
    "query",
    "input",
    "user_prompt",
    "user_input",
    "user_message",
    "problem",
    "question_stem",
    "goal",
    "input_text",
    "text_input",
    "document",
    "article",
    "dialogue",
    "dialog",
    "conversation",
    "original_text",
    "source_text",
    "text",
    "user",
    "human",
    "sentence",
    "ctx",
    "content",
    "context",
    "source",
)
"""Columns of the question; the surest first. ``source`` may name where a row is from."""

ANSWERS = (
    "completion",
    "response",
    "answer",
    "output",
    "target",
    "answers",
    "output_text",
    "text_output",
    "reply",
    "assistant",
    "bot",
    "gpt",
    "solution",
    "summary",
    "highlights",
    "section_text",
    "reference_summary",
    "target_text",
    "model_answer",
    "model_response",
    "correct_answer",
    "best_answer",
    "expected_output",
    "ground_truth",
    "human_answer",
)
"""Columns of the answer; two of them with different values cannot both be it."""

_CLASSES = ("label", "category", "intent", "class", "label_text", "sentiment")
"""Columns of a class: the answer where there is no other, and the question is a text."""

_CLASSED = ("text", "sentence", "query", "question", "utterance", "input", "content", "document")

_CONTEXT = (
    "input",
    "context",
    "contexts",
    "ctx",
    "passage",
    "passages",
    "documents",
    "document",
    "paragraph",
    "article",
    "story",
    "background",
    "knowledge",
    "premise",
    "support",
    "schema",
)
_SYSTEM = (
    "system",
    "system_prompt",
    "system_message",
    "systeminstruction",
    "system_instruction",
    "sys",
)
_HISTORY = ("history", "chat_history", "conversation_history", "past_turns")

_MEDIA_COLUMN = re.compile(
    r"(images?|photos?|pictures?|audios?|videos?|speech)(_(path|file|url)s?)?"
)

UNKNOWN = "no known format"
"""How the reject of a record begins whose columns say nothing."""

HINT_NAME_COLUMNS = "name the columns in data[].fields (input, target), or: --input Q --target A"


@dataclass
class _Shape:
    """What a record was read as.

    Attributes:
        format: Its name.
        messages: The turns.
        rejected: The turns of the worse answer.
    """

    format: str
    messages: list[Message]
    rejected: list[Message] = field(default_factory=list)


@dataclass
class RowReader:
    """Makes rows of the records of one file.

    Attributes:
        source: How to read them.
        name: Name of the source, for rows that carry none.
        turns: Reads turns.
        choices: Reads multiple-choice questions.
        is_document: Whether the records are parts of a document, not of a file of rows.
        kept: Columns that become tags where they are nothing else.
    """

    source: DataSource
    name: str = ""
    turns: TurnReader = field(default_factory=TurnReader)
    choices: ChoiceReader = field(default_factory=ChoiceReader)
    is_document: bool = False
    kept: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        source: DataSource,
        name: str = "",
        *,
        is_document: bool = False,
        kept: frozenset[str] = frozenset(),
    ) -> RowReader:
        """A reader for a file of a source."""
        fields = source.fields
        return cls(
            source=source,
            name=name,
            turns=TurnReader(roles=fields.roles, role=fields.role, content=fields.content),
            choices=ChoiceReader(column=fields.choices, key=fields.target),
            is_document=is_document,
            kept=kept,
        )

    def columns(self, record: Mapping[Any, Any]) -> Columns:
        """The columns of a record, with those that stand in its metadata."""
        known: dict[Any, Any] = {}
        for name in ("metadata", "meta"):
            inner = structure(record.get(name))
            if isinstance(inner, Mapping):  # a common place for what is known of a row
                known |= inner
        return Columns({**known, **record}, self.source.fields.tags)

    def row(self, record: Columns, *, place: str, own_id: str = "") -> InputRow:
        """Make a row of a record.

        Args:
            record: The user's columns.
            place: ``file:line``.
            own_id: The user's own key of the record, if it stands outside of it.

        Raises:
            Misfit: The record cannot become a row.
            AmbiguousColumns: Two columns could both be the answer.
        """
        fields, form = self.source.fields, self.source.format
        shape = self._shape(record)
        label = label_of(record, fields.label)
        tools = tools_of(record.take((fields.tools,) if fields.tools else TOOL_COLUMNS, "tools"))
        self._require_text(record, shape)

        known = RowFields(record, fields)
        said = known.date_said()
        turns, details = InputRow.turns_of(shape.messages)
        row = InputRow(
            id=known.id(own_id or place),
            place=place,
            turns=turns,
            source=known.text("source", self.name),
            kind=known.text("kind", self.source.kind),
            date=as_date(said),
            date_said=said,
            group=known.group(look=form == "auto"),
            parent=known.text("parent"),
            tags=known.tags(),
            held=self.source.role == "test",
            format=shape.format,
            details=details,
            tools=tools,
            rejected=tuple(shape.rejected),
            label=label,
        )
        system = self._system(record)
        if system and not row.has_system:
            row.instruct(system)
        for name in sorted(self.kept):
            if record.is_free(name):
                row.tags[name] = as_text(record.use(name, "tag"))
        return row

    def _shape(self, record: Columns) -> _Shape:
        form = detect(record, self.source)
        shape = _READERS[form](self, record)
        return shape

    def _system(self, record: Columns) -> str:
        """The system turn of a record, as text, an object or a list of parts."""
        fields = self.source.fields
        value = record.take((fields.system,) if fields.system else _SYSTEM, "system")
        value = structure(value)
        if isinstance(value, list | Mapping):
            wrapped = value if isinstance(value, Mapping) else {"parts": value}
            messages = self.turns.messages([{**wrapped, "role": "system"}])
            return "\n".join(message.content for message in messages)
        return as_text(value)

    # One method a shape.

    def chat(self, record: Columns) -> _Shape:
        """A list of turns, with an answer beside it where it ends in a question."""
        fields = self.source.fields
        own = fields.messages
        name = own if own in record else _turns_column(record, (own,) if own else TURNS)
        if name is None:
            raise Misfit(
                "there is no list of turns in 'messages' or 'conversations'",
                "name the column in data[].fields: messages",
            )
        is_sharegpt = _is_sharegpt(structure(record[name]))
        messages = self._nested(record.use(name, "turns"), record)
        if messages and messages[-1].role != "assistant":
            answer = self._answer_beside(record)
            messages += answer
        return _Shape("sharegpt" if is_sharegpt else "messages", messages)

    def _nested(self, value: Any, record: Columns) -> list[Message]:
        """The turns of a list, or of OpenAI's ``{"messages": …, "tools": …}``."""
        value = structure(value)
        if isinstance(value, Mapping) and "messages" in value:
            if has_value(value.get("tools")):
                record.values_by_name.setdefault("tools", value["tools"])
                record._names.setdefault("tools", "tools")
            value = value["messages"]
        return self.turns.messages(value)

    def _answer_beside(self, record: Columns) -> list[Message]:
        name = self._answer_column(record)
        return turns_of_answer(record.use(name, "answer"), self.turns) if name else []

    def pair(self, record: Columns) -> _Shape:
        """A question and an answer, with context, history, and options where there are any."""
        fields = self.source.fields
        if is_choice(record) or fields.choices:
            shape = self.choice(record)
            if shape is not None:
                return shape
        asked = asked_column(record)
        if asked is None:
            raise Misfit("there is no question", HINT_NAME_COLUMNS)
        value = structure(record[asked])
        if isinstance(value, list | Mapping) and _are_turns(value):
            record.use(asked, "turns")
            messages = self._nested(value, record)
        else:
            messages = self._asked(record, asked)
        return self._answered(record, messages, asked)

    def _asked(self, record: Columns, asked: str) -> list[Message]:
        """What is asked: earlier turns, then the question with what belongs to it."""
        answer = self._answer_column(record)
        parts = [as_text(record.use(asked, "question"))]
        own = self.source.fields.context
        for name in record.free((own,) if own else _CONTEXT):
            if name != answer:
                parts.append(_flat(record.use(name, "context")))
        text = "\n\n".join(part for part in parts if part.strip())
        return [*self._history(record), Message(role="user", content=text)]

    def _history(self, record: Columns) -> list[Message]:
        own = self.source.fields.history
        value = structure(record.take((own,) if own else _HISTORY, "history"))
        if isinstance(value, str) and value.strip():
            return parse_rendered(value) or [Message(role="user", content=value)]
        return self.turns.messages(value) if isinstance(value, list | Mapping) else []

    def _answered(self, record: Columns, messages: list[Message], asked: str) -> _Shape:
        name = self._answer_column(record, asked=asked)
        if name is None:
            raise Misfit(
                f"the question in {record.name_of(asked)!r} has no answer beside it: columns "
                f"{clip(', '.join(record), 80)}",
                HINT_NAME_COLUMNS,
            )
        value = record.use(name, "answer")
        given = structure(value)
        form = "alpaca" if asked == "instruction" else "prompt_completion"
        if isinstance(given, list) and asked == "instruction" and len(given) == 2:
            better, worse = (Message(role="assistant", content=as_text(each)) for each in given)
            return _Shape("preference", [*messages, better], [worse])
        if is_call(given):
            call = Message(role="assistant", content="", tool_calls=calls_of(given))
            return _Shape(form, [*messages, call])
        if isinstance(given, list) and _are_turns(given):
            return _Shape(form, [*messages, *self.turns.messages(given)])
        text = _answer_text(given if isinstance(given, list | Mapping) else value)
        whole = self._rendered_pair(messages, text)
        if whole:
            return _Shape("rendered", whole)
        return _Shape(form, [*messages, Message(role="assistant", content=text)])

    def _rendered_pair(self, messages: list[Message], answer: str) -> list[Message]:
        """The turns of a question that was rendered with the head of its answer."""
        if len(messages) != 1 or messages[0].role != "user":
            return []
        asked = messages[0].content
        if looks_rendered(asked):
            return require_parsed(asked + answer)
        ends = asked.rstrip()
        if ends.endswith(("Assistant:", "ASSISTANT:", "AI:")):
            return parse_rendered(f"{ends} {answer}")
        return []

    def _answer_column(self, record: Columns, *, asked: str = "") -> str | None:
        """The column of the answer.

        Raises:
            AmbiguousColumns: Two could be it.
        """
        own = self.source.fields.target
        if own:
            column_of(record, own, "answer")  # raises if it is not there
            return own
        names = [name for name in ANSWERS if name != asked]
        free = record.free(names)
        different: dict[str, str] = {}
        for name in free:
            different.setdefault(as_text(structure(record[name])).strip(), name)
        if len(different) > 1:
            listed = " and ".join(repr(record.name_of(name)) for name in different.values())
            raise AmbiguousColumns(
                f"the columns {listed} could each be the answer, and differ",
                hint=f"say which it is: tunewell doctor FILE --target {free[0]}, "
                f"or data[].fields: {{input: …, target: {free[0]}}}",
            )
        found = record.first(names)
        if found is not None and record.is_free(found):
            return found
        classes = record.free(_CLASSES) if asked in _CLASSED else []
        return next(iter(classes), found)

    def choice(self, record: Columns) -> _Shape | None:
        """A multiple-choice question."""
        options = self.choices.options(record)
        if options is None:
            return None
        answer = self.choices.answer(record, options)
        asked = self.source.fields.input or asked_column(record)
        messages = self._asked(record, asked) if asked else [Message(role="user", content="")]
        question = messages.pop()
        text = "\n\n".join(filter(None, (question.content, options.lines)))
        messages.append(Message(role="user", content=text))
        return _Shape("choices", [*messages, Message(role="assistant", content=answer)])

    def preference(self, record: Columns) -> _Shape:
        """A better and a worse answer."""
        fields = self.source.fields
        pair = pair_of(record, fields.target, fields.rejected)
        if pair is None:
            raise Misfit("there is no better and worse answer, such as chosen and rejected")
        for name in pair:
            if name not in record:
                raise Misfit(f"column {name!r} is missing", "correct data[].fields")
        better = turns_of_answer(record.use(pair[0], "chosen"), self.turns)
        worse = turns_of_answer(record.use(pair[1], "rejected"), self.turns)
        asked = self._asked_before(record)
        if asked and better[: len(asked)] == asked:
            better = better[len(asked) :]
        if asked and worse[: len(asked)] == asked:
            worse = worse[len(asked) :]
        if asked and _starts_with_question(better):
            asked = []
        if not asked:
            same = common_start(better, worse)
            asked, better, worse = better[:same], better[same:], worse[same:]
        return _Shape("preference", [*asked, *better], worse)

    def _asked_before(self, record: Columns) -> list[Message]:
        """What both answers answer."""
        name = _turns_column(record, TURNS)
        if name is not None:
            return self._nested(record.use(name, "turns"), record)
        asked = self.source.fields.input or asked_column(record)
        if asked is None or not record.is_free(asked):
            return []
        value = structure(record[asked])
        if isinstance(value, list | Mapping) and _are_turns(value):
            return self._nested(record.use(asked, "turns"), record)
        messages = self._asked(record, asked)
        return parse_rendered(messages[-1].content) or messages

    def own_columns(self, record: Columns) -> _Shape:
        """Columns that the user names."""
        fields, template = self.source.fields, self.source.template
        if not fields.input and not template:
            raise _unknown(record)
        if fields.rejected:
            return self.preference(record)
        if fields.choices:
            shape = self.choice(record)
            if shape is not None:
                return shape
        if template:
            parts = [fill(template, record)]
        else:
            parts = [column_of(record, fields.input, "question")]
        if fields.context and fields.context in record:
            parts.append(_flat(record.use(fields.context, "context")))
        asked = "\n\n".join(part for part in parts if part)
        messages = [*self._history(record), Message(role="user", content=asked)]
        target = fields.target or (self._answer_column(record) if fields.input else "")
        if target:
            answer = column_of(record, target, "answer")
            messages.append(Message(role="assistant", content=answer))
        return _Shape("fields", messages)

    def text(self, record: Columns) -> _Shape:
        """Plain text, or a chat that was rendered as one text."""
        fields = self.source.fields
        column = fields.target or fields.input or "text"
        text = column_of(record, column, "text")
        turns = parse_rendered(text) if self.is_document else require_parsed(text)
        if turns:
            return _Shape("rendered", turns)
        return _Shape("text", [Message(role="assistant", content=text)])

    def rendered(self, record: Columns) -> _Shape:
        """A chat that was rendered as one text, or as segments of which some are learned."""
        name = _rendered_column(record, self.source)
        if name is None:
            raise Misfit("no column holds a rendered chat")
        value = structure(record.use(name, "turns"))
        if not isinstance(value, list):
            turns = require_parsed(as_text(value))
            if turns:
                return _Shape("rendered", turns)
            raise Misfit(f"the text in {name!r} is no chat that can be taken apart")
        whole = "".join(as_text(part.get("text")) for part in value)
        turns = parse_rendered(whole)
        return _Shape("rendered", turns or _of_segments(value))

    def _require_text(self, record: Columns, shape: _Shape) -> None:
        """Refuse what needs a model that sees or hears.

        Raises:
            Misfit: The row refers to a picture, a recording or a film.
        """
        media = [each for turn in (*shape.messages, *shape.rejected) for each in turn.media]
        media += _media_columns(record)
        if not media:
            return
        first = media[0]
        named = f" ({first.reference})" if first.reference else ""
        raise Misfit(
            f"the row needs a model that takes {first.kind} input{named}; "
            "only text can be trained on",
            "leave these rows out; a column that is no input can be kept in data[].fields: tags",
        )


def asked_column(record: Columns) -> str | None:
    """The column of the question."""
    name = record.first(ASKED)
    if name == "source" and "target" not in record:
        return None
    return name


def _media_columns(record: Columns) -> list[Media]:
    found = []
    for name in record:
        plain = plain_key(name)
        if name in record.used or not _MEDIA_COLUMN.fullmatch(plain):
            continue
        if record.name_of(name) != name or not record.is_free(name):
            continue
        value = structure(record[name])
        if not has_value(value) or isinstance(value, bool | int | float):
            continue
        kind = next(kind for word, kind in MEDIA_WORDS.items() if word in plain)
        for each in value if isinstance(value, list) else [value]:
            found.append(Media(kind=kind, reference=reference_of(each)))
    return found


def detect(record: Columns, source: DataSource) -> Format:
    """How a record looks.

    Example:
        >>> record = Columns({"instruction": "Sum up", "input": "…", "output": "…"})
        >>> detect(record, DataSource(path="x"))
        'alpaca'
    """
    fields = source.fields
    if source.format != "auto":
        return source.format
    if fields.messages:
        return "messages"
    if any((fields.input, source.template, fields.choices, fields.rejected)):
        return "fields"
    if pair_of(record) is not None:
        return "preference"
    name = _turns_column(record, TURNS)
    if name is not None:
        return "sharegpt" if _is_sharegpt(structure(record[name])) else "messages"
    if _rendered_column(record, source) is not None:
        return "rendered"
    return _format_of_columns(record, source)


def _format_of_columns(record: Columns, source: DataSource) -> Format:
    if is_choice(record):
        return "choices"
    asked = asked_column(record)
    target = source.fields.target
    if target:
        return "text" if asked in (None, target) else "prompt_completion"
    if asked is not None:
        others = [name for name in ANSWERS if name != asked]
        if record.first(others) is not None:
            return "alpaca" if asked == "instruction" else "prompt_completion"
        if asked in _CLASSED and record.first(_CLASSES) is not None:
            return "prompt_completion"
    if "text" in record:
        return "text"
    return "prompt_completion" if asked is not None and asked in _ALONE else "fields"


_ALONE = frozenset({"instruction", "prompt", "question", "query"})
"""A question column without any answer: what is missing can be said."""


def _turns_column(record: Columns, names: Sequence[str]) -> str | None:
    """The first column that holds turns; ``messages`` may be empty."""
    for name in names:
        if name not in record or (name == "data" and len(record) > 2):
            continue
        value = structure(record[name])
        if isinstance(value, Mapping) and "messages" in value:
            return name
        if isinstance(value, list | Mapping) and has_value(value) and _are_turns(value):
            return name
    if "messages" not in names or record.get("messages") != []:
        return None
    return "messages" if asked_column(record) is None else None


_TURN_KEYS = frozenset(
    "role from speaker author sender content value text message parts type user assistant human "
    "input output question answer prompt response bot gpt".split()
)


def _are_turns(value: Any) -> bool:
    """Whether a list (or an object of columns) holds turns."""
    if isinstance(value, Mapping):
        keys = {plain_key(key) for key in value}
        return len(keys & {"role", "from", "content", "value"}) == 2 or "messages" in keys
    if not isinstance(value, list) or not value:
        return False
    first = structure(value[0])
    if isinstance(first, Mapping):
        return not _TURN_KEYS.isdisjoint(map(plain_key, first))
    if isinstance(first, list):
        return len(first) == 2 and all(isinstance(each, str) for each in first)
    return len(value) > 1 and all(isinstance(each, str) for each in value)


def _is_sharegpt(turns: Any) -> bool:
    """Whether turns say ``from`` for their role."""
    return (
        bool(turns)
        and isinstance(turns, list)
        and isinstance(turns[0], dict)
        and "from" in turns[0]
    )


def _rendered_column(record: Columns, source: DataSource) -> str | None:
    """A column that holds a rendered chat."""
    if "segments" in record and _are_segments(structure(record["segments"])):
        return "segments"
    for name in ("chat", "conversation", "conversations", "messages", "dialogue", "dialog"):
        value = record.get(name)
        if isinstance(value, str) and parse_rendered(value):
            return name
    if source.format == "rendered":
        return record.first(("text", "prompt", "input", "content"))
    return None


def _are_segments(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(part, Mapping) and "text" in part for part in value)


def _of_segments(parts: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Segments that say of themselves whether they are learned."""
    turns: list[Message] = []
    for part in parts:
        is_learned = part.get("label") in (True, 1, "true")
        role = "assistant" if is_learned else "user"
        text = as_text(part.get("text"))
        if turns and turns[-1].role == role:
            text = turns.pop().content + text
        turns.append(Message.model_validate({"role": role, "content": text}))
    return turns


def _answer_text(value: Any) -> str:
    """The text of an answer; of several (as in SQuAD) the first."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        texts = value["text"]
        return as_text(texts[0]) if texts else ""
    if isinstance(value, Mapping) and isinstance(value.get("content"), str):
        return as_text(value["content"])
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        text = value[0].get("text")
        return text if isinstance(text, str) else as_text(value)
    return as_text(value)


def _flat(value: Any) -> str:
    """Context as text: of a list of texts, a paragraph each."""
    value = structure(value)
    if isinstance(value, Mapping):
        lists = [each for each in value.values() if isinstance(each, list)]
        if lists and len(lists) == len(value):
            return "\n\n".join(_flat(each) for each in zip(*lists, strict=False))
        inner = value.get("text") or value.get("contents") or value.get("content")
        return inner if isinstance(inner, str) else as_text(value)
    if isinstance(value, list | tuple):
        return "\n\n".join(_flat(each) for each in value)
    return as_text(value)


def _starts_with_question(turns: Sequence[Message]) -> bool:
    return len(turns) > 1 and turns[0].role in {"user", "system"}


def _unknown(record: Columns) -> Misfit:
    names = clip(", ".join(sorted(record)[:8]), 160)
    hint = HINT_NAME_COLUMNS
    guess = guess_columns([record.values_by_name])
    if guess is not None:
        hint = hint_of(*guess)
    if {"role", "content"} <= record.keys() or {"from", "value"} <= record.keys():
        hint = "each line must hold a whole chat: put the turns in a list under 'messages'"
    return Misfit(f"{UNKNOWN}: columns {names} (name yours in data.fields)", hint)


_READERS: Mapping[Format, Callable[[RowReader, Columns], _Shape]] = {
    "messages": RowReader.chat,
    "sharegpt": RowReader.chat,
    "alpaca": RowReader.pair,
    "prompt_completion": RowReader.pair,
    "choices": RowReader.pair,
    "preference": RowReader.preference,
    "rendered": RowReader.rendered,
    "fields": RowReader.own_columns,
    "text": RowReader.text,
}


def fill(template: str, record: Columns) -> str:
    """Put columns into a template; text of the user's is data, never a template itself.

    Example:
        >>> fill("Q: {question}", Columns({"question": "{0.__class__}"}))
        'Q: {0.__class__}'
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in record:
            raise Misfit(f"column {match[1]!r} of the template is missing")
        return as_text(record.use(match[1], "question"))

    return re.sub(r"\{([^{}]*)\}", value, template)
