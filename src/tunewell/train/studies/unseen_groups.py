"""T03: does it hold for a group that it has never seen? Each group is left out once, over the same trunk."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tunewell.errors import DataError
from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.diagnose.stopping import choose_length
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.types import Dataset, Estimate, Finding, Split, Threshold, Value

MOST = 8
"""Groups that are left out one by one; smaller ones are left out together as ``other``."""

LEAST_ROWS = 5


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


class Groups(Value):
    """All groups of a field."""

    field: str
    groups: tuple[GroupLoss, ...]


def leave_groups_out(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    field: str = "source",
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> Groups:
    """Train one adapter per group without that group, and one per fold, and compare the losses of the same rows.

    Args:
        dataset: The rows.
        split: Their folds.
        file: The definition.
        store: The project's store; the Run carries T03.
        field: Which field names the group (``source``, ``group``, ``kind`` or a tag).
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: The field has fewer than two groups of five rows.
    """
    recipe = file.spec.train
    weights = resolve(recipe.model)
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    parameters = {
        "recipe": recipe.model_dump(mode="json", exclude=FINAL_ONLY),
        "weights": weights.digest,
        "field": field,
    }
    found = reuse(store, "groups", inputs=inputs, parameters=parameters, seed=recipe.seed)
    if found is not None:
        return store.get_value(found.outputs["groups"], Groups)
    work = (
        store.root
        / "work"
        / run_key("groups", inputs=inputs, parameters=parameters, seed=recipe.seed)[:32]
    )
    with record(store, "groups", inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        with TrainingSession(
            dataset, split, recipe, weights, store, work, progress=progress, live=live
        ) as session:
            result = Groups(field=field, groups=tuple(_measure(session, field)))
            writer.outputs["groups"] = store.put_value(result)
            writer.findings.append(new_group_failure(result))
            writer.counts |= {"groups": len(result.groups), "rows": len(session.rows.rows)}
    session.remove_checkpoints()
    return result


def _measure(session: TrainingSession, field: str) -> list[GroupLoss]:
    by_id = {e.id: e.field(field) or "(none)" for e in session.examples}
    names = [by_id[r.id] for r in session.rows.rows]
    common = [n for n, count in Counter(names).most_common(MOST) if count >= LEAST_ROWS]
    of = np.asarray([n if n in common else "other" for n in names])
    groups = sorted({str(n) for n in of if (of == n).sum() >= LEAST_ROWS})
    if len(groups) < 2:
        raise DataError(
            f"the field {field!r} has {len(groups)} group of at least {LEAST_ROWS} rows; to leave one out takes two",
            hint="choose another field: source, group, kind, or one of the rows' tags",
        )
    cut = session.cut(session.recipe.fold_layers)
    session.meter.total = int(
        session.rows.tokens
        * session.recipe.epochs
        * (1 - cut / session.network.layers)
        * (session.folds + len(groups) - 2)
    )
    where, _ = session.fold_masks()
    seen = _trained(session, "folds", cut, where)
    unseen = _trained(session, "groups", cut, of[None] == np.asarray(groups)[:, None])
    return [_group(session, g, i, of, seen, unseen, len(groups)) for i, g in enumerate(groups)]


def _trained(session: TrainingSession, phase: str, cut: int, where: Any) -> tuple[Any, Any]:
    """Held-out loss of each row before training and at the best length, shape (rows,)."""
    job = session.job(cut, train=~where, measure=where, adapters=range(len(where)))
    done = session.run(phase, job, epochs=session.recipe.epochs, held_out=where)
    losses = [r.losses for r in done.readings]
    best = choose_length(losses, session.held_out(where)).evaluation
    flat = [np.where(where, x, np.nan) for x in (losses[0], losses[best])]
    rows = where.any(0)
    out = [np.full(len(rows), np.nan) for _ in flat]
    for into, x in zip(out, flat, strict=True):
        into[rows] = np.nansum(x[:, rows], axis=0)
    return out[0], out[1]


def _group(
    session: TrainingSession, name: str, i: int, of: Any, seen: Any, unseen: Any, count: int
) -> GroupLoss:
    rule = session.held_out((of == name)[None])
    level = 1 - 0.05 / count
    base, left_out = (x[None] for x in unseen)
    usual = seen[1][None]
    return GroupLoss(
        group=name,
        rows=int((of == name).sum()),
        unseen=rule.mean(left_out),
        seen=rule.mean(usual),
        penalty=rule.change(usual, left_out, level=level),
        gain=rule.change(left_out, base, level=level),
    )


def new_group_failure(result: Groups) -> Finding:
    """T03: a group fails when training without it gives its rows nothing, or measurably less than its absence costs.

    Found: for some group the gain over the base is not above zero while the penalty is. Clear:
        every group gains.
    """
    failing = [g for g in result.groups if g.penalty.low > 0 and g.gain.low <= 0]
    gaining = [g for g in result.groups if g.gain.low > 0]
    worst = max(result.groups, key=lambda g: g.penalty.value)
    status = "found" if failing else "clear" if len(gaining) == len(result.groups) else "unchecked"
    named = ", ".join(g.group for g in failing)
    why = (
        f"Left out whole, {result.field} '{worst.group}' loses most: {worst.penalty} nats a token more than when its "
        f"like was seen, and {worst.gain} less than the base model."
    )
    if failing:
        why += f" Training on the others is worth nothing for: {named}."
    elif status == "unchecked":
        unsure = ", ".join(g.group for g in result.groups if g not in gaining)
        why += f" Too few rows to say for: {unsure}."
    return Finding(
        code="T03",
        status=status,
        stage="groups",
        why=why,
        estimate=worst.penalty,
        threshold=Threshold(value=0.0, origin="built-in"),
        slice=f"{result.field}={worst.group}",
        remedy="" if status == "clear" else f"add rows of other groups like {named or worst.group}",
    )
