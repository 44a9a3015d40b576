"""D12: what more rows would buy.

Nested shares of the folds' rows, and the curve through them drawn further.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import DataError
from tunewell.lineage import reuse
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.stats import learning_curve as fitted_law
from tunewell.store import Store
from tunewell.store.traces import trace_from_bytes
from tunewell.task import TaskFile
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.train.diagnose.stopping import HeldOut, Losses, choose_length
from tunewell.train.session import FINAL_ONLY, Masks, OnPoint, TrainingRun, TrainingSession
from tunewell.train.stage import parameters_of
from tunewell.types import Dataset, Estimate, Finding, Split, Threshold, Value

SHARES: Final = (0.125, 0.25, 0.5, 1.0)
AHEAD: Final = (2.0, 4.0)
WORTH = 0.02
"""D12: smallest gain from twice the rows, as a share of the loss, that is worth collecting for."""

LEAST_ERROR = 1e-6
"""Of a measured loss, so that the law can be fitted where nothing varies."""


class CurvePoint(Value):
    """Held-out loss at a number of training rows (measured, or forecast where ``share`` > 1)."""

    share: float
    rows: int
    loss: Estimate


class SliceGain(Value):
    """What twice the rows would take off the loss of one slice's rows, nats a token.

    Twice the rows of all kinds.
    """

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
    fields = [s.field for s in file.spec.slices]
    run = TrainingRun(
        "curve",
        inputs={"examples": dataset.examples, "split": store.put_value(split)},
        parameters={
            "recipe": recipe.model_dump(mode="json", exclude=FINAL_ONLY),
            "weights": weights.digest,
            "shares": SHARES,
            "by": fields,
        },
        seed=recipe.seed,
    )
    found = run.finished(store)
    if found is not None:
        return store.get_value(found.outputs["curve"], MeasuredCurve)

    with run.record(store) as writer:
        with TrainingSession(
            dataset,
            split,
            recipe,
            weights,
            store,
            run.work(store),
            progress=progress,
            live=live,
        ) as session:
            whole = _folds_of_training(store, run, file, weights.digest)
            shares = _measured(session, whole)
        result = forecast(shares, seed=recipe.seed)
        gains = slice_gains(shares, session.slices(fields), seed=recipe.seed)
        result = result.model_copy(update={"slices": gains})
        writer.outputs["curve"] = store.put_value(result)
        writer.findings.append(too_few_rows(result))
        writer.counts |= {"rows": len(session.rows.rows), "shares": len(SHARES)}
    session.remove_checkpoints()
    return result


# --- measured -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ShareLosses:
    """Held-out losses of all rows at every share.

    Attributes:
        losses: Shape (shares, rows).
        trained_on: Rows that a fold was trained on, at each share.
        tokens: Target tokens of each row.
        families: Family of each row.
    """

    losses: NDArray[np.float64]
    trained_on: Sequence[int]
    tokens: NDArray[np.int64]
    families: Sequence[str]

    def of(self, rows: NDArray[np.bool_]) -> ShareLosses:
        """Of some of the rows."""
        families = [self.families[i] for i in np.flatnonzero(rows).tolist()]
        return ShareLosses(self.losses[:, rows], self.trained_on, self.tokens[rows], families)


def epochs_at(share: float, epochs: int) -> int:
    """Epochs on a share of the rows: more on a smaller one, so that it is not merely trained less.

    Example:
        >>> [epochs_at(share, 2) for share in SHARES]
        [4, 3, 3, 2]
    """
    return math.ceil(epochs * share**-0.25)


def nested(fold: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.bool_]:
    """Rows of a share: they are rows of every larger one, and every fold gives its part."""
    order = np.random.default_rng(seed).permutation(len(fold))
    taken = np.zeros(len(fold), np.bool_)
    for f in np.unique(fold):
        mine = order[fold[order] == f]
        taken[mine[: max(1, round(share * len(mine)))]] = True
    return taken


def _folds_of_training(
    store: Store, run: TrainingRun, file: TaskFile, weights: str
) -> list[NDArray[np.float64]] | None:
    """Held-out losses of the project's own folds, one array (rows,) for each evaluation.

    None where they were not trained just so.
    """
    parameters = parameters_of(file, weights)
    found = reuse(store, "train", inputs=run.inputs, parameters=parameters, seed=run.seed)
    if found is None:
        return None
    trace = trace_from_bytes(store.files.open(found.outputs["trace"]).read_bytes())
    return [held_out_loss(trace, evaluation) for evaluation in range(len(trace.losses))]


def _measured(session: TrainingSession, whole: Sequence[NDArray[np.float64]] | None) -> ShareLosses:
    """Train the folds on every share.

    Args:
        session: Rows and base.
        whole: What is known of the whole; it is then not trained.
    """
    trials = [_Trial.of(session, share) for share in SHARES]
    trained_on = [trial.rows for trial in trials]
    if len(set(trained_on)) < len(trained_on) or trained_on[0] < 1:
        raise DataError(
            f"a fold has {trained_on[-1]} training rows, too few to take an eighth, a quarter and "
            "half of them",
            hint="raise train.max_train_tokens, or add rows: 16 in a fold are enough to begin with",
        )
    _plan(session, [trial for trial in trials if trial.share < 1 or whole is None])

    losses = []
    for trial in trials:
        if trial.share == 1 and whole is not None:
            losses.append(_known(session, whole))
        else:
            losses.append(_trained(session, trial))
    return ShareLosses(
        losses=np.stack(losses).astype(np.float64),
        trained_on=trained_on,
        tokens=session.targets,
        families=session.families,
    )


class _Trial(NamedTuple):
    """A share of the rows, its epochs, and who trains on what."""

    share: float
    epochs: int
    masks: Masks

    @classmethod
    def of(cls, session: TrainingSession, share: float) -> _Trial:
        held_out = session.fold_masks().held_out
        taken = nested(session.fold, share, seed=session.recipe.seed)
        masks = Masks(train=~held_out & taken[None], held_out=held_out, measure=held_out)
        return cls(share, epochs_at(share, session.recipe.epochs), masks)

    @property
    def rows(self) -> int:
        """Rows that a fold is trained on, on average."""
        return round(float(self.masks.train.sum(1).mean()))


def _plan(session: TrainingSession, trials: Sequence[_Trial]) -> None:
    """Tell the meter how much work there is."""
    cut = session.cut(session.recipe.fold_layers)
    adapted = 1 - cut / session.network.layers
    passes = sum(trial.share * trial.epochs for trial in trials)
    work = passes * (session.folds - 1) * adapted
    session.meter.total = int(session.rows.tokens * work)


def _known(session: TrainingSession, whole: Sequence[NDArray[np.float64]]) -> Losses:
    """The whole as training has measured it, at its best length."""
    everything = np.ones((1, len(whole[0])), np.bool_)
    return _at_best([losses[None] for losses in whole], session.held_out(everything))[0]


def _trained(session: TrainingSession, trial: _Trial) -> Losses:
    """Held-out loss of every row at a share, at its best length."""
    recipe = session.recipe.model_copy(update={"epochs": trial.epochs})
    cut = session.cut(recipe.fold_layers)
    where = trial.masks.held_out
    done = session.run(
        f"share-{trial.share:g}",
        session.job(cut, trial.masks, recipe=recipe),
        trial.masks,
        epochs=trial.epochs,
        planned=trial.epochs,
    )
    best = _at_best([r.losses for r in done.readings], session.held_out(where))
    return np.nansum(np.where(where, best, 0), axis=0)


def _at_best(losses: Sequence[Losses], rule: HeldOut) -> Losses:
    return losses[choose_length(losses, rule).best]


# --- forecast -------------------------------------------------------------------------------------


def slice_gains(
    shares: ShareLosses,
    slices: dict[str, NDArray[np.bool_]],
    *,
    seed: int,
) -> tuple[SliceGain, ...]:
    """The forecast for twice the rows on each slice's own rows, the largest gain first.

    Args:
        shares: What was measured.
        slices: Name to rows.
        seed: Of the resampling.
    """
    level = 1 - 0.05 / max(len(slices), 1)
    found = []
    for name, own in slices.items():
        curve = forecast(shares.of(own), seed=seed, level=level)
        found.append(SliceGain(slice=name, rows=int(own.sum()), gain=curve.gain))
    return tuple(sorted(found, key=lambda s: -s.gain.value))


def forecast(
    shares: ShareLosses,
    *,
    seed: int = 0,
    draws: int = 400,
    level: float = 0.95,
) -> MeasuredCurve:
    """Draw the curve further by `tunewell.stats.learning_curve`.

    The rectified law is averaged over all that fits. The shares are measured on the same rows, so
    only what differs between them is noise: families are resampled, and each resample is centred
    over the shares.

    Args:
        shares: What was measured.
        seed: Of the resampling.
        draws: How many resamples.
        level: Of the intervals.
    """
    rows = list(shares.trained_on)
    resampled = _Resampled.of(shares, draws=draws, seed=seed)
    moved = resampled.means - resampled.means.mean(1, keepdims=True)
    law = fitted_law(
        rows,
        resampled.point,
        errors=np.maximum(moved.std(0), LEAST_ERROR),
        level=level,
        draws=draws,
        seed=seed,
    )

    measured = []
    for i, (share, count) in enumerate(zip(SHARES, rows, strict=True)):
        loss = resampled.estimate(
            float(resampled.point[i]),
            resampled.means[:, i],
            level=level,
            method="bootstrap over families",
        )
        measured.append(CurvePoint(share=share, rows=count, loss=loss))

    ahead = []
    for times in AHEAD:
        loss = law.forecast(rows[-1] * times)
        loss = loss.model_copy(update={"n": resampled.families, "unit": "nats/token"})
        ahead.append(CurvePoint(share=times, rows=round(rows[-1] * times), loss=loss))

    now, twice = rows[-1], rows[-1] * AHEAD[0]
    best = np.asarray(law.law)[None]
    gain = resampled.estimate(
        float((_loss_at(best, now) - _loss_at(best, twice))[0]),
        _loss_at(law.fits, now) - _loss_at(law.fits, twice),
        level=level,
        method="rectified power law, bootstrap",
    )
    return MeasuredCurve(measured=tuple(measured), forecast=tuple(ahead), gain=gain)


class _Resampled(NamedTuple):
    """Mean losses at the shares: as measured, and of resampled families.

    Attributes:
        point: Shape (shares,).
        means: Shape (draws, shares).
        families: How many there are.
    """

    point: NDArray[np.float64]
    means: NDArray[np.float64]
    families: int

    @classmethod
    def of(cls, shares: ShareLosses, *, draws: int, seed: int) -> _Resampled:
        # In the order in which they come up: the draws are of places in it.
        numbers: dict[str, int] = {}
        code = np.asarray([numbers.setdefault(f, len(numbers)) for f in shares.families])
        n = len(numbers)
        weight = np.bincount(code, shares.tokens.astype(np.float64), minlength=n)
        nats = [np.bincount(code, x * shares.tokens, minlength=n) for x in shares.losses]
        sums = np.stack(nats)

        rng = np.random.default_rng(seed)
        picks = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
        means = picks @ sums.T / (picks @ weight)[:, None]
        return cls(sums.sum(1) / weight.sum(), means, n)

    def estimate(
        self, value: float, sample: NDArray[np.float64], *, level: float, method: str
    ) -> Estimate:
        """A value with the quantiles of its resamples."""
        tail = (1 - level) / 2
        low, high = np.quantile(sample, [tail, 1 - tail])
        return Estimate(
            value=value,
            low=min(float(low), value),
            high=max(float(high), value),
            level=level,
            n=self.families,
            method=method,
            unit="nats/token",
        )


def _loss_at(laws: NDArray[np.float64], rows: float) -> NDArray[np.float64]:
    """Of laws (B, D, b, E), one a row: ``B / (D + rows^b) + E``."""
    height, rectifier, power, floor = laws.T
    return np.asarray(height / (rectifier + rows**power) + floor)


# --- the finding ----------------------------------------------------------------------------------


def too_few_rows(curve: MeasuredCurve) -> Finding:
    """D12: found where twice the rows would surely pay, clear where they surely would not."""
    now, gain = curve.measured[-1].loss.value, curve.gain
    more = curve.measured[-1].rows
    status = "unchecked"
    if gain.low / now > WORTH:
        status = "found"
    elif gain.high / now < WORTH:
        status = "clear"

    why = (
        f"About {more} more rows would take {gain} nats a token off the held-out loss of "
        f"{now:.3g} ({100 * gain.value / now:.1f} %); four times the rows: "
        f"{curve.forecast[-1].loss}."
    )
    sure = next((s for s in curve.slices if s.gain.low > 0), None)
    if status == "clear":
        why += " Stop collecting rows of this kind."
    elif sure:
        why += f" It would gain most on {sure.slice} ({sure.rows} rows): {sure.gain}."
    return Finding(
        code="D12",
        status=status,
        stage="curve",
        why=why,
        estimate=gain,
        threshold=Threshold(value=WORTH * now, origin="built-in"),
        remedy=_remedy(curve, status),
    )


def _remedy(curve: MeasuredCurve, status: str) -> str:
    if status == "clear":
        return ""
    if status == "unchecked":
        return "collect some and measure again"
    first = ""
    if curve.slices and curve.slices[0].gain.low > 0:
        first = f", {curve.slices[0].slice} first"
    return f"collect about {curve.measured[-1].rows} more rows{first}"
