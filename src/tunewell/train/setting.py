"""What every way of training a project shares: its rows in folds, the frozen base, the cached trunk, checkpoints."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import DataError
from tunewell.model.base import Progress
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights
from tunewell.store import Store
from tunewell.train.prior import prior_losses
from tunewell.train.replay import replay_rows
from tunewell.train.rows import Rows, TrainRow, draw, encode_rows
from tunewell.train.slices import slices_of
from tunewell.train.stopping import HeldOut
from tunewell.types import Dataset, FoldTrace, Recipe, Split

CACHE_BYTES = 8 << 30
"""Trunk caches beyond this are removed, the longest unused first."""

FINAL_ONLY = {"backend", "forgetting_tasks", "forgetting_documents"}
"""Parts of a recipe that only the final run knows: what folds answer does not depend on them."""


@dataclass(frozen=True)
class Point:
    """One evaluation under way, for whoever draws curves.

    Attributes:
        phase: ``folds``, ``check`` or the name of another run.
        epoch: Epochs done.
        held_out: Mean nats per target token of held-out rows.
        trained_on: The same of rows trained on.
    """

    phase: str
    epoch: float
    held_out: float
    trained_on: float


OnPoint = Callable[[Point], None]


def cut_of(layers: int, share: float) -> int:
    """First layer that carries adapters when the top ``share`` of the layers does.

    Example:
        >>> cut_of(30, 1.0), cut_of(30, 0.25), cut_of(2, 0.25)
        (0, 22, 1)
    """
    return layers - max(1, round(layers * share))


class WorkMeter:
    """Work done, for a progress bar that never runs backwards."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self.total, self._done = progress, 1, 0.0

    def add(self, more: float) -> None:
        """Count training tokens, weighted by the share of layers that is trained."""
        self._done += more
        if self._progress:
            self._progress(min(int(self._done), self.total), self.total)

    def finish(self) -> None:
        """Fill the bar."""
        if self._progress:
            self._progress(self.total, self.total)


