"""Chats that were already rendered as one text, taken apart again.

Trained as they are, the markup of another model's template would be learned with the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from tunewell.curate.reading.columns import Misfit
from tunewell.curate.reading.tool_calls import calls_of
from tunewell.curate.reading.turns import CALL, ROLES
from tunewell.types import Message, Role


@dataclass(frozen=True)
class Markup:
    """How a chat template marks turns.

    Attributes:
        name: What people call it.
        head: Begins a turn; its first group is the role.
        ends: What ends a turn or the whole, and says nothing.
        roles: Names of roles that this template alone uses.
        may_have_preface: Whether text before the first turn is the system's.
    """

    name: str
    head: re.Pattern[str]
    ends: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    may_have_preface: bool = False

    def role(self, name: str) -> str | None:
        """Our role of a name in the template."""
        plain = name.strip().lower().replace(" ", "_")
        return dict(self.roles).get(plain) or ROLES.get(plain)


_COMMON_ENDS = ("<s>", "</s>", "<bos>", "<eos>", "<|endoftext|>", "<|begin_of_text|>")

_MARKUPS = (
    Markup(
        "ChatML",
        re.compile(r"<\|im_start\|>[ ]*([\w ]+?)[ ]*(?:\n|(?=<)|$)"),
        ("<|im_end|>", "<|im_start|>"),
    ),
    Markup(
        "Llama 3",
        re.compile(r"<\|(?:start_header_id|header_start)\|>\s*(\w+)\s*<\|[\w]*header[\w]*\|>\n*"),
        ("<|eot_id|>", "<|eot|>", "<|eom_id|>", "<|end_of_text|>"),
    ),
    Markup(
        "Gemma",
        re.compile(r"<(?:start_of_turn|\|turn)>\s*(user|model|system)\s*\n"),
        ("<end_of_turn>", "<turn|>"),
    ),
    Markup(
        "Phi or Zephyr",
        re.compile(r"<\|(system|user|assistant|tool|observation)\|>\n?"),
        ("<|end|>", "<|end_of_turn|>"),
    ),
    Markup(
        "DeepSeek",
        re.compile(r"<[｜|](User|Assistant)[｜|]>"),
        ("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>"),
        may_have_preface=True,
    ),
    Markup(
        "gpt-oss",
        re.compile(r"<\|start\|>(\w+)(?:<\|channel\|>final)?<\|message\|>"),
        ("<|end|>", "<|return|>", "<|start|>"),
    ),
    Markup("Baize", re.compile(r"\[\|(Human|AI)\|\]\s*")),
    Markup("GPT-NeoXT", re.compile(r"(?m)^<(human|bot)>:[ ]*")),
    Markup(
        "###",
        re.compile(
            r"(?:(?<=\n)|^|(?<=[^#]))###[ ]?"
            r"(Human|User|Assistant|System|Instruction|Input|Response|Question|Answer)[ ]*:?[ ]*\n?"
        ),
        ("###",),
        roles=(
            ("instruction", "user"),
            ("input", "user"),
            ("question", "user"),
            ("response", "assistant"),
            ("answer", "assistant"),
        ),
        may_have_preface=True,
    ),
    Markup(
        "USER: and ASSISTANT:",
        re.compile(r"(?:^|(?<=\s)|(?<=</s>))(SYSTEM|USER|ASSISTANT|FUNCTION RESPONSE):[ ]*\n?"),
        roles=(("function_response", "tool"),),
        may_have_preface=True,
    ),
    Markup(
        "Human: and Assistant:",
        re.compile(r"(?m)^[ ]*(System|Human|User|Assistant|AI|Bot)[ ]?:[ ]*"),
    ),
)

_SIGNS = re.compile(
    r"<\|im_(?:start|end)\|>|\[/?INST\]|<</?SYS>>|<\|(?:start|end)_header_id\|>|<\|eot_id\|>"
    r"|<(?:start|end)_of_turn>|<\|(?:user|assistant|system)\|>|<｜(?:User|Assistant)｜>"
    r"|<\|start\|>(?:user|assistant|system|developer)"
    r"|(?m:^)###[ ]?(?:Human|Assistant|Instruction|Response)[ ]*:"
)
"""What stands in no text but a rendered chat."""

_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=\[INST\]|\Z)", re.DOTALL)
_SYS = re.compile(r"\s*<<SYS>>\s*(.*?)\s*<</SYS>>\s*", re.DOTALL)
_PROSE_ROLE = re.compile(r"(?m)^[^\S\n]*+(?:Human|User|System|USER|SYSTEM)[ ]?:")
_CALL = re.compile(r"\s*<functioncall>\s*(.*)", re.DOTALL)


def looks_rendered(text: str) -> bool:
    """Whether text holds the markup of a chat template.

    Example:
        >>> looks_rendered("<s>[INST] Why? [/INST] So.</s>"), looks_rendered("Use [brackets].")
        (True, False)
    """
    return _SIGNS.search(text) is not None


def parse_rendered(text: str) -> list[Message]:
    r"""The turns of a rendered chat; none if it is not one.

    Example:
        >>> [turn.content for turn in parse_rendered("### Human: Why?### Assistant: So.")]
        ['Why?', 'So.']
    """
    if "[INST]" in text:
        return _parse_inst(text)
    if not looks_rendered(text) and not _begins_as_prose_chat(text):
        return []
    for markup in _MARKUPS:
        turns = _parse(text, markup)
        if turns:
            return turns
    return []


def require_parsed(text: str) -> list[Message]:
    """The turns of a text if it is a rendered chat, none if it is plain text.

    Raises:
        Misfit: It has the markup of a chat, and cannot be taken apart.
    """
    turns = parse_rendered(text)
    if not turns and looks_rendered(text):
        sign = _SIGNS.search(text)
        assert sign is not None  # it looks rendered
        raise Misfit(
            f"the text is already in a chat template ({sign[0]!r}) that cannot be taken apart",
            "give the chat as messages: each turn with role and content",
        )
    return turns


def _begins_as_prose_chat(text: str) -> bool:
    """Whether a text has ``Human:`` or ``USER:`` for its first turn, and an answer."""
    head = text.lstrip()[:4_000]
    match = _PROSE_ROLE.search(head) or re.search(r"\bUSER:", head)
    if match is None:
        return False
    return re.search(r"(?:^|\s|</s>)(?:Assistant|ASSISTANT|AI|Bot)[ ]?:", text) is not None


def _parse(text: str, markup: Markup) -> list[Message]:
    heads = list(markup.head.finditer(text))
    if not heads:
        return []
    preface = _bare(text[: heads[0].start()], markup)
    if preface and not markup.may_have_preface:
        return []
    turns = [Message(role="system", content=preface)] if preface else []
    ends = [*(head.start() for head in heads[1:]), len(text)]
    for head, end in zip(heads, ends, strict=True):
        role = markup.role(head[1])
        if role is None:
            return []
        _add(turns, role, _bare(text[head.end() : end], markup))
    return turns if _is_chat(turns) else []


def _add(turns: list[Message], role: str, content: str) -> None:
    """Add a turn; two of one speaker behind each other (Alpaca's input) are one."""
    call = _CALL.fullmatch(content) if role == "assistant" else None
    calls = calls_of(content if role == CALL else call[1] if call else None)
    if role == CALL:
        role = "assistant"
    if turns and turns[-1].role == role == "user":
        content = "\n\n".join(filter(None, (turns.pop().content, content)))
    if calls:
        content = ""
    made = Message(role=cast("Role", role), content=content, tool_calls=calls)
    turns.append(made)


def _is_chat(turns: list[Message]) -> bool:
    """Whether somebody asks and somebody answers."""
    return {"user", "assistant"} <= {turn.role for turn in turns}


def _bare(text: str, markup: Markup) -> str:
    """The text of a turn without the marks that end it."""
    ends = (*markup.ends, *_COMMON_ENDS)
    text = text.strip()
    changed = True
    while changed:
        changed = False
        for end in ends:
            if text.endswith(end):
                text, changed = text.removesuffix(end).rstrip(), True
            if text.startswith(end) and end in _COMMON_ENDS:
                text, changed = text.removeprefix(end).lstrip(), True
    return text


def _parse_inst(text: str) -> list[Message]:
    """The turns of a chat in the template of Llama 2 or Mistral."""
    markup = Markup("[INST]", _INST)
    turns: list[Message] = []
    first = text.index("[INST]")
    preface = _bare(text[:first], markup)
    if preface.startswith("[") or "[/INST]" in preface:
        return []
    for asked, answered in _INST.findall(text):
        system = _SYS.match(asked)
        if system is not None:
            turns.append(Message(role="system", content=system[1]))
            asked = asked[system.end() :]
        turns.append(Message(role="user", content=asked.strip()))
        answer = _bare(answered, markup)
        if answer:
            turns.append(Message(role="assistant", content=answer))
    if preface:
        turns.insert(0, Message(role="system", content=preface))
    return turns if _is_chat(turns) else []
