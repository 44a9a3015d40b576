"""D12: what more rows would buy.

Nested shares of the folds' rows, and the curve through them drawn further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import DataError
from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.store.traces import trace_from_bytes
from tunewell.task import TaskFile
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.train.diagnose.stopping import HeldOut, choose_length
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.train.stage import parameters_of
from tunewell.types import Dataset, Estimate, Finding, Split, Threshold, Value

SHARES: Final = (0.125, 0.25, 0.5, 1.0)
AHEAD: Final = (2.0, 4.0)
WORTH = 0.02
"""D12: smallest gain from twice the rows, as a share of the loss, that is worth collecting for."""


class CurvePoint(Value):
    """Held-out loss at a number of training rows (measured, or forecast where ``share`` > 1)."""

    share: float
    rows: int
    loss: Estimate


class SliceGain(Value):
    """What twice the rows, of all kinds, would take off the loss of one slice's rows, nats a token."""

    slice: str
    rows: int
    gain: Estimate


class MeasuredCurve(Value):
    """The learning curve, measured and forecast.

    Attributes:
        measured: At 1/8, 1/4, 1/2 and all of the rows.
        forecast: At twice and four times the rows.
        gain: What twice the rows would take off the loss, nats a token.
        slices: The same by slice of the definition, the largest gain first; the intervals hold
            together.
    """

    measured: tuple[CurvePoint, ...]
    forecast: tuple[CurvePoint, ...]
    gain: Estimate
    slices: tuple[SliceGain, ...] = ()


