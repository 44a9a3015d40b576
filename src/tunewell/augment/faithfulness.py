"""D15: whether synthetic rows are faithful, by the checks and by what experts say of a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tunewell.augment.nouns import Augmented, CellResult
from tunewell.plurals import per_cent
from tunewell.stats import proportion
from tunewell.types import Estimate, Finding, Judgement, Threshold

STAGE: Final = "augment"

CRITERION: Final = "faithful"
"""What experts are asked of a sample of the accepted rows."""

QUESTION: Final = (
    "Is this a row that you would train on: the answer right, and supported by the input?"
)

MOST_WRONG: Final = 0.05
"""Share of accepted rows that may be wrong."""

UNFAITHFUL: Final = ("copy", "elsewhere", "unsupported", "facts", "leak", "terms", "near-duplicate")
"""Reasons of acceptance that D15 is about."""

_THRESHOLD: Final = Threshold(value=MOST_WRONG, origin="built-in")


def refused(cells: Sequence[CellResult]) -> Counter[str]:
    """How many candidates were refused for each reason that D15 is about."""
    found: Counter[str] = Counter()
    for cell in cells:
        for reason, count in cell.rejected.items():
            if reason in UNFAITHFUL:
                found[reason] += count
    return found


def faithful(
    result: Augmented,
    *,
    training: int,
    error_rate: Estimate | None = None,
) -> Finding:
    """What is known of the accepted rows.

    The checks say what was kept out; whether what was let in is right, only people can say: until
    then it is ``unchecked``.

    Args:
        result: Of the augmentation.
        training: How many training rows there are beside them.
        error_rate: Of the accepted rows, by experts; None before they have spoken.
    """
    kept_out = refused(result.cells)
    told = ", ".join(f"{count} {reason}" for reason, count in kept_out.most_common())
    share = result.rows / max(1, result.rows + training)
    about = f"{result.rows} synthetic rows ({per_cent(share)} of the training rows)"
    if told:
        about += f"; kept out: {told}"
    if error_rate is None:
        return Finding(
            code="D15",
            status="unchecked" if result.rows else "clear",
            stage=STAGE,
            why=f"{about}; no expert has looked at a sample yet",
            threshold=_THRESHOLD,
            remedy="tunewell augment review --to NAME",
        )
    status = _status(error_rate)
    open_ = " (INCONCLUSIVE: more verdicts are needed)" if status == "unchecked" else ""
    return Finding(
        code="D15",
        status=status,
        stage=STAGE,
        why=f"{about}; experts call {error_rate} of them wrong{open_}",
        estimate=error_rate,
        threshold=_THRESHOLD,
        remedy="leave the rows out (augment.take_up: never), or tighten the cells"
        if status == "found"
        else "",
    )


def _status(error_rate: Estimate) -> str:
    if error_rate.low > MOST_WRONG:
        return "found"
    return "clear" if error_rate.high <= MOST_WRONG else "unchecked"


def error_rate_of(
    said: Sequence[Judgement],
    rows: Sequence[str],
) -> Estimate | None:
    """The share of the accepted rows that is wrong; None before anybody has spoken.

    The sample is drawn evenly, so that its share is that of all; a row on which people disagree
    counts as wrong by the share of those who call it so. All of a small set may have been looked
    at: the interval is still that of a sample, for the generator could have written others.

    Args:
        said: What people said under `CRITERION`; each person's last word.
        rows: Ids of the rows of the sample.
    """
    by_row: dict[str, list[float]] = {}
    wanted = set(rows)
    for judgement in said:
        if judgement.criterion == CRITERION and judgement.example in wanted:
            by_row.setdefault(judgement.example, []).append(float(judgement.value))
    if not by_row:
        return None
    wrong = sum(1 - sum(words) / len(words) for words in by_row.values())
    estimate = proportion(wrong, len(by_row), method="clopper-pearson")
    return estimate.model_copy(update={"unit": "share", "method": "experts, Clopper-Pearson"})
