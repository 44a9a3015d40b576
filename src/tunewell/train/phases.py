"""The phases of a training: folds, a check at full depth, the final adapter, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunewell.store import Store
from tunewell.store.traces import trace_to_bytes
from tunewell.train.arrays import Floats, Singles
from tunewell.train.diagnose.depth import depth
from tunewell.train.diagnose.fragility import fragility
from tunewell.train.diagnose.label_errors import EARLY, label_errors
from tunewell.train.diagnose.losses import loss_estimate
from tunewell.train.diagnose.memorisation import memorisation
from tunewell.train.diagnose.overfitting import overfitting
from tunewell.train.diagnose.plumbing import plumbing
from tunewell.train.diagnose.stopping import Length, choose_length, stop_rule
from tunewell.train.distributed.run import Place, how, train_final
from tunewell.train.export.peft import model_card, peft_files
from tunewell.train.forgetting.finding import forgetting
from tunewell.train.forgetting.general_rows import general_rows
from tunewell.train.forgetting.losses import general_losses
from tunewell.train.forgetting.tasks import Harness, run_tasks, task_finding
from tunewell.train.masks import Masks
from tunewell.train.session import FORWARD_ONLY, TrainingSession
from tunewell.types import Estimate, Finding, FoldTrace, ModelVersion, Recipe, Trained

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.run import LossReading


@dataclass(frozen=True)
class TrainingOrder:
    """What a training is of, and how its final run goes.

    Attributes:
        about: What the model is for, in words.
        dataset: Id of the dataset.
        split: Digest of the split.
        place: Where TRL trains the final adapter; None if we do.
        tasks: Of lm-eval, run before and after.
    """

    about: str
    dataset: str
    split: str
    place: Place | None
    tasks: Harness


@dataclass(frozen=True, eq=False)
class _Trial:
    """A phase to come: its name, where it measures (in words), its first layer, its rows."""

    name: str
    scope: str
    cut: int
    masks: Masks


@dataclass(frozen=True, eq=False)
class PhaseResult:
    """What a phase of trainings gave.

    Attributes:
        trace: Its losses.
        length: The length chosen by them.
        scope: Where it was measured, in words.
        runs: Longest runs at its end, for `regurgitation`; None where they were not looked for.
        prior: Losses of the targets without their inputs; None where they were not measured.
    """

    trace: FoldTrace
    length: Length
    scope: str
    runs: Singles | None
    prior: Floats | None

    @property
    def losses(self) -> Singles:
        """At the chosen length."""
        return self.trace.losses[self.length.evaluation]

    @property
    def epochs(self) -> float:
        """The chosen length."""
        return float(self.trace.epochs[self.length.evaluation])

    def artifact(self, store: Store) -> str:
        """The trace, kept in the store."""
        return store.files.put_bytes(trace_to_bytes(self.trace), suffix=".safetensors")


class TrainingPhases:
    """The phases of one run; see `go`.

    Args:
        session: Rows, base, checkpoints.
        order: What it is of.
        store: Where results go.
    """

    def __init__(
        self,
        session: TrainingSession,
        order: TrainingOrder,
        store: Store,
    ) -> None:
        self.session = session
        self.recipe: Recipe = session.recipe
        self.order = order
        self.store = store
        self.findings: list[Finding] = []
        self._how = "Tunewell, one process"
        self._worked = 0.0  # tokens trained on, weighted by the share of layers

    def go(self) -> Trained:
        """All of it."""
        session, store = self.session, self.store
        cut, fold_cut = session.cut(self.recipe.layers), session.cut(self.recipe.fold_layers)
        self._plan(cut, fold_cut)
        folds = self._folds(fold_cut, read_runs=cut == fold_cut)
        check = folds if cut == fold_cut else self._check(cut)
        self._diagnose(folds, check)

        adapted, speed = self._final(cut, round(check.epochs))
        held = self._loss(folds, held_out=True)
        facts = {
            "held-out loss of the folds (nats a token)": str(held),
            "held-out loss of the check run": str(self._loss(check, held_out=True)),
        }
        version = self._version(adapted, epochs=round(check.epochs), losses=facts)
        session.meter.finish()
        return Trained(
            model=version,
            trace=folds.artifact(store),
            check="" if check is folds else check.artifact(store),
            best_epoch=folds.epochs,
            held_out_loss=held,
            train_loss=self._loss(folds, held_out=False),
            too_long=session.all_rows.too_long,
            tokens=session.rows.tokens,
            tokens_per_s=round(speed, 1),
            notes=(*self._notes(check), *self._depth(folds, check)),
        )

    def _plan(self, cut: int, fold_cut: int) -> None:
        """Tell the meter how much work there is."""
        epochs, folds = self.recipe.epochs, self.session.folds
        layers = self.session.network.layers
        adapted = 1 - cut / layers
        fold_adapted = 1 - fold_cut / layers

        fill_cache = FORWARD_ONLY * (1 - fold_adapted)
        train_folds = epochs * (folds - 1) * fold_adapted
        train_final = epochs * adapted
        # The folds are shallower than the final adapter: its length is checked at its own depth.
        needs_check = cut != fold_cut
        train_check = train_final * (folds - 1) / folds if needs_check else 0.0

        work = fill_cache + train_folds + train_final + train_check
        self.session.meter.total = int(self.session.rows.tokens * work)

    # --- the phases -------------------------------------------------------------------------------

    def _folds(self, cut: int, *, read_runs: bool) -> PhaseResult:
        """All folds side by side, at their own depth."""
        session = self.session
        kept = session.checkpoint("prior")
        masks = session.fold_masks()

        def read(adapted: Adapted, reading: LossReading) -> None:
            # EARLY: the first after training began.
            if reading.epoch and kept.load() is None:
                prior = session.prior(adapted, masks.held_out)
                kept.save({"losses": prior}, {"epoch": reading.epoch})

        phase = self._measured(
            _Trial("folds", "over all folds", cut, masks),
            read=read,
            read_runs=read_runs,
        )
        found = kept.load()
        return replace(phase, prior=found[0]["losses"] if found else None)

    def _check(self, cut: int) -> PhaseResult:
        """One adapter without fold 0, at the depth of the final one."""
        session = self.session
        seen = (session.fold == session.folds - 1)[None]
        masks = session.leaving_out(session.first_fold(), also=seen)
        trial = _Trial("check", "at full depth on fold 0", cut, masks)
        return self._measured(trial, read_runs=True)

    def _measured(
        self,
        trial: _Trial,
        *,
        read_runs: bool,
        read: Callable[[Adapted, LossReading], None] | None = None,
    ) -> PhaseResult:
        """Train, measure, and choose the length."""
        session, masks = self.session, trial.masks
        rule = session.held_out(masks.held_out)
        job = session.job(trial.cut, masks)

        def on_reading(reading: LossReading) -> None:
            if read is not None:
                read(job.adapted, reading)

        done = session.run(
            trial.name,
            job,
            masks,
            epochs=self.recipe.epochs,
            stop=stop_rule(rule, patience=self.recipe.patience),
            read=on_reading,
        )
        self._worked += done.tokens * job.adapted.adapted_share

        self._trained(trial.name, job)
        runs = None
        if read_runs:
            rows, states = job.own_rows, job.states
            runs = job.adapted.longest_runs(rows, which=masks.measure, states=states)
        return PhaseResult(
            trace=session.trace(done.readings, masks.held_out),
            length=choose_length([r.losses for r in done.readings], rule),
            scope=trial.scope,
            runs=runs,
            prior=None,
        )

    def _trained(self, phase: str, job: Job) -> None:
        """Look at the adapters of a phase as they are at its end."""

    def _final(self, cut: int, epochs: int) -> tuple[Adapted, float]:
        """The adapter that is shipped, and tokens per second."""
        session, place = self.session, self.order.place
        if place:
            done = train_final(session, place, cut=cut, epochs=epochs)
            adapted, tokens, speed = done.adapted, done.tokens, done.tokens_per_s
            self._how = how(place)
        else:
            masks = Masks.everything(len(session.rows.rows))
            job = session.job(cut, masks)
            result = session.run("final", job, masks, epochs=epochs)
            adapted, tokens, speed = job.adapted, result.tokens, result.tokens_per_s
        self._worked += tokens * adapted.adapted_share
        self.findings += self._forgetting(adapted)
        return adapted, speed

    # --- what they say ----------------------------------------------------------------------------

    @property
    def _families(self) -> Mapping[str, str]:
        return dict(zip(self.session.rows.names, self.session.families, strict=True))

    def _loss(self, phase: PhaseResult, *, held_out: bool) -> Estimate:
        return loss_estimate(
            phase.trace,
            phase.length.evaluation,
            held_out=held_out,
            families=self._families,
        )

    def _diagnose(self, folds: PhaseResult, check: PhaseResult) -> None:
        """Findings of the folds and of the check."""
        session, families = self.session, self._families
        chosen = check.length.evaluation
        self.findings += [
            self._plumbing(),
            overfitting(check.trace, chosen, families=families, scope=check.scope),
            memorisation(
                check.trace,
                chosen,
                families=families,
                scope=check.scope,
                runs=check.runs,
            ),
            label_errors(folds.trace, EARLY, prior=folds.prior, asked=session.asked),
        ]
        if session.folds > 2:
            self.findings.append(fragility(folds.trace, folds.length.evaluation))

    def _plumbing(self) -> Finding:
        """Whether the right thing is trained."""
        session = self.session
        return plumbing(
            session.examples,
            session.all_rows,
            session.tokenizer,
            limit=self.recipe.max_tokens,
        )

    def _forgetting(self, adapted: Adapted) -> list[Finding]:
        """General text, and the tasks that the recipe names."""
        session = self.session
        rows = general_rows(session.tokenizer, work=self._worked)
        losses = general_losses(adapted, rows, weights=session.weights.digest)
        scores = run_tasks(adapted, session.tokenizer, self.order.tasks)
        return [forgetting(losses, rows, work=self._worked), *map(task_finding, scores)]

    def _version(
        self,
        adapted: Adapted,
        *,
        epochs: int,
        losses: Mapping[str, str],
    ) -> ModelVersion:
        """The adapter as files, with its card."""
        session, order = self.session, self.order
        base = session.weights.name
        recipe = self.recipe.model_copy(update={"epochs": epochs})
        facts = {
            "dataset": order.dataset,
            "split": order.split,
            "rows trained on": str(len(session.rows.rows)),
            "tokens": str(session.rows.tokens),
            "folds": str(session.folds),
            **losses,
            **self._facts(),
            "final run": self._how,
        }
        card = model_card(
            base=base,
            recipe=recipe,
            facts=facts,
            findings=self.findings,
            task=order.about,
            loading=session.loading,
        )
        files = peft_files(adapted, base=base, card=card)
        folder = self.store.files.put_folder(files)
        return ModelVersion(
            id=folder[:12],
            base=base,
            adapter=folder,
            recipe=recipe,
            dataset=order.dataset,
            split=order.split,
            trained_on=len(session.rows.rows),
        )

    def _facts(self) -> Mapping[str, str]:
        """Further lines of the card."""
        return {}

    def _notes(self, check: PhaseResult) -> Iterator[str]:
        """What the user did not ask for and should know."""
        session, recipe = self.session, self.recipe
        if self.order.place:
            yield f"The final adapter was trained by {self._how}."
        yield from session.said
        used, encoded = len(session.rows.rows), len(session.all_rows.rows)
        if used < encoded:
            yield (
                f"train.max_train_tokens = {recipe.max_train_tokens}: {used} of {encoded} rows "
                "were drawn by seed."
            )
        cut, fold_cut = session.cut(recipe.layers), session.cut(recipe.fold_layers)
        if recipe.noise and fold_cut:
            final = f"the states before layer {cut}" if cut else "the embeddings"
            yield (
                f"Noise was added to the states before layer {fold_cut} in the folds, on {final} "
                "in the final."
            )
        if not session.network.cuts and not session.network.part:
            yield (
                "The layers of this model cannot be cut: the folds were trained at full depth too."
            )
        length = check.length
        if length.evaluation != length.best:
            best = check.trace.epochs[length.best]
            yield (
                f"Trained for {check.epochs:g} epochs: epoch {best:g} is not measurably better on "
                "held-out rows (within one standard error)."
            )

    def _depth(self, folds: PhaseResult, check: PhaseResult) -> Iterator[str]:
        """What the depth of the final adapter buys over the folds', on the rows of fold 0."""
        if check is folds:
            return
        session, recipe = self.session, self.recipe
        rule = session.held_out(session.first_fold())
        lost = rule.change(check.losses[:1], folds.losses[:1])
        layers = session.network.layers
        final_layers = layers - session.cut(recipe.layers)
        fold_layers = layers - session.cut(recipe.fold_layers)
        yield depth(lost, share=recipe.fold_layers, faster=final_layers / fold_layers)
