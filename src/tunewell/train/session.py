"""What every way of training a project shares.

Its rows in folds, the frozen base, the cached trunk, checkpoints.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from tunewell.errors import DataError
from tunewell.model.base import Progress
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights
from tunewell.store import Store
from tunewell.train.arrays import Floats, Mask, Singles
from tunewell.train.diagnose.label_errors import WITH_QUESTION
from tunewell.train.diagnose.slices import slices_of
from tunewell.train.diagnose.stopping import HeldOut
from tunewell.train.diagnose.target_prior import prior_losses
from tunewell.train.export.peft import LOAD_ADAPTER
from tunewell.train.forgetting.general_rows import replay_rows
from tunewell.train.lora.checkpoint import Checkpoint
from tunewell.train.lora.rows import (
    Rows,
    TrainRow,
    draw,
    encode_rows,
    owners_of,
    said_of_turns,
    target_sizes,
)
from tunewell.train.masks import Masks
from tunewell.types import Assignment, Dataset, Example, FoldTrace, Recipe, Split
from tunewell.types.turns import each_target

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.network import FrozenDecoder
    from tunewell.train.lora.run import JobResult, LossReading, OnReading, StopRule
    from tunewell.train.lora.states import StatesAtCut
    from tunewell.train.lora.trunk import Trunk

CACHE_BYTES = 8 << 30
"""Trunk caches beyond this are removed, the longest unused first."""

FINAL_ONLY = {"backend", "forgetting_tasks", "forgetting_documents"}
"""Parts of a recipe that only the final run knows: what folds answer does not depend on them."""

FORWARD_ONLY = 0.3
"""Work of a pass through frozen layers, forward only; a training pass being 1.

See `bench.training.cost`.
"""


def cut_of(layers: int, share: float) -> int:
    """First layer that carries adapters when the top ``share`` of the layers does.

    Example:
        >>> cut_of(30, 1.0), cut_of(30, 0.25), cut_of(2, 0.25)
        (0, 22, 1)
    """
    return layers - max(1, round(layers * share))


def rows_of(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
) -> Rows:
    """Examples as token ids, as a recipe asks for it."""
    return encode_rows(
        examples,
        tokenizer,
        max_tokens=recipe.max_tokens,
        turns=recipe.turns,
        preferences=recipe.preferences,
    )


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


class WorkMeter:
    """Work done, for a progress bar that never runs backwards."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.total = 1
        self._done = 0.0

    def add(self, more: float) -> None:
        """Count training tokens, weighted by the share of layers that is trained."""
        self._done += more
        if self._progress:
            self._progress(min(int(self._done), self.total), self.total)

    def finish(self) -> None:
        """Fill the bar."""
        if self._progress:
            self._progress(self.total, self.total)


