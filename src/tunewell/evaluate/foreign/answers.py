"""What a file says that a model answered: a text, or why there is none that counts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunewell.evaluate.foreign.replies import are_parts, calls_in, logged_reply, text_of_part

MISSING: Final = "missing"
NULL: Final = "null"
EMPTY: Final = "empty"
CUT_OFF: Final = "cut off"
REFUSED: Final = "refused"
FAILED: Final = "failed"
UNREADABLE: Final = "unreadable"
DOUBLED: Final = "doubled"
NO_GOLD: Final = "no gold answer"
"""Why an output does not count; each stands before the colon of a reason."""

_LONGEST_REASON: Final = 300
_CUT: Final = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "model_length",
        "token_limit",
        "truncated",
        "incomplete",
    }
)
_REFUSED: Final = frozenset(
    {
        "content_filter",
        "content_filtered",
        "safety",
        "refusal",
        "refused",
        "blocked",
        "blocklist",
        "prohibited_content",
        "recitation",
    }
)
"""How servers (OpenAI, Anthropic, Google, vLLM, TGI) and harnesses say why an answer ended."""
_FAILED: Final = frozenset(
    {"error", "errored", "failed", "failure", "timeout", "timed_out", "cancelled", "canceled"}
)
_TEXT_KEYS: Final = ("content", "text", "generated_text", "output_text", "message", "completion")
_BEFORE: Final = re.compile(r"^\s*(?:<s>|<bos>|<\|begin_of_text\|>)")
_BEHIND: Final = re.compile(
    r"(?:\s*(?:</s>|<eos>|<pad>|<end_of_turn>|<\|(?:im_end|eot_id|endoftext|end_of_text|eom_id)\|>))+"
    r"\s*$"
)
"""Control tokens that stand where a tokenizer was told not to leave them out."""
_FINISH_KEYS: Final = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")


@dataclass(frozen=True)
class ForeignAnswer:
    """One answer.

    Attributes:
        text: What was said, empty if nothing was.
        failed: Why it does not count; empty if it does.
    """

    text: str = ""
    failed: str = ""

    def because(self, kind: str, why: str = "") -> ForeignAnswer:
        """The same text, which does not count for this reason."""
        return ForeignAnswer(self.text, reason(kind, why))


def reason(kind: str, why: str = "") -> str:
    """A reason as scores carry it: its kind, then what the file says of it.

    Example:
        >>> reason("failed", "429 Too Many Requests")
        'failed: 429 Too Many Requests'
    """
    told = plain_text(why).strip()[:_LONGEST_REASON]
    return f"{kind}: {told}" if told else kind


def plain_text(text: str) -> str:
    """Text that can be stored: halves of surrogate pairs are replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def scalar(value: Any) -> str | None:
    """Text, a number or a truth value as text; None for anything else.

    Example:
        >>> scalar("4.10"), scalar(7), scalar(True), scalar(None), scalar([1])
        ('4.10', '7', 'true', None, None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str | int | float):
        return plain_text(str(value))
    return None


def text_of(value: Any) -> str | None:
    """The text of a value in any of the shapes that models and harnesses write.

    That is plain text, parts of a message, a message, a list of turns (its last assistant turn), an
    OpenAI-like response; other structures as JSON. Parts that hold reasoning or calls of tools are
    left out. None if there is nothing.

    Example:
        >>> text_of([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "yes"}])
        'yes'
        >>> text_of({"role": "assistant", "content": "no"})
        'no'
    """
    if isinstance(value, Mapping):
        return _text_of_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return _text_of_list(value)
    return scalar(value)


def _text_of_mapping(value: Mapping[str, Any]) -> str | None:
    reply = logged_reply(value)
    if reply is not None:
        return text_of(reply.content)
    if are_parts(value.get("parts")):
        return _text_of_parts(value["parts"])
    said = [value[key] for key in _TEXT_KEYS if key in value]
    calls = calls_in(value)
    if calls:
        content = text_of(said[0]) if said else None
        return "\n".join([content, *calls] if content else calls)
    if said:
        return text_of(said[0])
    return as_json(value)


def _text_of_list(value: Sequence[Any]) -> str | None:
    if not value:
        return None
    if all(isinstance(part, Mapping) for part in value):
        if any("role" in part for part in value):
            answers = [part for part in value if part.get("role") in {"assistant", "ai", "model"}]
            return text_of(answers[-1]) if answers else None
        if any("type" in part for part in value):
            return _text_of_parts(value)
    if len(value) == 1:
        return text_of(value[0])
    return as_json(value)


def _text_of_parts(parts: Sequence[Mapping[str, Any]]) -> str | None:
    found = [text_of_part(part) for part in parts if isinstance(part, Mapping)]
    texts = [plain_text(text) for text in found if text is not None]
    return "".join(texts) if texts else None


def as_json(value: Any) -> str:
    """A structure as its JSON, which tasks with structured answers compare."""
    return plain_text(json.dumps(value, ensure_ascii=False, default=str))


def answer_of(value: Any, *, given: bool = True) -> ForeignAnswer:
    """What a field says: its text, or that it is missing, null or empty.

    Args:
        value: Of the field.
        given: Whether the record has the field at all.
    """
    if not given:
        return ForeignAnswer(failed=reason(MISSING, "the record has no output"))
    text = text_of(value)
    text = None if text is None else without_control_tokens(text)
    if text is None:
        ended = _ended(value)
        return ended or ForeignAnswer(failed=NULL)
    if not text.strip():
        return _ended(value) or ForeignAnswer(failed=EMPTY)
    ended = _ended(value)
    return ForeignAnswer(text, ended.failed) if ended else ForeignAnswer(text)


def without_control_tokens(text: str) -> str:
    r"""A text without the control tokens that a tokenizer puts around it.

    Example:
        >>> without_control_tokens("Paris.<|im_end|>\n"), without_control_tokens("<s>a</s>")
        ('Paris.', 'a')
    """
    found = _BEFORE.sub("", text)
    ended = _BEHIND.sub("", found)
    return ended if ended != text else text


def _ended(value: Any) -> ForeignAnswer | None:
    """Why a response in the shape of a server's ended, where it says that it does not count."""
    if not isinstance(value, Mapping):
        return None
    reply = logged_reply(value)
    objects = (value,) if reply is None else reply.told
    told = next(filter(None, map(why_it_ended, objects)), "")
    return ForeignAnswer(failed=told) if told else None


