"""Files of speech corpora that are no tables: Kaldi's folders, and LJSpeech's list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tunewell.curate.reading.source_record import SourceRecord, nothing, rejected

_KALDI = frozenset(
    {
        *("wav.scp", "utt2spk", "spk2utt", "segments", "spk2gender", "utt2dur", "reco2dur"),
        *("utt2num_frames", "feats.scp", "cmvn.scp", "utt2lang", "vad.scp", "frame_shift"),
        *("utt2uniq", "spk2age", "reco2file_and_channel", "stm", "glm"),
    }
)
"""Files of a Kaldi folder that hold no words."""

_NOT_TRUSTED = frozenset(
    {
        *("invalidated.tsv", "other.tsv", "reported.tsv", "clip_durations.tsv"),
        *("validated_sentences.tsv", "unvalidated_sentences.tsv", "times.txt"),
    }
)
"""Lists of a Common Voice folder that hold no rows, or rows that people did not find right."""

BESIDE = ("", "clips", "wavs", "wav", "audio")
"""Folders beside a file of rows in which its recordings may lie."""

_LJ_LINE = re.compile(r"([^|\r\n]+)\|([^|\r\n]*)\|([^|\r\n]*)\r?\n?")

_HINT_SCP = "write the recordings to files and name those in wav.scp: a command is never run"


def is_kaldi_text(path: Path) -> bool:
    """Whether a file is the list of words of a Kaldi folder."""
    return path.name == "text" and (path.parent / "wav.scp").is_file()


def is_beside_speech(path: Path) -> bool:
    """Whether a file of a speech corpus says something about the rows of another one."""
    if path.name in _KALDI:
        return is_kaldi_text(path.parent / "text")
    return path.name in _NOT_TRUSTED and (path.parent / "clips").is_dir()


def is_ljspeech(path: Path, head: str) -> bool:
    """Whether a file is LJSpeech's list: an id, what is said, and the same spelt out.

    It has no header, so only the recording of its first line can prove it.
    """
    first = _LJ_LINE.match(head)
    if first is None:
        return False
    return (path.parent / "wavs" / f"{Path(first[1]).name}.wav").is_file()


def ljspeech(path: Path) -> Iterator[SourceRecord]:
    """A record for every line of LJSpeech's list; what is spelt out is what is said."""
    for number, raw, line in _lines(path):
        match = _LJ_LINE.fullmatch(line)
        if match is None:
            why = "a line of the list must be: id|what is written|what is said"
            yield rejected(number, why, line, size=len(raw), hint="fix the line")
            continue
        name, written, said = match.groups()
        value = {"audio": f"wavs/{name}.wav", "transcription": said or written}
        yield SourceRecord(number, value, own_id=name, size=len(raw))


def kaldi(path: Path) -> Iterator[SourceRecord]:
    """A record for every utterance of a Kaldi folder.

    Args:
        path: Its file ``text``.
    """
    folder = path.parent
    recordings = _mapping(folder / "wav.scp")
    speakers = _mapping(folder / "utt2spk")
    segments = _mapping(folder / "segments")
    for number, raw, line in _lines(path):
        name, _, words = line.strip().partition(" ")
        if not name:
            yield nothing(number, len(raw))
            continue
        where = segments.get(name, "").split()
        recording = recordings.get(where[0] if where else name, "")
        why = _kaldi_fault(recording, where)
        if why:
            yield rejected(number, f"{why}: {name}", line, size=len(raw), hint=_HINT_SCP)
            continue
        value: dict[str, Any] = {"audio": recording, "transcription": words.strip()}
        if name in speakers:
            value["speaker"] = speakers[name]
        if where:
            value |= _offsets(where)
        yield SourceRecord(number, value, own_id=name, size=len(raw))


def _kaldi_fault(recording: str, where: list[str]) -> str:
    if not recording:
        return "wav.scp names no recording for the utterance"
    if recording.endswith("|"):
        return "wav.scp gives a command instead of a file"
    if where and len(where) != 3:
        return "segments must say: utterance recording start end"
    return ""


def _offsets(where: list[str]) -> Mapping[str, Any]:
    _, start, end = where
    try:
        length = float(end) - float(start)
    except ValueError:
        length = -1.0
    return {"offset": start, "duration": length}


def _mapping(path: Path) -> dict[str, str]:
    """First word of each line to the rest of it; nothing where there is no such file."""
    if not path.is_file():
        return {}
    pairs = (line.strip().partition(" ") for _, _, line in _lines(path))
    return {name: rest.strip() for name, _, rest in pairs}


def _lines(path: Path) -> Iterator[tuple[int, bytes, str]]:
    """Number, bytes and text of each line."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            yield number, raw, raw.decode("utf-8-sig", "replace").replace("\t", " ")
