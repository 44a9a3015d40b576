"""Turns of a chat, in the shapes that formats give them, to messages."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tunewell.curate.reading.columns import Misfit, has_value, plain_key, structure
from tunewell.curate.reading.tool_calls import as_json, calls_of
from tunewell.curate.rows import clip
from tunewell.types import Media, MediaKind, Message, Role, ToolCall
from tunewell.types.written_calls import bare_response, marked_calls

CALL = "call"
"""The role of turns that are nothing but a call: the assistant makes it."""

THOUGHT = "thought"
"""The role of items that are nothing but what the assistant thought before it went on."""

_BY_ROLE = {
    "system": "system developer system_prompt instructions 系统",
    "user": "user human prompter customer client questioner usr 用户 人类 顾客 客户 пользователь",
    "assistant": (
        "assistant gpt bot model chatgpt agent ai chatbot llm answerer asst 助手 机器人 客服"
        " ассистент"
    ),
    "tool": (
        "tool function observation ipython tool_response tool_result tool_results tool_output "
        "function_response function_result function_output function_call_output environment"
    ),
    CALL: "function_call tool_call tool_calls function_calls",
    THOUGHT: "reasoning thinking",
}
ROLES = {name: role for role, names in _BY_ROLE.items() for name in names.split()}
"""Names of roles in the wild, and ours."""

_SPEAKER = ("role", "from", "speaker", "author", "sender")
_CONTENT = ("content", "value", "text", "message", "utterance", "parts", "output")
_CALLS = ("tool_calls", "function_call", "function_calls")
_RESULTS = ("tool_results", "tool_result", "results", "result", "response")
"""Keys of the turn of a tool that hold what it gave back."""

_REASONING = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts", "tool_plan")
_WEIGHTS = ("weight", "loss_weight", "train", "training", "loss", "learn")
_CALL_IDS = ("tool_call_id", "call_id", "tool_use_id")
_TEXT_KEYS = ("text", "value", "content", "input_text", "output_text", "refusal")
_WRAPPED_RESULTS = ("toolResult", "functionResponse", "function_response")
_TEXT_TYPES = frozenset({"text", "input_text", "output_text", "refusal", ""})

_PAIRED = {
    "system": ("system", "system_prompt"),
    "user": ("user", "human", "input", "question", "prompt", "instruction", "query", "q"),
    "assistant": ("assistant", "output", "answer", "response", "bot", "gpt", "model", "a"),
}
"""Keys of a turn that holds a question and its answer."""

MEDIA_WORDS: Mapping[str, MediaKind] = {
    "image": "image",
    "photo": "image",
    "picture": "image",
    "audio": "audio",
    "speech": "audio",
    "video": "video",
    "file": "file",
    "document": "file",
    "inlinedata": "file",
    "inline_data": "file",
}


_HINT_LIST = 'write the turns as a list: [{"role": "user", "content": "…"}, …]'
_HINT_CALL = 'write each call as {"function": {"name": "…", "arguments": "{}"}}'


@dataclass
class TurnReader:
    """Reads turns, and notes which of their keys were used.

    Attributes:
        roles: The user's names of roles to ours.
        role: The user's key of the speaker.
        content: The user's key of what was said.
        unused: Keys of turns that hold something and were not used, with an example each.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    content: str = ""
    unused: dict[str, Any] = field(default_factory=dict)

    def messages(self, turns: Any) -> list[Message]:
        """The messages of a list of turns.

        Raises:
            Misfit: One of them cannot be read.
        """
        turns = structure(turns)
        if isinstance(turns, Mapping):
            turns = _rows_of_columns(turns)
        if not isinstance(turns, list):
            raise Misfit("the turns are not a list", _HINT_LIST)
        if turns and all(isinstance(turn, str) for turn in turns):
            return _alternating(turns)
        names_keys = any((self.roles, self.role, self.content))
        found: list[Message] = []
        for i, turn in enumerate(turns):
            plain = None if names_keys else _plain_turn(turn)
            if plain is not None:
                _join(found, plain)
                continue
            for message in self._turn(structure(turn), i):
                _join(found, message)
        return found

    def _turn(self, turn: Any, i: int) -> Iterable[Message]:
        if isinstance(turn, list):
            return _asked_and_answered(turn, i)
        if not isinstance(turn, Mapping):
            raise Misfit(f"turn {i} is not an object", _HINT_LIST)
        speaker = self._speaker_key(turn)
        if speaker is None and "type" not in turn:
            paired = _paired(turn)
            if paired:
                return paired
        stated = turn.get(speaker) if speaker is not None else turn.get("type")
        if isinstance(stated, Mapping):
            stated = stated.get("role")
        role = self._role(stated, turn, i)
        self._note_unused(turn, speaker, role)
        if role == CALL:
            return [self._call_turn(turn, i)]
        if role == THOUGHT:
            return [Message(role="assistant", content="", reasoning=_thought(turn))]
        return self._said(role, turn, i)

    def _speaker_key(self, turn: Mapping[str, Any]) -> str | None:
        names = (self.role,) if self.role else _SPEAKER
        there = [name for name in names if name in turn]
        holding = [name for name in there if has_value(turn[name])]
        return next(iter(holding or there), None)

    def _role(self, stated: Any, turn: Mapping[str, Any], i: int) -> str:
        name = str(stated).strip()
        own = {key.strip().lower(): role for key, role in self.roles.items()}
        role = own.get(name.lower()) or ROLES.get(plain_key(name))
        if role is None and stated is None and _first(turn, _CALLS) is not None:
            return "assistant"
        if role is None and self.roles and not has_value(stated):
            role = own.get("")
        if role is None:
            raise Misfit(
                f"turn {i} has the unknown role {clip(name, 40)!r}",
                _hint_of_role(clip(name, 40), i),
            )
        return role

    def _content_key(self, turn: Mapping[str, Any], role: str = "") -> str | None:
        names = (self.content,) if self.content else _CONTENT
        if role == "tool":
            names = (*names, *_RESULTS)
        there = [name for name in names if name in turn]
        holding = [name for name in there if has_value(turn[name])]
        return next(iter(holding or there), None)

    def _call_turn(self, turn: Mapping[str, Any], i: int) -> Message:
        """A turn that is nothing but calls."""
        key = self._content_key(turn)
        value = turn.get(key) if key else turn
        calls = calls_of(value) or calls_of(_first(turn, _CALLS))
        weight = _weight(turn)
        if calls:
            return Message(role="assistant", content="", tool_calls=calls, weight=weight)
        if has_value(value) and isinstance(value, str):
            return Message(role="assistant", content=value, weight=weight)
        raise Misfit(f"turn {i} is a call without the name of a tool", _HINT_CALL)

    def _said(self, role: str, turn: Mapping[str, Any], i: int) -> list[Message]:
        key = self._content_key(turn, role)
        stated_calls = _first(turn, _CALLS)
        if key is None and stated_calls is None:
            keys = clip(", ".join(map(str, turn)), 80)
            raise Misfit(
                f"turn {i} has no content: its keys are {keys}",
                "name the key that holds the text in data[].fields: content",
            )
        said = _Said(role, i)
        said.take(turn.get(key) if key else None)
        calls = calls_of(stated_calls)
        if has_value(stated_calls) and not calls:
            raise Misfit(f"turn {i} calls a tool without a name", _HINT_CALL)
        said.calls += calls
        said.take_written_calls()
        reasoning = _first(turn, _REASONING)
        if isinstance(reasoning, str):
            said.reasoning.insert(0, reasoning)
        return said.messages(turn)

    def _note_unused(
        self,
        turn: Mapping[str, Any],
        speaker: str | None,
        role: str,
    ) -> None:
        known = {speaker, self._content_key(turn, role), *_KNOWN_KEYS}
        if role == THOUGHT:
            known |= {"summary", "encrypted_content", "status"}
        for key, value in turn.items():
            if key not in known and key not in self.unused and has_value(value):
                self.unused[str(key)] = value


