"""Whether added rows pay: folds with them against folds with as many tokens of their parents again.

More rows are more steps, and more steps alone look like better data. So both sides see the same
number of tokens: one the synthetic rows, the other the rows that these were made from, drawn again.
Both are measured on the same held-out real rows.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from pydantic import Field

from tunewell.errors import DataError
from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.project import Project
from tunewell.stats import bonferroni_level
from tunewell.store import Store
from tunewell.train.arrays import Floats, Mask
from tunewell.train.diagnose.stopping import HeldOut, Losses, choose_length
from tunewell.train.masks import Masks
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession, rows_of
from tunewell.types import Assignment, Dataset, Estimate, Example, Recipe, Split, Value, digest

STAGE: Final = "augment-trial"

AGAIN: Final = "again"
"""Tag ``augmentation`` of a parent that is drawn again."""

POWER: Final = 0.8

Paid = Literal["pays", "adds nothing", "hurts"]


class AddedRows(Value):
    """What added rows are worth.

    Attributes:
        rows: How many were added.
        tokens: Their tokens.
        again: How many rows were drawn again on the other side.
        again_tokens: Their tokens.
        without: Held-out loss with the rows drawn again, nats a token.
        gain: How much lower it is with the added rows; paired.
        slices: The same by slice; the intervals hold together.
        detectable: The smallest gain that a trial of this size shows in four of five cases.
        verdict: ``pays`` if the whole interval is above zero, ``hurts`` if it is below.
        epochs: Best length with the added rows, and with the rows drawn again.
    """

    rows: int
    tokens: int
    again: int
    again_tokens: int
    without: Estimate
    gain: Estimate
    slices: Mapping[str, Estimate] = Field(default_factory=dict)
    detectable: float
    verdict: Paid
    epochs: tuple[float, float]

    @property
    def in_words(self) -> str:
        """What to do about it, in a sentence."""
        gain = f"{self.gain} nats a token"
        if self.verdict == "pays":
            return f"pays: held-out loss is lower by {gain} than with as many tokens of the parents"
        if self.verdict == "hurts":
            return f"hurts: held-out loss is higher with it ({gain}); leave it out"
        return (
            f"adds nothing that could be measured ({gain}; detectable: {self.detectable:.3g}); "
            "leave it out"
        )


def added_rows(
    dataset: Dataset,
    split: Split,
    added: Sequence[Example],
    project: Project,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> AddedRows:
    """Try added rows over the folds.

    Args:
        dataset: The project's rows.
        split: Their folds.
        added: Synthetic rows, each with its parent.
        project: The project.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: No row was added whose parent is in a fold.
    """
    file, store = project.file, project.store
    # Both sides have all rows, so that they differ in what was added alone.
    recipe = file.spec.train.model_copy(update={"max_train_tokens": 0})
    weights = resolve(recipe.model)
    fields = [s.field for s in file.spec.slices]
    run = StageKey(
        STAGE,
        inputs={
            "examples": dataset.examples,
            "split": store.put_value(split),
            "accepted": store.put_examples(added),
        },
        parameters={
            "recipe": recipe.model_dump(mode="json", exclude=FINAL_ONLY),
            "weights": weights.digest,
            "by": fields,
            "way": 1,
        },
        seed=recipe.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["trial"], AddedRows)

    with run.record(store) as writer:
        sides = Sides.of(store.examples(dataset), split, added, recipe)
        together = store.put_examples(sides.rows)
        both = dataset.model_copy(
            update={"id": digest(together), "rows": len(sides.rows), "examples": together}
        )
        with TrainingSession(
            both,
            sides.split(split, both.id),
            recipe,
            weights,
            store,
            run.work(store),
            progress=progress,
            live=live,
        ) as session:
            result = _measured(session, sides, fields)
        writer.outputs["trial"] = store.put_value(result)
        writer.counts |= {"rows": result.rows, "again": result.again, "tokens": result.tokens}
    session.remove_checkpoints()
    return result


@dataclass(frozen=True)
class Sides:
    """The rows of both sides.

    Attributes:
        real: Rows of the folds.
        added: Synthetic rows.
        again: Their parents, drawn again.
        tokens: Of every row, by id.
    """

    real: Sequence[Example]
    added: Sequence[Example]
    again: Sequence[Example]
    tokens: Mapping[str, int]

    @property
    def rows(self) -> list[Example]:
        """All of them."""
        return [*self.real, *self.added, *self.again]

    @classmethod
    def of(
        cls,
        examples: Sequence[Example],
        split: Split,
        added: Sequence[Example],
        recipe: Recipe,
    ) -> Sides:
        """Draw parents again until they have as many tokens as the added rows, fold by fold."""
        from tunewell.model.chat import load_tokenizer

        part = {a.id: a.part for a in split.assignments if a.part.startswith("fold-")}
        real = [row for row in examples if row.id in part]
        tokenizer = load_tokenizer(resolve(recipe.model).folder)
        tokens = _tokens(rows_of([*real, *added], tokenizer, recipe).rows)
        usable = [row for row in added if row.parent in part and row.id in tokens]
        usable = [row for row in usable if row.parent in tokens]
        if not usable:
            raise DataError(
                "none of the added rows can be trained on: their parents are in no fold, or they "
                "are longer than train.max_tokens",
                hint="tunewell augment run",
            )
        by_id = {row.id: row for row in real}
        again: list[Example] = []
        luck = random.Random(f"{AGAIN} {recipe.seed}")
        owed = 0
        for fold in sorted({part[row.parent] for row in usable}):
            mine = [row for row in usable if part[row.parent] == fold]
            owed += sum(tokens[row.id] for row in mine)
            parents = [by_id[row.parent] for row in mine]
            for parent in _drawn(parents, owed, tokens, luck):
                # What one fold has too little or too much, the next makes up for.
                owed -= tokens[parent.id]
                again.append(_again(parent, len(again)))
        for row in again:
            tokens[row.id] = tokens[row.parent]
        return cls(real, usable, again, tokens)

    def split(
        self,
        split: Split,
        dataset: str,
    ) -> Split:
        """Every added row in the part and the family of its parent."""
        place = {a.id: a for a in split.assignments}
        known = {row.id for row in self.real}
        assignments = [a for a in split.assignments if a.id in known]
        for row in (*self.added, *self.again):
            of_parent = place[row.parent]
            assignments.append(of_parent.model_copy(update={"id": row.id}))
        ordered = tuple(sorted(assignments, key=_name))
        return split.model_copy(update={"dataset": dataset, "assignments": ordered})

    def count(self, rows: Sequence[Example]) -> int:
        """Tokens of some rows."""
        return sum(self.tokens[row.id] for row in rows)


def _name(assignment: Assignment) -> str:
    return assignment.id


def _tokens(rows: Sequence[object]) -> dict[str, int]:
    """Tokens of every row that can be trained on, by id."""
    from tunewell.train.lora.rows import TrainRow

    found: Counter[str] = Counter()
    for row in rows:
        assert isinstance(row, TrainRow)
        found[row.id] += len(row.ids)
    return dict(found)


def _drawn(
    parents: Sequence[Example],
    wanted: int,
    tokens: Mapping[str, int],
    luck: random.Random,
) -> Iterator[Example]:
    """Parents in an order drawn anew each time round, to within half the shortest of the tokens."""
    left = wanted
    fitting = True
    while fitting:
        fitting = False
        order = list(parents)
        luck.shuffle(order)
        for parent in order:
            size = tokens[parent.id]
            if size <= left:
                left -= size
                fitting = True
                yield parent
    shortest = min(parents, key=lambda row: tokens[row.id])
    if tokens[shortest.id] < 2 * left:
        yield shortest


def _again(
    parent: Example,
    number: int,
) -> Example:
    """A parent as one more row."""
    told = {
        "id": f"{parent.id}~{AGAIN}-{number}",
        "parent": parent.id,
        "origin": "augmentation",
        "tags": {**parent.tags, "augmentation": AGAIN},
    }
    return parent.model_copy(update=told)


def _measured(
    session: TrainingSession,
    sides: Sides,
    fields: Sequence[str],
) -> AddedRows:
    masks = _masks(session, sides)
    cut = session.cut(session.recipe.fold_layers)
    adapted = 1 - cut / session.network.layers
    trained = int(masks.train.sum() / max(1, masks.train.shape[1]) * session.rows.tokens)
    session.meter.total = max(1, int(trained * session.recipe.epochs * adapted))
    done = session.run("added", session.job(cut, masks), masks, epochs=session.recipe.epochs)

    everyone = HeldOut(
        np.ones((1, len(session.targets)), np.bool_), session.targets, session.families
    )
    held_out = session.of_targets(masks.held_out)
    best: list[Floats] = []
    epochs: list[float] = []
    folds = session.folds
    for side in (slice(0, folds), slice(folds, 2 * folds)):
        losses = [_by_target(r.losses[side], held_out[side])[None] for r in done.readings]
        chosen = choose_length(losses, everyone).best
        best.append(losses[chosen])
        epochs.append(done.readings[chosen].epoch)
    with_rows, without = best

    fold_of = session.fold[session.owners]
    gain = overall_gain(without[0] - with_rows[0], everyone, fold_of)
    masks_of_slices = session.slices(fields)
    level = bonferroni_level(0.95, max(1, len(masks_of_slices)))
    slices = {}
    for name, where in masks_of_slices.items():
        rule = HeldOut(where[None], session.targets, session.families)
        slices[name] = rule.change(with_rows, without, level=level)
    return AddedRows(
        rows=len(sides.added),
        tokens=sides.count(sides.added),
        again=len(sides.again),
        again_tokens=sides.count(sides.again),
        without=everyone.mean(without),
        gain=gain,
        slices=slices,
        detectable=_detectable(gain, folds),
        verdict=verdict_of(gain),
        epochs=(epochs[0], epochs[1]),
    )


def _masks(
    session: TrainingSession,
    sides: Sides,
) -> Masks:
    """First the folds with the added rows, then those with the parents again."""
    added = {row.id for row in sides.added}
    again = {row.id for row in sides.again}
    ids = [row.id for row in session.rows.rows]
    is_added = np.asarray([name in added for name in ids])[None]
    is_again = np.asarray([name in again for name in ids])[None]
    folds = session.fold_masks()
    held_out = np.concatenate([folds.held_out, folds.held_out])
    train = np.concatenate([folds.train & ~is_again, folds.train & ~is_added])
    return Masks(
        train=train,
        held_out=held_out,
        measure=held_out,
    )


def _by_target(
    losses: Losses,
    held_out: Mask,
) -> Floats:
    """Of each target under the adapter that never saw it, shape (targets,); NaN if none."""
    total = np.nansum(np.where(held_out, losses, np.nan), axis=0).astype(np.float64)
    return np.where(held_out.any(0), total, np.nan)


def overall_gain(
    gains: Floats,
    rule: HeldOut,
    folds: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> Estimate:
    """Mean gain with an interval that knows of both kinds of chance.

    Rows differ, and so do trainings: all rows of a fold share two adapters, whose luck no number
    of rows averages out. The interval over families knows of the first, the t interval over folds
    of both; the wider one is taken.

    Args:
        gains: Of each target, NaN where not measured, shape (targets,).
        rule: Says which targets count, and what their families are.
        folds: Fold of each target, shape (targets,).
    """
    from tunewell.stats.special import stdtrit

    of_rows = rule.change(np.zeros_like(gains)[None], gains[None])
    use = np.isfinite(gains)
    means = []
    for fold in np.unique(folds[use]):
        mine = use & (folds == fold)
        means.append(float(np.average(gains[mine], weights=rule.tokens[mine])))
    count = len(means)
    if count < 2:
        return of_rows
    t = float(stdtrit(count - 1, 0.975))
    half = t * float(np.std(means, ddof=1)) / math.sqrt(count)
    if half <= of_rows.value - of_rows.low:
        return of_rows
    return of_rows.model_copy(
        update={
            "low": of_rows.value - half,
            "high": of_rows.value + half,
            "n": count,
            "method": "t interval over folds",
        }
    )


def _detectable(
    gain: Estimate,
    folds: int,
) -> float:
    """The gain that would be shown in four of five trials."""
    from tunewell.stats.special import stdtrit

    degrees = max(1, (folds if "folds" in gain.method else gain.n) - 1)
    t = float(stdtrit(degrees, 0.975))
    half = gain.value - gain.low
    return half * (1 + float(stdtrit(degrees, POWER)) / t)


def verdict_of(gain: Estimate) -> Paid:
    """What an interval of the gain says.

    Example:
        >>> verdict_of(Estimate(value=0.1, low=0.02, high=0.2, n=9, method="t"))
        'pays'
    """
    if gain.low > 0:
        return "pays"
    return "hurts" if gain.high < 0 else "adds nothing"


def newest_trial(
    store: Store,
    accepted: str,
) -> AddedRows | None:
    """What the newest trial of some rows gave; None if there was none.

    Args:
        store: Of the project.
        accepted: Artifact digest of the rows.
    """
    for run in reversed(store.runs(stage=STAGE, status="finished")):
        trial = run.outputs.get("trial")
        if run.inputs.get("accepted") == accepted and trial and store.files.has(trial):
            return store.get_value(trial, AddedRows)
    return None
