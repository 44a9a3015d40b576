"""What a finished fine-tune itself shows: learnt by heart (T02), forgotten (T04), no better than a prompt (T05).

The adapter is opened on its base and both are asked how probable given answers are; nothing is
generated. So it takes three passes over a few hundred rows, and needs the base model's weights, the
training rows and rows held out from them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.model.base import Model
from tunewell.model.passages import passages, questions
from tunewell.stats import difference, mean
from tunewell.types import Estimate, Example, Finding, Message, Threshold

STAGE: Final = "autopsy"
MOST_ROWS: Final = 128
"""Of the training rows and of the held-out ones, drawn by seed."""
FEWEST: Final = 8
BY_HEART: Final = 0.10
"""T02: nats per token by which training rows may gain more than held-out ones."""
FORGOTTEN: Final = 0.05
"""T04: largest relative rise of the loss on general questions and passages."""
SHOTS: Final = 3
PASSAGES: Final = 36
"""General passages of `forgotten`: three of every kind."""

Floats = NDArray[np.float64]


def autopsy_model(
    base: Model,
    tuned: Model,
    *,
    train: Sequence[Example],
    held_out: Sequence[Example],
    seed: int = 0,
) -> list[Finding]:
    """T02, T04 and T05 of a fine-tune, from how probable given answers are before and after.

    Args:
        base: The model without the adapter.
        tuned: The model with it.
        train: Rows that it was trained on; T02 is unchecked without them.
        held_out: Rows that it was not trained on; T02 and T05 are unchecked without them.
        seed: Of the draw of rows and of the solved examples.
    """
    rng = random.Random(seed)
    seen, new = _drawn(train, rng), _drawn(held_out, rng)
    found = [by_heart(base, tuned, seen, new), forgotten(base, tuned)]
    found.append(no_gain_over_prompt(base, tuned, seen, new))
    return found


def _drawn(rows: Sequence[Example], rng: random.Random) -> list[Example]:
    usable = [e for e in rows if e.target.strip() and e.prompt]
    return usable if len(usable) <= MOST_ROWS else rng.sample(usable, MOST_ROWS)


def losses(model: Model, prompts: Sequence[tuple[Message, ...]], targets: Sequence[str]) -> Floats:
    """Nats per token of each target, NaN where the model cannot score it, shape (targets,)."""
    scored = model.score(prompts, targets)
    return np.array([t.nats / t.tokens if t.tokens else np.nan for t in scored])


def _of(model: Model, rows: Sequence[Example], *, shots: Sequence[Example] = ()) -> Floats:
    before = tuple(m for s in shots for m in s.messages if m.role != "system")
    prompts = []
    for e in rows:
        system = tuple(m for m in e.prompt if m.role == "system")
        prompts.append((*system, *before, *(m for m in e.prompt if m.role != "system")))
    return losses(model, prompts, [e.target for e in rows])


def by_heart(base: Model, tuned: Model, seen: Sequence[Example], new: Sequence[Example]) -> Finding:
    """T02: how much more the training rows gained than rows of the same kind that were held out.

    Each row is its own control: what is compared is its loss before minus after, so rows that are
    easy for any model do not count as known by heart.
    """
    if min(len(seen), len(new)) < FEWEST:
        return _unchecked(
            "T02", f"It takes {FEWEST} training rows and {FEWEST} held-out ones (--data, --eval)."
        )
    gains = []
    for rows in (seen, new):
        gain = _of(base, rows) - _of(tuned, rows)
        gains.append(
            (
                gain[~np.isnan(gain)],
                [e.group or e.id for e, g in zip(rows, gain, strict=True) if g == g],
            )
        )
    if min(len(g) for g, _ in gains) < FEWEST:
        return _unchecked("T02", "Too few rows could be scored.")
    (a, of_a), (b, of_b) = gains
    made = difference(
        a, b, paired=False, clusters=[*(f"train {g}" for g in of_a), *(f"new {g}" for g in of_b)]
    )
    estimate = made.model_copy(update={"unit": "nats/token"})
    found = estimate.low > BY_HEART
    return Finding(
        code="T02",
        status="found" if found else "clear",
        stage=STAGE,
        why=f"Training rows gained {a.mean():.3g} nats a token, held-out ones {b.mean():.3g} (difference {estimate}): "
        + ("it knows its rows by heart." if found else "no sign of learning by heart."),
        estimate=estimate,
        threshold=Threshold(value=BY_HEART, origin="built-in"),
        remedy="fewer epochs, or drop repeated rows: tunewell doctor" if found else "",
    )


def general() -> list[tuple[tuple[Message, ...], str]]:
    """General questions with their answers, and the second halves of general passages after the first."""
    out: list[tuple[tuple[Message, ...], str]] = [
        ((Message(role="user", content=question),), answer)
        for question, answer in questions("measured")
    ]
    for passage in passages("measured")[:PASSAGES]:
        middle = min(
            (m.start() for m in re.finditer(r"\s", passage.text)),
            key=lambda at: abs(2 * at - len(passage.text)),
        )
        first, second = passage.text[:middle], passage.text[middle:].lstrip()
        out.append(((Message(role="user", content=f"Continue this text:\n\n{first}"),), second))
    return out


def forgotten(base: Model, tuned: Model) -> Finding:
    """T04: the loss on general questions and passages, before and after."""
    prompts, targets = zip(*general(), strict=True)
    before, after = losses(base, prompts, targets), losses(tuned, prompts, targets)
    both = ~np.isnan(before) & ~np.isnan(after)
    if both.sum() < FEWEST:
        return _unchecked("T04", "General questions could not be scored.")
    rises = after[both] / before[both] - 1
    alike = float(np.ptp(rises)) == 0.0
    made = Estimate.exact(float(rises[0]), n=rises.size) if alike else mean(rises)
    estimate = made.model_copy(
        update={"unit": "relative rise of the loss", "method": f"{made.method}, row by row"}
    )
    found = estimate.low > FORGOTTEN
    clear = estimate.high <= FORGOTTEN
    why = f"The loss on {int(both.sum())} general questions and passages rose by {estimate.value:.1%} "
    why += f"[{estimate.low:.1%}, {estimate.high:.1%}]; up to {FORGOTTEN:.0%} is borne."
    return Finding(
        code="T04",
        status="found" if found else "clear" if clear else "unchecked",
        stage=STAGE,
        why=why if found or clear else f"{why} These questions are too few to tell.",
        estimate=estimate,
        threshold=Threshold(value=FORGOTTEN, origin="built-in"),
        remedy="mix in general rows, lower the rank or the rate" if found else "",
    )


def no_gain_over_prompt(
    base: Model, tuned: Model, seen: Sequence[Example], new: Sequence[Example]
) -> Finding:
    """T05: the loss of held-out answers under the fine-tune against the base model with solved examples, paired."""
    if len(new) < FEWEST or len(seen) < SHOTS:
        return _unchecked(
            "T05", f"It takes {FEWEST} held-out rows (--eval) and {SHOTS} training rows (--data)."
        )
    shots = sorted(seen, key=lambda e: (len(e.input) + len(e.target), e.id))[
        : max(SHOTS, len(seen) // 2)
    ]
    shots = random.Random(0).sample(shots, SHOTS)
    prompted, after = _of(base, new, shots=shots), _of(tuned, new)
    both = ~np.isnan(prompted) & ~np.isnan(after)
    groups = [e.group or e.id for e, b in zip(new, both, strict=True) if b]
    if len(set(groups)) < 2:
        return _unchecked("T05", "Too few held-out rows could be scored.")
    made = difference(prompted[both], after[both], paired=True, clusters=groups)
    estimate = made.model_copy(update={"unit": "nats/token"})
    gains = estimate.low > 0
    verb = "gains" if gains else "loses" if estimate.high < 0 else "is not shown to gain"
    return Finding(
        code="T05",
        status="clear" if gains else "found",
        stage=STAGE,
        why=f"Against the base model with {SHOTS} solved examples it {verb}: {estimate} nats per token of the held-out "
        "answers. Answers themselves were not compared: tunewell evaluate --predictions.",
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="" if gains else "do not ship; a prompt may be enough",
        blocking=estimate.high < 0,
    )


def _unchecked(code: str, why: str) -> Finding:
    return Finding(code=code, status="unchecked", stage=STAGE, why=why)