_KNOWN_KEYS = (*_CALLS, *_REASONING, *_WEIGHTS, *_CALL_IDS, "name", "type", "id")


_PLAIN_KEYS = frozenset({"role", "content"})
_NO_SPEAKERS = frozenset({CALL, THOUGHT})
_MARKS = ("<tool_call>", "<tool_response>", "<function=", "[TOOL_CALLS]", "<|python_tag|>")
"""What a call or the result of one begins with where it stands in the text."""


def _plain_turn(turn: Any) -> Message | None:
    """A turn that is nothing but role and text, which nearly all are: read without a detour."""
    if not isinstance(turn, dict) or turn.keys() != _PLAIN_KEYS:
        return None
    stated, content = turn["role"], turn["content"]
    if not isinstance(stated, str) or not isinstance(content, str):
        return None
    role = ROLES.get(stated)
    if role is None or role in _NO_SPEAKERS or any(mark in content for mark in _MARKS):
        return None
    return Message(role=cast("Role", role), content=content)


def _hint_of_role(name: str, i: int) -> str:
    likely = "assistant" if i % 2 else "user"
    return (
        f"say whose role it is, such as: tunewell doctor FILE --role {shlex.quote(name)}={likely}, "
        f"or data[].fields: {{roles: {{{name!r}: {likely}}}}}"
    )


