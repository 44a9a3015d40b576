"""T03: does it hold for a group that it has never seen?

Each group is left out once, over the same trunk.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import DataError
from tunewell.lineage import StageKey
from tunewell.model.base import Progress
from tunewell.project import Project
from tunewell.train.arrays import Floats, Mask, Singles
from tunewell.train.diagnose.stopping import choose_length
from tunewell.train.masks import Masks
from tunewell.train.opening import open_session, weights_for
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.types import Dataset, Estimate, Finding, Split, Threshold, Value

MOST = 8
"""Groups that are left out one by one; smaller ones are left out together as ``other``."""

LEAST_ROWS = 5
"""Fewest rows of a group."""

OTHER = "other"


class GroupLoss(Value):
    """One group that was left out.

    Attributes:
        group: Its name; ``other`` = the small ones together.
        rows: How many rows it has.
        unseen: Loss of its rows when the whole group was left out, nats a token.
        seen: Loss of the same rows when only their fold was left out.
        penalty: ``unseen`` minus ``seen``, on the same rows; the level is shared between the
            groups.
        gain: Loss of the base model minus ``unseen``, on the same rows: what training still gives
            an unseen group.
    """

    group: str
    rows: int
    unseen: Estimate
    seen: Estimate
    penalty: Estimate
    gain: Estimate

    @property
    def gains(self) -> bool:
        """Whether training on the others surely gives it something."""
        return self.gain.low > 0

    @property
    def fails(self) -> bool:
        """Whether its absence costs, and training on the others gives it nothing for certain."""
        return self.penalty.low > 0 and not self.gains


class Groups(Value):
    """All groups of a field."""

    field: str
    groups: tuple[GroupLoss, ...]


def leave_groups_out(
    dataset: Dataset,
    split: Split,
    project: Project,
    *,
    field: str = "source",
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> Groups:
    """Train one adapter per group without that group, and one per fold.

    The losses of the same rows are compared.

    Args:
        dataset: The rows.
        split: Their folds.
        project: The project.
        field: Which field names the group (``source``, ``group``, ``kind`` or a tag).
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: The field has fewer than two groups of five rows.
    """
    file, store = project.file, project.store
    recipe = file.spec.train
    weights = weights_for(dataset, recipe, project)
    run = StageKey(
        "groups",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters={
            "recipe": recipe.model_dump(mode="json", exclude=FINAL_ONLY),
            "weights": weights.digest,
            "field": field,
        },
        seed=recipe.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["groups"], Groups)

    with run.record(store) as writer:
        with open_session(
            dataset,
            split,
            recipe,
            weights,
            project,
            run.work(store),
            progress=progress,
            live=live,
        ) as session:
            result = Groups(field=field, groups=tuple(_measure(session, field)))
        writer.outputs["groups"] = store.put_value(result)
        writer.findings.append(new_group_failure(result))
        writer.counts |= {"groups": len(result.groups), "rows": len(session.rows.rows)}
    session.remove_checkpoints()
    return result


def _measure(session: TrainingSession, field: str) -> list[GroupLoss]:
    """Train without each group, and without each fold."""
    of, groups = _groups_of(session, field)
    if len(groups) < 2:
        raise DataError(
            f"the field {field!r} has {len(groups)} group of at least {LEAST_ROWS} rows; to leave "
            "one out takes two",
            hint="choose another field: source, group, kind, or one of the rows' tags",
        )
    cut = session.cut(session.recipe.fold_layers)
    adapted = 1 - cut / session.network.layers
    passes = session.folds - 1 + len(groups) - 1
    work = session.recipe.epochs * adapted * passes
    session.meter.total = int(session.rows.tokens * work)

    without_folds = session.fold_masks().held_out
    without_groups = of[None] == np.asarray(groups)[:, None]
    trials = _Trials(
        seen=_trained(session, "folds", cut, without_folds),
        unseen=_trained(session, "groups", cut, without_groups),
    )
    level = 1 - 0.05 / len(groups)
    return [_group(session, name, of == name, trials, level=level) for name in groups]


def _groups_of(session: TrainingSession, field: str) -> tuple[NDArray[np.str_], list[str]]:
    """The group of each row, and the groups that are large enough."""
    names = [example.field(field) or "(none)" for example in session.row_examples]
    common = {name for name, count in Counter(names).most_common(MOST) if count >= LEAST_ROWS}
    of = np.asarray([name if name in common else OTHER for name in names])
    sizes = Counter(of.tolist())
    return of, sorted(name for name, count in sizes.items() if count >= LEAST_ROWS)


@dataclass(frozen=True, eq=False)
class _Losses:
    """Held-out loss of each target before training and at the best length, shape (1, targets) each.

    NaN where no adapter left its row out.
    """

    before: Floats
    after: Floats


@dataclass(frozen=True, eq=False)
class _Trials:
    """Each row left out with its fold (its group was seen), and with its group."""

    seen: _Losses
    unseen: _Losses


def _trained(
    session: TrainingSession,
    phase: str,
    cut: int,
    held_out: Mask,
) -> _Losses:
    """Train one adapter for each mask, without its rows."""
    masks = Masks.leaving_out(held_out)
    done = session.run(phase, session.job(cut, masks), masks, epochs=session.recipe.epochs)
    losses = [r.losses for r in done.readings]
    rule = session.held_out(held_out)
    best = choose_length(losses, rule).evaluation
    return _Losses(
        before=_by_target(losses[0], rule.where)[None],
        after=_by_target(losses[best], rule.where)[None],
    )


def _by_target(losses: Singles, held_out: Mask) -> Floats:
    """Of each target that is held out (once), under the adapter that never saw it."""
    total = np.nansum(np.where(held_out, losses, np.nan), axis=0).astype(np.float64)
    return np.where(held_out.any(0), total, np.nan)


def _group(
    session: TrainingSession,
    name: str,
    rows: Mask,
    trials: _Trials,
    *,
    level: float,
) -> GroupLoss:
    rule = session.held_out(rows[None])
    base, left_out, usual = trials.unseen.before, trials.unseen.after, trials.seen.after
    return GroupLoss(
        group=name,
        rows=int(rows.sum()),
        unseen=rule.mean(left_out),
        seen=rule.mean(usual),
        penalty=rule.change(usual, left_out, level=level),
        gain=rule.change(left_out, base, level=level),
    )


def new_group_failure(result: Groups) -> Finding:
    """T03: a group fails when training without it gives its rows nothing.

    Found: for some group the gain over the base is not above zero while the penalty is. Clear:
    every group gains.
    """
    groups = result.groups
    failing = [g.group for g in groups if g.fails]
    unsure = [g.group for g in groups if not g.gains]
    worst = max(groups, key=lambda g: g.penalty.value)
    status = "clear"
    if failing:
        status = "found"
    elif unsure:
        status = "unchecked"

    why = (
        f"When {result.field} '{worst.group}' is left out of training, its loss is {worst.penalty} "
        "nats per token higher than with it (the worst of all groups), and "
        f"{worst.gain} lower than the base model's."
    )
    named = ", ".join(failing)
    if failing:
        why += f" Training on the other groups does not help: {named}."
    elif unsure:
        why += f" Too few rows to tell: {', '.join(unsure)}."
    remedy = f"add rows of other groups like {named or worst.group}"
    return Finding(
        code="T03",
        status=status,
        stage="groups",
        why=why,
        estimate=worst.penalty,
        threshold=Threshold(value=0.0, origin="built-in"),
        slice=f"{result.field}={worst.group}",
        remedy="" if status == "clear" else remedy,
    )
