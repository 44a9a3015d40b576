"""T04: what the model could do before and can no longer: general text and general questions, before and after.

The passages stand for general text of their twelve kinds, so they are the units of the intervals
and the kinds are
strata: between two models that differ at random on every passage, the change would come out as
    often above as below.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.model.chat import chat_format
from tunewell.model.files import cache_folder
from tunewell.model.passages import Use, passages, questions
from tunewell.train.batches import plan
from tunewell.train.rows import Rows, TrainRow
from tunewell.types import Estimate, Finding, Message, Threshold, digest

LIMIT = 0.05
"""T04: largest relative rise of the loss on general text."""

POWER = 0.8
"""With which the detectable change would have been seen."""

SHARE = 0.03
"""Most of a run's work that measuring the trained model may take; the base's own losses are kept."""

READ = 0.52
"""Work of a token that is only read, a token trained on at full depth being 1 (1,320 and 690 tokens/s on one core)."""

FEWEST = 36
"""Passages that are measured at least: three of every kind. The set grows by one of every kind."""

FEWEST_QUESTIONS = 16
"""Questions that are always asked; the others join where more than half of the passages are read."""

BATCH_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""Of one pass: little padding matters more than large products."""


def general_rows(tokenizer: Any, *, work: float = math.inf) -> tuple[TrainRow, ...]:
    """The general set: passages (loss on all but the first token) and questions with short answers.

    Args:
        tokenizer: The base's.
        work: Of the run, in tokens trained on at full depth; the set is the largest that takes
            `SHARE` of it at most, and never less than `FEWEST` passages with 16 questions.
    """
    texts, asked = text_rows(tokenizer, "measured"), question_rows(tokenizer, "measured")
    kinds, half = len({_kind(r) for r in texts}), len(texts) / 2
    found: tuple[TrainRow, ...] = ()
    for count in range(FEWEST, len(texts) + 1, kinds):
        more = max(0.0, count / half - 1) * (len(asked) - FEWEST_QUESTIONS)
        rows = (*texts[:count], *asked[: FEWEST_QUESTIONS + round(more)])
        if found and reading_work(rows) > SHARE * work:
            break
        found = rows
    return found


def _kind(row: TrainRow) -> str:
    return row.id.rsplit("/", 1)[0]


def reading_work(rows: Sequence[TrainRow]) -> float:
    """Work of measuring rows once, in tokens trained on at full depth."""
    return READ * sum(len(r.ids) for r in rows)


def text_rows(tokenizer: Any, use: Use, *, prefix: str = "") -> tuple[TrainRow, ...]:
    """Passages as rows, ranked as `tunewell.model.passages.passages` ranks them.

    The id names the kind.
    """
    rows = []
    for i, passage in enumerate(passages(use)):
        ids = tokenizer(passage.text, add_special_tokens=False)["input_ids"]
        rows.append(
            TrainRow(id=f"{prefix}text/{passage.kind}/{i}", ids=np.asarray(ids, np.int32), start=1)
        )
    return tuple(rows)


def question_rows(tokenizer: Any, use: Use, *, prefix: str = "") -> tuple[TrainRow, ...]:
    """Questions with their answers as rows of a chat."""
    chat = chat_format(tokenizer)
    rows = []
    for i, (question, answer) in enumerate(questions(use)):
        coded = chat.encode([Message(role="user", content=question)], answer)
        rows.append(
            TrainRow(
                id=f"{prefix}question/{i}",
                ids=np.asarray(coded.ids, np.int32),
                start=coded.target_start,
            )
        )
    return tuple(rows)