@dataclass
class _Said:
    """What one turn says, in the making.

    Attributes:
        role: Whose turn it is.
        i: Its place.
        texts: Its text, part by part.
        calls: Calls of tools.
        results: Results of tools that stand in it: (id, name, text).
        media: Files that it refers to.
        reasoning: What was thought.
    """

    role: str
    i: int
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[tuple[str, str, str]] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)

    def take(self, content: Any) -> None:
        """Take what a turn holds."""
        if content is None:
            return
        if isinstance(content, str):
            self.texts.append(content)
        elif isinstance(content, list) and self._are_parts(content):
            for part in content:
                self.part(part)
        elif self.role == "tool" and isinstance(content, list | Mapping | int | float | bool):
            self.texts.append(as_json(content))
        elif isinstance(content, Mapping):
            self.part(content)
        else:
            raise Misfit(
                f"the content of turn {self.i} is {type(content).__name__}, not text",
                "write the content as text, or leave the row out",
            )

    def take_written_calls(self) -> None:
        """Take calls, and results of tools, that stand in the text in a model's own marks."""
        if self.role == "tool":
            self.texts = [bare_response(text) for text in self.texts]
        elif self.role == "assistant" and self.texts and not self.calls:
            before, calls = marked_calls("\n".join(self.texts))
            if calls:
                self.texts = [before] if before else []
                self.calls += calls

    def _are_parts(self, content: list[Any]) -> bool:
        """Whether a list holds parts, not the result of a tool."""
        if self.role != "tool":
            return True
        return all(isinstance(part, str) or _is_part(part) for part in content)

    def part(self, part: Any) -> None:
        """Take one part of a content."""
        if isinstance(part, str):
            self.texts.append(part)
            return
        kind = type(part).__name__
        if isinstance(part, Mapping):
            kind = str(part.get("type") or "")
            if self._tool_part(part, kind) or self._text_part(part, kind):
                return
            found = media_of(part, kind)
            if found is not None:
                self.media.append(found)
                return
        raise Misfit(
            f"turn {self.i} holds a part of the unknown type {(kind or '?')[:40]!r}",
            "only text can be trained on: leave these rows out",
        )

    def _text_part(self, part: Mapping[str, Any], kind: str) -> bool:
        if self._thought_part(part, kind) or self._document_part(part, kind):
            return True
        if kind in {"redacted_thinking", "cachePoint"} or "cachePoint" in part:
            return True
        if kind not in _TEXT_TYPES:
            return False
        text = _first(part, _TEXT_KEYS)
        if not isinstance(text, str):
            # A text part that says nothing; an object without type may be a picture.
            return kind == "text" and _first(part, _TEXT_KEYS) is None
        self.texts.append(text)
        return True

    def _thought_part(self, part: Mapping[str, Any], kind: str) -> bool:
        """Take what the assistant thought: of Anthropic, of Gemini, of Bedrock."""
        inner = part.get("reasoningContent")
        if isinstance(inner, Mapping):
            part, kind = {"content": [inner.get("reasoningText")]}, "thinking"
        if kind not in {"thinking", "reasoning"} and part.get("thought") is not True:
            return False
        self.reasoning.append(_thought(part))
        return True

    def _document_part(self, part: Mapping[str, Any], kind: str) -> bool:
        """Take a document that stands in the turn as plain text."""
        source = part.get("source")
        if kind != "document" or not isinstance(source, Mapping) or source.get("type") != "text":
            return False
        self.texts.append(str(source.get("data") or ""))
        return True

    def _tool_part(self, part: Mapping[str, Any], kind: str) -> bool:
        """Take a call or a result: of Anthropic, of Bedrock, of Gemini."""
        call = _first(part, ("toolUse", "functionCall", "function_call"))
        if kind in {"tool_use", "function_call", "tool_call"}:
            call = part
        if call is not None:
            # LLaMA-Factory's parts hold the call as a text.
            calls = calls_of(call) or calls_of(_first(part, ("value", "content", "text")))
            if not calls:
                raise Misfit(f"turn {self.i} calls a tool without a name", _HINT_CALL)
            self.calls += calls
            return True
        result = _first(part, _WRAPPED_RESULTS)
        if kind in {"tool_result", "function_call_output", "tool_response"}:
            result = part
        if not isinstance(result, Mapping):
            return False
        said = _first(result, ("content", "response", "output", "result"))
        call_id = _first(result, ("tool_use_id", "toolUseId", "call_id", "id")) or ""
        text = _result_text(said)
        self.results.append((str(call_id), str(result.get("name") or ""), text))
        return True

    def messages(self, turn: Mapping[str, Any]) -> list[Message]:
        """The messages that the turn makes: results of tools first, then what was said."""
        found = []
        for call_id, name, text in self.results:
            found.append(Message(role="tool", content=text, tool_call_id=call_id, name=name))
        is_empty = not (self.texts or self.calls or self.media or self.reasoning)
        if found and is_empty:
            return found
        own_call = _first(turn, _CALL_IDS)
        said = Message(
            role=cast("Role", self.role),
            content="\n".join(self.texts),
            tool_calls=tuple(self.calls),
            tool_call_id=str(own_call or ""),
            name=_name(turn),
            reasoning="\n".join(filter(None, self.reasoning)),
            weight=_weight(turn) if self.role == "assistant" else None,
            media=tuple(self.media),
        )
        return [*found, said]


