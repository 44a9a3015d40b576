"""Recipes compared over the same folds.

They share the trunk, the weak ones end early, and noise is called noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.project import Project
from tunewell.train.diagnose.stopping import HeldOut, Losses, losses_at_best, stop_rule
from tunewell.train.masks import Masks
from tunewell.train.opening import open_session, weights_for
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.train.studies.race import Race, Search, SearchRun, complexity
from tunewell.types import Dataset, Recipe, Split


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
    project: Project,
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
    recipe, both and the next best are therefore trained once more at the final depth, without fold
    0 (`confirm`). The own one is kept unless the choice is at least as good there (or simpler, and
    within one standard error); the next best is taken where it is measurably better than either.
    What was not trained at that depth is said. Nothing here looks at the test set.

    Args:
        dataset: The rows.
        split: Their folds.
        project: The project.
        recipes: What to compare; `candidates_around` the project's own if empty.
        progress: Called with (done, total).
        live: Called at every evaluation, with ``search-3`` as the phase.
    """
    file, store = project.file, project.store
    own = file.spec.train
    recipes = tuple(recipes) or candidates_around(own)
    weights = weights_for(dataset, own, project)
    run = StageKey(
        "search",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters={
            "recipe": _parts(own),
            "recipes": [_parts(recipe) for recipe in recipes],
            "weights": weights.digest,
            "way": 5,
        },
        seed=own.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["search"], Search)

    with run.record(store) as writer:
        with open_session(
            dataset,
            split,
            own,
            weights,
            project,
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


def _start(session: TrainingSession, recipes: Sequence[Recipe]) -> Race:
    """All recipes as they begin, over the same folds."""
    layers = session.network.layers
    folds = sum(r.epochs * (1 - session.cut(r.fold_layers) / layers) for r in recipes)
    # What is chosen, the next best and the own recipe are trained once more at the final depth.
    deepest = max(r.epochs * r.layers for r in recipes)
    confirmation = 3 * deepest * (1 - 1 / session.folds)
    work = folds * (session.folds - 1) + confirmation
    session.meter.total = int(session.rows.tokens * work)

    masks = session.fold_masks()
    runs = [_started(session, i, recipe, masks) for i, recipe in enumerate(recipes)]
    return Race(session.held_out(masks.held_out), recipes, runs, own=session.recipe)


def _started(
    session: TrainingSession,
    i: int,
    recipe: Recipe,
    masks: Masks,
) -> SearchRun:
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


def _at_depth(
    session: TrainingSession,
    i: int,
    recipe: Recipe,
) -> list[Losses]:
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

    The next best of the folds is trained there as well, since they misjudge rate against rank: it
    is taken where it is measurably better than what would else be kept. What was not trained at
    that depth is said.

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
        return found.model_copy(update={"why": f"{found.why} {_untrained(found, own, 0)}"})
    return _AtDepth(found, own_place, at_depth, rule).search()


@dataclass(frozen=True, eq=False)
class _AtDepth:
    """What the folds chose, their next best and the project's own recipe, at the final depth.

    Attributes:
        found: What the folds say.
        own_place: Of the project's own recipe among the candidates.
        at_depth: Losses of a candidate there.
        rule: What they are measured on.
    """

    found: Search
    own_place: int
    at_depth: Callable[[int], list[Losses]]
    rule: HeldOut

    def search(self) -> Search:
        """The search with the choice that stands at depth, and why."""
        found, own = self.found, self.found.candidates[self.own_place].recipe
        chosen = found.candidates[found.chosen]
        mine, theirs = self._losses(self.own_place), self._losses(found.chosen)
        change = self.rule.change(mine, theirs)
        simpler = complexity(chosen.recipe) < complexity(own)
        stands = change.value <= 0 or (simpler and not self.rule.rises(mine, theirs))

        outcome = f"{chosen.changes} stands" if stands else "your own recipe is kept"
        said = [
            f"{found.why} At the final depth, on the rows of fold 0, it loses {change} nats a "
            f"token against your own: {outcome}."
        ]
        kept = found.chosen if stands else self.own_place
        next_best = self._next_best()
        if next_best is not None:
            kept, words = self._against(next_best, kept, theirs if stands else mine)
            said.append(words)
        trained = 2 if next_best is None else 3
        said.append(_untrained(found, own, trained))
        update = {"why": " ".join(filter(None, said)), "confirmed": change, "chosen": kept}
        return found.model_copy(update=update)

    def _losses(self, place: int) -> Losses:
        return losses_at_best(self.at_depth(place), self.rule)

    def _next_best(self) -> int | None:
        """The candidate with the lowest loss over the folds, of those that are not trained yet."""
        rest = set(range(len(self.found.candidates))) - {self.own_place, self.found.chosen}
        return min(rest, key=lambda i: self.found.candidates[i].held_out.value, default=None)

    def _against(self, place: int, kept: int, losses: Losses) -> tuple[int, str]:
        """Which of two is kept, and the sentence that says so."""
        name = self.found.candidates[place].changes
        rival = self._losses(place)
        change = self.rule.change(losses, rival)
        better = self.rule.falls(losses, rival)
        outcome = "so it is chosen instead" if better else "so the choice stays"
        words = (
            f"{name}, the next best over the folds, loses {change} nats a token against that: "
            f"{outcome}."
        )
        return (place if better else kept), words


def _untrained(found: Search, own: Recipe, trained: int) -> str:
    """What the search does not know: how recipes rank that were only trained on the top layers."""
    rest = len(found.candidates) - trained
    if not rest:
        return ""
    share = f"the top {100 * own.fold_layers:.0f} % of the layers"
    if not trained:
        return f"How they rank at the final depth is not known: all were compared on {share} alone."
    return (
        f"How the others ({rest} of {len(found.candidates)}) rank at the final depth is not known: "
        f"they were compared on {share} alone."
    )
