"""From messages to token ids, the same way for training, scoring and generation.

What users write is hostile: ``<|im_end|>`` in a message must stay seven harmless characters and
more, and never become the token that ends a turn. The template itself comes from the model's
tokenizer; what it adds on its own (SmolLM2: a system turn) can be read from `ChatFormat.adds`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError, ModelError
from tunewell.types import Message, Value

PLAIN_TEMPLATE: Final = (
    "{% for message in messages %}### {{ message['role'] | capitalize }}:\n{{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### Assistant:\n{% endif %}"
)
"""Given to tokenizers without a chat template (base models)."""

FIXED_DATE: Final = "26 Jul 2024"
"""For templates that write the date of today into every prompt (Llama 3): the same rows give the same ids tomorrow."""

_MARK: Final = "x" + secrets.token_hex(12)  # what a user cannot guess


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

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The ids, and where the loss is, each of shape (tokens,)."""
        ids = np.asarray(self.ids, np.int64)
        return ids, np.arange(len(ids)) >= self.target_start


def load_tokenizer(folder: Path) -> Any:
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
    return tokenizer


class ChatFormat:
    """How one tokenizer writes conversations. Get it by `chat_format`.

    Args:
        tokenizer: A transformers tokenizer with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = [t for t in tokenizer.added_tokens_decoder.items() if t[1].special]
        self._special: dict[str, int] = {
            str(token.content): int(i) for i, token in added if token.content
        }
        self._strip = {str(t.content): (bool(t.lstrip), bool(t.rstrip)) for _, t in added}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self._normalizer = getattr(backend, "normalizer", None)

    @cached_property
    def adds(self) -> str:
        """The system text that the template adds when a conversation brings none.

        Empty if it adds nothing.

        SmolLM2: ``You are a helpful AI assistant named SmolLM, trained by Hugging Face``.
        """
        bare = self._render([Message(role="user", content=_MARK)], answer=False)
        before = self._pattern.split(bare.split(_MARK)[0])
        own = self._pattern.split(
            self._render([Message(role="system", content="")], answer=False, strict=False)
        )
        known = {piece.strip() for piece in own} | {"user", "### User:"}
        texts = [piece.strip() for piece in before if piece.strip() and piece.strip() not in known]
        return "\n".join(text.removeprefix("system").strip() for text in texts)

    @cached_property
    def end_of_turn(self) -> int:
        """The id that ends an assistant's turn: what the template puts after it, else the tokenizer's end of text.

        Raises:
            ModelError: The tokenizer has neither.
        """
        turns = [Message(role="user", content="a"), Message(role="assistant", content=_MARK)]
        after = self._render(turns, answer=False).split(_MARK)[-1]
        first = self._pattern.match(after.lstrip())
        if first:
            return self._special[first.group()]
        if self._tokenizer.eos_token_id is None:
            raise ModelError(
                "The tokenizer has no token that ends a turn.", hint="choose an instruct model"
            )
        return int(self._tokenizer.eos_token_id)

    @property
    def end_ids(self) -> frozenset[int]:
        """Ids at which an answer ends: end of turn and end of text."""
        eos = self._tokenizer.eos_token_id
        return frozenset({self.end_of_turn} | ({int(eos)} if eos is not None else set()))

    def encode(
        self,
        messages: Sequence[Message],
        target: str | None = None,
        *,
        max_tokens: int | None = None,
    ) -> Encoded:
        """A conversation up to the assistant's turn and, if given, the target with its end-of-turn token.

        Harmless text gives exactly what ``apply_chat_template(..., add_generation_prompt=True)``
        gives.
        """
        prompt = self._prompt_ids(
            [Message(role=m.role, content=valid_text(m.content)) for m in messages]
        )
        answer = [*self._plain(valid_text(target)), self.end_of_turn] if target is not None else []
        total = len(prompt) + len(answer)
        return Encoded(
            ids=(*prompt, *answer),
            target_start=len(prompt),
            fits=max_tokens is None or total <= max_tokens,
        )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids, without special tokens."""
        return str(
            self._tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        if not any(self._hostile(m.content) for m in messages):
            return _ids(self._tokenizer(self._render(messages), add_special_tokens=False))
        # Every special token in a message is replaced by a mark, so that those left in the rendered
        # text are the template's own; the text between them, marks undone, is cut with special
        # tokens switched off.
        found: list[str] = []

        def hide(match: re.Match[str]) -> str:
            found.append(match.group())
            return f"{_MARK}{len(found) - 1}z"

        hidden = [
            Message(role=m.role, content=self._pattern.sub(hide, m.content)) for m in messages
        ]
        rendered = self._render(hidden)
        ids: list[int] = []
        strip_next = False
        end = 0
        for match in [*self._pattern.finditer(rendered), None]:
            text = rendered[end : match.start() if match else len(rendered)]
            text = text.lstrip() if strip_next else text
            if match:
                left, strip_next = self._strip[match.group()]
                text = text.rstrip() if left else text
                end = match.end()
            text = re.sub(rf"{_MARK}(\d+)z", lambda m: found[int(m.group(1))], text)
            ids += self._plain(text)
            ids += [self._special[match.group()]] if match else []
        return ids

    def _hostile(self, content: str) -> bool:
        if self._pattern.search(content):
            return True
        return self._normalizer is not None and bool(
            self._pattern.search(self._normalizer.normalize_str(content))
        )

    def _plain(self, text: str) -> list[int]:
        return (
            _ids(self._tokenizer(text, add_special_tokens=False, split_special_tokens=True))
            if text
            else []
        )

    def _render(
        self, messages: Sequence[Message], *, answer: bool = True, strict: bool = True
    ) -> str:
        from jinja2 import TemplateError

        def render(turns: Sequence[Message]) -> str:
            rows = [{"role": m.role, "content": m.content} for m in turns]
            text = self._tokenizer.apply_chat_template(
                rows, tokenize=False, add_generation_prompt=answer, date_string=FIXED_DATE
            )
            return str(text)

        try:
            return render(messages)
        except (TemplateError, ValueError, TypeError, IndexError) as error:
            try:
                return render(_fold_system(messages))
            except (TemplateError, ValueError, TypeError, IndexError):
                if not strict:
                    return ""
                roles = ", ".join(m.role for m in messages) or "none"
                raise ModelError(
                    f"The model's chat template refuses the turns ({roles}): {error}"
                ) from error


_formats: WeakKeyDictionary[Any, ChatFormat] = WeakKeyDictionary()


def chat_format(tokenizer: Any) -> ChatFormat:
    """The `ChatFormat` of a tokenizer, made once."""
    if tokenizer not in _formats:
        _formats[tokenizer] = ChatFormat(tokenizer)
    return _formats[tokenizer]


def encode(
    tokenizer: Any,
    messages: Sequence[Message],
    target: str | None = None,
    *,
    max_tokens: int | None = None,
) -> Encoded:
    """`ChatFormat.encode` for a tokenizer: messages and target to ids, the loss on the target alone.

    Args:
        tokenizer: A transformers tokenizer, best from `load_tokenizer`.
        messages: The turns before the answer (``Example.prompt``).
        target: The answer (``Example.target``), or None to generate one.
        max_tokens: Longest that the caller can use; nothing is cut, ``Encoded.fits`` says it.
    """
    return chat_format(tokenizer).encode(messages, target, max_tokens=max_tokens)


def _fold_system(messages: Sequence[Message]) -> list[Message]:
    """System turns put before the first user turn, for templates that know no system turn."""
    system = "\n\n".join(m.content for m in messages if m.role == "system")
    rest = [m for m in messages if m.role != "system"]
    if system and rest and rest[0].role == "user":
        rest[0] = Message(role="user", content=f"{system}\n\n{rest[0].content}")
    return rest


def _ids(output: Any) -> list[int]:
    return list(output["input_ids"])


def valid_text(text: str) -> str:
    """Lone surrogates, which no tokenizer and no server takes, become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
