"""What a finished fine-tune itself shows: learnt by heart, forgotten, no better than a prompt.

These are T02, T04 and T05. The adapter is opened on its base and both are asked how probable given
answers are; nothing is generated. So it takes three passes over a few hundred rows, and needs the
base model's weights, the training rows and rows held out from them.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.arms import Arm
from tunewell.evaluate.autopsy.output_folder import STAGE, unchecked
from tunewell.evaluate.lookup import groups_of, nats_per_token, picked
from tunewell.model.base import Model
from tunewell.model.passages import passages, questions
from tunewell.plurals import per_cent
from tunewell.stats import difference, mean
from tunewell.types import Estimate, Example, Finding, Message, Threshold

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
Turns = tuple[Message, ...]


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
    chance = random.Random(seed)
    seen = _drawn(train, chance)
    new = _drawn(held_out, chance)
    return [
        by_heart(base, tuned, seen, new),
        forgotten(base, tuned),
        no_gain_over_prompt(base, tuned, seen, new),
    ]


def _drawn(rows: Sequence[Example], chance: random.Random) -> list[Example]:
    usable = [e for e in rows if e.target.strip() and e.prompt]
    if len(usable) <= MOST_ROWS:
        return usable
    return chance.sample(usable, MOST_ROWS)


def losses(model: Model, prompts: Sequence[Turns], targets: Sequence[str]) -> Floats:
    """Nats per token of each target, NaN where the model cannot score it, shape (targets,)."""
    return np.array([nats_per_token(s, otherwise=math.nan) for s in model.score(prompts, targets)])


def _of(
    model: Model,
    rows: Sequence[Example],
    *,
    shots: Sequence[Example] = (),
) -> Floats:
    """Nats per token of each row's answer, after solved examples, shape (rows,)."""
    arm = Arm(name="autopsy", shots=tuple(shots))
    return losses(model, [arm.prompt(e) for e in rows], [e.target for e in rows])


@dataclass(frozen=True)
class _Gain:
    """How much rows gained by the fine-tuning.

    Attributes:
        nats: Loss before minus after, of the rows that both models score, shape (rows,).
        families: Family of each.
    """

    nats: Floats
    families: list[str]

    @classmethod
    def of(cls, base: Model, tuned: Model, rows: Sequence[Example]) -> _Gain:
        """Ask both models."""
        gain = _of(base, rows) - _of(tuned, rows)
        scored = ~np.isnan(gain)
        return cls(gain[scored], picked(groups_of(rows), scored))


def by_heart(
    base: Model,
    tuned: Model,
    seen: Sequence[Example],
    new: Sequence[Example],
) -> Finding:
    """T02: how much more the training rows gained than rows of the same kind that were held out.

    Each row is its own control: what is compared is its loss before minus after, so rows that are
    easy for any model do not count as memorised.
    """
    if min(len(seen), len(new)) < FEWEST:
        why = f"It takes {FEWEST} training rows and {FEWEST} held-out ones (--data, --eval)."
        return unchecked("T02", why)
    trained = _Gain.of(base, tuned, seen)
    held_out = _Gain.of(base, tuned, new)
    if min(trained.nats.size, held_out.nats.size) < FEWEST:
        return unchecked("T02", "Too few rows could be scored.")

    families = [f"train {name}" for name in trained.families]
    families += [f"new {name}" for name in held_out.families]
    made = difference(
        trained.nats,
        held_out.nats,
        paired=False,
        clusters=families,
    )
    estimate = made.model_copy(update={"unit": "nats/token"})
    compared = (
        f"Training rows gained {trained.nats.mean():.3g} nats a token, "
        f"held-out ones {held_out.nats.mean():.3g} (difference {estimate})"
    )
    threshold = Threshold(value=BY_HEART, origin="built-in")
    if estimate.low > BY_HEART:
        return Finding(
            code="T02",
            status="found",
            stage=STAGE,
            why=f"{compared}: it has memorised its rows.",
            estimate=estimate,
            threshold=threshold,
            remedy="fewer epochs, or drop repeated rows: tunewell doctor",
        )
    return Finding(
        code="T02",
        status="clear",
        stage=STAGE,
        why=f"{compared}: no sign of memorisation.",
        estimate=estimate,
        threshold=threshold,
    )


