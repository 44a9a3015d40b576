"""From messages to token ids, the same way for training, scoring and generation.

What users write is hostile: ``<|im_end|>`` in a message must stay seven harmless characters and
more, and never become the token that ends a turn. The template itself comes from the model's
tokenizer; what it adds on its own (SmolLM2: a system turn) can be read from `ChatFormat.adds`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError, ModelError
from tunewell.json_text import parse_json
from tunewell.model.tools import tool_functions
from tunewell.types import Message, ToolCall, Value
from tunewell.types.written_calls import written_calls

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunewell.model.libraries import ChatTokenizer

PLAIN_TEMPLATE: Final = (
    "{% for message in messages %}"
    "### {{ message['role'] | capitalize }}:\n{{ message['content'] }}\n\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}### Assistant:\n{% endif %}"
)
"""Given to tokenizers without a chat template (base models)."""

FIXED_DATE: Final = "26 Jul 2024"
"""For templates that write today's date into every prompt (Llama 3).

The same rows give the same ids tomorrow.
"""

CONTEXT: Final = 40
"""Characters before an answer that can change how its beginning is cut."""
_MARK: Final = "x" + secrets.token_hex(12)  # what a user cannot guess
_CUT: Final = "y" + secrets.token_hex(12)


class Encoded(Value):
    """A conversation as token ids.

    Attributes:
        ids: Prompt, then target, then the end-of-turn token.
        target_start: Where the target begins: the loss is on ``ids[target_start:]`` alone.
            ``len(ids)`` without target.
        fits: Whether ``ids`` is within the ``max_tokens`` asked for. It is never cut.
    """

    ids: tuple[int, ...]
    target_start: int
    fits: bool = True

    @property
    def target_ids(self) -> tuple[int, ...]:
        """The target and its end-of-turn token; empty without target."""
        return self.ids[self.target_start :]

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The ids, and where the loss is, each of shape (tokens,)."""
        ids = np.asarray(self.ids, np.int64)
        return ids, np.arange(len(ids)) >= self.target_start


