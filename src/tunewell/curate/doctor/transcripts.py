"""Transcripts that do not fit their recordings (D10), where a model that hears is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tunewell.checks.language import certain_language, language_shares
from tunewell.curate.doctor.case import Case
from tunewell.curate.doctor.findings import unchecked
from tunewell.curate.rows import InputRow
from tunewell.errors import MissingExtraError, ModelError
from tunewell.model.base import Model
from tunewell.model.speech.weights import SPEECH_DEFAULT, package_folder
from tunewell.plurals import plural
from tunewell.types import Finding

MOST: Final = 40
"""Recordings that are listened to, drawn evenly: two or three seconds each on a slow processor."""

_LANGUAGE_FROM: Final = 200
"""Transcripts by which the language is told."""


def transcripts(case: Case, otherwise: str) -> Finding:
    """Rows that are heard whose transcript is in doubt, among `MOST` of them.

    Args:
        case: The rows.
        otherwise: Why nothing is checked where no row is heard.
    """
    heard = [row for row in case.rows if row.clip and row.target]
    if not heard:
        return unchecked("D10", otherwise)
    language = _language(heard)
    if language not in ("", "en"):
        why = f"{SPEECH_DEFAULT} knows English alone, and the transcripts are in '{language}'"
        return unchecked("D10", why)
    from tunewell.curate.wrong_transcripts import wrong_transcripts

    drawn = [heard[each * len(heard) // MOST] for each in range(MOST)]
    drawn = heard if len(heard) <= MOST else drawn
    found = wrong_transcripts(_model(case), [row.example() for row in drawn])
    names = {row.id: case.name(row) for row in drawn}
    doubtful = [row for row in drawn if row.id in found.rows]
    case.show("D10", doubtful)
    why = found.why
    if len(drawn) < len(heard):
        why += f" Listened to {len(drawn)} of {plural(len(heard), 'row')}, drawn evenly."
    rows = tuple(names[id] for id in found.rows)
    return found.model_copy(update={"stage": "doctor", "why": why, "rows": rows})


def _language(rows: Sequence[InputRow]) -> str:
    """That of the transcripts; empty where it is not certain."""
    words = " ".join(row.target for row in rows[:_LANGUAGE_FROM])
    return certain_language(language_shares(words))


def _model(case: Case) -> Model | None:
    """The embedded model that hears; None where it is not installed."""
    if package_folder() is None:
        return None
    try:
        from tunewell.model.speech.whisper import SpeechModel

        return SpeechModel(clips=case.batch.clips.paths.__getitem__)
    except (ModelError, MissingExtraError):
        return None