def general() -> list[tuple[Turns, str]]:
    """General questions with their answers, and the second halves of passages after the first."""
    items: list[tuple[Turns, str]] = []
    for question, answer in questions("measured"):
        items.append(((Message(role="user", content=question),), answer))
    for passage in passages("measured")[:PASSAGES]:
        first, second = _halves(passage.text)
        ask = f"Continue this text:\n\n{first}"
        items.append(((Message(role="user", content=ask),), second))
    return items


def _halves(text: str) -> tuple[str, str]:
    """A text parted at the white space nearest to its middle."""
    spaces = [match.start() for match in re.finditer(r"\s", text)]
    middle = min(spaces, key=lambda at: abs(2 * at - len(text)))
    return text[:middle], text[middle:].lstrip()


def forgotten(base: Model, tuned: Model) -> Finding:
    """T04: the loss on general questions and passages, before and after."""
    prompts, targets = zip(*general(), strict=True)
    before, after = losses(base, prompts, targets), losses(tuned, prompts, targets)
    both = ~np.isnan(before) & ~np.isnan(after)
    if both.sum() < FEWEST:
        return unchecked("T04", "General questions could not be scored.")

    estimate = _relative_rise(before[both], after[both])
    why = (
        f"The loss on {int(both.sum())} general questions and passages rose by "
        f"{per_cent(estimate.value, 1)} "
        f"[{per_cent(estimate.low, 1)}, {per_cent(estimate.high, 1)}]; "
        f"up to {per_cent(FORGOTTEN)} is tolerated."
    )
    found = Finding(
        code="T04",
        status="clear",
        stage=STAGE,
        why=why,
        estimate=estimate,
        threshold=Threshold(value=FORGOTTEN, origin="built-in"),
    )
    if estimate.low > FORGOTTEN:
        remedy = "mix in general rows, lower the rank or the rate"
        return found.model_copy(update={"status": "found", "remedy": remedy})
    if estimate.high > FORGOTTEN:
        why = f"{why} These questions are too few to tell."
        return found.model_copy(update={"status": "unchecked", "why": why})
    return found


def _relative_rise(before: Floats, after: Floats) -> Estimate:
    rises = after / before - 1
    all_alike = float(np.ptp(rises)) == 0.0
    made = Estimate.exact(float(rises[0]), n=rises.size) if all_alike else mean(rises)
    method = f"{made.method}, row by row"
    return made.model_copy(update={"unit": "relative rise of the loss", "method": method})


def no_gain_over_prompt(
    base: Model,
    tuned: Model,
    seen: Sequence[Example],
    new: Sequence[Example],
) -> Finding:
    """T05: the loss of held-out answers: the fine-tune, and the base with solved examples."""
    if len(new) < FEWEST or len(seen) < SHOTS:
        why = f"It takes {FEWEST} held-out rows (--eval) and {SHOTS} training rows (--data)."
        return unchecked("T05", why)
    prompted = _of(base, new, shots=_shots(seen))
    after = _of(tuned, new)
    both = ~np.isnan(prompted) & ~np.isnan(after)
    families = picked(groups_of(new), both)
    if len(set(families)) < 2:
        return unchecked("T05", "Too few held-out rows could be scored.")

    made = difference(
        prompted[both],
        after[both],
        paired=True,
        clusters=families,
    )
    estimate = made.model_copy(update={"unit": "nats/token"})
    verb = _verb(estimate)
    found = Finding(
        code="T05",
        status="found",
        stage=STAGE,
        why=f"Against the base model with {SHOTS} solved examples it {verb}: {estimate} nats per "
        "token of the held-out answers. Answers themselves were not compared: "
        "tunewell evaluate --predictions.",
        estimate=estimate,
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="do not ship; a prompt may be enough",
        blocking=estimate.high < 0,
    )
    if estimate.low > 0:
        return found.model_copy(update={"status": "clear", "remedy": ""})
    return found


def _shots(seen: Sequence[Example]) -> list[Example]:
    """Solved examples, drawn among the shorter half."""
    shortest_first = sorted(seen, key=lambda e: (len(e.input) + len(e.target), e.id))
    shorter = shortest_first[: max(SHOTS, len(seen) // 2)]
    return random.Random(0).sample(shorter, SHOTS)


def _verb(gain: Estimate) -> str:
    if gain.low > 0:
        return "gains"
    return "loses" if gain.high < 0 else "is not shown to gain"
