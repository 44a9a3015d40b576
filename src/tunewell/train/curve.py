"""D12: what more rows would buy. Nested shares of the folds' rows, and the curve through them drawn further."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.setting import Live, Setting
from tunewell.train.stopping import choose_length
from tunewell.types import Dataset, Estimate, Finding, Split, Threshold, Value

SHARES: Final = (0.125, 0.25, 0.5, 1.0)
AHEAD: Final = (2.0, 4.0)
WORTH = 0.02
"""D12: smallest gain from twice the rows, as a share of the loss, that is worth collecting for."""

EXPONENTS: Final = np.round(np.arange(0.1, 1.01, 0.1), 2)


class CurvePoint(Value):
    """Held-out loss at a number of training rows (measured, or forecast where ``share`` > 1)."""

    share: float
    rows: int
    loss: Estimate


class Curve(Value):
    """The learning curve, measured and forecast.

    Attributes:
        measured: At 1/8, 1/4, 1/2 and all of the rows.
        forecast: At twice and four times the rows.
        gain: What twice the rows would take off the loss, nats a token.
    """

    measured: tuple[CurvePoint, ...]
    forecast: tuple[CurvePoint, ...]
    gain: Estimate


def learning_curve(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    progress: Progress | None = None,
    live: Live | None = None,
) -> Curve:
    """Train every fold on nested shares of its rows, over the same trunk, and forecast; the Run carries D12.

    Smaller shares get more epochs (the inverse fourth root of the share), so that they are not merely trained less.

    Args:
        dataset: The rows.
        split: Their folds.
        file: The definition.
        store: The project's store.
        progress: Called with (done, total).
        live: Called at every evaluation.
    """
    recipe = file.spec.train
    weights = resolve(recipe.model)
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    parameters = {"recipe": recipe.model_dump(mode="json"), "weights": weights.digest, "shares": SHARES}
    found = reuse(store, "curve", inputs=inputs, parameters=parameters, seed=recipe.seed)
    if found is not None:
        return store.get_value(found.outputs["curve"], Curve)
    work = store.root / "work" / run_key("curve", inputs=inputs, parameters=parameters, seed=recipe.seed)[:32]
    with record(store, "curve", inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        setting = Setting(dataset, split, recipe, weights, store, work, progress=progress, live=live)
        losses, rows = _measured(setting)
        result = forecast(losses, rows, tokens=setting.targets, families=setting.families, seed=recipe.seed)
        writer.outputs["curve"] = store.put_value(result)
        writer.findings.append(too_few_rows(result))
        writer.counts |= {"rows": len(setting.rows.rows), "shares": len(SHARES)}
    setting.close()
    return result


def nested(fold: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.bool_]:
    """Rows of a share: a row of a share is a row of every larger one, and every fold gives its part."""
    order = np.random.default_rng(seed).permutation(len(fold))
    taken = np.zeros(len(fold), np.bool_)
    for f in np.unique(fold):
        mine = order[fold[order] == f]
        taken[mine[: max(1, round(share * len(mine)))]] = True
    return taken


def _measured(setting: Setting) -> tuple[NDArray[np.float64], list[int]]:
    """Held-out loss of every row at every share, shape (shares, rows), and the rows that a fold was trained on."""
    recipe, cut = setting.recipe, setting.cut(setting.recipe.fold_layers)
    epochs = [math.ceil(recipe.epochs * share**-0.25) for share in SHARES]
    work = sum(s * e for s, e in zip(SHARES, epochs, strict=True)) * (setting.folds - 1)
    setting.meter.total = int(setting.rows.tokens * work * (1 - cut / setting.network.layers))
    where, _ = setting.fold_masks()
    losses, rows = [], []
    for share, passes in zip(SHARES, epochs, strict=True):
        train = ~where & nested(setting.fold, share, seed=recipe.seed)[None]
        part = recipe.model_copy(update={"epochs": passes})
        job = setting.job(cut, train=train, measure=where, adapters=range(setting.folds), recipe=part)
        done = setting.run(f"share-{share:g}", job, epochs=passes, planned=passes, held_out=where)
        readings = [r.losses for r in done.readings]
        best = choose_length(readings, setting.held_out(where)).best
        losses.append(np.nansum(np.where(where, readings[best], 0), axis=0))
        rows.append(round(float(train.sum(1).mean())))
    return np.stack(losses).astype(np.float64), rows


def forecast(
    losses: NDArray[np.float64], rows: Sequence[int], *, tokens: NDArray[np.int64], families: Sequence[str],
    seed: int = 0, draws: int = 400, level: float = 0.95,
) -> Curve:  # fmt: skip
    """Draw the curve further: ``loss = floor + height * rows ** -a``, families resampled, every plausible a.

    The exponent cannot be told from four points; each resample takes one at random from those within two units of
    deviance of its best fit, so that the interval holds what is not known about the shape.

    Args:
        losses: Held-out loss of every row at every share, shape (shares, rows).
        rows: Rows trained on at each share.
        tokens: Target tokens of each row.
        families: Family of each row.
        seed: Of the resampling.
        draws: How many resamples.
        level: Of the intervals.
    """
    rng = np.random.default_rng(seed)
    names: dict[str, int] = {}
    code = np.asarray([names.setdefault(f, len(names)) for f in families])
    weight = np.bincount(code, tokens.astype(np.float64), minlength=len(names))
    sums = np.stack([np.bincount(code, x * tokens, minlength=len(names)) for x in losses])
    point = sums.sum(1) / weight.sum()
    picks = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(np.float64)
    means = picks @ sums.T / (picks @ weight)[:, None]
    noise = np.maximum(np.diff(means, axis=1).std(0).mean(), 1e-6)
    ahead = [rows[-1] * times for times in AHEAD]
    centre = _further(point, rows, ahead, noise, None)
    drawn = np.stack([_further(m, rows, ahead, noise, rng) for m in means])
    tail = (1 - level) / 2

    def estimate(value: float, sample: NDArray[np.float64], method: str) -> Estimate:
        low, high = np.quantile(sample, [tail, 1 - tail])
        return Estimate(value=value, low=min(float(low), value), high=max(float(high), value), level=level,
                        n=len(names), method=method, unit="nats/token")  # fmt: skip

    seen = "bootstrap over families"
    drawn_on = "power law with a floor, families resampled"
    return Curve(
        measured=tuple(CurvePoint(share=s, rows=r, loss=estimate(float(point[i]), means[:, i], seen))
                       for i, (s, r) in enumerate(zip(SHARES, rows, strict=True))),
        forecast=tuple(CurvePoint(share=t, rows=round(n), loss=estimate(float(centre[j]), drawn[:, j], drawn_on))
                       for j, (t, n) in enumerate(zip(AHEAD, ahead, strict=True))),
        gain=estimate(float(point[-1] - centre[0]), means[:, -1] - drawn[:, 0], drawn_on),
    )  # fmt: skip


def _further(
    means: NDArray[np.float64], rows: Sequence[int], ahead: Sequence[float], noise: float, rng: Any
) -> NDArray[np.float64]:
    """The loss further on, by the best exponent, or by a random one of those that fit about as well."""
    fits = [_fit(means, np.asarray(rows, np.float64), float(a)) for a in EXPONENTS]
    deviance = np.asarray([f[2] for f in fits]) / noise**2
    if rng is None:
        pick = int(np.argmin(deviance))
    else:
        pick = int(rng.choice(np.flatnonzero(deviance <= deviance.min() + 2)))
    floor, height, _ = fits[pick]
    # What was measured last is where the curve goes on from, not where the fit passes it.
    drop = height * (rows[-1] ** -EXPONENTS[pick] - np.asarray(ahead) ** -EXPONENTS[pick])
    return np.maximum(means[-1] - drop, min(floor, float(means[-1])))


def _fit(means: NDArray[np.float64], rows: NDArray[np.float64], a: float) -> tuple[float, float, float]:
    """Floor and height (both >= 0) by least squares for one exponent, and the sum of squares left."""
    x = rows**-a
    height = float(((x - x.mean()) * (means - means.mean())).sum() / ((x - x.mean()) ** 2).sum())
    height = max(height, 0.0)
    floor = float(means.mean() - height * x.mean())
    if floor < 0:
        floor, height = 0.0, float((x * means).sum() / (x * x).sum())
    return floor, height, float(((means - floor - height * x) ** 2).sum())


def too_few_rows(curve: Curve) -> Finding:
    """D12: found where twice the rows would surely pay, clear where they surely would not."""
    now = curve.measured[-1].loss.value
    low, high = curve.gain.low / now, curve.gain.high / now
    status = "found" if low > WORTH else "clear" if high < WORTH else "unchecked"
    more = curve.measured[-1].rows
    why = (
        f"About {more} more rows would take {curve.gain} nats a token off the held-out loss of {now:.3g} "
        f"({100 * curve.gain.value / now:.1f} %); four times the rows: {curve.forecast[-1].loss}."
    )
    advice = {"found": f"collect about {more} more rows", "clear": "", "unchecked": "collect some and measure again"}
    if status == "clear":
        why += " Stop collecting rows of this kind."
    return Finding(code="D12", status=status, stage="curve", why=why, estimate=curve.gain,
                   threshold=Threshold(value=WORTH * now, origin="built-in"), remedy=advice[status])  # fmt: skip
