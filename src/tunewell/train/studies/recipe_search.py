"""Recipes compared over the same folds: they share the trunk, the weak ones end early, and noise is called noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.diagnose.stopping import ONE_SE, HeldOut, choose_length, stop_rule
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.types import Dataset, Estimate, Recipe, Split, Value

DROPPED = 0.99
"""Level of the test by which a recipe leaves the race, shared between the recipes."""

INDIFFERENT = 0.005
"""Share of the leader's loss by which a recipe may yet be better and leave the race: not worth its steps."""

SETTLED = 2
"""Epochs from which that is conceded: of two recipes with one loss after the first, one may yet learn on."""


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
    changes: list[dict[str, Any]] = [
        {},
        {"rate": round(recipe.rate * 0.3, 10)},
        {"rate": round(recipe.rate * 3, 10)},
        {
            "rank": max(2, recipe.rank // 4),
            "alpha": recipe.alpha * max(2, recipe.rank // 4) / recipe.rank,
        },
        {"rank": recipe.rank * 4, "alpha": recipe.alpha * 4},
        {"dropout": 0.2 if recipe.dropout < 0.1 else 0.0},
        {"label_smoothing": 0.1 if not recipe.label_smoothing else 0.0},
        {"weight_decay": 0.1 if recipe.weight_decay < 0.05 else 0.0},
    ]
    return tuple(recipe.model_copy(update=c) for c in changes)


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
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    own_parts, *parts = (r.model_dump(mode="json", exclude=FINAL_ONLY) for r in (own, *recipes))
    parameters = {"recipe": own_parts, "recipes": parts, "weights": weights.digest, "way": 4}
    found = reuse(store, "search", inputs=inputs, parameters=parameters, seed=own.seed)
    if found is not None:
        return store.get_value(found.outputs["search"], Search)
    work = (
        store.root
        / "work"
        / run_key("search", inputs=inputs, parameters=parameters, seed=own.seed)[:32]
    )
    with record(store, "search", inputs=inputs, parameters=parameters, seed=own.seed) as writer:
        with TrainingSession(
            dataset, split, own, weights, store, work, progress=progress, live=live
        ) as session:
            result = confirm(
                _start(session, recipes).go(),
                own,
                lambda i: _at_depth(session, i, recipes[i]),
                session.held_out((session.fold == 0)[None]),
            )
            writer.outputs["search"] = store.put_value(result)
            writer.counts |= {"recipes": len(recipes), "rows": len(session.rows.rows)}
    session.remove_checkpoints()
    return result


class SearchRun(Protocol):
    """A recipe under way: `tunewell.train.lora.job.Running`, or one that was recorded."""

    readings: list[Any]

    def epoch_on(self) -> None:
        """Train (or reveal) one more epoch."""
        ...


def _start(session: TrainingSession, recipes: Sequence[Recipe]) -> Race:
    from tunewell.train.lora.checkpoint import Checkpoint
    from tunewell.train.lora.run import Running

    where, measure = session.fold_masks()
    depths = [1 - session.cut(r.fold_layers) / session.network.layers for r in recipes]
    work = sum(d * r.epochs for d, r in zip(depths, recipes, strict=True)) * (session.folds - 1)
    last = max(r.epochs * r.layers for r in recipes) * (1 - 1 / session.folds)
    session.meter.total = int(session.rows.tokens * (work + 2 * last))

    def started(i: int, recipe: Recipe) -> SearchRun:
        cut = session.cut(recipe.fold_layers)
        job = session.job(
            cut, train=~where, measure=measure, adapters=range(session.folds), recipe=recipe
        )
        return Running(
            job,
            recipe.epochs,
            checkpoint=Checkpoint(session.work / f"search-{i}.safetensors"),
            live=lambda reading: session.tell(f"search-{i}", reading, where),
            told=lambda tokens: session.meter.add(tokens * depths[i]),
        )

    runs = [started(i, recipe) for i, recipe in enumerate(recipes)]
    return Race(session.held_out(where), recipes, runs, own=session.recipe)


def _at_depth(session: TrainingSession, i: int, recipe: Recipe) -> list[Any]:
    """Losses of a recipe at the final depth, without fold 0: one array (1, rows) per evaluation."""
    where = (session.fold == 0)[None]
    rule = session.held_out(where)
    job = session.job(
        session.cut(recipe.layers), train=~where, measure=where, adapters=(0,), recipe=recipe
    )
    stop = stop_rule(rule, patience=recipe.patience)
    done = session.run(
        f"confirm-{i}", job, epochs=recipe.epochs, planned=recipe.epochs, stop=stop, held_out=where
    )
    return [r.losses for r in done.readings]


def confirm(
    found: Search, own: Recipe, at_depth: Callable[[int], list[Any]], rule: HeldOut
) -> Search:
    """Hold what the cheap folds chose against the project's own recipe, at the depth that counts.

    Args:
        found: What the folds say.
        own: The project's recipe; not confirmed where it is not among the candidates.
        at_depth: Losses of a candidate at the final depth, one array (1, rows) per evaluation.
        rule: What they are measured on.
    """
    recipes = [c.recipe for c in found.candidates]
    if own not in recipes or found.chosen == recipes.index(own) or own.layers == own.fold_layers:
        return found
    mine, theirs = (
        losses[choose_length(losses, rule).best]
        for losses in (at_depth(recipes.index(own)), at_depth(found.chosen))
    )
    change, near = rule.change(mine, theirs), rule.change(mine, theirs, level=ONE_SE).low <= 0
    name, simpler = (
        found.candidates[found.chosen].changes,
        _complexity(recipes[found.chosen]) < _complexity(own),
    )
    text = f"{found.why} At the final depth, on the rows of fold 0, it loses {change} nats a token against your own"
    if change.value <= 0 or (near and simpler):
        return found.model_copy(update={"why": f"{text}: {name} stands.", "confirmed": change})
    return found.model_copy(
        update={
            "why": f"{text}: your own recipe is kept.",
            "confirmed": change,
            "chosen": recipes.index(own),
        }
    )


class Race:
    """Recipes side by side, epoch by epoch.

    Args:
        rule: What is measured on.
        recipes: What is compared.
        runs: One for each.
        own: The project's own recipe, to say what sets each apart.
    """

    def __init__(
        self, rule: HeldOut, recipes: Sequence[Recipe], runs: Sequence[SearchRun], *, own: Recipe
    ) -> None:
        self.rule, self.recipes, self.runs, self.own = rule, recipes, runs, own
        self.left = [""] * len(recipes)

    def go(self) -> Search:
        """Run it to its end."""
        for epoch in range(1, max(r.epochs for r in self.recipes) + 1):
            racing = [
                i for i, why in enumerate(self.left) if not why and epoch <= self.recipes[i].epochs
            ]
            for i in racing:
                if len(self.runs[i].readings) <= epoch:
                    self.runs[i].epoch_on()
            self._drop(racing, epoch)
        return self._result()

    def _losses(self, i: int, epoch: int) -> list[Any]:
        return [r.losses for r in self.runs[i].readings[: epoch + 1]]

    def _best_so_far(self, i: int, epoch: int) -> Any:
        losses = self._losses(i, epoch)
        return losses[choose_length(losses, self.rule).best]

    def _drop(self, racing: Sequence[int], epoch: int) -> None:
        """Decide after an epoch, from the readings up to it alone: a race that is resumed decides the same."""
        best = {i: self._best_so_far(i, epoch) for i in racing}
        leader = min(racing, key=lambda i: self.rule.mean(best[i]).value, default=-1)
        level = 1 - 2 * (1 - DROPPED) / max(1, len(self.recipes) - 1)
        conceded = INDIFFERENT if epoch >= SETTLED else 0.0
        margin = conceded * self.rule.mean(best[leader]).value if racing else 0.0
        for i in racing:
            if i != leader and self.rule.change(best[leader], best[i], level=level).low > 0:
                self.left[i] = f"significantly behind {self._name(leader)} after epoch {epoch}"
            elif i != leader and self.rule.change(best[leader], best[i]).low > -margin:
                more = f"more than {conceded:.1%} " if conceded else ""
                self.left[i] = f"no {more}better than {self._name(leader)} after epoch {epoch}"
            elif epoch < self.recipes[i].epochs and stop_rule(
                self.rule, patience=self.recipes[i].patience
            )(self.runs[i].readings[: epoch + 1]):
                self.left[i] = f"past its best after epoch {epoch}"

    def _name(self, i: int) -> str:
        return _changes(self.own, self.recipes[i]) or "the project's own recipe"

    def _ties(self, best: int, i: int, at_best: Any) -> bool:
        """Within one standard error of the best: of its loss when the recipe left, if it left early."""
        leader = self._best_so_far(best, min(len(self.runs[n].readings) for n in (best, i)) - 1)
        return self.rule.change(leader, at_best, level=ONE_SE).low <= 0

    def _result(self) -> Search:
        readings = [[r.losses for r in run.readings] for run in self.runs]
        lengths = [choose_length(x, self.rule) for x in readings]
        at_best = [x[n.best] for x, n in zip(readings, lengths, strict=True)]
        means = [self.rule.mean(x) for x in at_best]
        best = min(range(len(means)), key=lambda i: means[i].value)
        tied = [i for i, x in enumerate(at_best) if self._ties(best, i, x)]
        chosen = min(tied, key=lambda i: (_complexity(self.recipes[i]), i))
        found = tuple(
            RecipeCandidate(
                recipe=self.recipes[i],
                changes=self._name(i),
                held_out=means[i],
                against_best=self.rule.change(at_best[best], at_best[i]),
                epochs=self.runs[i].readings[lengths[i].best].epoch,
                trained=self.runs[i].readings[-1].epoch,
                left=self.left[i],
            )
            for i in range(len(means))
        )
        planned = sum(r.epochs for r in self.recipes)
        saved = 1 - sum(c.trained for c in found) / planned
        return Search(
            candidates=found,
            best=best,
            chosen=chosen,
            why=_why(found, best, chosen, tied),
            saved=saved,
        )


def _complexity(recipe: Recipe) -> tuple[float, ...]:
    return (
        recipe.rank,
        -recipe.dropout,
        -recipe.weight_decay,
        -recipe.label_smoothing,
        recipe.rate,
    )


def _changes(own: Recipe, other: Recipe) -> str:
    fields = [n for n in Recipe.model_fields if getattr(own, n) != getattr(other, n)]
    return ", ".join(
        f"{n} {getattr(other, n):g}" for n in fields if isinstance(getattr(other, n), (int, float))
    )


def _why(found: Sequence[RecipeCandidate], best: int, chosen: int, tied: Sequence[int]) -> str:
    text = (
        f"{found[best].changes} has the lowest held-out loss: {found[best].held_out} nats a token."
    )
    if len(tied) == len(found):
        return f"{text} No recipe is measurably different from it: the choice is noise; the simplest is taken."
    if chosen != best:
        text += (
            f" {found[chosen].changes} is within one standard error ({found[chosen].against_best} on the same rows) "
            "and simpler: it is taken."
        )
    return text