def general_losses(
    network: Any, rows: Sequence[TrainRow], recipe: Any, cut: int, values: Any, *, weights: str = ""
) -> NDArray[np.float64]:
    """Mean nats per token of every general row, without and with an adapter: shape (2, rows).

    Args:
        network: The frozen base.
        rows: From `general_rows`.
        recipe: Of the adapter.
        cut: First layer with adapters.
        values: Of the adapter's bank.
        weights: Digest of the base: its losses are the same for every adapter, and are kept in the
            cache folder.
    """
    from tunewell.train.loop import Job

    everything = np.ones((1, len(rows)), np.bool_)
    job = Job(
        network,
        rows,
        recipe=recipe,
        cut=cut,
        train=~everything,
        measure=everything,
        trunk=ForgettingMeter(network, rows, cut) if cut else None,
    )
    path = _kept(rows, weights, cut, network.head) if weights else None
    before = _read(path, len(rows)) if path else None
    if before is None:
        before = _measured(job)
        if path:
            _write(path, before)
    job.bank.values.copy_(values)
    return np.stack([before, _measured(job)])


def _measured(job: Any) -> NDArray[np.float64]:
    """Mean nats per token of every row."""
    return np.sum(
        [np.nan_to_num(job.evaluate(which)[0]) for which in passes(job)], axis=0, dtype=np.float64
    )


def passes(job: Any) -> Iterator[NDArray[np.bool_]]:
    """The rows of a job of one adapter in passes of rows of like length: masks of shape (1, rows)."""
    budget = BATCH_TOKENS.get(job.network.head.device.type, BATCH_TOKENS["cpu"])
    for batch in plan(job.lengths, [np.arange(len(job.lengths))], budget=budget):
        which = np.zeros((1, len(job.lengths)), np.bool_)
        which[0, batch.rows[0]] = True
        yield which


def _kept(rows: Sequence[TrainRow], weights: str, cut: int, head: Any) -> Path:
    import torch

    what = {
        "rows": Rows(rows=tuple(rows)).key,
        "weights": weights,
        "cut": cut,
        "dtype": str(head.dtype),
        "device": head.device.type,
        "torch": torch.__version__,
        "version": 1,
    }
    return cache_folder() / "general" / f"{digest(what)[:32]}.npy"


def _read(path: Path, rows: int) -> NDArray[np.float64] | None:
    """What was kept, unless it is not there or not whole."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = found.shape == (rows,) and found.dtype == np.float64 and bool(np.isfinite(found).all())
    return np.asarray(found, np.float64) if whole else None


def _write(path: Path, losses: NDArray[np.float64]) -> None:
    """Keep losses, whole or not at all.

    A disk that refuses only costs the next run a few seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, losses, allow_pickle=False)
        os.replace(file.name, path)
    except OSError:
        return


class ForgettingMeter:
    """States at a cut computed when asked for: too few rows to be worth a cache."""

    def __init__(self, network: Any, rows: Sequence[TrainRow], cut: int) -> None:
        self._network, self._rows, self._cut = network, rows, cut

    def take(self, places: NDArray[np.int64], length: int) -> Any:
        """See `tunewell.train.loop.States`."""
        import torch

        ids = np.zeros((places.size, length), np.int64)
        for i, r in enumerate(places.ravel().tolist()):
            if r >= 0:
                ids[i, : len(self._rows[r].ids)] = self._rows[r].ids
        with torch.no_grad():
            hidden = self._network.embed(torch.from_numpy(ids).to(self._network.head.device))[None]
            hidden = self._network.run(hidden, first=0, last=self._cut)
        return hidden.view(*places.shape, length, -1)


