"""Anchors: rows whose answers and verdicts are frozen, so that model and judge can be told apart.

The model answers them again: where it answers otherwise than before, it changed, whatever people
ask nowadays. The judge scores the *frozen* answers again: where it scores those otherwise, the
judge changed, whatever the model answers nowadays. Both are asked twice when the anchors are
frozen, so that their own noise is known.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from pydantic import Field
from rapidfuzz import fuzz

from tunewell.errors import UserError
from tunewell.model.base import GenerateOptions, Model
from tunewell.plurals import per_cent
from tunewell.stats import proportion
from tunewell.stats.special import bdtr
from tunewell.types import (
    Estimate,
    Example,
    Value,
)

Scorer = Callable[[Sequence[tuple[str, Example]]], Sequence[float | None]]
"""Scores outputs of rows; None where there is no verdict."""

FEWEST: Final = 20
"""With fewer anchors nothing is said of a change."""

MOVED: Final = 0.02
"""Similarities that differ by less are equal: servers round otherwise from day to day."""

LEVEL: Final = 0.01
"""A p-value below this says that the model or the judge changed."""


class AnchorRow(Value):
    """One row of the anchors.

    Attributes:
        example: The row.
        first: The model's answer when it was frozen.
        second: Its answer to the same question, asked again at once; None if there is none.
        verdicts: The judge's two verdicts on ``first``; None where it gave none.
    """

    example: Example
    first: str
    second: str | None = None
    verdicts: tuple[float | None, float | None] = (None, None)


class AnchorSet(Value):
    """Anchors as they were frozen.

    Attributes:
        frozen: When, UTC.
        model: Who answered, by the name of its server or weights.
        judge: Name of the metric that judged; empty without one.
        judge_version: Of that metric.
        options: How answers were generated.
        rows: The anchors.
    """

    frozen: dt.datetime
    model: str
    judge: str = ""
    judge_version: str = ""
    options: GenerateOptions = GenerateOptions()
    rows: tuple[AnchorRow, ...] = Field(min_length=1)


class AnchorRun(Value):
    """What the model and the judge say of the anchors on a later day.

    Attributes:
        at: When, UTC.
        anchors: Digest of the `AnchorSet`.
        outputs: The model's answers, in the order of the rows; empty if it was not asked.
        verdicts: The judge's verdicts on the frozen answers; empty if it was not asked.
    """

    at: dt.datetime
    anchors: str
    outputs: tuple[str | None, ...] = ()
    verdicts: tuple[float | None, ...] = ()


class AnchorTest(Value):
    """Whether a model or a judge is what it was.

    Attributes:
        changed: Share of the anchors on which it differs from when they were frozen.
        usual: Share on which it differed from itself then.
        p_value: Of no change.
        what: In words.
    """

    changed: Estimate
    usual: Estimate
    p_value: float = Field(ge=0, le=1)
    what: str

    @property
    def is_change(self) -> bool:
        """Whether it changed."""
        return self.p_value < LEVEL


class AnchorReading(Value):
    """What a run of the anchors shows.

    Attributes:
        at: When they were run, UTC.
        frozen: When they were frozen, UTC.
        model: Of the model; None if it could not be asked.
        judge: Of the judge; None if it could not be asked.
        why_not: Why one of them is missing.
    """

    at: dt.datetime
    frozen: dt.datetime
    model: AnchorTest | None = None
    judge: AnchorTest | None = None
    why_not: str = ""


def freeze_anchors(
    rows: Sequence[Example],
    model: Model,
    *,
    now: dt.datetime,
    score: Scorer | None = None,
    judge: str = "",
    judge_version: str = "",
    options: GenerateOptions | None = None,
) -> AnchorSet:
    """Ask the model and the judge twice, and keep what they say.

    Args:
        rows: Of the anchors; 100 make small changes visible.
        model: The model that serves.
        now: The time.
        score: The judge, which must not remember its own replies; None without one.
        judge: Its name.
        judge_version: Its version.
        options: How to generate.

    Raises:
        UserError: Fewer than 20 rows were answered.
    """
    options = options or GenerateOptions()
    first = _answers(
        model,
        rows,
        options,
    )
    answered = [i for i, text in enumerate(first) if text is not None]
    if len(answered) < FEWEST:
        raise UserError(
            f"{len(answered)} anchors were answered, and {FEWEST} are needed",
            hint="tunewell watch anchors freeze --rows 100",
        )
    kept = [rows[i] for i in answered]
    outputs = [first[i] or "" for i in answered]
    again = _answers(model, kept, options.model_copy(update={"seed": options.seed + 1}))
    pairs = list(zip(outputs, kept, strict=True))
    verdicts = [score(pairs), score(pairs)] if score else [[None] * len(kept)] * 2
    made = [
        AnchorRow(
            example=row,
            first=outputs[i],
            second=again[i],
            verdicts=(verdicts[0][i], verdicts[1][i]),
        )
        for i, row in enumerate(kept)
    ]
    return AnchorSet(
        frozen=now,
        model=model.name,
        judge=judge,
        judge_version=judge_version,
        options=options,
        rows=tuple(made),
    )


def run_anchors(
    anchors: AnchorSet,
    digest: str,
    *,
    now: dt.datetime,
    model: Model | None = None,
    score: Scorer | None = None,
) -> AnchorRun:
    """Ask the model and the judge again.

    Args:
        anchors: As they were frozen.
        digest: Of them.
        now: The time.
        model: The model that serves now; None if it cannot be asked.
        score: The judge of now; None if it cannot be asked.
    """
    examples = [row.example for row in anchors.rows]
    outputs: list[str | None] = []
    if model is not None:
        options = anchors.options.model_copy(update={"seed": anchors.options.seed + 2})
        outputs = _answers(
            model,
            examples,
            options,
        )
    verdicts: Sequence[float | None] = ()
    if score is not None:
        verdicts = score([(row.first, row.example) for row in anchors.rows])
    return AnchorRun(at=now, anchors=digest, outputs=tuple(outputs), verdicts=tuple(verdicts))


def _answers(
    model: Model,
    rows: Sequence[Example],
    options: GenerateOptions,
) -> list[str | None]:
    prompts = [row.prompt for row in rows]
    tools = [row.tools for row in rows]
    made = model.generate(prompts, options=options, tools=tools if any(tools) else ())
    return [None if answer.finish == "error" else answer.text for answer in made]


def read_anchors(anchors: AnchorSet, run: AnchorRun) -> AnchorReading:
    """What a run of the anchors shows of the model and of the judge."""
    model = _model_test(anchors, run) if run.outputs else None
    judge = _judge_test(anchors, run) if run.verdicts else None
    missing = []
    if model is None:
        missing.append("the model gave too few answers to the anchors" if run.outputs else "")
    if judge is None:
        missing.append("the judge gave too few verdicts on the anchors" if run.verdicts else "")
    return AnchorReading(
        at=run.at,
        frozen=anchors.frozen,
        model=model,
        judge=judge,
        why_not="; ".join(filter(None, missing)),
    )


# --- the model ------------------------------------------------------------------------------------


def _model_test(anchors: AnchorSet, run: AnchorRun) -> AnchorTest | None:
    """Texts further from the first answer than its repeat was, or longer, or shorter.

    A sign test of which of the two is nearer to the first, and one of the lengths.
    """
    pairs = [
        (row, output)
        for row, output in zip(anchors.rows, run.outputs, strict=True)
        if output is not None and row.second is not None
    ]
    if len(pairs) < FEWEST:
        return None

    usual = np.array([_likeness(row.first, row.second or "") for row, _ in pairs])
    now = np.array([_likeness(row.first, output) for row, output in pairs])
    farther = int((now < usual - MOVED).sum())
    nearer = int((now > usual + MOVED).sum())
    p_text = sign_test(
        farther,
        nearer,
        sides=1,
    )

    longer, shorter, factor = _lengths(pairs)
    p_length = sign_test(longer, shorter)
    differ = int((now < 1 - MOVED).sum())
    differed = int((usual < 1 - MOVED).sum())
    way = "longer" if factor > 1 else "shorter"
    what = (
        f"{differ} of {len(pairs)} anchors are answered differently than when they were frozen "
        f"({differed} differed then between two runs); answers are "
        f"{per_cent(abs(factor - 1))} {way}"
    )
    return AnchorTest(
        changed=proportion(differ, len(pairs)),
        usual=proportion(differed, len(pairs)),
        p_value=min(1.0, 2 * min(p_text, p_length)),
        what=what,
    )


def _lengths(pairs: Sequence[tuple[AnchorRow, str]]) -> tuple[int, int, float]:
    """How many answers are longer and shorter than both before, and by which factor in the mean."""
    longer = 0
    shorter = 0
    logs = []
    for row, output in pairs:
        lengths = [len(row.first), len(row.second or "")]
        longer += len(output) > max(lengths)
        shorter += len(output) < min(lengths)
        before = math.sqrt((1 + lengths[0]) * (1 + lengths[1]))
        logs.append(math.log((1 + len(output)) / before))
    return longer, shorter, math.exp(float(np.mean(logs)))


def _likeness(a: str, b: str) -> float:
    """How alike two texts are, in [0, 1]."""
    return fuzz.ratio(a, b) / 100


# --- the judge ------------------------------------------------------------------------------------


def _judge_test(anchors: AnchorSet, run: AnchorRun) -> AnchorTest | None:
    """Verdicts on the same answers that are stricter or milder, or flip more often than usual."""
    triples = []
    for row, now in zip(anchors.rows, run.verdicts, strict=True):
        first, second = row.verdicts
        if first is not None and second is not None and now is not None:
            triples.append((first, second, now))
    if len(triples) < FEWEST:
        return None

    values = np.array(triples)
    first, second, now = values.T
    before = (first + second) / 2
    up = int((now > before).sum())
    down = int((now < before).sum())
    p_level = sign_test(up, down)
    flips = first != now
    usual = first != second
    p_flips = sign_test(int((flips & ~usual).sum()), int((usual & ~flips).sum()), sides=1)

    differ = int(flips.sum())
    differed = int(usual.sum())
    shift = float((now - before).mean())
    way = "milder" if shift > 0 else "stricter"
    what = (
        f"the judge scores {differ} of {len(triples)} frozen answers differently "
        f"({differed} differed between two runs then), {abs(shift):.2f} {way} in the mean"
    )
    return AnchorTest(
        changed=proportion(differ, len(triples)),
        usual=proportion(differed, len(triples)),
        p_value=min(1.0, 2 * min(p_level, p_flips)),
        what=what,
    )


def sign_test(
    more: int,
    less: int,
    *,
    sides: int = 2,
) -> float:
    """Exact p-value of so uneven a split where both ways are equally likely.

    Args:
        more: How many went one way.
        less: How many the other.
        sides: 1 asks for ``more`` only, 2 for either.

    Example:
        >>> sign_test(7, 0, sides=1), sign_test(5, 5)
        (0.0078125, 1.0)
    """
    if more + less == 0:
        return 1.0
    # Both ways are equally likely, so either tail is that of the rarer one.
    rarer = less if sides == 1 else min(more, less)
    return min(1.0, sides * float(bdtr(rarer, more + less, 0.5)))
