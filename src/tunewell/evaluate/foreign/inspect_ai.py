"""inspect_ai logs: ``.json``, and ``.eval`` (a zip of one JSON for each sample).

Source: inspect_ai log format, version 2 (``eval``, ``results``, ``samples``; in the zip
``header.json`` and ``samples/ID_epoch_N.json``).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.evaluate.foreign.answers import (
    CUT_OFF,
    FAILED,
    ForeignAnswer,
    answer_of,
    error_in,
    references_of,
    scalar,
    stopped_by,
    text_of,
)
from tunewell.evaluate.foreign.collect import Collector, ForeignOutputs, ForeignRecord
from tunewell.evaluate.foreign.documents import load_json
from tunewell.evaluate.foreign.file_report import FileReport
from tunewell.evaluate.foreign.tables import text_of_input

_LETTERS: Final = re.compile(r"(?i)\banswer\s*:\s*\**([A-Z](?:\s*,\s*[A-Z])*)\b")
"""How inspect_ai's multiple choice asks for the answer: ``ANSWER: B`` or ``ANSWER: A,C``."""
_UNREADABLE: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
"""What a sample of another shape raises."""
_ZIP_FAULTS: Final = (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, KeyError)
MOST_BYTES: Final = 4 << 30
"""A zip that would grow beyond this is not opened."""


def is_log(document: Any) -> bool:
    """Whether a JSON document is such a log."""
    return isinstance(document, Mapping) and document.keys() >= {"eval", "samples"}


def read_eval_file(path: Path, *, arm: str) -> ForeignOutputs:
    """A log in the form of a zip.

    Raises:
        DataError: It is none, or compressed in a way that Python cannot read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"it would grow beyond {MOST_BYTES >> 30} GiB")
            log = _header(archive)
            names = [n for n in archive.namelist() if re.fullmatch(r"samples/[^/]+\.json", n)]
            log["samples"] = [_sample(archive, name) for name in names]
    except _ZIP_FAULTS as error:
        raise DataError(
            f"{path} cannot be read as an inspect_ai log: {error}",
            hint=f"inspect log convert {path.name} --to json --output-dir .",
        ) from error
    return read_log(log, name=path.name, arm=arm)


def _header(archive: zipfile.ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    # A run that was cancelled has no header yet, only what it started with.
    name = "header.json" if "header.json" in names else "_journal/start.json"
    header = load_json(archive.read(name).decode("utf-8"))
    if not isinstance(header, dict) or "eval" not in header:
        raise ValueError("its header holds no 'eval'")
    return header


def _sample(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        return load_json(archive.read(name).decode("utf-8"))
    except (ValueError, zipfile.BadZipFile):
        row, _, epoch = Path(name).stem.rpartition("_epoch_")
        return {"id": row, "epoch": epoch, "error": "its JSON cannot be read"}


def read_log(log: Mapping[str, Any], *, name: str, arm: str) -> ForeignOutputs:
    """Every sample of every epoch; rows that the log says were asked count without an answer."""
    samples = log.get("samples") or []
    header = log["eval"] if isinstance(log["eval"], Mapping) else {}
    collector = Collector(arm or _arm(header), _report(log, samples, name))
    epochs = _epochs(samples)
    for number, sample in enumerate(samples):
        place = f"samples[{number}]"
        try:
            collector.take(_record(sample, place, epochs))
        except _UNREADABLE as error:
            row = scalar(sample.get("id")) if isinstance(sample, Mapping) else None
            collector.reject(place, f"{type(error).__name__}: {error}", row=row or "")
    dataset = header.get("dataset")
    asked = dataset.get("sample_ids") if isinstance(dataset, Mapping) else None
    collector.expect(str(row) for row in asked or [])
    return collector.found()


def _report(
    log: Mapping[str, Any],
    samples: Sequence[Any],
    name: str,
) -> FileReport:
    status = log.get("status")
    notes = []
    if status not in {None, "success"}:
        notes.append(f"the run ended as {status!r}: rows without an answer count as missing")
    keys: dict[str, None] = {}
    for sample in samples:
        if isinstance(sample, Mapping):
            keys.update(dict.fromkeys(sample))
    return FileReport(
        file=name,
        format="inspect_ai",
        records=len(samples),
        columns=tuple(keys),
        chosen={"id": "id", "output": "output", "target": "target", "input": "input"},
        notes=tuple(notes),
    )


def _arm(header: Mapping[str, Any]) -> str:
    metadata = header.get("metadata") or {}
    return str(metadata.get("tunewell_arm") or header.get("model", ""))


def _epochs(samples: Sequence[Any]) -> dict[str, int]:
    """Epoch, as it is written, to its place among them."""
    written = {str(s.get("epoch", 1)) for s in samples if isinstance(s, Mapping)}
    in_order = sorted(written, key=lambda epoch: (len(epoch), epoch))
    return {epoch: place for place, epoch in enumerate(in_order)}


def _record(
    sample: Mapping[str, Any],
    place: str,
    epochs: Mapping[str, int],
) -> ForeignRecord:
    row = scalar(sample["id"])
    if row is None:
        raise ValueError("the sample has no id")
    choices = sample.get("choices")
    references = references_of(sample.get("target"))
    answer = _answer(sample)
    if choices:
        # Several letters are all wanted, not any one of them.
        references = (", ".join(references),) if references else ()
        answer = _letters(answer)
    return ForeignRecord(
        place=place,
        row=row,
        answer=answer,
        asked=_asked(sample, choices),
        references=references,
        repeat=epochs[str(sample.get("epoch", 1))],
        tags=_tags(sample),
    )


def _answer(sample: Mapping[str, Any]) -> ForeignAnswer:
    """The text of the first choice without its reasoning, or why it does not count."""
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    first = choices[0] if choices else {}
    message = first.get("message") or {}
    said = message["content"] if "content" in message else output.get("completion")
    answer = answer_of(said)
    failed = error_in(sample.get("error")) or error_in(output.get("error"))
    if failed:
        return answer.because(FAILED, failed)
    limit = sample.get("limit")
    if limit:
        kind = limit.get("type", "limit") if isinstance(limit, Mapping) else str(limit)
        return answer.because(CUT_OFF, f"{kind} limit")
    ended = stopped_by(first.get("stop_reason"))
    return ForeignAnswer(answer.text, ended) if ended else answer


def _letters(answer: ForeignAnswer) -> ForeignAnswer:
    found = _LETTERS.findall(answer.text)
    if not found:
        return answer
    letters = ", ".join(letter.strip().upper() for letter in found[-1].split(","))
    return ForeignAnswer(letters, answer.failed)


def _asked(sample: Mapping[str, Any], choices: Any) -> str | None:
    asked = text_of_input(sample.get("input"))
    if not choices or asked is None:
        return asked
    lettered = []
    for number, choice in enumerate(choices):
        lettered.append(f"{chr(ord('A') + number)}) {text_of(choice) or ''}")
    return "\n".join([asked, *lettered])


def _tags(sample: Mapping[str, Any]) -> dict[str, str]:
    metadata = sample.get("metadata")
    if not isinstance(metadata, Mapping):
        return {}
    texts = {str(name): scalar(value) for name, value in metadata.items()}
    return {name: text for name, text in texts.items() if text is not None}
