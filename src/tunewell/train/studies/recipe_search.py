"""Recipes compared over the same folds.

They share the trunk, the weak ones end early, and noise is called noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.diagnose.stopping import (
    HeldOut,
    Length,
    Losses,
    choose_length,
    stop_rule,
)
from tunewell.train.session import FINAL_ONLY, Masks, OnPoint, TrainingRun, TrainingSession
from tunewell.types import Dataset, Estimate, Recipe, Split, Value

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


def candidates_around(recipe: Recipe) -> tuple[Recipe, ...]:
    """Eight sensible recipes around the project's own: rate, rank, regularisers.

    Example:
        >>> [c.rate for c in candidates_around(Recipe(rate=1e-3))][:3]
        [0.001, 0.0003, 0.003]
    """
    low_rank = max(2, recipe.rank // 4)
    changes: list[dict[str, Any]] = [
        {},
        {"rate": round(recipe.rate * 0.3, 10)},
        {"rate": round(recipe.rate * 3, 10)},
        {"rank": low_rank, "alpha": recipe.alpha * low_rank / recipe.rank},
        {"rank": recipe.rank * 4, "alpha": recipe.alpha * 4},
        {"dropout": 0.2 if recipe.dropout < 0.1 else 0.0},
        {"label_smoothing": 0.1 if not recipe.label_smoothing else 0.0},
        {"weight_decay": 0.1 if recipe.weight_decay < 0.05 else 0.0},
    ]
    return tuple(recipe.model_copy(update=change) for change in changes)


def search(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    recipes: Sequence[Recipe] = (),
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> Search:
    """Compare recipes over the folds, epoch by epoch side by side.

    A recipe leaves the race when its held-out loss is past its best, significantly above the
    leader's on the same rows, or surely not below it (from the second epoch on: not more than half
    a percent below it). Of the recipes within one standard error of the best (paired, at the epoch
    at which they left) the simplest is chosen: lowest rank, then the strongest regularisation, then
    the lowest rate.

    Folds on the top layers can misjudge rate and rank. Where the choice is not the project's own
    recipe, both are therefore trained once more at the final depth, without fold 0, and the own one
    is kept unless the other is at least as good there (or simpler, and within one standard error).
    Nothing here looks at the test set.

    Args:
        dataset: The rows.
        split: Their folds.
        file: The definition; its recipe gives base, limits and seed.
        store: The project's store.
        recipes: What to compare; `candidates_around` the project's own if empty.
        progress: Called with (done, total).
        live: Called at every evaluation, with ``search-3`` as the phase.
    """
    own = file.spec.train
    recipes = tuple(recipes) or candidates_around(own)
    weights = resolve(own.model)
    run = TrainingRun(
        "search",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters={
            "recipe": _parts(own),
            "recipes": [_parts(recipe) for recipe in recipes],
            "weights": weights.digest,
            "way": 4,
        },
        seed=own.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["search"], Search)

    with run.record(store) as writer:
        with TrainingSession(
            dataset,
            split,
            own,
            weights,
            store,
            run.work(store),
            progress=progress,
            live=live,
        ) as session:
            raced = _start(session, recipes).go()
            rule = session.held_out(session.first_fold())
            result = confirm(raced, own, lambda i: _at_depth(session, i, recipes[i]), rule)
        writer.outputs["search"] = store.put_value(result)
        writer.counts |= {"recipes": len(recipes), "rows": len(session.rows.rows)}
    session.remove_checkpoints()
    return result


def _parts(recipe: Recipe) -> dict[str, Any]:
    """What folds know of a recipe."""
    return recipe.model_dump(mode="json", exclude=FINAL_ONLY)


class SearchRun(Protocol):
    """A recipe under way: `tunewell.train.lora.run.Running`, or one that was recorded."""

    readings: list[LossReading]

    def epoch_on(self) -> None:
        """Train (or reveal) one more epoch."""
        ...


def _start(session: TrainingSession, recipes: Sequence[Recipe]) -> Race:
    """All recipes as they begin, over the same folds."""
    layers = session.network.layers
    folds = sum(r.epochs * (1 - session.cut(r.fold_layers) / layers) for r in recipes)
    # What is chosen and the own recipe are trained once more at the final depth.
    deepest = max(r.epochs * r.layers for r in recipes)
    confirmation = 2 * deepest * (1 - 1 / session.folds)
    work = folds * (session.folds - 1) + confirmation
    session.meter.total = int(session.rows.tokens * work)

    masks = session.fold_masks()
    runs = [_started(session, i, recipe, masks) for i, recipe in enumerate(recipes)]
    return Race(session.held_out(masks.held_out), recipes, runs, own=session.recipe)


def _started(session: TrainingSession, i: int, recipe: Recipe, masks: Masks) -> SearchRun:
    from tunewell.train.lora.run import Running, Schedule

    phase = f"search-{i}"
    job = session.job(session.cut(recipe.fold_layers), masks, recipe=recipe)
    depth = job.adapted.adapted_share
    return Running(
        job,
        Schedule(recipe.epochs),
        measure=masks.measure,
        checkpoint=session.checkpoint(phase),
        live=lambda reading: session.tell(phase, reading, masks),
        told=lambda tokens: session.meter.add(tokens * depth),
    )


def _at_depth(session: TrainingSession, i: int, recipe: Recipe) -> list[Losses]:
    """Losses of a recipe at the final depth, without fold 0: one array for each evaluation."""
    masks = Masks.leaving_out(session.first_fold())
    rule = session.held_out(masks.held_out)
    done = session.run(
        f"confirm-{i}",
        session.job(session.cut(recipe.layers), masks, recipe=recipe),
        masks,
        epochs=recipe.epochs,
        planned=recipe.epochs,
        stop=stop_rule(rule, patience=recipe.patience),
    )
    return [r.losses for r in done.readings]


def confirm(
    found: Search,
    own: Recipe,
    at_depth: Callable[[int], list[Losses]],
    rule: HeldOut,
) -> Search:
    """Hold what the cheap folds chose against the project's own recipe, at the depth that counts.

    Args:
        found: What the folds say.
        own: The project's recipe; not confirmed where it is not among the candidates.
        at_depth: Losses of a candidate at the final depth, one array (1, rows) per evaluation.
        rule: What they are measured on.
    """
    recipes = [c.recipe for c in found.candidates]
    if own not in recipes or own.layers == own.fold_layers:
        return found
    own_place = recipes.index(own)
    if found.chosen == own_place:
        return found

    mine = _best(at_depth(own_place), rule)
    theirs = _best(at_depth(found.chosen), rule)
    change = rule.change(mine, theirs)
    chosen = found.candidates[found.chosen]
    simpler = _complexity(chosen.recipe) < _complexity(own)
    stands = change.value <= 0 or (simpler and not rule.rises(mine, theirs))

    outcome = f"{chosen.changes} stands" if stands else "your own recipe is kept"
    why = (
        f"{found.why} At the final depth, on the rows of fold 0, it loses {change} nats a token "
        f"against your own: {outcome}."
    )
    kept = found.chosen if stands else own_place
    return found.model_copy(update={"why": why, "confirmed": change, "chosen": kept})


def _best(losses: Sequence[Losses], rule: HeldOut) -> Losses:
    """At the length with the lowest held-out loss."""
    return losses[choose_length(losses, rule).best]


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
        best = {i: _best(self._losses(i, epoch), self.rule) for i in racing}
        leader = min(racing, key=lambda i: self.rule.mean(best[i]).value)
        for i in racing:
            why = self._behind(leader, best[leader], best[i], epoch) if i != leader else ""
            if not why and self._past_its_best(i, epoch):
                why = f"past its best after epoch {epoch}"
            self.left[i] = why

    def _behind(self, leader: int, ahead: Losses, losses: Losses, epoch: int) -> str:
        """Why a recipe cannot catch up with the leader; empty if it may."""
        shared = 1 - 2 * (1 - DROPPED) / max(1, len(self.recipes) - 1)
        if self.rule.change(ahead, losses, level=shared).low > 0:
            return f"significantly behind {self._name(leader)} after epoch {epoch}"
        conceded = INDIFFERENT if epoch >= SETTLED else 0.0
        margin = conceded * self.rule.mean(ahead).value
        if self.rule.change(ahead, losses).low > -margin:
            more = f"more than {conceded:.1%} " if conceded else ""
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
        best = min(range(len(trials)), key=lambda i: trials[i].mean.value)
        tied = [i for i in range(len(trials)) if self._ties(best, i, trials[i].at_best)]
        chosen = min(tied, key=lambda i: (_complexity(self.recipes[i]), i))
        found = tuple(self._candidate(i, trials[i], trials[best]) for i in range(len(trials)))
        planned = sum(r.epochs for r in self.recipes)
        return Search(
            candidates=found,
            best=best,
            chosen=chosen,
            why=_why(found, best, chosen, tied),
            saved=1 - sum(c.trained for c in found) / planned,
        )

    def _candidate(self, i: int, trial: _Trial, best: _Trial) -> RecipeCandidate:
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

    def _ties(self, best: int, i: int, at_best: Losses) -> bool:
        """Within one standard error of the best.

        Of its loss when the recipe left, if it left early.
        """
        last = min(len(self.runs[best].readings), len(self.runs[i].readings)) - 1
        leader = _best(self._losses(best, last), self.rule)
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


def _complexity(recipe: Recipe) -> tuple[float, ...]:
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
        "rows) and simpler: it is taken."
    )
