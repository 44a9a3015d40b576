"""promptfoo results: ``promptfoo eval -o results.json`` or ``.jsonl``.

Source: promptfoo's output file, version 3 (``results.results`` with ``provider``, ``prompt``,
``vars``, ``response``, ``testCase``, ``testIdx``, ``failureReason``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tunewell.evaluate.foreign.answers import (
    FAILED,
    MISSING,
    ForeignAnswer,
    answer_of,
    error_in,
    reason,
    references_of,
    scalar,
    stopped_by,
    text_of,
)
from tunewell.evaluate.foreign.collect import Collector, ForeignOutputs, ForeignRecord
from tunewell.evaluate.foreign.columns import ID_KEYS, INPUT_KEYS, TARGET_KEYS, ColumnNames
from tunewell.evaluate.foreign.documents import Broken, Record
from tunewell.evaluate.foreign.file_report import FileReport

_EQUALITIES: Final = (
    "equals",
    "icontains",
    "contains",
    "is-equal",
    "similar",
    "levenshtein",
    "factuality",
)
"""Assertions whose value is the right answer."""
_NOT_OF_THE_MODEL: Final = 2
"""``failureReason``: the call itself failed, rather than an assertion."""


def results_of(document: Any) -> list[Any] | None:
    """The results of a document of promptfoo; None if it is none."""
    if not isinstance(document, Mapping):
        return None
    outer = document.get("results")
    inner = outer.get("results") if isinstance(outer, Mapping) else outer
    if isinstance(inner, list) and any(is_result(result) for result in inner):
        return inner
    return None


def is_result(record: Any) -> bool:
    """Whether a record is one result."""
    return (
        isinstance(record, Mapping)
        and "provider" in record
        and ("vars" in record or "testCase" in record)
    )


def read_promptfoo(
    records: Sequence[Record], *, name: str, arm: str, named: ColumnNames
) -> ForeignOutputs:
    """Every result: providers, and prompts where there are several, are arms."""
    results = [record for _, record in records if is_result(record)]
    prompts = {_prompt_label(result) for result in results}
    report = FileReport(
        file=name,
        format="promptfoo",
        records=len(records),
        columns=tuple(dict.fromkeys(column for result in results for column in result)),
        chosen={"id": named.id or "testIdx", "output": "response.output", "arm": "provider"},
    )
    collector = Collector(arm, report)
    for place, record in records:
        if isinstance(record, Broken):
            collector.reject(place, record.why)
        elif not is_result(record):
            collector.reject(place, "not a result of promptfoo")
        else:
            collector.take(_record(record, place, named, several=len(prompts) > 1))
    return collector.found()


def _record(
    result: Mapping[str, Any],
    place: str,
    named: ColumnNames,
    *,
    several: bool,
) -> ForeignRecord:
    variables = _mapping(result.get("vars")) or _mapping(_mapping(result, "testCase"), "vars")
    arm = _provider(result)
    if several:
        arm = f"{arm}/{_prompt_label(result)}"
    return ForeignRecord(
        place=place,
        row=_row(result, variables, named),
        arm=arm,
        answer=_answer(result),
        asked=_first(variables, INPUT_KEYS) or text_of(_mapping(result, "prompt").get("raw")),
        references=_references(result, variables, named),
        tags={str(k): text for k, v in variables.items() if (text := scalar(v)) is not None},
    )


def _mapping(value: Any, key: str = "") -> Mapping[str, Any]:
    found = value.get(key) if key and isinstance(value, Mapping) else value
    return found if isinstance(found, Mapping) else {}


def _first(found: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        text = text_of(found.get(key))
        if text is not None:
            return text
    return None


def _row(
    result: Mapping[str, Any],
    variables: Mapping[str, Any],
    named: ColumnNames,
) -> str:
    keys = [named.id] if named.id else ID_KEYS
    own = _first(variables, keys) or _first(_mapping(result, "metadata"), keys)
    return own or scalar(result.get("testIdx")) or ""


def _provider(result: Mapping[str, Any]) -> str:
    provider = result.get("provider")
    if isinstance(provider, Mapping):
        return scalar(provider.get("label")) or scalar(provider.get("id")) or ""
    return scalar(provider) or ""


def _prompt_label(result: Mapping[str, Any]) -> str:
    label = scalar(_mapping(result, "prompt").get("label")) or ""
    return label[:60]


def _answer(result: Mapping[str, Any]) -> ForeignAnswer:
    response = result.get("response")
    if not isinstance(response, Mapping):
        told = error_in(result.get("error"))
        return ForeignAnswer(failed=reason(FAILED if told else MISSING, told or "no response"))
    answer = answer_of(response.get("output"), given="output" in response)
    failed = error_in(response.get("error"))
    if not failed and result.get("failureReason") == _NOT_OF_THE_MODEL:
        failed = error_in(result.get("error")) or "the call failed"
    if failed:
        return answer.because(FAILED, failed)
    if response.get("isRefusal") is True:
        return answer.because("refused")
    ended = stopped_by(response.get("finishReason"))
    return ForeignAnswer(answer.text, ended) if ended else answer


def _references(
    result: Mapping[str, Any],
    variables: Mapping[str, Any],
    named: ColumnNames,
) -> tuple[str, ...]:
    """What an assertion of equality wants, else the variable that holds the right answer."""
    if named.target:
        return references_of(variables.get(named.target))
    asserted = _mapping(result, "testCase").get("assert")
    for assertion in asserted if isinstance(asserted, list) else []:
        if isinstance(assertion, Mapping) and assertion.get("type") in _EQUALITIES:
            value = scalar(assertion.get("value"))
            if value is not None:
                return (_filled(value, variables),)
    for key in TARGET_KEYS:
        if key in variables:
            return references_of(variables[key])
    return ()


def _filled(template: str, variables: Mapping[str, Any]) -> str:
    """An assertion's value with its ``{{variables}}`` filled in."""
    for name, value in variables.items():
        for written in (f"{{{{{name}}}}}", f"{{{{ {name} }}}}"):
            template = template.replace(written, scalar(value) or "")
    return template
