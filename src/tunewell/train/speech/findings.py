"""What training on recordings finds: T07 in the very arrays, T04 on general speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tunewell.plurals import plural
from tunewell.train.lora.rows import Rows
from tunewell.train.speech.word_errors import HeardErrors
from tunewell.types import Estimate, Example, Finding, Threshold

if TYPE_CHECKING:
    from tunewell.model.speech.whisper import SpeechModel

FORGOTTEN: Final = 0.02
"""T04: most errors per word that training may add on general speech."""

TOO_LONG: Final = 0.05
"""T07: largest share of rows that may be left out because of their length."""


def heard_plumbing(
    examples: Sequence[Example], rows: Rows, speech: SpeechModel, *, limit: int
) -> Finding:
    """T07: the tokens under the loss spell the transcript and its end, and few rows are too long.

    Args:
        examples: What was encoded.
        rows: The arrays.
        speech: The base.
        limit: ``train.max_tokens``.
    """
    said = {e.id: e.target for e in examples}
    wrong = []
    for row in rows.rows:
        spelled = speech.spelled(row.ids[row.start :].tolist())
        if spelled.split() != said[row.id].split():
            wrong.append(row.id)
    total = len(rows.rows) + len(rows.too_long) + len(rows.empty)
    too_many = len(rows.too_long) > TOO_LONG * total
    why = (
        f"In {plural(len(rows.rows) - len(wrong), 'row')} of {len(rows.rows)} the loss covers only "
        f"the transcript and its end; {len(rows.too_long)} of {plural(total, 'row')} longer than "
        f"{limit} tokens; {len(rows.empty)} without words."
    )
    bad = [*wrong, *(rows.too_long if too_many else ())]
    return Finding(
        code="T07",
        status="found" if bad else "clear",
        stage="train",
        why=why,
        rows=tuple(bad),
        estimate=Estimate.exact(len(bad), n=total),
        threshold=Threshold(value=0, origin="built-in"),
        remedy="raise train.max_tokens or shorten the rows" if too_many else "",
    )


def heard_forgetting(errors: HeardErrors) -> Finding:
    """T04: what training does to the transcripts of general speech that it has not heard.

    Args:
        errors: On rows of ``train.replay_kinds``.
    """
    if errors.is_empty:
        return Finding(
            code="T04",
            status="unchecked",
            stage="train",
            why="No rows of general speech are in the folds: forgetting was not measured.",
            remedy="add general speech with a kind of its own to data, and name the kind: "
            "train.replay_kinds: [general]",
        )
    change = errors.change
    status = "unchecked"
    if change.low > FORGOTTEN:
        status = "found"
    elif change.high <= FORGOTTEN:
        status = "clear"
    speakers = plural(len(set(errors.speakers)), "speaker")
    why = (
        f"Errors per word on general speech changed by {change} (from {errors.rate(errors.before)} "
        f"to {errors.rate(errors.after)}; {len(errors.words)} recordings of {speakers}, each "
        "written down by a fold that has not heard it)."
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        why=why,
        estimate=change,
        threshold=Threshold(value=FORGOTTEN, origin="built-in"),
        remedy=""
        if status == "clear"
        else "mix in more general speech: train.replay: 0.3; or lower train.rate or train.epochs",
    )
