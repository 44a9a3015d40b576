"""A training session of rows that are heard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewell.model.base import Progress
from tunewell.model.speech.whisper import SpeechModel
from tunewell.store import Store
from tunewell.train.arrays import Floats, Ints, Mask
from tunewell.train.diagnose.target_prior import other_rows
from tunewell.train.lora.rows import Rows, TrainRow
from tunewell.train.masks import Masks
from tunewell.train.session import OnPoint, TrainingSession, fold_of
from tunewell.train.speech.decoder import WhisperDecoder
from tunewell.train.speech.heard_rows import HeardStates, encode_heard
from tunewell.types import Dataset, Example, Recipe, Split

if TYPE_CHECKING:
    from tunewell.train.lora.adapted import Adapted

LOAD_SPEECH = (
    "from peft import PeftModel",
    'model = PeftModel.from_pretrained(whisper, "path/of/this/folder")',
    "# Where nobody speaks the transcript is empty, which transformers forbids unless it is told:",
    "model.generation_config.begin_suppress_tokens = None",
)


class SpeechSession(TrainingSession):
    """Rows that are heard, and the Whisper model to train on them.

    Args:
        dataset: The rows.
        split: Where they go.
        recipe: Base, limits, seed.
        speech: The base.
        store: Of the project.
        work: Folder of this run's checkpoints.
        progress: Called with (done, total).
        live: Called at every evaluation.

    Attributes:
        speech: The base: encodes recordings, and writes down what is said.
        general: Rows of ``train.replay_kinds``, which are mixed in and measured for forgetting.

    Raises:
        DataError: A fold has no row that can be trained on.
    """

    asked = "with its own recording than with another row's"
    loading = LOAD_SPEECH

    def __init__(
        self,
        dataset: Dataset,
        split: Split,
        recipe: Recipe,
        speech: SpeechModel,
        store: Store,
        work: Path,
        *,
        progress: Progress | None = None,
        live: OnPoint | None = None,
    ) -> None:
        self.speech = speech
        self.general: list[Example] = []
        super().__init__(
            dataset, split, recipe, speech.weights, store, work, progress=progress, live=live
        )
        places = {a.id: a for a in split.assignments}
        self.general_rows = encode_heard(self.general, self.speech).rows
        used = {row.id for row in self.general_rows}
        self.general = [e for e in self.general if e.id in used]
        folds = [fold_of(places[row.id]) for row in self.general_rows]
        self.general_folds: Ints = np.asarray(folds, np.int64)
        self._kept: HeardStates | None = None

    def free(self) -> None:
        """Give the memory of keys and values back."""
        self._kept = None
        self.speech.encoded.trim()
        super().free()

    @property
    def target_examples(self) -> list[Example]:
        """As `row_examples`: a transcript is one target, also an empty one."""
        return self.row_examples

    def _to_learn(self, examples: list[Example]) -> list[Example]:
        kinds = set(self.recipe.replay_kinds)
        self.general = [e for e in examples if e.kind in kinds]
        return [e for e in examples if e.kind not in kinds]

    def _encoded(self) -> Rows:
        return encode_heard(self.examples, self.speech, max_tokens=self.recipe.max_tokens)

    def _load_network(self) -> WhisperDecoder:
        return WhisperDecoder(self.speech.network)

    def _replayed(self, recipe: Recipe) -> tuple[TrainRow, ...]:
        return self.general_rows if recipe.replay else ()

    def _may_replay(self, masks: Masks) -> Mask | None:
        """An adapter never hears a general row of a fold that it leaves out."""
        if not self.recipe.replay:
            return None
        allowed = np.ones((len(masks.train), len(self.general_rows)), np.bool_)
        for fold in range(self.folds):
            leaves_out = masks.held_out[:, self.fold == fold].any(1)
            allowed[np.ix_(leaves_out, self.general_folds == fold)] = False
        return allowed

    def _states(self, cut: int, general: tuple[TrainRow, ...]) -> HeardStates:
        return self.states_of([*self.rows.rows, *general])

    def states_of(self, rows: list[TrainRow]) -> HeardStates:
        """What rows are trained on; keys and values are shared by all that ask."""
        network = self.network
        assert isinstance(network, WhisperDecoder)
        if self._kept is None:
            self._kept = HeardStates(network, (), self.speech)
        return self._kept.of(rows)

    def prior(self, adapted: Adapted, held_out: Mask) -> Floats:
        """Loss of every transcript with the recording of another row, under adapters as they are.

        Each is measured by the adapters that never saw it.
        """
        rows = self.rows.rows
        others = other_rows([e.target for e in self.row_examples], seed=self.recipe.seed)
        swapped = [
            TrainRow(row.id, row.ids, row.start, clip=rows[other].clip)
            for row, other in zip(rows, others.tolist(), strict=True)
        ]
        losses = adapted.measure(swapped, which=held_out, states=self.states_of(swapped))
        total = np.where(held_out, losses, 0).astype(np.float64).sum(0)
        return np.asarray(total / np.maximum(held_out.sum(0), 1))
