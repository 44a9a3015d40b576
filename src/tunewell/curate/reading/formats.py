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

from tunewell.checks.verbatim import is_structured
from tunewell.curate.reading.answers import answers_of, flat
from tunewell.curate.reading.choices import ChoiceReader, is_choice
from tunewell.curate.reading.clips import ClipFinder
from tunewell.curate.reading.columns import (
    AmbiguousColumns,
    Columns,
    Misfit,
    has_value,
    structure,
)
from tunewell.curate.reading.detect import (
    are_turns,
    asked_column,
    detect,
    is_sharegpt,
    rendered_column,
    say_who_speaks,
    turns_column,
)
from tunewell.curate.reading.guess import guess_columns, hint_of
from tunewell.curate.reading.heard import HeardColumns
from tunewell.curate.reading.judged import (
    common_start,
    label_of,
    pair_of,
    reply_of,
    turns_of_answer,
)
from tunewell.curate.reading.known_columns import (
    ANSWERS,
    CLASSED,
    CLASSES,
    CONTEXT,
    HISTORY,
    LATER_ANSWERS,
    SYSTEM,
    TURNS,
)
from tunewell.curate.reading.media_columns import media_columns
from tunewell.curate.reading.rendered import (
    HINT_RENDERED,
    bare,
    looks_rendered,
    parse_rendered,
    require_parsed,
)
from tunewell.curate.reading.row_fields import RowFields, as_date, as_text, column_of
from tunewell.curate.reading.tool_calls import TOOL_COLUMNS, calls_of, is_call, tools_of
from tunewell.curate.reading.turns import TurnReader
from tunewell.curate.rows import InputRow, clip
from tunewell.task import DataSource, Format
from tunewell.types import Message, listed, references_tag

UNKNOWN = "no known format"
"""How the reject of a record begins whose columns say nothing."""

HINT_NAME_COLUMNS = "name the columns in data[].fields (input, target), or: --input Q --target A"


_REQUESTS = frozenset({"body", "request"})
_OPENED = ("metadata", "meta", "body", "request")
"""Columns whose own keys are columns: what is known of a row, and what a model was asked."""


