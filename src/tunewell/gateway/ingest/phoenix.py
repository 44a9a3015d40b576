"""What Phoenix gives back of its spans: rows of its table, and objects of its API.

In the table (``get_spans_dataframe``, saved as Parquet or JSON) attributes are columns such as
``attributes.llm.input_messages`` with lists of objects in them; the API gives them nested or flat.
Either becomes a span of OpenInference with flat attributes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

Row = Mapping[str, Any]

_COLUMN: Final = "attributes."
_KIND: Final = "openinference.span.kind"


def is_of_phoenix(value: Row) -> bool:
    """Whether it is a row of Phoenix's table of spans, or an object of its API."""
    has_context = "context.span_id" in value or isinstance(value.get("context"), Mapping)
    return has_context and "span_kind" in value and "start_time" in value


def span_of(value: Row) -> dict[str, Any]:
    """It as a span whose attributes have plain values and dotted names."""
    attributes = dict(_flat("", _attributes(value)))
    kind = str(value.get("span_kind") or "").upper()
    if kind and kind != "UNKNOWN":
        attributes.setdefault(_KIND, kind)
    context = value.get("context")
    if not isinstance(context, Mapping):
        context = {
            "span_id": value.get("context.span_id"),
            "trace_id": value.get("context.trace_id"),
        }
    status = {"code": value.get("status_code"), "message": value.get("status_message") or ""}
    return {
        "start_time": value["start_time"],
        "end_time": value.get("end_time"),
        "context": context,
        "status": status,
        "attributes": attributes,
        "events": value.get("events") or [],
    }


def _attributes(value: Row) -> dict[str, Any]:
    """Attributes from the columns of the table, or from the object that holds them."""
    whole = value.get("attributes")
    found = dict(whole) if isinstance(whole, Mapping) else {}
    for name, inner in value.items():
        if name.startswith(_COLUMN):
            found[name.removeprefix(_COLUMN)] = inner
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each plain value with the dotted way to it; lists of plain values stay as they are."""
    if isinstance(value, Mapping):
        for inner, each in value.items():
            yield from _flat(f"{name}.{inner}" if name else str(inner), each)
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            yield from _flat(f"{name}.{number}", each)
    elif value is not None and not (isinstance(value, float) and math.isnan(value)):
        yield name, value
