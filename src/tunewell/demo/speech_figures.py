"""What the models of the speech demo heard, and how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewell.metrics.speech import SpeechScores, Transcript, score_speech
from tunewell.plurals import per_cent
from tunewell.types import Estimate, Example, Prediction, Unscored

DICTATION = "dictation"
GENERAL = "general"

Figure = Estimate | Unscored


@dataclass(frozen=True)
class HeardArm:
    """One model on the recordings of the test.

    Attributes:
        name: What it is called.
        about: How it was made.
        heard: Id of a row to what the model wrote down.
        dictated: On dictations by new voices.
        general: On read sentences of real people.
        silent: On recordings without speech.
        verdict: Of its gates, in words; empty for the base model.
        real_time_factor: Seconds of work per second of sound; None where it was not measured.
    """

    name: str
    about: str
    heard: Mapping[str, str]
    dictated: SpeechScores
    general: SpeechScores
    silent: SpeechScores
    verdict: str = ""
    real_time_factor: Figure | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """Title to figure, in the order of a table."""
        found: dict[str, Figure] = {
            "errors per word, new voices": self.dictated.word_errors,
            "listed terms heard": self.dictated.terms,
            "never-trained terms heard": self.dictated.new_terms,
            "words where nobody speaks": self.silent.words_on_no_speech,
            "errors per word, general speech": self.general.word_errors,
        }
        if self.real_time_factor is not None:
            found["seconds of processing per second of audio"] = self.real_time_factor
        return found


@dataclass(frozen=True)
class HeardTest:
    """The recordings of the test.

    Attributes:
        rows: The rows.
        trained: Transcripts of the training rows.
        terms: Listed terms.
    """

    rows: Sequence[Example]
    trained: Sequence[str]
    terms: Sequence[str]

    def arm(
        self,
        name: str,
        about: str,
        said: Sequence[Prediction],
        *,
        verdict: str = "",
        real_time_factor: Figure | None = None,
    ) -> HeardArm:
        """A model, by what it wrote down."""
        heard = {each.example: each.text for each in said}
        return HeardArm(
            name=name,
            about=about,
            heard=heard,
            dictated=self._scores(heard, DICTATION),
            general=self._scores(heard, GENERAL),
            silent=self._scores(heard, "no-speech"),
            verdict=verdict,
            real_time_factor=real_time_factor,
        )

    def _scores(self, heard: Mapping[str, str], kind: str) -> SpeechScores:
        transcripts = []
        for row in self.rows:
            if row.kind == kind:
                words = heard.get(row.id, "")
                transcripts.append(Transcript(row.target, words, speaker=row.group))
        return score_speech(transcripts, terms=self.terms, trained=self.trained)


def shown_figure(figure: Figure) -> str:
    """A share in percent, or seconds per second, with its interval; or why there is none.

    Example:
        >>> shown_figure(Unscored(reason="no rows"))
        'unchecked: no rows'
    """
    if isinstance(figure, Unscored):
        return f"unchecked: {figure.reason}"
    if figure.unit == "s/s":
        return f"{figure}, n = {figure.n}"
    low, high = per_cent(figure.low, 1), per_cent(figure.high, 1)
    return f"{per_cent(figure.value, 1)} [{low}, {high}], n = {figure.n}"