@dataclass
class _Shape:
    """What a record was read as.

    Attributes:
        format: Its name.
        messages: The turns.
        rejected: The turns of the worse answer.
        answers: Every right answer, where there are several.
        speaker: Who is heard.
        tags: What is known of a recording.
    """

    format: str
    messages: list[Message]
    rejected: list[Message] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    speaker: str = ""
    tags: dict[str, str] = field(default_factory=dict)


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
        finder: Finds recordings that rows name; None where they may name none.
    """

    source: DataSource
    name: str = ""
    turns: TurnReader = field(default_factory=TurnReader)
    choices: ChoiceReader = field(default_factory=ChoiceReader)
    is_document: bool = False
    kept: frozenset[str] = frozenset()
    finder: ClipFinder | None = None

    @classmethod
    def of(
        cls,
        source: DataSource,
        name: str = "",
        *,
        is_document: bool = False,
        kept: frozenset[str] = frozenset(),
        finder: ClipFinder | None = None,
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
            finder=finder,
        )

    def columns(self, record: Mapping[Any, Any]) -> Columns:
        """The columns of a record, with those that stand in its metadata, or in a request."""
        known: dict[Any, Any] = {}
        opened = []
        for name in ("metadata", "meta", *record) if len(record) == 1 else _OPENED:
            inner = structure(record.get(name))
            if isinstance(inner, Mapping) and (name not in _REQUESTS or "messages" in inner):
                known |= inner
                opened.append(name)
        return Columns({**known, **record}, self.source.fields.tags, opened)

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
            group=known.group(look=form == "auto") or shape.speaker,
            parent=known.text("parent"),
            tags=shape.tags | known.tags() | self._references(record, shape),
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
        heard = HeardColumns.of(record, self.source.fields)
        if heard is not None and self.finder is not None:
            row = heard.read(record, self.finder)
            return _Shape("speech", row.messages, speaker=row.speaker, tags=row.tags)
        form = detect(record, self.source)
        return _READERS[form](self, record)

    def _references(self, record: Columns, shape: _Shape) -> dict[str, str]:
        """The tag of several right answers, where the row gives more than its target."""
        more = record.take(("references",), "references") if record.is_free("references") else None
        if isinstance(more, str):
            more = listed(more)
        said = [as_text(each) for each in more] if isinstance(more, list | tuple) else []
        last = shape.messages[-1].text if shape.messages else ""
        return references_tag([*(shape.answers or [last]), *said])

    def _system(self, record: Columns) -> str:
        """The system turn of a record, as text, an object or a list of parts."""
        fields = self.source.fields
        value = record.take((fields.system,) if fields.system else SYSTEM, "system")
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
        name = own if own in record else turns_column(record, (own,) if own else TURNS)
        if name is None:
            raise Misfit(
                "there is no list of turns in 'messages' or 'conversations'",
                "name the column in data[].fields: messages",
            )
        turns = structure(record.use(name, "turns"))
        messages = self._nested(turns, record)
        if _is_palm(turns):
            messages = [*self._instruction_beside(record), *messages]
        if messages and messages[-1].role != "assistant":
            messages += self._answer_beside(record)
        return _Shape("sharegpt" if is_sharegpt(turns) else "messages", messages)

    def _nested(self, value: Any, record: Columns) -> list[Message]:
        """The turns of a list, or of OpenAI's ``{"messages": …, "tools": …}``."""
        value = structure(value)
        if isinstance(value, Mapping) and "messages" in value:
            if has_value(value.get("tools")):
                record.values_by_name.setdefault("tools", value["tools"])
                record._names.setdefault("tools", "tools")
            value = value["messages"]
        return self.turns.messages(value)

    def _instruction_beside(self, record: Columns) -> list[Message]:
        """What PaLM calls the context of a chat: its system turn."""
        said = as_text(record.take(("context",), "system"))
        return [Message(role="system", content=said)] if said.strip() else []

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
        if isinstance(value, list | Mapping) and are_turns(value):
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
        for name in record.free((own,) if own else CONTEXT):
            if name != answer:
                parts.append(flat(record.use(name, "context")))
        text = "\n\n".join(part for part in parts if part.strip())
        return [*self._history(record), Message(role="user", content=text)]

    def _history(self, record: Columns) -> list[Message]:
        own = self.source.fields.history
        value = structure(record.take((own,) if own else HISTORY, "history"))
        if isinstance(value, str) and value.strip():
            return parse_rendered(value) or [Message(role="user", content=value)]
        return self.turns.messages(value) if isinstance(value, list | Mapping) else []

    def _answered(
        self,
        record: Columns,
        messages: list[Message],
        asked: str,
    ) -> _Shape:
        name = self._answer_column(record, asked=asked)
        if name is None:
            raise Misfit(
                f"the question in {record.name_of(asked)!r} has no answer beside it: columns "
                f"{clip(', '.join(record), 80)}",
                self._hint_of_answer(record, asked),
            )
        value = record.use(name, "answer")
        form = "alpaca" if asked == "instruction" else "prompt_completion"
        shape = self._structured_answer(structure(value), messages, form)
        return shape or self._text_answer(value, messages, form, name)

    def _hint_of_answer(self, record: Columns, asked: str) -> str:
        """Which column may be the answer: the only one that is left, if there is but one."""
        others = [name for name in record if record.is_free(name)]
        answer = others[0] if len(others) == 1 else "COLUMN"
        return f"say which column is the answer: {hint_of(record.name_of(asked), answer)}"

    def _structured_answer(
        self,
        given: Any,
        messages: list[Message],
        form: str,
    ) -> _Shape | None:
        """An answer that is a pair of answers, calls of tools, or turns."""
        if isinstance(given, list) and form == "alpaca" and len(given) == 2:
            better, worse = (Message(role="assistant", content=as_text(each)) for each in given)
            return _Shape("preference", [*messages, better], [worse])
        if is_call(given):
            call = Message(role="assistant", content="", tool_calls=calls_of(given))
            return _Shape(form, [*messages, call])
        given = reply_of(given)
        if say_who_speaks(given):
            return _Shape(form, [*messages, *self.turns.messages(given)])
        return None

    def _text_answer(
        self,
        value: Any,
        messages: list[Message],
        form: str,
        name: str,
    ) -> _Shape:
        given = structure(value)
        is_object = isinstance(given, list | Mapping)
        answers = answers_of(given, name) if is_object else [as_text(value)]
        whole = self._rendered_pair(messages, answers[0])
        if whole:
            return _Shape("rendered", whole)
        said = [*messages, Message(role="assistant", content=answers[0])]
        return _Shape(form, said, answers=answers)

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
        names = _answer_names(record, asked)
        free = record.free(names)
        different: dict[str, str] = {}
        for name in free:
            different.setdefault(as_text(structure(record[name])).strip(), name)
        if len(different) > 1:
            both = " and ".join(repr(record.name_of(name)) for name in different.values())
            raise AmbiguousColumns(
                f"the columns {both} could each be the answer, and differ",
                hint=f"say which it is: tunewell doctor FILE --target {free[0]}, "
                f"or data[].fields: {{target: {free[0]}}}",
            )
        found = free[0] if free else None
        classes = record.free(CLASSES) if asked in CLASSED and found is None else []
        return next(iter(classes), found or record.first(names))

    def choice(self, record: Columns) -> _Shape | None:
        """A multiple-choice question; None where the question itself shows the options."""
        options = self.choices.options(record)
        asked = self.source.fields.input or asked_column(record)
        if options is None:
            return None
        if asked and self.choices.are_told(record, options, as_text(record[asked])):
            return None
        answer = self.choices.answer(record, options)
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
            raise Misfit(
                "there is no better and worse answer, such as chosen and rejected",
                "name their columns in data[].fields: target and rejected",
            )
        for name in pair:
            if name not in record:
                names = clip(", ".join(record), 120)
                raise Misfit(
                    f"column {name!r} is missing",
                    f"the columns are {names}: correct data[].fields",
                )
        better = turns_of_answer(record.use(pair[0], "chosen"), self.turns)
        worse = turns_of_answer(record.use(pair[1], "rejected"), self.turns)
        asked, better, worse = _parted(self._asked_before(record), better, worse)
        return _Shape("preference", [*asked, *better], worse)

    def _asked_before(self, record: Columns) -> list[Message]:
        """What both answers answer."""
        name = turns_column(record, TURNS)
        if name is not None:
            return self._nested(record.use(name, "turns"), record)
        asked = self.source.fields.input or asked_column(record)
        if asked is None or not record.is_free(asked):
            return self._history(record)
        value = structure(record[asked])
        if isinstance(value, list | Mapping) and are_turns(value):
            return self._nested(record.use(asked, "turns"), record)
        messages = self._asked(record, asked)
        return parse_rendered(messages[-1].content) or messages

    def own_columns(self, record: Columns) -> _Shape:
        """Columns that the user names."""
        fields = self.source.fields
        if not fields.input and not self.source.template:
            raise _unknown(record)
        if fields.rejected:
            return self.preference(record)
        shape = self.choice(record) if fields.choices else None
        if shape is not None:
            return shape
        messages = [*self._history(record), Message(role="user", content=self._own_asked(record))]
        target = fields.target or (self._answer_column(record) if fields.input else "")
        if target:
            answer = column_of(record, target, "answer")
            messages.append(Message(role="assistant", content=answer))
        return _Shape("fields", messages)

    def _own_asked(self, record: Columns) -> str:
        """The question of the columns that the user names, or of the template."""
        fields, template = self.source.fields, self.source.template
        asked = fill(template, record) if template else column_of(record, fields.input, "question")
        parts = [asked]
        if fields.context and fields.context in record:
            parts.append(flat(record.use(fields.context, "context")))
        return "\n\n".join(part for part in parts if part)

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
        name = rendered_column(record, self.source)
        if name is None:
            raise Misfit("no column holds a rendered chat", HINT_RENDERED)
        value = structure(record.use(name, "turns"))
        if not isinstance(value, list):
            turns = require_parsed(as_text(value))
            if turns:
                return _Shape("rendered", turns)
            raise Misfit(
                f"the text in {name!r} is not a chat that can be split into turns", HINT_RENDERED
            )
        whole = "".join(as_text(part.get("text")) for part in value)
        turns = parse_rendered(whole)
        return _Shape("rendered", turns or _of_segments(value))

    def _require_text(self, record: Columns, shape: _Shape) -> None:
        """Refuse what needs a model that sees or hears.

        Raises:
            Misfit: The row refers to a picture, a recording or a film.
        """
        media = [each for turn in (*shape.messages, *shape.rejected) for each in turn.media]
        media += media_columns(record)
        if not media:
            return
        first = media[0]
        named = f" ({first.reference})" if first.reference else ""
        raise Misfit(
            f"the row needs a model that takes {first.kind} input{named}; "
            "only text can be trained on",
            "leave these rows out; a column that is no input can be kept in data[].fields: tags",
        )