def _is_part(part: Any) -> bool:
    """Whether something is a part of text or holds the result of a tool."""
    if not isinstance(part, Mapping):
        return False
    is_text = str(part.get("type", "")) in _TEXT_TYPES - {""}
    return is_text or any(isinstance(part.get(name), Mapping) for name in _WRAPPED_RESULTS)


def _join(found: list[Message], message: Message) -> None:
    """Add a message; thought that stands alone belongs to what the assistant does next."""
    last = found[-1] if found else None
    if last is not None and message.role == "assistant" and _is_thought(last):
        reasoning = "\n".join(filter(None, (last.reasoning, message.reasoning)))
        found[-1] = message.model_copy(update={"reasoning": reasoning})
        return
    found.append(message)


def _is_thought(message: Message) -> bool:
    return message.reasoning != "" and not message.text


def _thought(turn: Mapping[str, Any]) -> str:
    """What an item of thought says, in its content or its summary."""
    texts = []
    for name in ("content", "summary", "text", "value", *_REASONING):
        value = turn.get(name)
        for part in value if isinstance(value, list) else [value]:
            text = part.get("text") if isinstance(part, Mapping) else part
            texts.append(text if isinstance(text, str) else "")
    return "\n".join(filter(None, texts))


def _result_text(said: Any) -> str:
    """What a tool gave back, as text."""
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        texts = []
        for part in said:
            text = part.get("text") if isinstance(part, Mapping) else part
            inner = part.get("json", part) if isinstance(part, Mapping) else part
            texts.append(text if isinstance(text, str) else as_json(inner))
        return "\n".join(texts)
    return "" if said is None else as_json(said)


