"""The phases of a training on recordings: as of text, and what only a model that hears shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tunewell.store import Store
from tunewell.train.phases import PhaseResult, TrainingOrder, TrainingPhases
from tunewell.train.session import TrainingSession
from tunewell.train.speech.findings import heard_forgetting, heard_plumbing
from tunewell.train.speech.session import SpeechSession
from tunewell.train.speech.word_errors import HeardErrors, heard_errors
from tunewell.types import Finding

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job


class SpeechPhases(TrainingPhases):
    """The phases of one run on rows that are heard; see `TrainingPhases`.

    Args:
        session: A `SpeechSession`.
        order: What it is of.
        store: Where results go.
    """

    def __init__(self, session: TrainingSession, order: TrainingOrder, store: Store) -> None:
        super().__init__(session, order, store)
        assert isinstance(session, SpeechSession)
        self._heard = session
        self._own: HeardErrors | None = None
        self._general: HeardErrors | None = None

    def _trained(self, phase: str, job: Job) -> None:
        """After the folds: what each writes down of the recordings that it has not learned."""
        if phase != "folds":
            return
        session = self._heard
        self._own = heard_errors(session.row_examples, session.fold, job.adapted, session.speech)
        self._general = heard_errors(
            session.general, session.general_folds, job.adapted, session.speech
        )

    def _plumbing(self) -> Finding:
        session = self._heard
        return heard_plumbing(
            session.examples, session.all_rows, session.speech, limit=self.recipe.max_tokens
        )

    def _forgetting(self, adapted: Adapted) -> list[Finding]:
        assert self._general is not None
        return [heard_forgetting(self._general)]

    def _facts(self) -> Mapping[str, str]:
        errors = self._own
        if errors is None or errors.is_empty:
            return {}
        return {
            "errors per word, base": str(errors.rate(errors.before)),
            "errors per word, folds, on recordings that they have not learned": str(
                errors.rate(errors.after)
            ),
        }

    def _notes(self, check: PhaseResult) -> Iterator[str]:
        yield from super()._notes(check)
        errors = self._own
        if errors is None or errors.is_empty:
            return
        folds = ", ".join(f"{100 * rate:.1f} %" for rate in errors.by_fold)
        yield (
            f"Errors per word on {len(errors.words)} recordings that the fold has not learned: "
            f"{errors.rate(errors.after)} after training, {errors.rate(errors.before)} before "
            f"(by fold: {folds})."
        )