def _of_segments(parts: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Segments that say of themselves whether they are learned."""
    turns: list[Message] = []
    for part in parts:
        is_learned = part.get("label") in (True, 1, "true")
        role = "assistant" if is_learned else "user"
        text = bare(as_text(part.get("text")))
        if turns and turns[-1].role == role:
            text = turns.pop().content + text
        turns.append(Message.model_validate({"role": role, "content": text}))
    return turns


def _answer_names(record: Columns, asked: str) -> list[str]:
    """Columns that may be the answer: the usual ones, the others where none of them is there."""
    names = [name for name in ANSWERS if name != asked]
    if record.free(names):
        return names
    later = [name for name in (*LATER_ANSWERS, *ANSWERS) if name != asked]
    # Beside a question, what is written for a database is its answer.
    is_query = asked != "query" and record.free(["query"]) and is_structured(str(record["query"]))
    return [*later, "query"] if is_query else later


def _parted(
    asked: list[Message], better: list[Message], worse: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """What both answers answer, and the answers without it."""
    holds_answer = bool(asked) and asked[-1].role == "assistant"
    if holds_answer and _starts_with_question(better):
        asked = []  # a chat that ends in the better answer
    if asked:
        better, worse = _without(asked, better), _without(asked, worse)
    if asked and not _starts_with_question(better):
        return asked, better, worse
    same = common_start(better, worse)
    return better[:same], better[same:], worse[same:]


def _without(asked: list[Message], answer: list[Message]) -> list[Message]:
    """An answer without the turns that it answers, if it begins with them."""
    return answer[len(asked) :] if answer[: len(asked)] == asked else answer


def _is_palm(turns: Any) -> bool:
    """Whether turns name an author, as PaLM's do."""
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, Mapping) and "author" in first


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
            names = clip(", ".join(record), 120)
            raise Misfit(
                f"column {match[1]!r} of the template is missing",
                f"the columns are {names}: correct data[].template",
            )
        return as_text(record.use(match[1], "question"))

    return re.sub(r"\{([^{}]*)\}", value, template)