def media_of(part: Mapping[str, Any], kind: str = "") -> Media | None:
    """What a part refers to that is not text."""
    names = [kind, *map(str, part)] if kind else list(map(str, part))
    for name in names:
        plain = plain_key(name)
        for word, medium in MEDIA_WORDS.items():
            if word in plain:
                return Media(kind=medium, reference=reference_of(part))
    return None


def reference_of(value: Any) -> str:
    """The path, address or first characters of something that is not text."""
    if isinstance(value, Mapping):
        for name in ("url", "path", "file", "file_id", "image_url", "image", "audio", "video"):
            if has_value(value.get(name)):
                return reference_of(value[name])
        return ""
    return clip(value, 200) if isinstance(value, str) else ""


def _first(turn: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value under the first of these keys that is not null."""
    for name in names:
        if turn.get(name) is not None:
            return turn[name]
    return None


def _name(turn: Mapping[str, Any]) -> str:
    name = turn.get("name")
    return name if isinstance(name, str) else ""


def _weight(turn: Mapping[str, Any]) -> float | None:
    """Whether a turn is learned, as it says itself."""
    stated = _first(turn, _WEIGHTS)
    if isinstance(stated, str):
        stated = {"true": 1.0, "false": 0.0}.get(stated.strip().lower(), stated)
    if isinstance(stated, bool | int | float) and stated >= 0:
        return float(stated)
    return None


def _alternating(turns: list[str]) -> list[Message]:
    """Turns of which nothing is said but the text: user and assistant take turns."""
    found = []
    for i, text in enumerate(turns):
        role: Role = "assistant" if i % 2 else "user"
        found.append(Message(role=role, content=text))
    return found


def _asked_and_answered(turn: list[Any], i: int) -> list[Message]:
    """A turn that is a list of two: question and answer, or role and text."""
    if len(turn) != 2 or not all(isinstance(each, str | None) for each in turn):
        raise Misfit(f"turn {i} is a list, but not a pair of texts", _HINT_LIST)
    first, second = (each or "" for each in turn)
    role = ROLES.get(plain_key(first))
    if role in {"system", "user", "assistant", "tool"}:
        return [Message(role=cast("Role", role), content=second)]
    asked, answered = Message(role="user", content=first), Message(role="assistant", content=second)
    return [message for message in (asked, answered) if message.content]


def _paired(turn: Mapping[str, Any]) -> list[Message]:
    """The messages of a turn that holds a question and its answer under keys of their own."""
    found = []
    keys = {plain_key(key): key for key in turn}
    for role, names in _PAIRED.items():
        key = next((keys[name] for name in names if name in keys), None)
        if key is None:
            continue
        value = turn[key]
        if isinstance(value, str) and value:
            found.append(Message(role=cast("Role", role), content=value))
    roles = {message.role for message in found}
    return found if roles & {"user", "assistant"} else []


def _rows_of_columns(columns: Mapping[str, Any]) -> Any:
    """Turns that are kept as columns (``{"role": [...], "content": [...]}``), as rows."""
    lists = list(columns.values())
    if not lists or not all(isinstance(each, list) for each in lists):
        return [columns]
    if len(set(map(len, lists))) != 1:
        raise Misfit("the turns are columns of different lengths", _HINT_LIST)
    return [dict(zip(columns, each, strict=True)) for each in zip(*lists, strict=True)]
