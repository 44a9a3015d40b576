"""Rows that are heard: a recording, and the words that are said in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunewell.curate.reading.clips import ClipFinder, Part
from tunewell.curate.reading.columns import Columns, Misfit, structure
from tunewell.curate.reading.media_columns import is_recording
from tunewell.curate.reading.row_fields import as_text
from tunewell.task import FieldMap
from tunewell.types import Message

RECORDINGS = (
    "audio",
    "audio_filepath",
    "audio_path",
    "audio_file",
    "file_name",
    "filename",
    "path",
    "file",
    "wav",
    "wav_path",
    "wav_filename",
    "clip",
    "speech",
    "recording",
)
"""Columns of the recording, if their value is one; the surest first."""

TRANSCRIPTS = (
    "transcription",
    "transcript",
    "sentence",
    "text",
    "normalized_text",
    "normalized_transcription",
    "raw_transcription",
    "raw_text",
    "words",
)
"""Columns of what is said; the surest first."""

SPEAKERS = ("speaker", "speaker_id", "client_id", "spk_id", "spk", "reader_id", "reader", "voice")
"""Columns that say who speaks."""

_TAGS = {
    "accent": ("accent", "accents", "dialect"),
    "device": ("device", "microphone", "mic"),
    "site": ("site", "hospital", "clinic", "ward", "location"),
}
"""Tags of a row that is heard, and the columns that may hold them."""


@dataclass(frozen=True)
class HeardRow:
    """What a record says of a recording.

    Attributes:
        messages: The recording, then what is said in it.
        speaker: Who speaks; empty if nothing says it.
        tags: Accent, device and site, and the recording that a part was cut from.
    """

    messages: list[Message]
    speaker: str
    tags: dict[str, str]


@dataclass(frozen=True)
class HeardColumns:
    """Which columns of a record hold a recording and its words.

    Attributes:
        recording: The column of the recording.
        transcript: The column of what is said.
    """

    recording: str
    transcript: str

    @classmethod
    def of(cls, record: Columns, fields: FieldMap) -> HeardColumns | None:
        """The columns of a record that is heard; None if it is not.

        A recording whose words stand nowhere is not: whoever reads the record says so.
        """
        recordings = (fields.input,) if fields.input else RECORDINGS
        for name in record.free(recordings):
            if is_recording(structure(record[name])):
                wanted = (fields.target,) if fields.target else TRANSCRIPTS
                words = record.first([each for each in wanted if each in record])
                return cls(name, words) if words else None
        return None

    def read(self, record: Columns, finder: ClipFinder) -> HeardRow:
        """The row of a record.

        Raises:
            Misfit: The recording is not there or cannot be read.
        """
        name = as_text(record.use(self.transcript, "transcript")).strip()
        value = structure(record.use(self.recording, "recording"))
        part = _part_of(record)
        digest = finder.read(value, part)
        tags = _tags_of(record)
        if not part.is_whole:
            tags["recording"] = as_text(value)
        return HeardRow(
            messages=[
                Message(role="user", content="", audio=digest),
                Message(role="assistant", content=name),
            ],
            speaker=as_text(record.take(SPEAKERS, "speaker")).strip(),
            tags=tags,
        )


def _tags_of(record: Columns) -> dict[str, str]:
    found = {}
    for tag, names in _TAGS.items():
        said = as_text(record.take(names, "tag")).strip()
        if said:
            found[tag] = said
    return found


def _part_of(record: Columns) -> Part:
    """Which part of the file a record speaks of, as NeMo's manifests say it.

    Raises:
        Misfit: Offset or duration is no number of seconds.
    """
    if not record.is_free("offset"):
        return Part()
    start = _seconds(record.use("offset", "offset"))
    return Part(start, _seconds(record.take(("duration",), "duration") or 0.0))


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise Misfit(
            f"a number of seconds is expected, got {as_text(value)[:40]!r}",
            "write offset and duration in seconds from 0, such as 12.5",
        )
    return seconds


def says_words(record: Mapping[str, Any]) -> bool:
    """Whether a record has a column of a transcript."""
    return any(name in record for name in TRANSCRIPTS)