def forgetting(
    losses: NDArray[np.float64],
    rows: Sequence[TrainRow],
    *,
    limit: float = LIMIT,
    work: float = math.inf,
) -> Finding:
    """T04 from losses before and after.

    Args:
        losses: From `general_losses`.
        rows: From `general_rows`.
        limit: Largest relative rise.
        work: Of the run, in tokens trained on at full depth.
    """
    tokens = np.asarray([r.targets for r in rows], np.float64)
    kinds = np.asarray([_kind(r) for r in rows])
    text = kinds != "question"
    change = relative_change(losses[:, text], tokens[text], kinds[text].tolist())
    asked = relative_change(losses[:, ~text], tokens[~text], kinds[~text].tolist())
    worse = [c for c in (change, asked) if c.estimate.low > limit]
    status = "found" if worse else "clear" if change.estimate.high <= limit else "unchecked"
    why = (
        f"Loss on general text changed by {change} ({change.estimate.n} passages of {len(set(kinds[text]))} kinds; "
        f"{change.seen}), on the answers to {asked.estimate.n} general questions by {asked} ({asked.seen})."
        f"{_cost(rows, work)}"
    )
    return Finding(
        code="T04",
        status=status,
        stage="train",
        why=why,
        estimate=(worse or [change])[0].estimate,
        threshold=Threshold(value=limit, origin="built-in"),
        remedy=""
        if status == "clear"
        else "mix in general rows: train.replay: 0.05; or lower train.rate or train.rank",
    )


def _cost(rows: Sequence[TrainRow], work: float) -> str:
    if math.isinf(work):
        return ""
    share = reading_work(rows) / work
    first = "twice that if this machine had not read the same with this base before"
    return f" Measuring took {100 * share:.2g} % of the run's work, {first}."


@dataclass(frozen=True)
class LossChange:
    """How much a loss has changed.

    Attributes:
        estimate: As a share of the loss before.
        detectable: The smallest change that would have been seen with 80 % power.
    """

    estimate: Estimate
    detectable: float

    @property
    def seen(self) -> str:
        """The detectable change in words."""
        return f"{'no change' if math.isinf(self.detectable) else f'{100 * self.detectable:.2g} %'} would have been seen"

    def __str__(self) -> str:
        e = self.estimate
        return f"{100 * e.value:+.1f} % [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"


def relative_change(
    losses: NDArray[np.float64],
    tokens: NDArray[np.float64],
    kinds: Sequence[str],
    *,
    level: float = 0.95,
) -> LossChange:
    """Change of all nats together as a share of the nats before, paired by row, kinds being strata.

    The linearised variance of a ratio over a stratified sample (Cochran 1977, Sampling Techniques,
    eq. 6.44 without the finite population) with Satterthwaite's degrees of freedom.

    Args:
        losses: Mean nats per token before and after, shape (2, rows).
        tokens: Of each row, shape (rows,).
        kinds: Of each row.
        level: Of the interval.

    Example:
        >>> before = np.array([2.0, 3.0, 2.0, 3.0])
        >>> change = relative_change(np.stack([before, before * [1.1, 1.1, 1.2, 1.2]]), np.ones(4), list("aabb"))
        >>> print(change, change.seen)
        +15.0 % [+12.0, +18.0] 3.8 % would have been seen
    """
    from scipy.special import stdtrit

    before, after = losses * tokens
    value = float(after.sum() / before.sum() - 1)
    off = (after - (1 + value) * before) / before.sum()
    _, place = np.unique(np.asarray(kinds), return_inverse=True)
    count = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, off) / count
    spread = np.bincount(place, (off - mean[place]) ** 2)
    n, name = len(tokens), "paired ratio, t over passages within kinds"
    if (count < 2).any() or not spread.sum():
        alone = bool((count < 2).any())
        half = math.inf if alone else 0.0
        return LossChange(
            Estimate(
                value=value,
                low=value - half,
                high=value + half,
                level=level,
                n=n,
                method=name,
                unit="share of the loss before",
            ),
            half,
        )
    parts = count / (count - 1) * spread
    freedom = float(parts.sum() ** 2 / (parts**2 / (count - 1)).sum())
    se = math.sqrt(float(parts.sum()))
    half, more = (float(stdtrit(freedom, p)) * se for p in ((1 + level) / 2, POWER))
    return LossChange(
        Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            n=n,
            method=name,
            unit="share of the loss before",
        ),
        half + more,
    )