class Setting:
    """Rows of all folds, encoded, and the base to train over.

    Args:
        dataset: The rows.
        split: Where they go.
        recipe: Base, limits, seed.
        weights: The base.
        store: Of the project.
        work: Folder of this run's checkpoints.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Raises:
        DataError: A fold has no row that can be trained on.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        recipe: Recipe,
        weights: Weights,
        store: Store,
        work: Path,
        *,
        progress: Progress | None = None,
        live: OnPoint | None = None,
    ) -> None:
        self.recipe, self.weights, self.work, self.live = recipe, weights, work, live
        self.folds = split.folds
        self.meter = WorkMeter(progress)
        self._cache = store.root / "cache"
        wanted = set(split.all_folds)
        self.examples = [e for e in store.examples(dataset) if e.id in wanted]
        self.tokenizer = load_tokenizer(weights.folder)
        self.all_rows = encode_rows(self.examples, self.tokenizer, max_tokens=recipe.max_tokens)
        self.rows = draw(self.all_rows, max_tokens=recipe.max_train_tokens, seed=recipe.seed)
        place = {a.id: a for a in split.assignments}
        self.families = [place[r.id].family for r in self.rows.rows]
        self.fold = np.asarray(
            [int(place[r.id].part.removeprefix("fold-")) for r in self.rows.rows], np.int64
        )
        self.targets = np.asarray([r.targets for r in self.rows.rows], np.int64)
        self._network: Any = None
        self._check_folds()

    def _check_folds(self) -> None:
        for fold in range(self.folds):
            if not (self.fold == fold).any():
                left = (
                    f"{len(self.all_rows.too_long)} rows are longer than {self.recipe.max_tokens} "
                    f"tokens, {len(self.all_rows.refused)} are refused by the chat template"
                )
                raise DataError(
                    f"fold {fold} has no row that can be trained on ({left})",
                    hint="raise train.max_tokens or train.max_train_tokens, or lower split.folds",
                )

    @property
    def network(self) -> Any:
        """The frozen base, loaded when first needed."""
        from tunewell.train.network import load_network

        if self._network is None:
            self._network = load_network(self.weights.folder)
        return self._network

    def cut(self, share: float) -> int:
        """First layer with adapters for a share of the layers."""
        return cut_of(self.network.layers, share)

    def held_out(self, where: NDArray[np.bool_]) -> HeldOut:
        """What to measure on."""
        return HeldOut(where, self.targets, self.families)

    def slices(self, fields: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
        """The rows' slices by these fields; see `tunewell.train.slices.slices_of`."""
        by_id = {e.id: e for e in self.examples}
        return slices_of([by_id[r.id] for r in self.rows.rows], fields)

    def fold_masks(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """For all folds: held out, and measured, both of shape (folds, rows).

        Each row is measured under the adapter that never saw it and under one that did: paired, for
        T01 and T02.
        """
        number = np.arange(self.folds)[:, None]
        held_out = self.fold[None] == number
        return held_out, held_out | (self.fold[None] == (number - 1) % self.folds)

    def job(
        self,
        cut: int,
        *,
        train: NDArray[np.bool_],
        measure: NDArray[np.bool_],
        adapters: Sequence[int],
        recipe: Recipe | None = None,
    ) -> Any:
        """A job over these rows.

        The trunk below the cut is computed, or read if it was computed before.
        """
        from tunewell.train.loop import Job

        recipe = recipe or self.recipe
        general = replay_rows(self.tokenizer) if recipe.replay else ()
        return Job(
            self.network,
            self.rows.rows,
            recipe=recipe,
            cut=cut,
            train=train,
            measure=measure,
            adapters=tuple(adapters),
            trunk=self.trunk(cut, general) if cut else None,
            replay=general,
        )

    def trunk(self, cut: int, general: tuple[TrainRow, ...] = ()) -> Any:
        """The states before layer ``cut``, of our rows and then of general ones."""
        from tunewell.train.trunk import Trunk, trunk_key

        dtype = self.network.head.dtype
        every = Rows(rows=(*self.rows.rows, *general))
        key = trunk_key(every.key, weights=self.weights.digest, cut=cut, dtype=str(dtype))
        trunk = Trunk(
            self._cache / f"trunk-{key}", every.rows, width=self.network.width, dtype=dtype
        )
        weight = cut / self.network.layers * 0.3
        trunk.fill(
            self.network,
            every.rows,
            cut=cut,
            progress=lambda tokens: self.meter.add(tokens * weight),
        )
        os.utime(trunk.path)
        trim(self._cache, keep=trunk.path)
        return trunk

    def vectors(self, cut: int) -> NDArray[np.float32]:
        """Of each row's input: the mean of its tokens' states at the cut, shape (rows, width)."""
        import torch

        if cut:
            return self.trunk(cut).means([r.start for r in self.rows.rows])
        device = self.network.head.device
        with torch.no_grad():
            ids = [
                torch.from_numpy(r.ids[: r.start].astype(np.int64)).to(device)
                for r in self.rows.rows
            ]
            return np.stack(
                [self.network.embed(i[None])[0].float().mean(0).cpu().numpy() for i in ids]
            )

    def prior(self, job: Any, held_out: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Loss of every row's target without its input, under the adapters of a job as they are."""
        by_id = {e.id: e for e in self.examples}
        examples = [by_id[r.id] for r in self.rows.rows]
        return prior_losses(
            self.network,
            job.bank,
            examples,
            held_out,
            cut=job.cut,
            tokenizer=self.tokenizer,
            recipe=job.recipe,
        )

    def run(
        self,
        phase: str,
        job: Any,
        *,
        epochs: int,
        planned: int = 0,
        stop: Any = None,
        held_out: Any = None,
        read: Callable[[Any], None] | None = None,
    ) -> Any:
        """Train a job with its checkpoint ``phase``.

        Planned for the recipe's epochs if not said otherwise.

        ``read`` gets every reading while the adapters are as they were read, before anybody is told
        of it.
        """
        from tunewell.train.checkpoint import Checkpoint
        from tunewell.train.loop import run_job
        from tunewell.train.network import release_memory

        def live(reading: Any) -> None:
            if read is not None:
                read(reading)
            if held_out is not None:
                self.tell(phase, reading, held_out)

        depth = 1 - job.cut / job.network.layers
        done = run_job(
            job,
            epochs=epochs,
            planned=planned or self.recipe.epochs,
            stop=stop,
            checkpoint=Checkpoint(self.work / f"{phase}.safetensors"),
            live=live,
            told=lambda tokens: self.meter.add(tokens * depth),
        )
        release_memory()  # what one phase left in pieces is no use to the next
        return done

    def tell(self, phase: str, reading: Any, held_out: NDArray[np.bool_]) -> None:
        """Pass an evaluation on to whoever watches."""
        from tunewell.train.loop import held_out_mean

        if self.live:
            out, inside = (
                held_out_mean(reading.losses, m, self.targets) for m in (held_out, ~held_out)
            )
            self.live(Point(phase, reading.epoch, out, inside))

    def trace(self, readings: Sequence[Any], held_out: NDArray[np.bool_]) -> FoldTrace:
        """Readings as the noun."""
        return FoldTrace(
            losses=np.stack([r.losses for r in readings]),
            tokens=self.targets,
            held_out=held_out,
            epochs=np.asarray([r.epoch for r in readings]),
            examples=tuple(r.id for r in self.rows.rows),
        )

    def bank(self, cut: int) -> Any:
        """One adapter from layer ``cut`` on, as it begins."""
        from tunewell.train.bank import Bank

        network = self.network
        return Bank(
            network.sites(self.recipe.targets, cut),
            recipe=self.recipe,
            adapters=(0,),
            like=network.head,
        )

    def free(self) -> None:
        """Give the base's memory back; it is loaded again when next needed."""
        from tunewell.train.network import release_memory

        self._network = None
        release_memory()

    def close(self) -> None:
        """Remove this run's checkpoints, and give memory back."""
        self.free()
        shutil.rmtree(self.work, ignore_errors=True)


def trim(cache: Path, *, keep: Path, limit_bytes: int = CACHE_BYTES) -> None:
    """Remove trunk caches, the longest unused first, until they fit.

    The one in use always stays.
    """
    found = sorted(
        (p for p in cache.glob("trunk-*") if not p.suffix),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    total = 0
    for path in found:
        total += path.stat().st_size
        if total > limit_bytes and path != keep:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
