"""What models write down of recordings that they have not learned, held against what is said."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tunewell.metrics.speech import word_errors
from tunewell.stats import difference, mean
from tunewell.stats.ratios import FEWEST_CLUSTERS, linearised, ratio, ratio_change
from tunewell.train.arrays import Ints
from tunewell.train.export.peft import peft_files
from tunewell.types import Estimate, Example

if TYPE_CHECKING:
    from tunewell.model.speech.whisper import SpeechModel
    from tunewell.train.lora.adapted import Adapted

UNIT = "errors/word"

MOST: Final = 60
"""Recordings that are written down, drawn evenly: a second each, twice, on a slow processor."""


@dataclass(frozen=True, eq=False)
class HeardErrors:
    """Errors in the transcripts of some rows, before and after training.

    Attributes:
        before: Of the base, shape (rows,).
        after: Of adapters that have not learned the row, shape (rows,).
        words: That were said, shape (rows,).
        speakers: Of each row.
        folds: Of each row.
    """

    before: Ints
    after: Ints
    words: Ints
    speakers: tuple[str, ...]
    folds: Ints

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return not self.words.sum()

    def rate(self, errors: Ints) -> Estimate:
        """Errors per word over all words, by speaker."""
        if self._are_few:
            found = mean(linearised(errors, self.words), clusters=self.speakers)
            return found.model_copy(update={"low": max(0.0, found.low), "unit": UNIT})
        return ratio(errors, self.words, clusters=self.speakers, unit=UNIT)

    @property
    def _are_few(self) -> bool:
        """Whether there are fewer speakers than tell how much they differ."""
        spoken = {s for s, words in zip(self.speakers, self.words, strict=True) if words}
        return len(spoken) < FEWEST_CLUSTERS

    @property
    def change(self) -> Estimate:
        """Errors per word that training adds."""
        if not self._are_few:
            return ratio_change(
                self.before, self.after, self.words, clusters=self.speakers, unit=UNIT
            )
        found = difference(
            linearised(self.after, self.words),
            linearised(self.before, self.words),
            paired=True,
            clusters=self.speakers,
        )
        return found.model_copy(update={"unit": UNIT})

    @property
    def by_fold(self) -> tuple[float, ...]:
        """Errors per word of each fold in which words are said."""
        found = []
        for fold in np.unique(self.folds):
            own = self.folds == fold
            if self.words[own].sum():
                found.append(float(self.after[own].sum() / self.words[own].sum()))
        return tuple(found)


def heard_errors(
    rows: Sequence[Example],
    folds: Ints,
    adapted: Adapted,
    speech: SpeechModel,
    *,
    language: str = "en",
) -> HeardErrors:
    """Let the base, and the adapter that has not learned a row, write down what is said in it.

    Of more than `MOST` rows so many are drawn, every fold in its share.

    Args:
        rows: That are heard; those in which nobody speaks are left out.
        folds: Fold of each row, shape (rows,): the number of the adapter that has not learned it.
        adapted: An adapter for each fold.
        speech: The base.
        language: By whose rules words are compared.
    """
    spoken = _drawn([place for place in np.argsort(folds, kind="stable") if rows[place].target])
    own = [rows[place] for place in spoken]
    fold = folds[spoken]
    heard_after = np.empty(len(own), object)
    with tempfile.TemporaryDirectory() as folder:
        for number in np.unique(fold).tolist():
            which = np.flatnonzero(fold == number)
            tuned = speech.with_adapter(_written(adapted, number, Path(folder) / str(number)))
            heard_after[which] = _transcripts(tuned, [own[place] for place in which])
    counts = [
        word_errors(row.target, text, language=language)
        for row, text in zip(own, heard_after, strict=True)
    ]
    before = [
        word_errors(row.target, text, language=language).errors
        for row, text in zip(own, _transcripts(speech, own), strict=True)
    ]
    return HeardErrors(
        before=np.asarray(before, np.int64),
        after=np.asarray([count.errors for count in counts], np.int64),
        words=np.asarray([count.length for count in counts], np.int64),
        speakers=tuple(row.group or row.id for row in own),
        folds=fold,
    )


def _drawn(places: list[int]) -> list[int]:
    """At most `MOST` of places, at even distances."""
    count = min(MOST, len(places))
    return [places[each * len(places) // count] for each in range(count)]


def _transcripts(model: SpeechModel, rows: Sequence[Example]) -> list[str]:
    return [made.text for made in model.transcribe([row.audio[-1] for row in rows])]


def _written(adapted: Adapted, place: int, folder: Path) -> Path:
    """One of several adapters as a PEFT folder."""
    network, recipe = adapted.network, adapted.recipe
    number = adapted.bank.adapters[place]
    one = type(adapted).begin(network, recipe, cut=adapted.cut, adapters=(number,))
    one.bank.put(0, adapted.bank.tensors(place))
    folder.mkdir()
    for name, data in peft_files(one, base="", card="").items():
        (folder / name).write_bytes(data)
    return folder
