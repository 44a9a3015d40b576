"""``tunewell compare plan``: whether a panel can show a preference, and what it takes."""

from __future__ import annotations

import typer

from tunewell.cli.common import JsonOption, emit, show
from tunewell.cli.compare.options import (
    AlphaOption,
    EachOption,
    IccOption,
    LooksOption,
    PowerOption,
    RatersOption,
    TiesOption,
    WinRateOption,
)
from tunewell.errors import EXIT_NO_GO, UserError
from tunewell.plurals import per_cent
from tunewell.stats.preference import PreferencePlan, fewest_raters, plan_preference

SHOWN_ICC = (0.0, 0.2, 0.5)
"""Intraclass correlations whose raters are shown beside the one assumed."""


def command(
    raters: RatersOption = 6,
    each: EachOption = 33,
    win_rate: WinRateOption = 0.65,
    icc: IccOption = 0.2,
    ties: TiesOption = 0.1,
    looks: LooksOption = 0,
    power: PowerOption = 0.8,
    alpha: AlphaOption = 0.05,
    json: JsonOption = False,
) -> None:
    """Show whether so many raters can find a preference, and how many can; exit 3 if not."""
    if win_rate in (0.5, 1.0) or ties / 4 >= win_rate * (1 - win_rate):
        raise UserError(
            f"a win rate of {win_rate:g} with {per_cent(ties)} ties cannot be planned",
            hint="--win-rate above 0.5 and below 1, fewer --ties",
        )

    def planned(correlation: float) -> PreferencePlan:
        return plan_preference(
            raters,
            each,
            win_rate=win_rate,
            icc=correlation,
            ties=ties,
            looks=looks,
            alpha=alpha,
            power=power,
        )

    plan = planned(icc)
    others = [planned(correlation) for correlation in SHOWN_ICC]
    if json:
        emit("compare", {"plan": plan, "enough": plan.enough, "others": others})
    else:
        _show(plan, others, alpha)
    if not plan.enough:
        raise typer.Exit(EXIT_NO_GO)


def _show(plan: PreferencePlan, others: list[PreferencePlan], alpha: float) -> None:
    word = "enough" if plan.enough else "too few"
    show(
        f"{plan.raters} raters x {plan.each} verdicts: {word}; a preference of "
        f"{per_cent(plan.win_rate)} is found with probability {plan.power:.2f} "
        f"(wanted {plan.wanted:g}, intraclass correlation {plan.icc:g})"
    )
    show(f"raters needed at {plan.each} verdicts each, by how alike one rater's verdicts are:")
    for other in others:
        needed = str(other.needed) if other.needed else "no number reaches it"
        show(f"  {other.icc:<4g} {needed}")
    few = fewest_raters(alpha)
    show(
        f"with fewer than {few} raters no preference can be shown: "
        "all of them may lean the same way by chance"
    )