class TrainingSession:
    """Rows of all folds, encoded, and the base to train over.

    A context: it gives its memory back at the end, also when something fails.

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

    asked = WITH_QUESTION
    """What a right target is likelier with, and than with what, in words."""

    loading: Sequence[str] = LOAD_ADAPTER
    """How the adapter is loaded elsewhere, in Python."""

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
        self.recipe = recipe
        self.weights = weights
        self.work = work
        self.live = live
        self.folds = split.folds
        self.meter = WorkMeter(progress)
        self._cache = store.root / "cache"
        self._network: FrozenDecoder | None = None

        wanted = set(split.all_folds)
        self.examples = self._to_learn([e for e in store.examples(dataset) if e.id in wanted])
        self.all_rows = self._encoded()
        self.rows = draw(self.all_rows, max_tokens=recipe.max_train_tokens, seed=recipe.seed)

        places = {a.id: a for a in split.assignments}
        mine = [places[r.id] for r in self.rows.rows]
        self.owners = owners_of(self.rows.rows)
        self.families = [mine[row].family for row in self.owners.tolist()]
        self.fold = np.asarray([fold_of(place) for place in mine], np.int64)
        origin = {e.id: e.origin for e in self.examples}
        # What a model wrote is trained on, beside the families of other folds; what is measured is
        # what people wrote.
        self.measured = np.asarray([origin[r.id] != "augmentation" for r in self.rows.rows])
        self.targets = target_sizes(self.rows.rows)
        self._check_folds()

    # What another kind of rows does otherwise: see `tunewell.train.speech.session`.

    def _to_learn(self, examples: list[Example]) -> list[Example]:
        """The rows of the folds that are learned."""
        return examples

    @functools.cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The base's."""
        return load_tokenizer(self.weights.folder)

    def _encoded(self) -> Rows:
        """The rows as token ids."""
        return rows_of(self.examples, self.tokenizer, self.recipe)

    def _load_network(self) -> FrozenDecoder:
        from tunewell.train.lora.load import load_network

        return load_network(self.weights.folder)

    def _replayed(self, recipe: Recipe) -> tuple[TrainRow, ...]:
        """General rows that are mixed in."""
        return replay_rows(self.tokenizer) if recipe.replay else ()

    def _may_replay(self, masks: Masks) -> Mask | None:
        """Which of them each adapter may take, shape (adapters, general rows); None = all."""
        return None

    def _states(self, cut: int, general: tuple[TrainRow, ...]) -> StatesAtCut | None:
        """What the adapters are trained on; None = the embeddings."""
        return self.trunk(cut, general) if cut else None

    # Its folds.

    def _check_folds(self) -> None:
        for fold in range(self.folds):
            if (self.fold == fold).any():
                continue
            too_long, refused = len(self.all_rows.too_long), len(self.all_rows.refused)
            bad, preferences = len(self.all_rows.bad), len(self.all_rows.preferences)
            left = (
                f"{too_long} rows are longer than {self.recipe.max_tokens} tokens, "
                f"{refused} do not fit the chat template"
            )
            if bad or preferences:
                left += f", {bad} are marked bad, {preferences} are preferences"
            raise DataError(
                f"fold {fold} has no row that can be trained on ({left})",
                hint=_way_to_rows(too_long, preferences),
            )

    # Its end.

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give memory back, also when something failed; checkpoints stay for the next run."""
        self.free()

    def free(self) -> None:
        """Give the base's memory back; it is loaded again when next needed."""
        from tunewell.train.lora.load import release_memory

        self._network = None
        release_memory()

    def remove_checkpoints(self) -> None:
        """Remove this run's checkpoints, once its result is recorded."""
        shutil.rmtree(self.work, ignore_errors=True)

    # Its base.

    @property
    def network(self) -> FrozenDecoder:
        """The frozen base, loaded when first needed."""
        if self._network is None:
            self._network = self._load_network()
        return self._network

    def cut(self, share: float) -> int:
        """First layer with adapters for a share of the layers."""
        return cut_of(self.network.layers, share)

    def adapted(
        self,
        cut: int,
        *,
        adapters: Sequence[int] = (0,),
        recipe: Recipe | None = None,
    ) -> Adapted:
        """Adapters from layer ``cut`` on, as they begin."""
        from tunewell.train.lora.adapted import Adapted

        return Adapted.begin(self.network, recipe or self.recipe, cut=cut, adapters=adapters)

    def trunk(self, cut: int, general: tuple[TrainRow, ...] = ()) -> Trunk:
        """The states before layer ``cut``, of our rows and then of general ones.

        Computed, or read if they were computed before.
        """
        from tunewell.train.lora.trunk import Trunk, trunk_key

        every = Rows(rows=(*self.rows.rows, *general))
        dtype = self.network.head.dtype
        key = trunk_key(
            every.key,
            weights=self.weights.digest,
            cut=cut,
            dtype=dtype,
        )
        trunk = Trunk(self._cache / f"trunk-{key}", self.network, every.rows, cut=cut)
        work = cut / self.network.layers * FORWARD_ONLY
        trunk.fill(lambda tokens: self.meter.add(tokens * work))
        os.utime(trunk.path)
        trim(self._cache, keep=trunk.path)
        return trunk

    # Its rows.

    @property
    def said(self) -> list[str]:
        """What is learned of the rows, wherever that is not simply every row's last turn."""
        rows, found = self.all_rows, []
        if len(rows.names) > len(rows.rows) or rows.context:
            found.append(f"train.turns = {self.recipe.turns}: {said_of_turns(rows)}")
        if rows.bad:
            found.append(f"{len(rows.bad)} rows are marked bad: their answers are not learned.")
        if rows.preferences:
            found.append(
                f"{len(rows.preferences)} rows are preferences; training learns from "
                "demonstrations only: they are left out. train.preferences = chosen learns their "
                "chosen answers."
            )
        elif any(e.rejected for e in self.examples):
            found.append(
                "train.preferences = chosen: of preferences the chosen answer is learned, the "
                "rejected one is not used."
            )
        return found

    @property
    def row_examples(self) -> list[Example]:
        """The Example of every row, in the rows' order."""
        by_id = {e.id: e for e in self.examples}
        return [by_id[r.id] for r in self.rows.rows]

    @property
    def target_examples(self) -> list[Example]:
        """The Example of every target, which ends in it, in the order of the targets."""
        by_id = {e.id: e for e in each_target(self.examples, self.recipe.turns)}
        return [by_id[name] for name in self.rows.names]

    def of_targets(self, where: Mask) -> Mask:
        """From a mask of shape (adapters, rows) to (adapters, targets)."""
        return np.asarray(where[:, self.owners])

    def held_out(self, where: Mask) -> HeldOut:
        """What to measure on: the targets of these (adapter, row) pairs."""
        return HeldOut(self.of_targets(where), self.targets, self.families)

    def slices(self, fields: Sequence[str]) -> dict[str, Mask]:
        """The targets' slices by these fields; see `tunewell.train.diagnose.slices.slices_of`."""
        return slices_of(self.target_examples, fields)

    def fold_masks(self) -> Masks:
        """For all folds: each leaves out its own rows.

        Each row is measured under the adapter that never saw it and under one that did: paired, for
        T01 and T02.
        """
        number = np.arange(self.folds)[:, None]
        held_out = self.fold[None] == number
        seen = self.fold[None] == (number - 1) % self.folds
        return self.leaving_out(held_out, also=seen)

    def leaving_out(self, held_out: Mask, *, also: Mask) -> Masks:
        """Trained on the rest; real rows of both are measured, synthetic ones never.

        Args:
            held_out: Rows that each adapter does not see, shape (adapters, rows).
            also: Rows that it sees and is measured on.
        """
        real = self.measured[None]
        return Masks(
            train=~held_out,
            held_out=held_out & real,
            measure=(held_out | also) & real,
        )

    def first_fold(self) -> Mask:
        """Rows of fold 0, shape (1, rows)."""
        return (self.fold == 0)[None]

    def vectors(self, cut: int) -> Singles:
        """Of each target's input: the mean of its tokens' states at the cut.

        Shape (targets, width).
        """
        import torch

        from tunewell.train.lora.device import send

        ends = [start for row in self.rows.rows for start, _ in row.spans]
        if cut:
            return self.trunk(cut).means(ends, self.owners.tolist())
        network = self.network
        found = []
        with torch.no_grad():
            for row, end in zip(self.owners.tolist(), ends, strict=True):
                ids = self.rows.rows[row].ids[None, :end].astype(np.int64)
                states = network.embed(send(ids, network.head.device))[0]
                found.append(states.float().mean(0).cpu().numpy())
        return np.stack(found)

    # Training.

    def job(
        self,
        cut: int,
        masks: Masks,
        *,
        recipe: Recipe | None = None,
    ) -> Job:
        """A job over these rows, over the trunk below the cut."""
        from tunewell.train.lora.job import Job

        recipe = recipe or self.recipe
        general = self._replayed(recipe)
        return Job(
            self.adapted(cut, adapters=range(len(masks.train)), recipe=recipe),
            self.rows.rows,
            train=masks.train,
            states=self._states(cut, general),
            replay=general,
            may_replay=self._may_replay(masks),
        )

    def run(
        self,
        phase: str,
        job: Job,
        masks: Masks,
        *,
        epochs: int,
        planned: int = 0,
        read_from: int = 0,
        stop: StopRule | None = None,
        read: OnReading | None = None,
    ) -> JobResult:
        """Train a job with its checkpoint ``phase``.

        Args:
            phase: Its name.
            job: From `job`.
            masks: Of the job.
            epochs: Epochs to do.
            planned: Epochs that the rate is planned for; the recipe's if 0.
            read_from: Epochs before the first measurement.
            stop: Whether to stop early.
            read: Gets every reading while the adapters are as they were read, before anybody is
                told of it.
        """
        from tunewell.train.lora.load import release_memory
        from tunewell.train.lora.run import Schedule, run_job

        def live(reading: LossReading) -> None:
            if read is not None:
                read(reading)
            if masks.measure.any():
                self.tell(phase, reading, masks)

        depth = job.adapted.adapted_share
        done = run_job(
            job,
            Schedule(epochs, planned=planned or self.recipe.epochs, read_from=read_from),
            measure=masks.measure,
            stop=stop,
            checkpoint=self.checkpoint(phase),
            live=live,
            told=lambda tokens: self.meter.add(tokens * depth),
        )
        # What one phase left in pieces is no use to the next.
        release_memory()
        return done

    def checkpoint(self, phase: str) -> Checkpoint:
        """What a phase has done so far."""
        return Checkpoint(self.work / f"{phase}.safetensors")

    def tell(
        self,
        phase: str,
        reading: LossReading,
        masks: Masks,
    ) -> None:
        """Pass an evaluation on to whoever watches."""
        from tunewell.train.lora.adapted import held_out_mean

        if self.live is None:
            return
        held_out = self.of_targets(masks.held_out)
        out = held_out_mean(reading.losses, held_out, self.targets)
        inside = held_out_mean(reading.losses, ~held_out, self.targets)
        self.live(Point(phase, reading.epoch, out, inside))

    def trace(self, readings: Sequence[LossReading], held_out: Mask) -> FoldTrace:
        """Readings as the noun."""
        return FoldTrace(
            losses=np.stack([r.losses for r in readings]),
            tokens=self.targets,
            held_out=self.of_targets(held_out),
            epochs=np.asarray([r.epoch for r in readings]),
            examples=self.rows.names,
        )

    def prior(self, adapted: Adapted, held_out: Mask) -> Floats:
        """Loss of every target without its input, under adapters as they are."""
        return prior_losses(
            adapted,
            self.target_examples,
            self.of_targets(held_out),
            tokenizer=self.tokenizer,
        )


def fold_of(place: Assignment) -> int:
    """The fold that a row of training is in."""
    return int(place.part.removeprefix("fold-"))


def trim(
    cache: Path,
    *,
    keep: Path,
    limit_bytes: int = CACHE_BYTES,
) -> None:
    """Remove trunk caches, the longest unused first, until they fit.

    The one in use always stays.
    """
    found = [path for path in cache.glob("trunk-*") if not path.suffix]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in found:
        total += path.stat().st_size
        if total > limit_bytes and path != keep:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)


def _way_to_rows(too_long: int, preferences: int) -> str:
    """What to do where a fold has no rows, by what took most of them."""
    if preferences > too_long:
        return "train.preferences: chosen learns the better answer of each of these rows"
    return "raise train.max_tokens or train.max_train_tokens, or lower split.folds"