class EncodedTurns(Value):
    """A conversation of which several turns are learned, as token ids.

    Attributes:
        ids: From the beginning to the end of the last learned turn.
        spans: First and last place (not included) of each learned turn, its end-of-turn token
            among it.
        numbers: Which of the turns that were asked for each is, counted from 0.
        fits: As in `Encoded`.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    numbers: tuple[int, ...]
    fits: bool = True

    def grown(self, coded: Encoded, number: int) -> EncodedTurns | None:
        """With one more turn, if the template writes its history as these ids stand."""
        if not coded.fits or coded.ids[: len(self.ids)] != self.ids:
            return None
        return EncodedTurns(
            ids=coded.ids,
            spans=(*self.spans, (coded.target_start, len(coded.ids))),
            numbers=(*self.numbers, number),
        )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; a chat template is set where it has none (`PLAIN_TEMPLATE`).

    Raises:
        MissingExtraError: The extra ``train`` is not installed.
        ModelError: The folder holds no usable tokenizer.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("train", needed_for="A tokenizer") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"The tokenizer in '{folder}' cannot be read: {error}") from error
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    _check_size(folder, tokenizer)
    return tokenizer


def _check_size(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that gives ids for which the model has no embedding.

    Special tokens beyond it that neither the template nor the end of a text uses do no harm.
    """
    try:
        config = parse_json((folder / "config.json").read_text(encoding="utf-8"))
        rows = int((config.get("text_config") or config)["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
    template = str(tokenizer.chat_template)
    ends = {tokenizer.bos_token, tokenizer.eos_token}
    added = tokenizer.added_tokens_decoder
    beyond = []
    for token, token_id in tokenizer.get_vocab().items():
        idle = token_id in added and added[token_id].special
        if token_id >= rows and (not idle or token in ends or token in template):
            beyond.append(token)
    if beyond:
        raise ModelError(
            f"The tokenizer in '{folder}' is longer than the model's embedding: {len(beyond)} "
            f"tokens, such as {beyond[0]!r}, have no row among its {rows}.",
            hint="model.resize_token_embeddings(len(tokenizer)), then save both again",
        )


class ChatFormat:
    """How one tokenizer writes conversations. Get it by `chat_format`.

    Args:
        tokenizer: A transformers tokenizer with a chat template.
    """

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._special: dict[str, int] = {}
        self._strip: dict[str, tuple[bool, bool]] = {}
        self._unsplit: list[str] = []
        template = str(tokenizer.chat_template or "")
        for token_id, token in tokenizer.added_tokens_decoder.items():
            content = str(token.content)
            if not content.strip():
                continue
            # What the template writes between turns is a control, special or not.
            if token.special or content in template:
                self._special[content] = int(token_id)
                if not token.special:
                    self._unsplit.append(content)
                self._strip[content] = (bool(token.lstrip), bool(token.rstrip))

        longest_first = sorted(self._special, key=len, reverse=True)
        any_of_them = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(any_of_them or r"(?!)")
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._normalizer = getattr(backend, "normalizer", None)

    @cached_property
    def adds(self) -> str:
        """The system text that the template adds when a conversation brings none.

        Empty if it adds nothing.

        SmolLM2: ``You are a helpful AI assistant named SmolLM, trained by Hugging Face``.
        """
        try:
            empty = self._render([Message(role="system", content="")], answer=False)
        except ModelError:
            empty = ""
        scaffold = {"user", "### User:", *self._texts(empty)}

        bare = self._render([Message(role="user", content=_MARK)], answer=False)
        before = bare.split(_MARK)[0]
        added = []
        for text in self._texts(before):
            if text not in scaffold:
                added.append(text.removeprefix("system").strip())
        return "\n".join(added)

    @cached_property
    def end_of_turn(self) -> int:
        """The id that ends an assistant's turn.

        What the template puts after it, else the tokenizer's end of text.

        Raises:
            ModelError: The tokenizer has neither.
        """
        turns = [
            Message(role="user", content="a"),
            Message(role="assistant", content=_MARK),
        ]
        rendered = self._render(turns, answer=False)
        after = rendered.split(_MARK)[-1]
        first = self._pattern.match(after.lstrip())
        if first:
            return self._special[first.group()]
        end_of_text = self._tokenizer.eos_token_id
        if end_of_text is None:
            raise ModelError(
                "The tokenizer has no token that ends a turn.", hint="choose an instruct model"
            )
        return int(end_of_text)

    @property
    def end_ids(self) -> frozenset[int]:
        """Ids at which an answer ends: end of turn and end of text."""
        ids = {self.end_of_turn}
        if self._tokenizer.eos_token_id is not None:
            ids.add(int(self._tokenizer.eos_token_id))
        return frozenset(ids)

    def encode(
        self,
        messages: Sequence[Message],
        target: str | None = None,
        *,
        max_tokens: int | None = None,
        tools: str = "",
    ) -> Encoded:
        """A conversation up to the assistant's turn, as ids.

        With a target, this and its end-of-turn token follow. Harmless text gives exactly what
        ``apply_chat_template(..., add_generation_prompt=True)`` gives.
        """
        valid = [_changed(m, valid_text) for m in messages]
        ids = [*self._beginning, *self._ids(valid, valid_text(tools))]
        target_start = len(ids)
        if target is not None:
            ids += self._target_ids(valid_text(target))
            ids.append(self.end_of_turn)
        return Encoded(
            ids=tuple(ids),
            target_start=target_start,
            fits=max_tokens is None or len(ids) <= max_tokens,
        )

    def encode_answer(
        self,
        messages: Sequence[Message],
        target: str,
        *,
        max_tokens: int | None = None,
        tools: str = "",
    ) -> Encoded:
        """As `encode`; calls that a target holds are written as the template writes calls.

        Only where tools are given: elsewhere JSON is text like any other.
        """
        if not tools:
            return self.encode(messages, target, max_tokens=max_tokens)
        content, calls = written_calls(target)
        turn = Message(role="assistant", content=content, tool_calls=calls)
        return self._encode_turn([*messages, turn], len(messages), max_tokens, tools)

    def encode_turns(
        self,
        messages: Sequence[Message],
        places: Sequence[int],
        *,
        max_tokens: int | None = None,
        tools: str = "",
    ) -> tuple[EncodedTurns, ...]:
        """A conversation with every learned turn behind the very ids that stand before it in use.

        Usually that is one sequence. Where the template writes a turn otherwise once it is history
        (Qwen3 removes its reasoning), the turns cannot share one: each begins a sequence of its
        own. Turns that do not fit are given apart.

        Args:
            messages: All turns.
            places: Those that are learned, in order.
            max_tokens: As `encode`.
            tools: Definitions of the tools, a JSON array (``Example.tools``).
        """
        found: list[EncodedTurns] = []
        for number, place in enumerate(places):
            coded = self._encode_turn(messages, place, max_tokens, tools)
            grown = found[-1].grown(coded, number) if found else None
            if grown is not None:
                found[-1] = grown
                continue
            alone = EncodedTurns(
                ids=coded.ids,
                spans=((coded.target_start, len(coded.ids)),),
                numbers=(number,),
                fits=coded.fits,
            )
            found.append(alone)
        return tuple(found)

    def _encode_turn(
        self,
        messages: Sequence[Message],
        place: int,
        max_tokens: int | None,
        tools: str,
    ) -> Encoded:
        """The conversation up to one turn; calls as the template writes them, if it knows calls."""
        prompt, turn = messages[:place], messages[place]
        coded = self.encode(prompt, turn.text, max_tokens=max_tokens, tools=tools)
        if not turn.tool_calls or not self.writes_calls:
            return coded

        valid = [_changed(m, valid_text) for m in messages[: place + 1]]
        whole = self._ids(valid, valid_text(tools), answer=False)
        start = coded.target_start
        end = self.end_of_turn
        if tuple(whole[:start]) != coded.ids[:start] or end not in whole[start:]:
            return coded
        ids = whole[: whole.index(end, start) + 1]
        fits = max_tokens is None or len(ids) <= max_tokens
        return Encoded(ids=tuple(ids), target_start=start, fits=fits)

    @cached_property
    def writes_calls(self) -> bool:
        """Whether the template writes tool calls; else they stand in the text of their turn."""
        return "tool_calls" in str(getattr(self._tokenizer, "chat_template", ""))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids, without special tokens."""
        text = self._tokenizer.decode(
            list(ids),
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        return str(text)

    # --- what users write -------------------------------------------------------------------------

    def _ids(
        self,
        messages: Sequence[Message],
        tools: str,
        *,
        answer: bool = True,
    ) -> list[int]:
        """The rendered conversation, with or without the beginning of an answer."""
        texts = [tools, *(text for m in messages for text in _texts_of(m))]
        if not any(map(self._hostile, texts)):
            rendered = self._render(messages, answer=answer, tools=tools)
            output = self._tokenizer(rendered, add_special_tokens=False)
            return list(output["input_ids"])

        # Every special token in a message is replaced by a mark, so that those left in the rendered
        # text are the template's own; the text between them, marks undone, is cut with special
        # tokens switched off.
        marks = Marks(self._pattern)
        hidden = [marks.hide(m) for m in messages]
        rendered = self._render(hidden, answer=answer, tools=marks.hidden(tools))
        ids: list[int] = []
        for text, special in self._pieces(rendered):
            ids += self._plain(marks.undo(text))
            if special:
                ids.append(self._special[special])
        return ids

    @cached_property
    def _beginning(self) -> list[int]:
        """The token that the base puts before every text, where no template of its own does."""
        if self._tokenizer.chat_template != PLAIN_TEMPLATE:
            return []
        with_it = list(self._tokenizer("a", add_special_tokens=True)["input_ids"])
        first = getattr(self._tokenizer, "bos_token_id", None)
        return [first] if first is not None and with_it[:1] == [first] else []

    @cached_property
    def _before_answer(self) -> tuple[str, str]:
        """What stands right before an answer: the end of the prompt, and what follows it there.

        The latter is the white space that some templates put between prompt and answer.
        """
        asked = [Message(role="user", content="a")]
        prompt = self._render(asked)
        whole = self._render([*asked, Message(role="assistant", content=_MARK)], answer=False)
        lead = ""
        if whole.startswith(prompt):
            lead = whole[len(prompt) :].split(_MARK)[0]
        if lead.strip():
            lead = ""
        *_, (tail, _) = self._pieces(prompt)
        controls = self._pattern.findall(prompt)
        before = controls[-1] if controls and len(tail) < CONTEXT else ""
        return before + tail[-CONTEXT:], lead

    def _target_ids(self, target: str) -> list[int]:
        """Ids of a target as they are in the whole text, where they differ from those it has alone.

        A tokenizer may mark the beginning of a text like that of a word: ``▁Paris`` for ``Paris``.
        """
        if self._hostile(target):
            return self._plain(target)
        before, lead = self._before_answer
        head = list(self._tokenizer(before, add_special_tokens=False)["input_ids"])
        both = f"{before}{lead}{target}"
        whole = list(self._tokenizer(both, add_special_tokens=False)["input_ids"])
        if whole[: len(head)] == head:
            return whole[len(head) :]
        return self._plain(lead + target)

    def _pieces(self, rendered: str) -> Iterator[tuple[str, str]]:
        """Each piece of plain text with the special token behind it; none behind the last."""
        end = 0
        strip_start = False
        for match in self._pattern.finditer(rendered):
            special = match.group()
            strip_end, strip_next_start = self._strip[special]
            text = rendered[end : match.start()]
            yield _stripped(text, start=strip_start, end=strip_end), special
            end = match.end()
            strip_start = strip_next_start
        yield _stripped(rendered[end:], start=strip_start, end=False), ""

    def _hostile(self, content: str) -> bool:
        """Whether a message holds a special token, or would once the tokenizer normalises it."""
        if self._pattern.search(content):
            return True
        if self._normalizer is None:
            return False
        return bool(self._pattern.search(self._normalizer.normalize_str(content)))

    def _plain(self, text: str) -> list[int]:
        """Ids of text in which special tokens are letters like all others."""
        if not text:
            return []
        ids: list[int] = []
        for piece in self._broken_up(text):
            output = self._tokenizer(piece, add_special_tokens=False, split_special_tokens=True)
            ids += output["input_ids"]
        return ids

    def _broken_up(self, text: str) -> list[str]:
        """The text cut within every control that the tokenizer would not split by itself."""
        for control in self._unsplit:
            half = len(control) // 2
            text = text.replace(control, f"{control[:half]}{_CUT}{control[half:]}")
        return list(filter(None, text.split(_CUT)))

    # --- the template -----------------------------------------------------------------------------

    def _render(
        self,
        messages: Sequence[Message],
        *,
        answer: bool = True,
        tools: str = "",
    ) -> str:
        """The conversation as the template writes it, with or without the beginning of an answer.

        Raises:
            ModelError: The template refuses it, its system turn folded into the user's or not.
        """
        from jinja2 import TemplateError

        refusals = (TemplateError, ValueError, TypeError, IndexError)
        try:
            return self._apply(messages, answer, tools)
        except refusals as error:
            refusal = error
        try:
            return self._apply(_fold_system(messages), answer, tools)
        except refusals:
            roles = ", ".join(m.role for m in messages) or "none"
            raise ModelError(
                f"The model's chat template refuses the turns ({roles}): {refusal}"
            ) from refusal

    def _apply(self, messages: Sequence[Message], answer: bool, tools: str) -> str:
        # Templates are handed tools only where there are some: not all tokenizers take the word.
        more = {"tools": tool_functions(tools)} if tools else {}
        text = self._tokenizer.apply_chat_template(
            [self._as_dict(m) for m in messages],
            tokenize=False,
            add_generation_prompt=answer,
            date_string=FIXED_DATE,
            **more,
        )
        return str(text)

    def _as_dict(self, message: Message) -> dict[str, Any]:
        """A turn in the form that templates read."""
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls and self.writes_calls:
            turn["tool_calls"] = [_call_as_dict(call) for call in message.tool_calls]
        elif message.tool_calls:
            turn["content"] = message.text
        if message.tool_call_id:
            turn["tool_call_id"] = message.tool_call_id
        if message.role == "tool" and message.name:
            turn["name"] = message.name
        return turn

    def _texts(self, rendered: str) -> list[str]:
        """What is between the special tokens of a rendered text, white space aside."""
        pieces = map(str.strip, self._pattern.split(rendered))
        return list(filter(None, pieces))


class Marks:
    """Marks in place of the special tokens that stand in messages.

    Args:
        special: Finds special tokens.
    """

    def __init__(self, special: re.Pattern[str]) -> None:
        self._special = special
        self._hidden: list[str] = []

    def hide(self, message: Message) -> Message:
        """The message with a mark for each of its special tokens."""
        return _changed(message, self.hidden)

    def hidden(self, text: str) -> str:
        """The text with a mark for each of its special tokens."""
        return self._special.sub(self._mark, text)

    def undo(self, text: str) -> str:
        """The text with the special tokens that were hidden."""
        return re.sub(rf"{_MARK}(\d+)z", lambda mark: self._hidden[int(mark[1])], text)

    def _mark(self, found: re.Match[str]) -> str:
        self._hidden.append(found.group())
        return f"{_MARK}{len(self._hidden) - 1}z"


_formats: WeakKeyDictionary[ChatTokenizer, ChatFormat] = WeakKeyDictionary()


def chat_format(tokenizer: ChatTokenizer) -> ChatFormat:
    """The `ChatFormat` of a tokenizer, made once."""
    if tokenizer not in _formats:
        _formats[tokenizer] = ChatFormat(tokenizer)
    return _formats[tokenizer]


def encode(
    tokenizer: ChatTokenizer,
    messages: Sequence[Message],
    target: str | None = None,
    *,
    max_tokens: int | None = None,
) -> Encoded:
    """`ChatFormat.encode` for a tokenizer: messages and target to ids.

    The loss is on the target alone.

    Args:
        tokenizer: A transformers tokenizer, best from `load_tokenizer`.
        messages: The turns before the answer (``Example.prompt``).
        target: The answer (``Example.target``), or None to generate one.
        max_tokens: Longest that the caller can use; nothing is cut, ``Encoded.fits`` says it.
    """
    return chat_format(tokenizer).encode(messages, target, max_tokens=max_tokens)


def _changed(message: Message, change: Callable[[str], str]) -> Message:
    """What templates read of a message, each of its texts changed."""
    calls = []
    for call in message.tool_calls:
        parts = {"name": change(call.name), "arguments": change(call.arguments)}
        calls.append(call.model_copy(update=parts))
    return Message(
        role=message.role,
        content=change(message.content),
        tool_calls=tuple(calls),
        tool_call_id=change(message.tool_call_id),
        name=change(message.name),
    )


def _texts_of(message: Message) -> list[str]:
    """Everything in a message that a template may write."""
    calls = [text for call in message.tool_calls for text in (call.name, call.arguments)]
    return [message.content, message.tool_call_id, message.name, *calls]


def _call_as_dict(call: ToolCall) -> dict[str, Any]:
    """A call in the form that templates read; arguments that are no JSON stay text."""
    try:
        arguments = parse_json(call.arguments)
    except ValueError:
        arguments = call.arguments
    made = {"type": "function", "function": {"name": call.name, "arguments": arguments}}
    return {"id": call.id, **made} if call.id else made


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """System turns put before the first user turn, for templates that know no system turn."""
    system = [m.content for m in messages if m.role == "system"]
    rest = [m for m in messages if m.role != "system"]
    if any(system) and rest and rest[0].role == "user":
        joined = "\n\n".join([*system, rest[0].content])
        rest[0] = Message(role="user", content=joined)
    return rest


def _stripped(text: str, *, start: bool, end: bool) -> str:
    """The text without white space where the special token beside it takes it away."""
    if start:
        text = text.lstrip()
    return text.rstrip() if end else text


def valid_text(text: str) -> str:
    """Lone surrogates, which no tokenizer and no server takes, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