def learning_curve(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> MeasuredCurve:
    """Train every fold on nested shares of its rows, over the same trunk, and forecast.

    The Run carries D12.

    Smaller shares get more epochs (the inverse fourth root of the share), so that they are not
    merely trained less. The whole is what training has measured, where the project has been trained
    with this recipe.

    Args:
        dataset: The rows.
        split: Their folds.
        file: The definition.
        store: The project's store.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: There are too few rows to take shares of.
    """
    recipe = file.spec.train
    weights = resolve(recipe.model)
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    fields = [s.field for s in file.spec.slices]
    parts = recipe.model_dump(mode="json", exclude=FINAL_ONLY)
    parameters = {"recipe": parts, "weights": weights.digest, "shares": SHARES, "by": fields}
    found = reuse(store, "curve", inputs=inputs, parameters=parameters, seed=recipe.seed)
    if found is not None:
        return store.get_value(found.outputs["curve"], MeasuredCurve)
    work = (
        store.root
        / "work"
        / run_key("curve", inputs=inputs, parameters=parameters, seed=recipe.seed)[:32]
    )
    with record(store, "curve", inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        with TrainingSession(
            dataset, split, recipe, weights, store, work, progress=progress, live=live
        ) as session:
            losses, rows = _measured(
                session, _folds_of_training(store, inputs, file, weights.digest)
            )
            result = forecast(
                losses, rows, tokens=session.targets, families=session.families, seed=recipe.seed
            )
            result = result.model_copy(
                update={"slices": slice_gains(session, fields, losses, rows)}
            )
            writer.outputs["curve"] = store.put_value(result)
            writer.findings.append(too_few_rows(result))
            writer.counts |= {"rows": len(session.rows.rows), "shares": len(SHARES)}
    session.remove_checkpoints()
    return result


def slice_gains(
    session: TrainingSession,
    fields: Sequence[str],
    losses: NDArray[np.float64],
    rows: Sequence[int],
) -> tuple[SliceGain, ...]:
    """The forecast for twice the rows on each slice's own rows, the largest gain first.

    Args:
        session: Rows, families, tokens.
        fields: Of the definition's slices.
        losses: Held-out loss of every row at every share, shape (shares, rows).
        rows: Rows trained on at each share.
    """
    slices = session.slices(fields)
    level = 1 - 0.05 / max(len(slices), 1)
    found = []
    for name, own in slices.items():
        families = [f for f, here in zip(session.families, own.tolist(), strict=True) if here]
        curve = forecast(
            losses[:, own],
            rows,
            tokens=session.targets[own],
            families=families,
            seed=session.recipe.seed,
            level=level,
        )
        found.append(SliceGain(slice=name, rows=int(own.sum()), gain=curve.gain))
    return tuple(sorted(found, key=lambda s: -s.gain.value))


def epochs_at(share: float, epochs: int) -> int:
    """Epochs on a share of the rows: more on a smaller one, so that it is not merely trained less.

    Example:
        >>> [epochs_at(share, 2) for share in SHARES]
        [4, 3, 3, 2]
    """
    return math.ceil(epochs * share**-0.25)


def nested(fold: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.bool_]:
    """Rows of a share: a row of a share is a row of every larger one, and every fold gives its part."""
    order = np.random.default_rng(seed).permutation(len(fold))
    taken = np.zeros(len(fold), np.bool_)
    for f in np.unique(fold):
        mine = order[fold[order] == f]
        taken[mine[: max(1, round(share * len(mine)))]] = True
    return taken


def _folds_of_training(
    store: Store, inputs: Mapping[str, str], file: TaskFile, weights: str
) -> NDArray[np.float64] | None:
    """Held-out losses of the project's own folds, shape (evaluations, rows), where they were trained just so."""
    parameters = parameters_of(file, weights)
    found = reuse(store, "train", inputs=inputs, parameters=parameters, seed=file.spec.train.seed)
    if found is None:
        return None
    trace = trace_from_bytes(store.files.open(found.outputs["trace"]).read_bytes())
    return np.stack([held_out_loss(trace, e) for e in range(len(trace.losses))])


def _measured(
    session: TrainingSession, whole: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], list[int]]:
    """Held-out loss of every row at every share, shape (shares, rows), and the rows that a fold was trained on."""
    recipe, cut = session.recipe, session.cut(session.recipe.fold_layers)
    epochs = [epochs_at(share, recipe.epochs) for share in SHARES]
    where, _ = session.fold_masks()
    trained = [~where & nested(session.fold, share, seed=recipe.seed)[None] for share in SHARES]
    rows = [round(float(t.sum(1).mean())) for t in trained]
    if len(set(rows)) < len(rows) or rows[0] < 1:
        raise DataError(
            f"a fold has {rows[-1]} training rows, too few to take an eighth, a quarter and half of them",
            hint="raise train.max_train_tokens, or add rows: 16 in a fold are enough to begin with",
        )
    todo = [(s, e) for s, e in zip(SHARES, epochs, strict=True) if s < 1 or whole is None]
    work = sum(s * e for s, e in todo) * (session.folds - 1)
    session.meter.total = int(session.rows.tokens * work * (1 - cut / session.network.layers))
    losses = []
    for share, passes, train in zip(SHARES, epochs, trained, strict=True):
        if share == 1 and whole is not None:
            losses.append(
                _at_best(
                    list(whole[:, None]), session.held_out(np.ones((1, where.shape[1]), np.bool_))
                )[0]
            )
            continue
        part = recipe.model_copy(update={"epochs": passes})
        job = session.job(
            cut, train=train, measure=where, adapters=range(session.folds), recipe=part
        )
        done = session.run(f"share-{share:g}", job, epochs=passes, planned=passes, held_out=where)
        at_best = _at_best([r.losses for r in done.readings], session.held_out(where))
        losses.append(np.nansum(np.where(where, at_best, 0), axis=0))
    return np.stack(losses).astype(np.float64), rows


def _at_best(readings: Sequence[NDArray[Any]], rule: HeldOut) -> NDArray[Any]:
    return readings[choose_length(readings, rule).best]


def forecast(
    losses: NDArray[np.float64],
    rows: Sequence[int],
    *,
    tokens: NDArray[np.int64],
    families: Sequence[str],
    seed: int = 0,
    draws: int = 400,
    level: float = 0.95,
) -> MeasuredCurve:
    """Draw the curve further by `tunewell.stats.learning_curve`, the rectified law averaged over all that fits.

    The shares are measured on the same rows, so only what differs between them is noise: families
    are resampled, and each resample is centred over the shares.

    Args:
        losses: Held-out loss of every row at every share, shape (shares, rows).
        rows: Rows trained on at each share.
        tokens: Target tokens of each row.
        families: Family of each row.
        seed: Of the resampling.
        draws: How many resamples.
        level: Of the intervals.
    """
    from tunewell.stats import learning_curve as fitted

    rng = np.random.default_rng(seed)
    names: dict[str, int] = {}
    code = np.asarray([names.setdefault(f, len(names)) for f in families])
    weight = np.bincount(code, tokens.astype(np.float64), minlength=len(names))
    sums = np.stack([np.bincount(code, x * tokens, minlength=len(names)) for x in losses])
    point = sums.sum(1) / weight.sum()
    picks = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(
        np.float64
    )
    means = picks @ sums.T / (picks @ weight)[:, None]
    moved = means - means.mean(1, keepdims=True)
    law = fitted(
        rows, point, errors=np.maximum(moved.std(0), 1e-6), level=level, draws=draws, seed=seed
    )
    tail = (1 - level) / 2

    def estimate(value: float, sample: NDArray[np.float64], method: str) -> Estimate:
        low, high = np.quantile(sample, [tail, 1 - tail])
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            level=level,
            n=len(names),
            method=method,
            unit="nats/token",
        )

    def ahead(times: float) -> CurvePoint:
        found = law.forecast(rows[-1] * times)
        return CurvePoint(
            share=times,
            rows=round(rows[-1] * times),
            loss=found.model_copy(update={"n": len(names), "unit": "nats/token"}),
        )

    now, twice = (_loss_at(law.fits, rows[-1] * times) for times in (1.0, AHEAD[0]))
    best = np.asarray(law.law)[None]
    gain = float((_loss_at(best, rows[-1]) - _loss_at(best, rows[-1] * AHEAD[0]))[0])
    return MeasuredCurve(
        measured=tuple(
            CurvePoint(
                share=s,
                rows=r,
                loss=estimate(float(point[i]), means[:, i], "bootstrap over families"),
            )
            for i, (s, r) in enumerate(zip(SHARES, rows, strict=True))
        ),
        forecast=tuple(map(ahead, AHEAD)),
        gain=estimate(gain, now - twice, "rectified power law, bootstrap"),
    )


