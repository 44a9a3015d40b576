"""Chats that were already rendered as one text, taken apart again.

Trained as they are, the markup of another model's template would be learned with the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from tunewell.curate.reading.columns import Misfit
from tunewell.curate.reading.tool_calls import calls_of
from tunewell.curate.reading.turns import CALL, ROLES, THOUGHT
from tunewell.types import Message, Role
from tunewell.types.written_calls import bare_response, marked_calls, written_calls


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


HINT_RENDERED = "give the chat as messages: each turn with role and content"

_COMMON_ENDS = (
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<|endoftext|>",
    "<|begin_of_text|>",
    "<BOS_TOKEN>",
    "<｜begin▁of▁sentence｜>",
    "[gMASK]",
    "<sop>",
)

_MARKUPS = (
    Markup(
        "ChatML",
        re.compile(r"<\|im_start\|>[ ]*([\w ]+?)[ ]*(?:\n|<\|im_sep\|>|(?=<)|$)"),
        ("<|im_end|>", "<|im_start|>"),
    ),
    Markup(
        "Kimi",
        re.compile(r"<\|im_(user|assistant|system)\|>[^<]*<\|im_middle\|>"),
        ("<|im_end|>",),
    ),
    Markup(
        "Cohere",
        re.compile(r"<\|START_OF_TURN_TOKEN\|><\|(SYSTEM|USER|CHATBOT)_TOKEN\|>"),
        ("<|END_OF_TURN_TOKEN|>",),
    ),
    Markup(
        "Granite",
        re.compile(r"<\|start_of_role\|>(\w+)<\|end_of_role\|>"),
        ("<|end_of_text|>",),
    ),
    Markup(
        "OpenChat",
        re.compile(r"(?:GPT4 Correct|Math Correct|Code|GPT4) (User|Assistant):[ ]*"),
        ("<|end_of_turn|>",),
    ),
    Markup(
        "InternLM",
        re.compile(r"<\|(System|User|Bot)\|>:[ ]*"),
        ("<eoh>", "<eoa>"),
    ),
    Markup(
        "Baichuan",
        re.compile(r"<(reserved_10[67])>"),
        roles=(("reserved_106", "user"), ("reserved_107", "assistant")),
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
        re.compile(
            r"<\|start\|>((?:assistant<\|channel\|>analysis|\w+(?=<\|channel\|>final|<\|message)))"
            r"(?:<\|channel\|>final)?<\|message\|>"
        ),
        ("<|end|>", "<|return|>", "<|start|>"),
        roles=(("assistant<|channel|>analysis", THOUGHT),),
    ),
    Markup(
        "Baize",
        re.compile(r"(?i)\[\|(human|ai|user|assistant|system)\|\]\s*"),
        ("[|endofturn|]",),
    ),
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
    r"<\|im_(?:start|end|sep|middle)\|>|\[/?INST\]|<</?SYS>>|\[/?SYSTEM_PROMPT\]"
    r"|<\|(?:start|end)_(?:header_id|of_role)\|>|<\|eot_id\|>|<\|(?:END|START)_OF_TURN_TOKEN\|>"
    r"|<(?:start|end)_of_turn>|<\|turn>|<turn\|>|<\|end_of_turn\|>|<(?:beginning|end)_of_sentence>"
    r"|<\|\w*(?:[Uu]ser|USER|[Aa]ssistant|[Bb]ot|[Hh]uman)\w*\|>|<\|system\|>"
    r"|\[\|(?i:user|assistant|human|ai|system)\|\]|<reserved_10[67]>|<eo[ha]>"
    r"|<｜(?:User|Assistant)｜>|<\|start\|>(?:user|assistant|system|developer)"
    r"|(?m:^)<(?:human|bot)>:"
    r"|(?m:^)###[ ]?(?:Human|Assistant|Instruction|Response)[ ]*:"
)
"""What stands in no text but a rendered chat."""

_INST = re.compile(r"\[INST\](.*?)\[/INST\](.*?)(?=\[INST\]|\Z)", re.DOTALL)
_SYSTEM_PROMPT = re.compile(r"\[SYSTEM_PROMPT\](.*)\[/SYSTEM_PROMPT\]", re.DOTALL)
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
            f"the text is already in a chat template ({sign[0]!r}) that cannot be split into turns",
            HINT_RENDERED,
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
    turn = _turn(role, content)
    last = turns[-1] if turns else None
    if last is not None and last.role == turn.role == "user":
        joined = "\n\n".join(filter(None, (turns.pop().content, turn.content)))
        turn = turn.model_copy(update={"content": joined})
    if last is not None and turn.role == "assistant" and last.reasoning and not last.text:
        turn = turn.model_copy(update={"reasoning": turns.pop().reasoning})
    if last is not None and turn.role == "tool" and not last.tool_calls:
        before, calls = written_calls(last.content)
        turns[-1] = last.model_copy(update={"content": before, "tool_calls": calls})
    turns.append(turn)


def _turn(role: str, content: str) -> Message:
    """A turn of a rendered chat, with the calls and results that stand in its text."""
    if role == THOUGHT:
        return Message(role="assistant", content="", reasoning=content)
    if role == CALL:
        return Message(role="assistant", content="", tool_calls=calls_of(content))
    if role == "assistant":
        call = _CALL.fullmatch(content)
        before, calls = ("", calls_of(call[1])) if call else marked_calls(content)
        if calls:
            return Message(role="assistant", content=before, tool_calls=calls)
    if role in {"user", "tool"} and bare_response(content) != content:
        return Message(role="tool", content=bare_response(content))
    return Message(role=cast("Role", role), content=content)


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


def bare(text: str) -> str:
    """A piece of a rendered chat without the marks at which every template begins and ends."""
    for end in _COMMON_ENDS:
        text = text.removeprefix(end).removesuffix(end)
    return text


def _parse_inst(text: str) -> list[Message]:
    """The turns of a chat in the template of Llama 2 or Mistral."""
    markup = Markup("[INST]", _INST)
    turns: list[Message] = []
    first = text.index("[INST]")
    preface = _bare(text[:first], markup)
    said = _SYSTEM_PROMPT.fullmatch(preface)
    if preface and said is None:
        return []  # text that speaks of the marks
    preface = said[1].strip() if said else ""
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
