"""The stage: K folds, a check at full depth that sets the length, and the adapter that is shipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import DataError
from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.chat import load_tokenizer
from tunewell.model.weights import Weights, resolve
from tunewell.store import Store
from tunewell.store.traces import trace_to_bytes
from tunewell.task import TaskFile
from tunewell.train.export import model_card, peft_files
from tunewell.train.findings import loss_estimate, overfitting, plumbing
from tunewell.train.rows import draw, encode_rows
from tunewell.types import Dataset, Finding, FoldTrace, ModelVersion, Recipe, Split, Trained, digest


@dataclass(frozen=True)
class Point:
    """One evaluation under way, for whoever draws curves.

    Attributes:
        phase: ``folds``, ``check`` or ``final``.
        epoch: Epochs done.
        held_out: Mean nats per target token of held-out rows; NaN in the final run, which has none.
        trained_on: The same of rows trained on.
    """

    phase: str
    epoch: float
    held_out: float
    trained_on: float


Live = Callable[[Point], None]


def train(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    progress: Progress | None = None,
    live: Live | None = None,
) -> Trained:
    """Train the folds, find the length, train the final adapter; goes on where a killed run stopped.

    The folds carry adapters on the top ``fold_layers`` of the layers, over states of the frozen rest that are computed
    once. One run at the depth of the final adapter, held out on fold 0, sets the final's number of epochs. The final
    adapter sees the rows of all folds; test set and review pool are never trained on.

    Args:
        dataset: The rows.
        split: Where they go.
        file: The definition; ``train`` is the recipe.
        store: The project's store.
        progress: Called with (done, total), in training tokens weighted by depth.
        live: Called at every evaluation.

    Raises:
        DataError: A fold has no row that can be trained on.
        ModelError: The base model cannot be used.
    """
    recipe = file.spec.train
    weights = resolve(recipe.model)
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    parameters = {"recipe": recipe.model_dump(mode="json"), "weights": weights.digest, "work": WORK}
    found = reuse(store, "train", inputs=inputs, parameters=parameters, seed=recipe.seed)
    if found is not None:
        return store.get_value(found.outputs["trained"], Trained)
    work = store.root / "work" / run_key("train", inputs=inputs, parameters=parameters, seed=recipe.seed)[:32]
    with record(store, "train", inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        stage = Stage(
            dataset, split, recipe, weights, store, work, progress=progress, live=live, task=file.spec.task.about
        )
        trained = stage.go()
        writer.outputs |= {"trained": store.put_value(trained), "adapter": trained.model.adapter,
                           "trace": trained.trace}  # fmt: skip
        writer.outputs |= {"check": trained.check} if trained.check else {}
        writer.findings += stage.findings
        writer.counts |= stage.counts()
    shutil.rmtree(work, ignore_errors=True)
    return trained


WORK = 1
"""Version of the way of training: part of the key of a run."""


def cut_of(layers: int, share: float) -> int:
    """First layer that carries adapters when the top ``share`` of the layers does.

    Example:
        >>> cut_of(30, 1.0), cut_of(30, 0.25), cut_of(2, 0.25)
        (0, 22, 1)
    """
    return layers - max(1, round(layers * share))


class Stage:
    """One run of training, phase by phase."""

    def __init__(
        self, dataset: Dataset, split: Split, recipe: Recipe, weights: Weights, store: Store, work: Path, *,
        progress: Progress | None, live: Live | None, task: str,
    ) -> None:  # fmt: skip
        self.split, self.recipe, self.weights, self.store, self.work = split, recipe, weights, store, work
        self.dataset, self.live, self.task = dataset, live, task
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        wanted = set(split.all_folds)
        self.examples = [e for e in store.examples(dataset) if e.id in wanted]
        self.tokenizer = load_tokenizer(weights.folder)
        self.all_rows = encode_rows(self.examples, self.tokenizer, max_tokens=recipe.max_tokens)
        self.rows = draw(self.all_rows, max_tokens=recipe.max_train_tokens, seed=recipe.seed)
        self.families = {a.id: a.family for a in split.assignments}
        part = {a.id: a.part for a in split.assignments}
        self.fold = np.asarray([int(part[r.id].removeprefix("fold-")) for r in self.rows.rows], np.int64)
        self._check_folds()
        self._network: Any = None
        self._meter = _Meter(progress)

    def _check_folds(self) -> None:
        for fold in range(self.split.folds):
            if not (self.fold == fold).any():
                left = f"{len(self.all_rows.too_long)} rows are longer than {self.recipe.max_tokens} tokens"
                raise DataError(
                    f"fold {fold} has no row that can be trained on ({left})",
                    hint="raise train.max_tokens or train.max_train_tokens, or lower split.folds",
                )
        if len(self.rows.rows) < len(self.all_rows.rows):
            self.notes.append(
                f"train.max_train_tokens = {self.recipe.max_train_tokens}: {len(self.rows.rows)} of "
                f"{len(self.all_rows.rows)} rows were drawn by seed."
            )

    @property
    def network(self) -> Any:
        """The frozen base, loaded when first needed."""
        from tunewell.train.network import load_network

        if self._network is None:
            self._network = load_network(self.weights.folder)
        return self._network

    def go(self) -> Trained:
        """All phases."""
        recipe, layers = self.recipe, self.network.layers
        cut, fold_cut = cut_of(layers, recipe.layers), cut_of(layers, recipe.fold_layers)
        self._plan(cut, fold_cut)
        self.findings.append(plumbing(self.examples, self.all_rows, self.tokenizer, limit=recipe.max_tokens))
        folds, best = self._folds(fold_cut)
        check, length = (folds, best) if cut == fold_cut else self._check(cut)
        scope = "over all folds" if check is folds else "at full depth on fold 0"
        self.findings.append(overfitting(check, length, families=self.families, scope=scope))
        epochs = round(float(check.epochs[length]))
        final = recipe.model_copy(update={"epochs": epochs})
        tensors, speed = self._final(cut, epochs)
        held, inside = (loss_estimate(folds, best, held_out=h, families=self.families) for h in (True, False))
        facts = self._facts(
            held=str(held), check=str(loss_estimate(check, length, held_out=True, families=self.families))
        )
        card = model_card(base=self.weights.name, recipe=final, facts=facts, findings=self.findings, task=self.task)
        files = peft_files(tensors, recipe=final, base=self.weights.name, card=card,
                           layers=None if cut == 0 else range(cut, layers))  # fmt: skip
        adapter = self.store.files.put_folder(files)
        version = ModelVersion(
            id=adapter[:12], base=self.weights.name, adapter=adapter, recipe=final, dataset=self.dataset.id,
            split=digest(self.split), trained_on=len(self.rows.rows),
        )  # fmt: skip
        self._meter.finish()
        return Trained(
            model=version,
            trace=self.store.files.put_bytes(trace_to_bytes(folds), suffix=".safetensors"),
            check="" if check is folds else self.store.files.put_bytes(trace_to_bytes(check), suffix=".safetensors"),
            best_epoch=float(folds.epochs[best]),
            held_out_loss=held,
            train_loss=inside,
            too_long=self.all_rows.too_long,
            tokens=self.rows.tokens,
            tokens_per_s=round(speed, 1),
            notes=tuple(self.notes),
        )

    def _plan(self, cut: int, fold_cut: int) -> None:
        k, layers, tokens, epochs = self.split.folds, self.network.layers, self.rows.tokens, self.recipe.epochs
        self._meter.total = int(tokens * (
            fold_cut / layers * 0.3 + epochs * (k - 1) * (1 - fold_cut / layers)
            + epochs * (1 - cut / layers) * ((k - 1) / k * (cut != fold_cut) + 1)))  # fmt: skip

    def _folds(self, cut: int) -> tuple[FoldTrace, int]:
        k = self.split.folds
        held_out = self.fold[None] == np.arange(k)[:, None]
        # Each row is measured under the adapter that never saw it and under one that did: paired, for T01 and T02.
        measure = held_out | (self.fold[None] == (np.arange(k)[:, None] - 1) % k)
        return self._measured("folds", cut, train=~held_out, held_out=held_out, measure=measure, adapters=range(k))

    def _check(self, cut: int) -> tuple[FoldTrace, int]:
        held_out = (self.fold == 0)[None]
        measure = held_out | (self.fold == self.split.folds - 1)[None]
        return self._measured("check", cut, train=~held_out, held_out=held_out, measure=measure, adapters=(0,))

    def _measured(
        self, phase: str, cut: int, *, train: NDArray[np.bool_], held_out: NDArray[np.bool_],
        measure: NDArray[np.bool_], adapters: Any,
    ) -> tuple[FoldTrace, int]:  # fmt: skip
        job = self._job(cut, train=train, measure=measure, adapters=adapters)
        done = self._run(phase, job, epochs=self.recipe.epochs, patience=self.recipe.patience, held_out=held_out)
        trace = FoldTrace(
            losses=np.stack([r.losses for r in done.readings]),
            tokens=np.asarray([r.targets for r in self.rows.rows], np.int64),
            held_out=held_out,
            epochs=np.asarray([r.epoch for r in done.readings]),
            examples=tuple(r.id for r in self.rows.rows),
        )
        return trace, done.best

    def _final(self, cut: int, epochs: int) -> tuple[Mapping[str, NDArray[np.float32]], float]:
        n = len(self.rows.rows)
        job = self._job(cut, train=np.ones((1, n), np.bool_), measure=np.zeros((1, n), np.bool_), adapters=(0,))
        done = self._run("final", job, epochs=epochs, patience=0, held_out=None)
        return job.bank.tensors(0), done.tokens_per_s

    def _job(self, cut: int, *, train: Any, measure: Any, adapters: Any) -> Any:
        from tunewell.train.loop import Job

        trunk = self._trunk(cut) if cut else None
        return Job(self.network, self.rows.rows, recipe=self.recipe, cut=cut, train=train, measure=measure,
                   adapters=tuple(adapters), trunk=trunk)  # fmt: skip

    def _trunk(self, cut: int) -> Any:
        from tunewell.train.trunk import Trunk, trunk_key

        dtype = self.network.head.dtype
        key = trunk_key(self.rows.key, weights=self.weights.digest, cut=cut, dtype=str(dtype))
        trunk = Trunk(self.work / f"trunk-{key}", self.rows.rows, width=self.network.width, dtype=dtype)
        weight = cut / self.network.layers * 0.3
        trunk.fill(self.network, self.rows.rows, cut=cut, progress=lambda tokens: self._meter.add(tokens * weight))
        return trunk

    def _run(self, phase: str, job: Any, *, epochs: int, patience: int, held_out: Any) -> Any:
        from tunewell.train.checkpoint import Checkpoint
        from tunewell.train.loop import held_out_mean, run_job

        depth = 1 - job.cut / job.network.layers
        targets = np.asarray([r.targets for r in self.rows.rows], np.int64)

        def read(reading: Any) -> None:
            if self.live and held_out is not None:
                out, inside = (held_out_mean(reading.losses, m, targets) for m in (held_out, ~held_out))
                self.live(Point(phase, reading.epoch, out, inside))

        return run_job(
            job, epochs=epochs, planned=self.recipe.epochs, patience=patience, held_out=held_out,
            checkpoint=Checkpoint(self.work / f"{phase}.safetensors"), live=read,
            told=lambda tokens: self._meter.add(tokens * depth),
        )  # fmt: skip

    def _facts(self, **losses: str) -> dict[str, str]:
        return {
            "dataset": self.dataset.id,
            "split": digest(self.split),
            "rows trained on": str(len(self.rows.rows)),
            "tokens": str(self.rows.tokens),
            "folds": str(self.split.folds),
            "held-out loss of the folds (nats a token)": losses["held"],
            "held-out loss of the check run": losses["check"],
        }

    def counts(self) -> dict[str, int]:
        """For the Run."""
        return {
            "rows": len(self.rows.rows),
            "tokens": self.rows.tokens,
            "too_long": len(self.all_rows.too_long),
            "not_drawn": len(self.all_rows.rows) - len(self.rows.rows),
        }


class _Meter:
    """Work done, for a progress bar that never runs backwards."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self.total, self._done = progress, 1, 0.0

    def add(self, more: float) -> None:
        self._done += more
        if self._progress:
            self._progress(min(int(self._done), self.total), self.total)

    def finish(self) -> None:
        if self._progress:
            self._progress(self.total, self.total)