def why_it_ended(record: Mapping[str, Any]) -> str:
    """Why a record says that its answer does not count; empty if it says nothing of the kind."""
    for key in _FINISH_KEYS:
        ended = stopped_by(record.get(key))
        if ended:
            return ended
    refusal = record.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return reason(REFUSED, refusal)
    for key in ("error", "error_message", "errorMessage", "exception"):
        told = error_in(record.get(key))
        if told:
            return reason(FAILED, told)
    status = record.get("status")
    if not isinstance(status, str):
        return ""
    if status.strip().lower() in _FAILED:
        return reason(FAILED, status)
    return reason(CUT_OFF, status) if status.strip().lower() == "incomplete" else ""


def stopped_by(finish: Any) -> str:
    """The reason that a finish or stop reason stands for; empty if the answer ended by itself.

    Example:
        >>> stopped_by("MAX_TOKENS"), stopped_by("stop"), stopped_by("content_filter")
        ('cut off: MAX_TOKENS', '', 'refused: content_filter')
    """
    if not isinstance(finish, str):
        return ""
    name = finish.strip().lower().replace(" ", "_").replace("-", "_")
    if name in _CUT:
        return reason(CUT_OFF, finish)
    if name in _REFUSED:
        return reason(REFUSED, finish)
    return reason(FAILED, finish) if name in _FAILED else ""


def error_in(value: Any) -> str:
    """The error that a field tells of; empty if it tells of none (a number is a measure)."""
    if value is True:
        return "error"
    if isinstance(value, Mapping):
        told = value.get("message") or value.get("msg") or value.get("code")
        return str(told) if told else as_json(value) * bool(value)
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if text.lower() in {"", "none", "null", "nan", "false", "no", "ok"}:
        return ""
    try:
        float(text)
    except ValueError:
        return text
    return ""


def references_of(value: Any) -> tuple[str, ...]:
    """The right answers that a gold field holds: of a list, each of its texts."""
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        found = [text_of(one) for one in value]
    else:
        found = [text_of(value)]
    return tuple(dict.fromkeys(text for text in found if text is not None and text.strip()))
