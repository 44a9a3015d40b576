"""Read files of others into interactions and feedback; what cannot be read is named and counted."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tunewell.errors import DataError, MissingExtraError
from tunewell.gateway.draw import Hasher
from tunewell.gateway.ids import stable_id
from tunewell.gateway.ingest.exchanged import (
    Exchanged,
    UnreadableError,
    number_of,
    text_of,
    time_of,
)
from tunewell.gateway.ingest.logs import is_a_step, observations_of, read_log
from tunewell.gateway.ingest.phoenix import is_of_phoenix, span_of
from tunewell.gateway.ingest.spans import is_of_a_model, read_span, spans_of
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.gateway.masking import Masker
from tunewell.store import Store
from tunewell.store.edited_traffic import ImportEdits
from tunewell.store.once import insert_all_once
from tunewell.store.traffic_tables import feedback as feedback_table
from tunewell.store.traffic_tables import interactions as interaction_table
from tunewell.types import Feedback, Interaction

AT_ONCE: Final = 500
SHOWN: Final = 20
"""Objects that could not be read that are named; all are counted."""

OTLP_SUFFIXES: Final = frozenset({".pb", ".bin", ".otlp"})


@dataclass
class TakenIn:
    """What became of what was read.

    Attributes:
        objects: That were read.
        interactions: New ones.
        feedback: New pieces.
        known: That were there already.
        without_text: New ones of which the source kept neither question nor answer.
        other: Spans that are no request to a model.
        unread: Objects that could not be read.
        reasons: The first of those, each with its place and why.
        edits: What the file has otherwise than what is there.
    """

    objects: int = 0
    interactions: int = 0
    feedback: int = 0
    known: int = 0
    without_text: int = 0
    other: int = 0
    unread: int = 0
    reasons: list[str] = field(default_factory=list)
    edits: ImportEdits = field(default_factory=ImportEdits)

    def refuse(self, place: str, why: str) -> None:
        """Count an object that cannot be read."""
        self.unread += 1
        if len(self.reasons) < SHOWN:
            self.reasons.append(f"{place}: {why}")


def take_in(
    store: Store,
    path: Path,
    *,
    hasher: Hasher,
    mask: Masker,
    now: dt.datetime,
) -> TakenIn:
    """Read a file and keep what is new in it; the same file again changes nothing.

    Args:
        store: Of the project.
        path: JSON lines, JSON, or spans in OTLP's JSON or protobuf, which may be packed with gzip;
            or a table of Parquet.
        hasher: For the ids of people and conversations.
        mask: Masks personal data.
        now: When feedback is taken to have come.

    Raises:
        DataError: The file cannot be read at all.
    """
    done = TakenIn()
    rows: list[Interaction] = []
    said: list[Feedback] = []
    for place, value in _objects(path, done):
        done.objects += 1
        try:
            row, feedback = _read(value, done, hasher=hasher, mask=mask, now=now)
        except (UnreadableError, KeyError, TypeError, ValueError) as error:
            done.refuse(place, str(error) or type(error).__name__)
            continue
        rows += row
        said += feedback
        if len(rows) + len(said) >= AT_ONCE:
            _keep(store, rows, said, done)
            rows, said = [], []
    _keep(store, rows, said, done)
    done.edits.say(store, path.name)
    return done


def _read(
    value: Mapping[str, Any], done: TakenIn, *, hasher: Hasher, mask: Masker, now: dt.datetime
) -> tuple[list[Interaction], list[Feedback]]:
    """What one object holds."""
    if is_of_phoenix(value):
        value = span_of(value)
    if _is_span(value):
        if not is_of_a_model(value):
            done.other += 1
            return [], []
        found, source = read_span(value), "otlp"
    elif _is_feedback(value):
        return [], [_feedback(value, text_of(value["interaction"]), hasher, mask, now)]
    elif is_a_step(value):
        done.other += 1
        return [], []
    else:
        found, source = read_log(value), "log"
    row = interaction_of(found, source=source, hasher=hasher, mask=mask)
    said = [_feedback(each, row.id, hasher, mask, now) for each in found.feedback]
    return [row], said


def interaction_of(
    found: Exchanged,
    *,
    source: str,
    hasher: Hasher,
    mask: Masker,
) -> Interaction:
    """The record of an exchange: ids as digests, texts masked, an id that is always the same."""
    user = hasher.user(found.user)
    conversation = found.conversation
    opening = orjson.dumps(found.turns[:1], option=orjson.OPT_SORT_KEYS).decode()
    shown = mask(
        {
            "request": {"model": found.model, "messages": found.turns},
            "response": found.response,
            "reasoning": found.reasoning,
            "tool_calls": found.tool_calls,
            "error": found.error,
            "finish": found.finish,
            "server_id": found.server_id,
        }
    )
    digest = (
        hasher.digest("conversation", conversation)
        if conversation
        else hasher.digest("opening", f"{user} {opening}")
    )
    return Interaction(
        id=stable_id(found.at, found.mark or orjson.dumps(found.turns).decode()),
        at=found.at,
        conversation=digest,
        conversation_given=bool(conversation),
        user=user,
        assigned=found.arm or found.model,
        served=found.arm or found.model,
        version=found.version or found.model,
        ended="failed" if found.error else "answered",
        status=500 if found.error else 200,
        prompt_tokens=found.prompt_tokens,
        answer_tokens=found.answer_tokens,
        first_token_s=found.first_token_s,
        total_s=found.total_s,
        cost=found.cost,
        source=source,
        **shown,
    )


# --- feedback -------------------------------------------------------------------------------------


def _is_feedback(value: Mapping[str, Any]) -> bool:
    return bool(text_of(value.get("interaction"))) and "kind" in value


def _feedback(
    value: Mapping[str, Any], interaction: str, hasher: Hasher, mask: Masker, now: dt.datetime
) -> Feedback:
    """A rating, correction or event as others write it."""
    kind = text_of(value.get("kind"))
    number = number_of(value.get("value", value.get("rating", value.get("score"))))
    text = text_of(value.get("text") or value.get("correction") or value.get("comment"))
    if not kind:
        kind = "rating" if number is not None else "correction" if text else "event"
    name = text_of(value.get("name") or value.get("event"))
    shown = mask({"text": text, "name": name})
    at = value.get("at", value.get("timestamp", value.get("created_at")))
    same = hashlib.sha256(orjson.dumps([interaction, kind, name, number, text])).hexdigest()
    return Feedback.model_validate(
        {
            "key": str(
                value.get("key") or value.get("id") or hashlib.sha256(same.encode()).hexdigest()
            ),
            "interaction": interaction,
            "kind": kind,
            "name": shown["name"],
            "value": number,
            "text": shown["text"],
            "author": hasher.user(text_of(value.get("author") or value.get("user"))),
            "at": time_of(at) if at else now,
            "received": now,
            "source": "log",
        }
    )


# --- files ----------------------------------------------------------------------------------------


def _objects(path: Path, done: TakenIn) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each object of a file with its place."""
    if path.suffix == ".parquet":
        yield from _table_rows(path)
        return
    data = _bytes(path)
    name = path.name.removesuffix(".gz")
    if Path(name).suffix in OTLP_SUFFIXES:
        yield from _protobuf(path, data)
        return
    whole = _whole(data)
    if whole is not None:
        for number, value in enumerate(whole, 1):
            yield from _opened(f"{path.name}:{number}", value, done)
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                done.objects += 1
                done.refuse(f"{path.name}:{number}", f"not JSON: {error}")
                continue
            yield from _opened(f"{path.name}:{number}", value, done)


