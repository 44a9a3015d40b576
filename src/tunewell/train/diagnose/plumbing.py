"""T07: was the right thing trained at all?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tunewell.model.chat import PLAIN_TEMPLATE, ChatFormat, chat_format
from tunewell.plurals import plural
from tunewell.train.lora.rows import Rows, Span, TrainRow, said_of_turns
from tunewell.types import Estimate, Example, Finding, Message, Threshold
from tunewell.types.turns import each_target

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOO_LONG = 0.05
"""Largest share of rows that may be left out because of their length."""


SHOWN = 5
"""Rows that are named in a sentence."""


class _Fault(NamedTuple):
    """What is wrong, and with which rows."""

    what: str
    rows: tuple[str, ...] = ()


def plumbing(
    examples: Sequence[Example],
    rows: Rows,
    tokenizer: PreTrainedTokenizerBase,
    *,
    limit: int,
) -> Finding:
    """T07: template, loss mask, end of turn, lengths, unknown tokens.

    Looked for in the very arrays that are trained on.

    Args:
        examples: What was encoded.
        rows: The arrays.
        tokenizer: The base's.
        limit: ``train.max_tokens``.
    """
    chat = chat_format(tokenizer)
    targets = {e.id: e.messages[-1] for e in each_target(examples)}
    targets |= {e.id: e.messages[-1] for e in examples if e.target}
    used, left_out = len(rows.rows), len(rows.too_long)
    total = used + left_out + len(rows.empty) + len(rows.refused)
    learned = len(rows.names)
    too_many = left_out > TOO_LONG * total

    faults = list(_row_faults(rows, targets, chat))
    if tokenizer.chat_template == PLAIN_TEMPLATE:
        faults.append(
            _Fault("the base model has no chat template: it is trained on a plain one of ours")
        )
    faults += _unknown(rows, tokenizer, chat)
    if rows.refused:
        what = (
            f"the model's chat template refuses the turns of {len(rows.refused)} of {total} rows, "
            f"which are not used: {', '.join(rows.refused[:SHOWN])}"
        )
        faults.append(_Fault(what, rows.refused))
    if rows.preferences:
        what = (
            f"{len(rows.preferences)} rows hold a chosen and a rejected answer; training learns "
            "from demonstrations only, so they are left out (train.preferences: chosen learns the "
            "chosen answers)"
        )
        faults.append(_Fault(what, rows.preferences))
    if too_many:
        what = f"{left_out} of {total} rows exceed train.max_tokens = {limit} and are not used"
        faults.append(_Fault(what, rows.too_long))

    why = (
        f"In all {plural(used, 'row')} the loss covers only the answer and its end-of-turn token; "
        "no padding, the base model's own chat template; "
        f"{left_out} of {plural(total, 'row')} longer than {limit} tokens."
    )
    if learned > used or rows.context:
        why += f" {said_of_turns(rows)}"
    if faults:
        said = dict.fromkeys(fault.what for fault in faults)
        why = "; ".join(said).capitalize() + "."
    bad = dict.fromkeys(row for fault in faults for row in fault.rows)
    return Finding(
        code="T07",
        status="found" if faults else "clear",
        stage="train",
        why=why,
        rows=tuple(bad),
        estimate=Estimate.exact(len(bad), n=total),
        threshold=Threshold(value=0, origin="built-in"),
        remedy="raise train.max_tokens or shorten the rows" if too_many else "",
    )


def _row_faults(
    rows: Rows,
    targets: Mapping[str, Message],
    chat: ChatFormat,
) -> Iterator[_Fault]:
    """What is wrong with the arrays of single targets."""
    for row in rows.rows:
        for name, span in zip(row.names, row.spans, strict=True):
            what = _target_fault(row, span, targets[name], chat)
            if what:
                yield _Fault(what, (name,))


def _target_fault(
    row: TrainRow,
    span: Span,
    target: Message,
    chat: ChatFormat,
) -> str:
    """What is wrong with the arrays of one target; empty if nothing is."""
    start, end = span
    if row.ids[end - 1] != chat.end_of_turn:
        return "a row does not end with the end of turn"
    if not 0 < start < end:
        return "a row has no prompt or no target token"
    if target.tool_calls and chat.writes_calls:
        # Every template writes calls in a form of its own.
        return ""
    under_loss = chat.decode(row.ids[start : end - 1].tolist())
    if under_loss.split() != target.text.split():
        return "the tokens under the loss do not spell the target"
    return ""


def _unknown(
    rows: Rows,
    tokenizer: PreTrainedTokenizerBase,
    chat: ChatFormat,
) -> Iterator[_Fault]:
    """Rows with characters that the tokenizer does not know."""
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is None or unknown in chat.end_ids:
        return
    found = tuple(row.id for row in rows.rows if unknown in row.ids)
    if found:
        what = f"{len(found)} rows hold characters that the tokenizer does not know"
        yield _Fault(what, found)
