"""Recipes side by side, epoch by epoch: the weak ones leave early, and noise is called noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tunewell.plurals import per_cent
from tunewell.train.diagnose.stopping import (
    HeldOut,
    Length,
    Losses,
    choose_length,
    losses_at_best,
    stop_rule,
)
from tunewell.types import Estimate, Recipe, Value

if TYPE_CHECKING:
    from tunewell.train.lora.run import LossReading

DROPPED = 0.99
"""Level of the test by which a recipe leaves the race, shared between the recipes."""

INDIFFERENT = 0.005
"""Share of the leader's loss by which a recipe may yet be better and leave the race.

That is not worth its steps.
"""

SETTLED = 2
"""Epochs from which that is conceded.

Of two recipes with one loss after the first, one may yet learn on.
"""


class RecipeCandidate(Value):
    """One recipe, measured over the folds.

    Attributes:
        recipe: What it is.
        changes: What sets it apart from the project's own recipe, in words.
        held_out: Loss of held-out rows at its best length, nats a token.
        against_best: Its loss minus that of the best recipe, on the same rows.
        epochs: Its best length.
        trained: Epochs that it was trained for.
        left: Why it was not trained to the end; empty if it was.
    """

    recipe: Recipe
    changes: str
    held_out: Estimate
    against_best: Estimate
    epochs: float
    trained: float
    left: str = ""


class Search(Value):
    """Recipes in the order in which they were given.

    Attributes:
        candidates: All of them.
        best: Index of the lowest held-out loss.
        chosen: Index of the simplest recipe within one standard error of the best.
        why: One sentence.
        saved: Share of the training steps that were not needed.
        confirmed: At the final depth, on the rows of fold 0: loss of what the folds chose minus
            that of the project's own recipe; None where both are the same, or the folds are at the
            final depth.
    """

    candidates: tuple[RecipeCandidate, ...]
    best: int
    chosen: int
    why: str
    saved: float
    confirmed: Estimate | None = None


class SearchRun(Protocol):
    """A recipe under way: `tunewell.train.lora.run.Running`, or one that was recorded."""

    readings: list[LossReading]

    def epoch_on(self) -> None:
        """Train (or reveal) one more epoch."""
        ...


class Race:
    """Recipes side by side, epoch by epoch.

    Args:
        rule: What is measured on.
        recipes: What is compared.
        runs: One for each.
        own: The project's own recipe, to say what sets each apart.
    """

    def __init__(
        self,
        rule: HeldOut,
        recipes: Sequence[Recipe],
        runs: Sequence[SearchRun],
        *,
        own: Recipe,
    ) -> None:
        self.rule = rule
        self.recipes = recipes
        self.runs = runs
        self.own = own
        self.left = [""] * len(recipes)

    def go(self) -> Search:
        """Run it to its end."""
        for epoch in range(1, max(r.epochs for r in self.recipes) + 1):
            racing = self._racing(epoch)
            for i in racing:
                if len(self.runs[i].readings) <= epoch:
                    self.runs[i].epoch_on()
            if racing:
                self._drop(racing, epoch)
        return self._result()

    def _racing(self, epoch: int) -> list[int]:
        """Who still trains in an epoch."""
        found = []
        for i, why in enumerate(self.left):
            if not why and epoch <= self.recipes[i].epochs:
                found.append(i)
        return found

    def _losses(self, i: int, epoch: int) -> list[Losses]:
        """Of a recipe, up to an epoch."""
        return [r.losses for r in self.runs[i].readings[: epoch + 1]]

    def _drop(self, racing: Sequence[int], epoch: int) -> None:
        """Decide after an epoch who leaves.

        From the readings up to it alone: a race that is resumed decides the same.
        """
        best = {i: losses_at_best(self._losses(i, epoch), self.rule) for i in racing}
        leader = min(racing, key=lambda i: self.rule.mean(best[i]).value)
        for i in racing:
            why = self._behind(leader, best[leader], best[i], epoch) if i != leader else ""
            if not why and self._past_its_best(i, epoch):
                why = f"past its best after epoch {epoch}"
            self.left[i] = why

    def _behind(
        self,
        leader: int,
        ahead: Losses,
        losses: Losses,
        epoch: int,
    ) -> str:
        """Why a recipe cannot catch up with the leader; empty if it may."""
        shared = 1 - 2 * (1 - DROPPED) / max(1, len(self.recipes) - 1)
        if self.rule.change(ahead, losses, level=shared).low > 0:
            return f"significantly behind {self._name(leader)} after epoch {epoch}"
        conceded = INDIFFERENT if epoch >= SETTLED else 0.0
        margin = conceded * self.rule.mean(ahead).value
        if self.rule.change(ahead, losses).low > -margin:
            more = f"more than {per_cent(conceded, 1)} " if conceded else ""
            return f"no {more}better than {self._name(leader)} after epoch {epoch}"
        return ""

    def _past_its_best(self, i: int, epoch: int) -> bool:
        """Whether it would stop by itself before its end."""
        recipe = self.recipes[i]
        if epoch >= recipe.epochs:
            return False
        stop = stop_rule(self.rule, patience=recipe.patience)
        return stop(self.runs[i].readings[: epoch + 1])

    def _name(self, i: int) -> str:
        return _changes(self.own, self.recipes[i]) or "the project's own recipe"

    def _result(self) -> Search:
        trials = [_Trial.of(run.readings, self.rule) for run in self.runs]
        numbers = range(len(trials))
        best = min(numbers, key=lambda i: trials[i].mean.value)
        tied = [i for i in numbers if self._ties(best, i, trials[i].at_best)]
        # Of equals the simplest, of equally simple ones the first.
        chosen = min(tied, key=lambda i: (complexity(self.recipes[i]), i))
        found = tuple(self._candidate(i, trials[i], trials[best]) for i in numbers)
        planned = sum(r.epochs for r in self.recipes)
        return Search(
            candidates=found,
            best=best,
            chosen=chosen,
            why=_why(found, best, chosen, tied),
            saved=1 - sum(c.trained for c in found) / planned,
        )

    def _candidate(
        self,
        i: int,
        trial: _Trial,
        best: _Trial,
    ) -> RecipeCandidate:
        readings = self.runs[i].readings
        return RecipeCandidate(
            recipe=self.recipes[i],
            changes=self._name(i),
            held_out=trial.mean,
            against_best=self.rule.change(best.at_best, trial.at_best),
            epochs=readings[trial.length.best].epoch,
            trained=readings[-1].epoch,
            left=self.left[i],
        )

    def _ties(
        self,
        best: int,
        i: int,
        at_best: Losses,
    ) -> bool:
        """Within one standard error of the best.

        Of its loss when the recipe left, if it left early.
        """
        last = min(len(self.runs[best].readings), len(self.runs[i].readings)) - 1
        leader = losses_at_best(self._losses(best, last), self.rule)
        return not self.rule.rises(leader, at_best)


@dataclass(frozen=True, eq=False)
class _Trial:
    """What a recipe reached: its length, the losses there, and their mean."""

    length: Length
    at_best: Losses
    mean: Estimate

    @classmethod
    def of(cls, readings: Sequence[LossReading], rule: HeldOut) -> _Trial:
        losses = [r.losses for r in readings]
        length = choose_length(losses, rule)
        at_best = losses[length.best]
        return cls(length, at_best, rule.mean(at_best))


def complexity(recipe: Recipe) -> tuple[float, ...]:
    """The simpler recipe comes first."""
    return (
        recipe.rank,
        -recipe.dropout,
        -recipe.weight_decay,
        -recipe.label_smoothing,
        recipe.rate,
    )


def _changes(own: Recipe, other: Recipe) -> str:
    """What sets a recipe apart, in words."""
    found = []
    for name in Recipe.model_fields:
        value = getattr(other, name)
        if value != getattr(own, name) and isinstance(value, (int, float)):
            found.append(f"{name} {value:g}")
    return ", ".join(found)


def _why(
    found: Sequence[RecipeCandidate],
    best: int,
    chosen: int,
    tied: Sequence[int],
) -> str:
    leader, taken = found[best], found[chosen]
    text = f"{leader.changes} has the lowest held-out loss: {leader.held_out} nats a token."
    if len(tied) == len(found):
        return (
            f"{text} No recipe is measurably different from it: the choice is noise; the simplest "
            "is taken."
        )
    if chosen == best:
        return text
    return (
        f"{text} {taken.changes} is within one standard error ({taken.against_best} on the same "
        "rows) and simpler, so it is chosen."
    )
