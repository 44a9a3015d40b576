"""lm-evaluation-harness samples: ``samples_*.jsonl``, a line for each document and filter.

Source: lm-eval 0.4 (``doc_id``, ``doc``, ``target``, ``arguments``, ``resps``, ``filtered_resps``,
``filter``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.evaluate.foreign.answers import (
    MISSING,
    UNREADABLE,
    ForeignAnswer,
    answer_of,
    reason,
    references_of,
    scalar,
    text_of,
)
from tunewell.evaluate.foreign.collect import Collector, ForeignOutputs, ForeignRecord
from tunewell.evaluate.foreign.columns import ColumnNames
from tunewell.evaluate.foreign.documents import Broken, Record
from tunewell.evaluate.foreign.file_report import FileReport

RESPONSES: Final = ("filtered_resps", "resps")
_ANSWER_KEYS: Final = ("answer", "target", "label", "gold")
_QUESTION_KEYS: Final = ("question", "query", "input", "text")
Likelihoods = Sequence[Sequence[Any]]
"""Of each choice: its log-likelihood, and whether greedy decoding would give it."""


def is_sample(record: Any) -> bool:
    """Whether a record is a line of such samples."""
    return (
        isinstance(record, Mapping) and "doc" in record and not record.keys().isdisjoint(RESPONSES)
    )


def read_lm_eval(
    records: Sequence[Record], *, name: str, arm: str, named: ColumnNames
) -> ForeignOutputs:
    """Every line; where there are several filters, each is an arm of its own unless one is named.

    Raises:
        DataError: The filter that is named is not in the file.
    """
    samples = [record for _, record in records if is_sample(record)]
    filters = list(dict.fromkeys(str(sample.get("filter") or "") for sample in samples))
    if named.filter and named.filter not in filters:
        raise DataError(
            f"{name} has no filter {named.filter!r}; it has: {', '.join(filters)}",
            hint=f"--filter {filters[0] or 'NAME'}",
        )
    collector = Collector(arm, _report(records, samples, filters, named, name))
    several = len(filters) > 1 and not named.filter
    for place, record in records:
        if not is_sample(record):
            why = record.why if isinstance(record, Broken) else "not a line of lm-eval's samples"
            collector.reject(place, why)
            continue
        own = str(record.get("filter") or "")
        if named.filter in {"", own}:
            _take(collector, place, record, own if several else "")
    return collector.found()


def _report(
    records: Sequence[Record],
    samples: Sequence[Mapping[str, Any]],
    filters: Sequence[str],
    named: ColumnNames,
    name: str,
) -> FileReport:
    notes = []
    if named.filter:
        notes.append(f"filter {named.filter} of {', '.join(filters)}")
    elif len(filters) > 1:
        notes.append(
            f"several filters, each an arm of its own: {', '.join(filters)} (one alone: --filter)"
        )
    if any(_is_choice(sample) for sample in samples):
        notes.append("multiple choice: the answer is the choice with the highest likelihood")
    columns = tuple(dict.fromkeys(column for sample in samples for column in sample))
    chosen = {"id": "doc_id", "output": "filtered_resps", "target": "target"}
    return FileReport(
        file=name,
        format="lm-eval",
        records=len(records),
        columns=columns,
        chosen=chosen,
        notes=tuple(notes),
    )


def _take(
    collector: Collector,
    place: str,
    sample: Mapping[str, Any],
    arm: str,
) -> None:
    doc = sample["doc"] if isinstance(sample["doc"], Mapping) else {}
    row = scalar(sample.get("doc_id")) or scalar(doc.get("id")) or place
    choices = _choices(sample, doc)
    asked = text_of(_prompt(sample.get("arguments"))) or _of(doc, _QUESTION_KEYS)
    target = sample.get("target")
    references = references_of(target if target is not None else _of(doc, _ANSWER_KEYS))
    if choices:
        references = tuple(_choice_named(reference, choices) for reference in references)
        answers = [_likeliest(sample, choices)]
    else:
        answers = _generated(sample)
    for repeat, answer in enumerate(answers):
        collector.take(
            ForeignRecord(
                place=place,
                row=row,
                arm=arm,
                answer=answer,
                asked=asked,
                references=references,
                repeat=repeat,
            )
        )


def _of(doc: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        found = scalar(doc.get(key))
        if found is not None:
            return found
    return None


def _prompt(arguments: Any) -> Any:
    """The prompt, from ``[[prompt, …]]`` or ``{"gen_args_0": {"arg_0": prompt, …}}``."""
    if isinstance(arguments, Mapping):
        request = next(iter(arguments.values()), None)
        return request.get("arg_0") if isinstance(request, Mapping) else None
    while isinstance(arguments, list) and arguments:
        arguments = arguments[0]
    return arguments


def _generated(sample: Mapping[str, Any]) -> list[ForeignAnswer]:
    """The answers after filtering: one, or one for each repeat."""
    found = sample.get("filtered_resps")
    if found is None:
        found = sample.get("resps")
    # One request gives one list of its repeats; a filter that takes the first leaves its text.
    while isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    if not isinstance(found, list):
        return [answer_of(found)]
    if not found:
        return [ForeignAnswer(failed=reason(MISSING, "no response"))]
    return [answer_of(one) for one in found]


def _is_choice(sample: Mapping[str, Any]) -> bool:
    """Whether the responses are likelihoods of given choices."""
    found = sample.get("filtered_resps") or sample.get("resps")
    return isinstance(found, list) and len(found) > 1 and all(map(_likelihood_shaped, found))


def _likelihood_shaped(response: Any) -> bool:
    while isinstance(response, list) and len(response) == 1:
        response = response[0]
    if not isinstance(response, list) or len(response) != 2:
        return False
    return str(response[1]).lower() in {"true", "false"}


def _choices(sample: Mapping[str, Any], doc: Mapping[str, Any]) -> list[str]:
    """The continuations that were scored, in order; empty if answers were generated."""
    if not _is_choice(sample):
        return []
    texts = _continuations(sample.get("arguments"))
    if len(texts) == len(sample.get("filtered_resps") or sample["resps"]):
        return texts
    listed = doc.get("choices")
    if isinstance(listed, Mapping):
        listed = listed.get("text")
    return [str(choice).strip() for choice in listed or []]


def _continuations(arguments: Any) -> list[str]:
    """The second argument of each request: what was to follow the prompt."""
    requests = list(arguments.values()) if isinstance(arguments, Mapping) else arguments
    found = []
    for request in requests or []:
        if isinstance(request, Mapping):
            found.append(text_of(request.get("arg_1")))
        elif isinstance(request, list) and len(request) > 1:
            found.append(text_of(request[1]))
    return [text.strip() for text in found if text]


def _likeliest(sample: Mapping[str, Any], choices: Sequence[str]) -> ForeignAnswer:
    values = []
    for response in sample.get("filtered_resps") or sample["resps"]:
        while isinstance(response, list) and len(response) == 1:
            response = response[0]
        try:
            values.append(float(response[0]))
        except (TypeError, ValueError, IndexError):
            return ForeignAnswer(failed=reason(UNREADABLE, "a likelihood is not a number"))
    if len(values) != len(choices) or any(value != value for value in values):
        return ForeignAnswer(failed=reason(UNREADABLE, "as many likelihoods as choices are needed"))
    return ForeignAnswer(choices[values.index(max(values))])


def _choice_named(reference: str, choices: Sequence[str]) -> str:
    """A gold answer as the text of its choice: it may be the choice's number."""
    if reference.strip() in choices:
        return reference.strip()
    if reference.isdecimal() and int(reference) < len(choices):
        return choices[int(reference)]
    return reference
