"""T07: was the right thing trained at all?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewell.model.chat import PLAIN_TEMPLATE, chat_format
from tunewell.train.lora.rows import Rows, TrainRow
from tunewell.types import Estimate, Example, Finding, Threshold


def plumbing(examples: Sequence[Example], rows: Rows, tokenizer: Any, *, limit: int) -> Finding:
    """T07: template, loss mask, end of turn, lengths, unknown tokens, in the very arrays that are trained on."""
    chat = chat_format(tokenizer)
    faults: list[str] = []
    bad: list[str] = []
    by_id = {e.id: e for e in examples}
    for row in rows.rows:
        fault = _row_fault(row, by_id[row.id].target, chat)
        if fault:
            faults.append(fault) if fault not in faults else None
            bad.append(row.id)
    if tokenizer.chat_template == PLAIN_TEMPLATE:
        faults.append("the base model has no chat template: it is trained on a plain one of ours")
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is not None and unknown not in chat.end_ids:
        with_unknown = [r.id for r in rows.rows if unknown in r.ids]
        if with_unknown:
            faults.append(
                f"{len(with_unknown)} rows hold characters that the tokenizer does not know"
            )
            bad += with_unknown
    total = len(rows.rows) + len(rows.too_long) + len(rows.empty)
    left_out = len(rows.too_long)
    if left_out > 0.05 * total:
        faults.append(
            f"{left_out} of {total} rows exceed train.max_tokens = {limit} and are not used"
        )
        bad += rows.too_long
    good = (
        f"Loss on the target and its end of turn alone in {len(rows.rows)} of {len(rows.rows)} rows, no padding, "
        f"template of the base model; {left_out} of {total} rows longer than {limit} tokens."
    )
    return Finding(
        code="T07",
        status="found" if faults else "clear",
        stage="train",
        why="; ".join(faults).capitalize() + "." if faults else good,
        rows=tuple(dict.fromkeys(bad)),
        estimate=Estimate.exact(len(set(bad)), n=total),
        threshold=Threshold(value=0, origin="built-in"),
        remedy="raise train.max_tokens or shorten the rows" if left_out > 0.05 * total else "",
    )


def _row_fault(row: TrainRow, target: str, chat: Any) -> str:
    """What is wrong with the arrays of one row; empty if nothing is."""
    if row.ids[-1] != chat.end_of_turn:
        return "a row does not end with the end of turn"
    if not 0 < row.start < len(row.ids):
        return "a row has no prompt or no target token"
    if " ".join(chat.decode(row.ids[row.start : -1].tolist()).split()) != " ".join(target.split()):
        return "the tokens under the loss do not spell the target"
    return ""
