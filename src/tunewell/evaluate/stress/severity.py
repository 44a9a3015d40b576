"""Severity curves: word errors of rows that are heard, as their recordings get worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewell.evaluate.stress.recordings import HEARD_KINDS, NO_SPEECH, STEPS, HeardKind
from tunewell.evaluate.stress.result import SeverityCurve, SeverityStep
from tunewell.metrics.speech import ErrorCount, word_errors
from tunewell.stats import proportion
from tunewell.stats.ratios import FEWEST_CLUSTERS, ratio, ratio_change
from tunewell.types import Estimate, Example, Prediction, Unscored

UNIT = "errors/word"


@dataclass(frozen=True)
class HeardAnswers:
    """What a model heard in rows as they are and changed.

    Attributes:
        rows: The clean rows.
        family: Id of a clean row to its family, such as the speaker.
        predictions: Of clean and changed rows, by id.
        language: ISO 639-1, as in `tunewell.metrics.spoken_words`.
        level: Of the intervals.
    """

    rows: Sequence[Example]
    family: Mapping[str, str]
    predictions: Mapping[str, Prediction]
    language: str = "en"
    level: float = 0.95

    def curves(self, changed: Mapping[str, Mapping[str, Example]]) -> tuple[SeverityCurve, ...]:
        """A curve for every kind of stress.

        Args:
            changed: Name of a step to clean row to changed row.
        """
        found = []
        for kind in HEARD_KINDS.values():
            steps = [self._step(name, changed[name]) for name in _steps_of(kind) if name in changed]
            if steps:
                found.append(self._curve(kind, steps))
        return tuple(found)

    def _curve(self, kind: HeardKind, steps: Sequence[SeverityStep]) -> SeverityCurve:
        spoken = [row for row in self.rows if row.audio and row.kind != NO_SPEECH]
        return SeverityCurve(
            kind=kind.name,
            about=kind.about,
            unit=kind.unit,
            clean=self._rate(spoken, spoken),
            steps=tuple(steps),
        )

    def _step(self, name: str, changed: Mapping[str, Example]) -> SeverityStep:
        kind, strength = STEPS[name]
        clean = [row for row in self.rows if row.id in changed]
        stressed = [changed[row.id] for row in clean]
        if kind.name == NO_SPEECH:
            words = self._heard_words(stressed)
            increase: Estimate | Unscored = Unscored(reason="nobody speaks")
        else:
            words = self._rate(clean, stressed)
            increase = self._increase(clean, stressed)
        return SeverityStep(
            step=name,
            strength=strength,
            rows=len(clean),
            word_errors=words,
            increase=increase,
        )

    def _rate(self, clean: Sequence[Example], heard: Sequence[Example]) -> Estimate | Unscored:
        speakers = [self.family[row.id] for row in clean]
        too_few = _too_few(speakers)
        if too_few:
            return too_few
        counts = [self._count(row) for row in heard]
        errors = [count.errors for count in counts]
        words = [count.length for count in counts]
        return ratio(errors, words, clusters=speakers, level=self.level, unit=UNIT)

    def _increase(
        self, clean: Sequence[Example], stressed: Sequence[Example]
    ) -> Estimate | Unscored:
        speakers = [self.family[row.id] for row in clean]
        too_few = _too_few(speakers)
        if too_few:
            return too_few
        before = [self._count(row) for row in clean]
        after = [self._count(row) for row in stressed]
        return ratio_change(
            [count.errors for count in before],
            [count.errors for count in after],
            [count.length for count in before],
            clusters=speakers,
            level=self.level,
            unit=UNIT,
        )

    def _count(self, row: Example) -> ErrorCount:
        heard = self.predictions[row.id].text
        return word_errors(row.target, heard, language=self.language)

    def _heard_words(self, rows: Sequence[Example]) -> Estimate | Unscored:
        """Share of recordings without speech in which words were heard."""
        if not rows:
            return Unscored(reason="no rows")
        hit = sum(self._count(row).errors > 0 for row in rows)
        return proportion(hit, len(rows), level=self.level)


def _steps_of(kind: HeardKind) -> list[str]:
    return [kind.step(strength) for strength in kind.strengths]


def _too_few(speakers: Sequence[str]) -> Unscored | None:
    several = len(set(speakers))
    if several >= FEWEST_CLUSTERS:
        return None
    return Unscored(
        reason=f"{several} speakers are too few for an interval; {FEWEST_CLUSTERS} are needed"
    )