def _opened(
    place: str,
    value: Any,
    done: TakenIn,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An object, or the spans of an export."""
    if not isinstance(value, dict):
        done.objects += 1
        done.refuse(place, "not an object")
    elif "resourceSpans" in value or "resource_spans" in value:
        for span in spans_of(value):
            yield place, span
    elif isinstance(value.get("observations"), list):
        for observation in observations_of(value):
            yield place, observation
    else:
        yield place, value


def _whole(data: bytes) -> list[Any] | None:
    """The objects of a file that is one JSON value; None if it is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, dict):
        inner = next((v for k, v in value.items() if k in ("data", "rows")), None)
        if isinstance(inner, dict):
            return [inner]
        return inner if isinstance(inner, list) else [value]
    return value if isinstance(value, list) else [value]


def _table_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a table of Parquet, as Phoenix saves its spans."""
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path.name}:{number}", row
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"the file cannot be read: {error}", place=str(path)) from error


def _protobuf(path: Path, data: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        from google.protobuf.json_format import MessageToDict
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )
    except ImportError as error:
        raise MissingExtraError("gateway", needed_for="spans in protobuf") from error
    message: Any = ExportTraceServiceRequest()
    try:
        message.ParseFromString(data)
    except Exception as error:
        raise DataError(f"no export of spans: {error}", place=path.name) from error
    for span in spans_of(MessageToDict(message)):
        yield path.name, span


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise DataError(f"the file cannot be read: {error}", place=str(path)) from error


def _is_span(value: Mapping[str, Any]) -> bool:
    names = ("startTimeUnixNano", "start_time_unix_nano")
    as_printed = "start_time" in value and isinstance(value.get("context"), dict)
    return as_printed or any(name in value for name in names)


# --- keeping --------------------------------------------------------------------------------------


def _keep(
    store: Store,
    rows: list[Interaction],
    said: list[Feedback],
    done: TakenIn,
) -> None:
    if not (rows or said):
        return
    lines = {row.id: interaction_line(row) for row in rows}
    pieces = {each.key: feedback_line(each) for each in said}
    with store.connection(write=True) as connection:
        new = insert_all_once(
            connection, interaction_table, list(lines.values()), ["id"], give="id"
        )
        more = insert_all_once(
            connection, feedback_table, list(pieces.values()), ["key"], give="key"
        )
    done.interactions += len(new)
    fresh = set(new)
    done.edits.compare(store, [row for row in rows if row.id not in fresh])
    done.without_text += sum(row.id in fresh and _has_no_text(row) for row in rows)
    done.feedback += len(more)
    done.known += len(rows) + len(said) - len(new) - len(more)


def _has_no_text(row: Interaction) -> bool:
    return not (row.request["messages"] or row.response or row.tool_calls)
