"""The stage: K folds, a check at full depth that sets the length, and the adapter that is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.lineage import record, reuse, run_key
from tunewell.model.base import Progress
from tunewell.model.weights import resolve
from tunewell.store import Store
from tunewell.store.traces import trace_to_bytes
from tunewell.task import TaskFile
from tunewell.train.diagnose.depth import depth
from tunewell.train.diagnose.fragility import fragility
from tunewell.train.diagnose.label_errors import EARLY, label_errors
from tunewell.train.diagnose.losses import loss_estimate
from tunewell.train.diagnose.memorisation import memorisation
from tunewell.train.diagnose.overfitting import overfitting
from tunewell.train.diagnose.plumbing import plumbing
from tunewell.train.diagnose.stopping import Length, choose_length, stop_rule
from tunewell.train.distributed.run import Place, how, placed, train_final
from tunewell.train.export.peft import model_card, peft_files
from tunewell.train.forgetting.finding import forgetting
from tunewell.train.forgetting.general_rows import general_rows
from tunewell.train.forgetting.losses import general_losses
from tunewell.train.forgetting.tasks import Harness, harness, run_tasks, task_digests, task_finding
from tunewell.train.lora.checkpoint import Checkpoint
from tunewell.train.session import FINAL_ONLY, OnPoint, TrainingSession
from tunewell.types import Dataset, Finding, FoldTrace, ModelVersion, Split, Trained, digest

WORK = 8
"""Version of the way of training: part of the key of a run."""

Phase = tuple[FoldTrace, Length, NDArray[np.float32] | None]
"""Losses of a phase, the length chosen by them, and for `regurgitation` the longest runs at its end."""


def train(
    dataset: Dataset,
    split: Split,
    file: TaskFile,
    store: Store,
    *,
    progress: Progress | None = None,
    live: OnPoint | None = None,
) -> Trained:
    """Train the folds, find the length, train the final adapter.

    Goes on where a killed run stopped.

    The folds carry adapters on the top ``fold_layers`` of the layers, over states of the frozen
    rest that are computed once. One run at the depth of the final adapter, held out on fold 0, sets
    the final's number of epochs. The final adapter sees the rows of all folds; test set and review
    pool are never trained on.

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
        MissingExtraError: ``train.forgetting_tasks`` are named and lm-eval is not installed.
        TaskError: A task file is not there, or lm-eval cannot run a task.
    """
    recipe = file.spec.train
    weights = resolve(recipe.model)
    inputs = {"examples": dataset.examples, "split": store.put_value(split)}
    tasks = harness(recipe, file.path.parent)
    parameters = parameters_of(file, weights.digest)
    found = reuse(store, "train", inputs=inputs, parameters=parameters, seed=recipe.seed)
    if found is not None:
        return store.get_value(found.outputs["trained"], Trained)
    place = placed(file)
    work = (
        store.root
        / "work"
        / run_key("train", inputs=inputs, parameters=parameters, seed=recipe.seed)[:32]
    )
    with record(store, "train", inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        with TrainingSession(
            dataset, split, recipe, weights, store, work, progress=progress, live=live
        ) as session:
            way = _Way(
                session,
                about=file.spec.task.about,
                ids=(dataset.id, digest(split)),
                place=place,
                tasks=tasks,
            )
            trained = way.go(store)
            writer.outputs |= {
                "trained": store.put_value(trained),
                "adapter": trained.model.adapter,
                "trace": trained.trace,
            }
            writer.outputs |= {"check": trained.check} if trained.check else {}
            writer.findings += way.findings
            writer.counts |= {
                "rows": len(session.rows.rows),
                "tokens": session.rows.tokens,
                "too_long": len(session.all_rows.too_long),
                "not_drawn": len(session.all_rows.rows) - len(session.rows.rows),
            }
    session.remove_checkpoints()
    return trained


def parameters_of(file: TaskFile, weights: str) -> dict[str, Any]:
    """What decides a training beside its rows and its seed: parameters of its Run."""
    recipe = file.spec.train
    left_out = set() if recipe.forgetting_tasks else FINAL_ONLY - {"backend"}
    left_out |= (
        {"backend"} if recipe.backend == "tunewell" else set()
    )  # what was trained before the choice stays
    found = {
        "recipe": recipe.model_dump(mode="json", exclude=left_out),
        "weights": weights,
        "work": WORK,
    }
    return (
        {**found, "tasks": task_digests(recipe, file.path.parent)}
        if recipe.forgetting_tasks
        else found
    )


class _Way:
    """The phases of one run."""

    def __init__(
        self,
        session: TrainingSession,
        *,
        about: str,
        ids: tuple[str, str],
        place: Place | None = None,
        tasks: Harness,
    ) -> None:
        self.session, self.recipe, self.about, self.tasks = session, session.recipe, about, tasks
        self.dataset, self.split = ids
        self.place, self.how = place, "Tunewell, one process"
        self.findings: list[Finding] = []
        self._prior: NDArray[np.float64] | None = None
        self._worked = 0.0  # tokens trained on, weighted by the share of layers

    def go(self, store: Store) -> Trained:
        s, recipe = self.session, self.recipe
        cut, fold_cut = s.cut(recipe.layers), s.cut(recipe.fold_layers)
        self._plan(cut, fold_cut)
        self.findings.append(plumbing(s.examples, s.all_rows, s.tokenizer, limit=recipe.max_tokens))
        folds, length, runs = self._folds(fold_cut, read_runs=cut == fold_cut)
        check, check_length = folds, length
        if cut != fold_cut:
            check, check_length, runs = self._check(cut)
        families = dict(zip(check.examples, s.families, strict=True))
        scope = "over all folds" if check is folds else "at full depth on fold 0"
        self.findings.append(
            overfitting(check, check_length.evaluation, families=families, scope=scope)
        )
        self.findings.append(
            memorisation(check, check_length.evaluation, families=families, scope=scope, runs=runs)
        )
        self.findings.append(label_errors(folds, EARLY, prior=self._prior))
        if s.folds > 2:
            self.findings.append(fragility(folds, length.evaluation))
        epochs = round(float(check.epochs[check_length.evaluation]))
        tensors, speed = self._final(cut, epochs)
        held, inside = (
            loss_estimate(folds, length.evaluation, held_out=h, families=families)
            for h in (True, False)
        )
        checked = loss_estimate(check, check_length.evaluation, held_out=True, families=families)
        version = self._version(
            store, tensors, cut=cut, epochs=epochs, losses=(str(held), str(checked))
        )
        s.meter.finish()
        return Trained(
            model=version,
            trace=store.files.put_bytes(trace_to_bytes(folds), suffix=".safetensors"),
            check=""
            if check is folds
            else store.files.put_bytes(trace_to_bytes(check), suffix=".safetensors"),
            best_epoch=float(folds.epochs[length.evaluation]),
            held_out_loss=held,
            train_loss=inside,
            too_long=s.all_rows.too_long,
            tokens=s.rows.tokens,
            tokens_per_s=round(speed, 1),
            notes=(
                *self._notes(check_length, check),
                *self._depth(folds, length, check, check_length),
            ),
        )

    def _plan(self, cut: int, fold_cut: int) -> None:
        s, epochs, k = self.session, self.recipe.epochs, self.session.folds
        layers = s.network.layers
        final = epochs * (1 - cut / layers) * ((k - 1) / k * (cut != fold_cut) + 1)
        folds = fold_cut / layers * 0.3 + epochs * (k - 1) * (1 - fold_cut / layers)
        s.meter.total = int(s.rows.tokens * (folds + final))

    def _folds(self, cut: int, *, read_runs: bool) -> Phase:
        held_out, measure = self.session.fold_masks()
        adapters = range(self.session.folds)
        return self._measured(
            "folds", cut, held_out, measure, adapters=adapters, read_runs=read_runs
        )

    def _check(self, cut: int) -> Phase:
        s = self.session
        held_out = (s.fold == 0)[None]
        measure = held_out | (s.fold == s.folds - 1)[None]
        return self._measured("check", cut, held_out, measure, adapters=(0,), read_runs=True)

    def _measured(
        self,
        phase: str,
        cut: int,
        held_out: NDArray[np.bool_],
        measure: NDArray[np.bool_],
        *,
        adapters: Any,
        read_runs: bool,
    ) -> Phase:
        s, recipe = self.session, self.recipe
        rule = s.held_out(held_out)
        job = s.job(cut, train=~held_out, measure=measure, adapters=adapters)
        stop = stop_rule(rule, patience=recipe.patience)
        prior = Checkpoint(s.work / "prior.safetensors")

        def read(reading: Any) -> None:
            if (
                phase == "folds" and reading.epoch and prior.load() is None
            ):  # EARLY: the first after training began
                prior.save({"losses": s.prior(job, held_out)}, {"epoch": reading.epoch})

        done = s.run(phase, job, epochs=recipe.epochs, stop=stop, held_out=held_out, read=read)
        self._worked += done.tokens * (1 - cut / s.network.layers)
        runs = job.longest_runs(measure) if read_runs else None
        kept = prior.load()
        self._prior = kept and kept[0]["losses"]
        return (
            s.trace(done.readings, held_out),
            choose_length([r.losses for r in done.readings], rule),
            runs,
        )

    def _final(self, cut: int, epochs: int) -> tuple[Mapping[str, NDArray[np.float32]], float]:
        s = self.session
        if self.place:
            done, self.how = train_final(s, self.place, cut=cut, epochs=epochs), how(self.place)
            bank = done.bank
        else:
            everything = np.ones((1, len(s.rows.rows)), np.bool_)
            job = s.job(cut, train=everything, measure=~everything, adapters=(0,))
            done, bank = s.run("final", job, epochs=epochs), job.bank
        self._worked += done.tokens * (1 - cut / s.network.layers)
        self.findings += self._forgetting(cut, bank.values)
        return bank.tensors(0), done.tokens_per_s

    def _forgetting(self, cut: int, values: Any) -> list[Finding]:
        s = self.session
        rows = general_rows(s.tokenizer, work=self._worked)
        losses = general_losses(s.network, rows, self.recipe, cut, values, weights=s.weights.digest)
        scores = run_tasks(s.network, s.tokenizer, self.recipe, cut, values, self.tasks)
        return [forgetting(losses, rows, work=self._worked), *map(task_finding, scores)]

    def _version(
        self, store: Store, tensors: Any, *, cut: int, epochs: int, losses: tuple[str, str]
    ) -> ModelVersion:
        s = self.session
        final = self.recipe.model_copy(update={"epochs": epochs})
        facts = {
            "dataset": self.dataset,
            "split": self.split,
            "rows trained on": str(len(s.rows.rows)),
            "tokens": str(s.rows.tokens),
            "folds": str(s.folds),
            "held-out loss of the folds (nats a token)": losses[0],
            "held-out loss of the check run": losses[1],
            "final run": self.how,
        }
        card = model_card(
            base=s.weights.name, recipe=final, facts=facts, findings=self.findings, task=self.about
        )
        layers = None if cut == 0 else range(cut, s.network.layers)
        adapter = store.files.put_folder(
            peft_files(
                tensors,
                recipe=final,
                base=s.weights.name,
                layers=layers,
                card=card,
                transposed=s.network.transposed,
            )
        )
        return ModelVersion(
            id=adapter[:12],
            base=s.weights.name,
            adapter=adapter,
            recipe=final,
            dataset=self.dataset,
            split=self.split,
            trained_on=len(s.rows.rows),
        )

    def _notes(self, length: Length, check: FoldTrace) -> tuple[str, ...]:
        s, notes = self.session, []
        if self.place:
            notes.append(f"The final adapter was trained by {self.how}.")
        if len(s.rows.rows) < len(s.all_rows.rows):
            notes.append(
                f"train.max_train_tokens = {self.recipe.max_train_tokens}: {len(s.rows.rows)} of "
                f"{len(s.all_rows.rows)} rows were drawn by seed."
            )
        if self.recipe.noise and (cut := s.cut(self.recipe.fold_layers)):
            final = s.cut(self.recipe.layers)
            at = f"the states before layer {final}" if final else "the embeddings"
            notes.append(
                f"Noise was laid on the states before layer {cut} in the folds, on {at} in the final."
            )
        if not s.network.cuts:
            notes.append(
                "The layers of this model cannot be cut: the folds were trained at full depth too."
            )
        if length.evaluation != length.best:
            notes.append(
                f"Trained for {check.epochs[length.evaluation]:g} epochs: epoch {check.epochs[length.best]:g} is not "
                "measurably better on held-out rows (within one standard error)."
            )
        return tuple(notes)

    def _depth(
        self, folds: FoldTrace, length: Length, check: FoldTrace, check_length: Length
    ) -> tuple[str, ...]:
        """What the depth of the final adapter buys over the folds' depth, on the rows of fold 0."""
        if check is folds:
            return ()
        s, share = self.session, self.recipe.fold_layers
        rule = s.held_out((s.fold == 0)[None])
        lost = rule.change(
            check.losses[check_length.evaluation][:1], folds.losses[length.evaluation][:1]
        )
        carried = [s.network.layers - s.cut(x) for x in (self.recipe.layers, share)]
        return (depth(lost, share=share, faster=carried[0] / carried[1]),)