def _loss_at(laws: NDArray[np.float64], rows: float) -> NDArray[np.float64]:
    """Of laws (B, D, b, E), one a row: ``B / (D + rows^b) + E``."""
    height, rectifier, power, floor = laws.T
    return np.asarray(height / (rectifier + rows**power) + floor)


def too_few_rows(curve: MeasuredCurve) -> Finding:
    """D12: found where twice the rows would surely pay, clear where they surely would not."""
    now = curve.measured[-1].loss.value
    low, high = curve.gain.low / now, curve.gain.high / now
    status = "found" if low > WORTH else "clear" if high < WORTH else "unchecked"
    more = curve.measured[-1].rows
    why = (
        f"About {more} more rows would take {curve.gain} nats a token off the held-out loss of {now:.3g} "
        f"({100 * curve.gain.value / now:.1f} %); four times the rows: {curve.forecast[-1].loss}."
    )
    kind = (
        f", {curve.slices[0].slice} first" if curve.slices and curve.slices[0].gain.low > 0 else ""
    )
    advice = {
        "found": f"collect about {more} more rows{kind}",
        "clear": "",
        "unchecked": "collect some and measure again",
    }
    sure = next((s for s in curve.slices if s.gain.low > 0), None)
    if sure and status != "clear":
        why += f" It would gain most on {sure.slice} ({sure.rows} rows): {sure.gain}."
    if status == "clear":
        why += " Stop collecting rows of this kind."
    return Finding(
        code="D12",
        status=status,
        stage="curve",
        why=why,
        estimate=curve.gain,
        threshold=Threshold(value=WORTH * now, origin="built-in"),
        remedy=advice[status],
    )
