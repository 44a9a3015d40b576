"""Exports that are plain rows once unpacked: DeepEval, Langfuse, MLflow.

Sources: DeepEval's test run (``testCases`` with ``input``, ``actualOutput``, ``expectedOutput``);
Langfuse's export of dataset runs and traces (``input``, ``output``, ``expectedOutput``,
``datasetItemId``, ``level``, ``statusMessage``); MLflow's ``eval_results_table.json`` (``columns``,
``data``) and traces (``info``, ``data.request``, ``data.response``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tunewell.evaluate.foreign.columns import OUTPUT_KEYS, plain_name
from tunewell.evaluate.foreign.documents import Broken, Record, load_json

Unpacked = tuple[str, list[Record]]
"""The format, and its records as plain rows."""
_TEST_CASES: Final = ("testCases", "test_cases", "test_results", "testResults")
_OBSERVED: Final = frozenset(
    {"traceId", "trace_id", "datasetItemId", "datasetRunId", "projectId", "observations"}
)
_ERROR_LEVEL: Final = "ERROR"
_OK_STATES: Final = frozenset({"OK", "STATE_UNSPECIFIED", "IN_PROGRESS", ""})


def unpack_document(document: Any, name: str) -> Unpacked | None:
    """The rows inside a whole document; None if it is none of these."""
    if not isinstance(document, Mapping):
        return None
    inner = document.get("test_run_data", document)
    if isinstance(inner, Mapping):
        for key in _TEST_CASES:
            if isinstance(inner.get(key), list):
                return "deepeval", list(_deepeval(inner[key], name))
    if _is_split_table(document):
        return "mlflow", list(_split_table(document, name))
    if _is_table_by_columns(document):
        return "rows", list(_by_columns(document, name))
    for key in ("traces", "data", "items", "datasetRunItems"):
        found = document.get(key)
        if isinstance(found, list) and found:
            numbered = [(f"{name}:{n}", one) for n, one in enumerate(found, 1)]
            return unpack_records(numbered) or ("rows", numbered)
    return None


def unpack_records(records: Sequence[Record]) -> Unpacked | None:
    """Records of one of these tools as plain rows; None if they are none."""
    first = next((record for _, record in records if isinstance(record, Mapping)), None)
    if first is None:
        return None
    if _is_mlflow_trace(first):
        return "mlflow", [(place, _each(record, _mlflow_trace)) for place, record in records]
    if "custom_id" in first and isinstance(first.get("result"), Mapping):
        return "anthropic batch", [(place, _each(record, _batch_line)) for place, record in records]
    if isinstance(first.get("run_item"), Mapping) or _OBSERVED & first.keys():
        if {"output", "outputs"} & first.keys():
            return "langfuse", [(place, _each(record, _langfuse)) for place, record in records]
    return None


def _each(record: Any, unpack: Any) -> Any:
    if isinstance(record, Broken) or not isinstance(record, Mapping):
        return record
    return unpack(record)


def _deepeval(cases: Sequence[Any], name: str) -> Iterator[Record]:
    for number, case in enumerate(cases, 1):
        place = f"{name}:{number}"
        if not isinstance(case, Mapping):
            yield place, Broken("not a test case")
            continue
        metadata = case.get("additionalMetadata") or case.get("additional_metadata")
        own = metadata.get("id") if isinstance(metadata, Mapping) else None
        row = {
            "id": own if own is not None else case.get("name"),
            "input": case.get("input"),
            "expected_output": case.get("expectedOutput", case.get("expected_output")),
        }
        for key in ("actualOutput", "actual_output"):
            if key in case:
                row["output"] = case[key]
        yield place, row


def _is_split_table(document: Mapping[str, Any]) -> bool:
    rows = document.get("data")
    return (
        isinstance(document.get("columns"), list)
        and isinstance(rows, list)
        and all(isinstance(row, list) for row in rows)
    )


def _split_table(document: Mapping[str, Any], name: str) -> Iterator[Record]:
    columns = [str(column) for column in document["columns"]]
    for number, row in enumerate(document["data"], 1):
        known = dict(zip(columns, row, strict=False))
        if len(row) == len(columns):
            yield f"{name}:{number}", known
        else:
            why = f"{len(row)} values where there are {len(columns)} columns"
            yield f"{name}:{number}", Broken(why, known)


def _is_table_by_columns(document: Mapping[str, Any]) -> bool:
    """Whether it is a data frame by columns, each from the line's label to the cell."""
    columns = list(document.values())
    if len(columns) < 2 or not all(isinstance(column, Mapping) for column in columns):
        return False
    labels = columns[0].keys()
    known = any(plain_name(str(name)) in OUTPUT_KEYS for name in document)
    return known and all(column.keys() == labels for column in columns)


def _by_columns(document: Mapping[str, Any], name: str) -> Iterator[Record]:
    labels = next(iter(document.values()))
    for number, label in enumerate(labels, 1):
        cells = {str(column): values[label] for column, values in document.items()}
        yield f"{name}:{number}", cells


def _batch_line(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": record.get("custom_id"), "output": {"result": record.get("result")}}


def _is_mlflow_trace(record: Mapping[str, Any]) -> bool:
    if isinstance(record.get("info"), Mapping) and isinstance(record.get("data"), Mapping):
        return True
    return "trace_id" in record and {"request", "response"} <= record.keys()


def _mlflow_trace(record: Mapping[str, Any]) -> dict[str, Any]:
    info = record["info"] if isinstance(record.get("info"), Mapping) else record
    data = record["data"] if isinstance(record.get("data"), Mapping) else record
    state = str(info.get("state") or info.get("status") or "")
    row = {
        "id": info.get("client_request_id") or info.get("trace_id") or info.get("request_id"),
        "input": _unpacked(data.get("request")),
        "output": _unpacked(data.get("response")),
        "error": "" if state in _OK_STATES else state,
    }
    expected = _expectation(info.get("assessments") or record.get("assessments"))
    return row | ({"expected_output": expected} if expected is not None else {})


def _expectation(assessments: Any) -> Any:
    for assessment in assessments if isinstance(assessments, list) else []:
        expectation = assessment.get("expectation") if isinstance(assessment, Mapping) else None
        if isinstance(expectation, Mapping) and "value" in expectation:
            return expectation["value"]
    return None


def _langfuse(record: Mapping[str, Any]) -> dict[str, Any]:
    item = record.get("datasetItem") if isinstance(record.get("datasetItem"), Mapping) else {}
    assert isinstance(item, Mapping)
    row: dict[str, Any] = {
        "id": record.get("datasetItemId") or record.get("dataset_item_id") or record.get("id"),
        "input": _unpacked(record.get("input", item.get("input"))),
    }
    for key in ("output", "outputs"):
        if key in record:
            row["output"] = _unpacked(record[key])
    expected = record.get("expectedOutput", record.get("expected_output"))
    expected = item.get("expectedOutput") if expected is None else expected
    if expected is not None:
        row["expected_output"] = _unpacked(expected)
    if record.get("level") == _ERROR_LEVEL:
        row["error"] = record.get("statusMessage") or record.get("status_message") or "error"
    if record.get("model"):
        row["model"] = record["model"]
    return row


def _unpacked(value: Any) -> Any:
    """A field that may hold JSON as text; text that is no object or list stays text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[", '"')):
        return value
    try:
        return load_json(value)
    except ValueError:
        return value
