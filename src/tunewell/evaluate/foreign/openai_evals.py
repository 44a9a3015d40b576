"""OpenAI Evals: the log of ``oaieval``, output items of the Evals API, results of the Batch API.

Source: openai/evals' recorder (``spec``, ``final_report``, events with ``sample_id``, ``type``,
``data``); OpenAI's API reference (``eval.run.output_item``; batch lines with ``custom_id`` and
``response.body``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.evaluate.foreign.answers import (
    FAILED,
    MISSING,
    ForeignAnswer,
    answer_of,
    error_in,
    reason,
    references_of,
    scalar,
    why_it_ended,
)
from tunewell.evaluate.foreign.collect import Collector, ForeignOutputs, ForeignRecord
from tunewell.evaluate.foreign.columns import INPUT_KEYS, TARGET_KEYS
from tunewell.evaluate.foreign.documents import Broken, Record
from tunewell.evaluate.foreign.file_report import FileReport
from tunewell.evaluate.foreign.tables import text_of_input


def is_event(record: Any) -> bool:
    """Whether a record is a line of the log."""
    if not isinstance(record, Mapping):
        return False
    event = record.keys() >= {"sample_id", "type", "data"}
    return event or bool(record.keys() & {"spec", "final_report"})


def is_output_item(record: Any) -> bool:
    """Whether a record is an output item of the Evals API."""
    return isinstance(record, Mapping) and record.keys() >= {"datasource_item", "sample"}


def is_batch_line(record: Any) -> bool:
    """Whether a record is a line of a batch's results."""
    return isinstance(record, Mapping) and "custom_id" in record and "response" in record


@dataclass
class _Sample:
    """What the events tell of one sample."""

    place: str
    answers: list[ForeignAnswer] = field(default_factory=list)
    asked: str | None = None
    references: tuple[str, ...] = ()

    def records(self, row: str) -> Iterator[ForeignRecord]:
        """One for each sampling; one without an answer if there was none."""
        never = ForeignAnswer(failed=reason(MISSING, "it was never sampled"))
        for repeat, answer in enumerate(self.answers or [never]):
            yield ForeignRecord(
                place=self.place,
                row=row,
                answer=answer,
                asked=self.asked,
                references=self.references,
                repeat=repeat,
            )


def read_events(records: Sequence[Record], *, name: str, arm: str) -> ForeignOutputs:
    """The samples of a log of ``oaieval``; several samplings of one are repeats."""
    samples: dict[str, _Sample] = {}
    spec: Mapping[str, Any] = {}
    report = FileReport(
        file=name,
        format="openai-evals",
        records=len(records),
        chosen={"id": "sample_id", "output": "data.sampled", "target": "data.expected"},
    )
    broken = []
    for place, record in records:
        if isinstance(record, Broken):
            broken.append((place, record.why))
        elif isinstance(record, Mapping) and "sample_id" in record:
            row = scalar(record["sample_id"])
            if row is not None:
                sample = samples.setdefault(row, _Sample(place))
                _told(sample, str(record.get("type")), record.get("data"))
        elif isinstance(record, Mapping) and isinstance(record.get("spec"), Mapping):
            spec = record["spec"]
    collector = Collector(arm or _model(spec), report)
    for place, why in broken:
        collector.reject(place, why)
    for row, sample in samples.items():
        for one in sample.records(row):
            collector.take(one)
    return collector.found()


def _model(spec: Mapping[str, Any]) -> str:
    named = spec.get("completion_fns")
    return scalar(named[0]) or "" if isinstance(named, list) and named else ""


def _told(sample: _Sample, kind: str, data: Any) -> None:
    if not isinstance(data, Mapping):
        return
    if kind == "sampling":
        sample.asked = text_of_input(data.get("prompt")) or sample.asked
        answer = answer_of(data.get("sampled"), given="sampled" in data)
        ended = why_it_ended(data)
        sample.answers.append(ForeignAnswer(answer.text, ended) if ended else answer)
    elif kind == "error":
        told = error_in(data.get("message")) or error_in(data.get("error")) or "error"
        sample.answers.append(ForeignAnswer(failed=reason(FAILED, told)))
    if "expected" in data:
        sample.references = references_of(data["expected"])


def read_output_items(
    records: Sequence[Record],
    *,
    name: str,
    arm: str,
) -> ForeignOutputs:
    """Output items of the Evals API."""
    report = FileReport(
        file=name,
        format="openai-evals",
        records=len(records),
        chosen={"id": "datasource_item_id", "output": "sample.output"},
    )
    collector = Collector(arm, report)
    for place, record in records:
        if isinstance(record, Mapping) and is_output_item(record):
            collector.take(_output_item(record, place))
        else:
            why = record.why if isinstance(record, Broken) else "not an output item"
            collector.reject(place, why)
    return collector.found()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """What the first of these keys that holds anything holds."""
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _output_item(record: Mapping[str, Any], place: str) -> ForeignRecord:
    item = _mapping(record["datasource_item"])
    item = _mapping(item.get("item")) or item
    sample = _mapping(record["sample"])
    answer = answer_of(sample.get("output"), given="output" in sample)
    ended = why_it_ended(sample)
    if not ended and not answer.text:
        ended = why_it_ended(record)
    gold = _first(item, TARGET_KEYS)
    asked = _first(item, INPUT_KEYS)
    return ForeignRecord(
        place=place,
        row=scalar(item.get("id")) or scalar(record.get("datasource_item_id")) or "",
        arm=scalar(sample.get("model")) or "",
        answer=ForeignAnswer(answer.text, ended) if ended else answer,
        asked=text_of_input(asked if asked is not None else sample.get("input")),
        references=references_of(gold),
    )


def read_batch(records: Sequence[Record], *, name: str, arm: str) -> ForeignOutputs:
    """The results of a batch: ``custom_id`` is the row."""
    report = FileReport(
        file=name,
        format="openai-batch",
        records=len(records),
        chosen={"id": "custom_id", "output": "response.body"},
    )
    collector = Collector(arm, report)
    for place, record in records:
        if not is_batch_line(record):
            why = record.why if isinstance(record, Broken) else "not a line of a batch"
            collector.reject(place, why)
            continue
        collector.take(
            ForeignRecord(
                place=place,
                row=scalar(record["custom_id"]) or "",
                answer=_batch_answer(record),
            )
        )
    return collector.found()


def _batch_answer(record: Mapping[str, Any]) -> ForeignAnswer:
    told = error_in(record.get("error"))
    response = record["response"]
    if told or not isinstance(response, Mapping):
        return ForeignAnswer(failed=reason(FAILED if told else MISSING, told or "no response"))
    body = response.get("body")
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        return ForeignAnswer(failed=reason(FAILED, error_in(body["error"])))
    if isinstance(body, Mapping) and "output" in body:
        answer = answer_of(body["output"])
        ended = why_it_ended(body)
        return ForeignAnswer(answer.text, ended) if ended else answer
    return answer_of(body)
