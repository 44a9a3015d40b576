"""Bodies of requests, bounded before anything reads them: bytes, depth, values, fields.

A parser that meets 300,000 keys or brackets has spent its time and memory before anybody can say
that they are too many. So they are counted first, in time linear in the bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MOST_BYTES = 2 * 2**20
"""Largest body of a verdict: three texts of `tunewell.people.work.MOST_TEXT` fit."""

TAKE_TEXTS = frozenset({"/api/v1/verdicts", "/api/v1/requests/answers"})
"""Paths of the API that take whole texts."""

MOST_BYTES_ELSEWHERE = 64 * 2**10
"""Largest body of every other request."""

MOST_IMPORT = 4 * 2**20
"""Largest file of annotations that the page takes; the command line takes any."""

DEEPEST = 20
MOST_VALUES = 20_000
"""Most commas and colons of a JSON body outside its texts."""

MOST_STRUCTURE = 256 * 2**10
"""Most bytes of a JSON body outside its texts."""

LONGEST_NUMBER = 40
MOST_FIELDS = 1_000
"""Most fields of a form."""

# Possessive, so that it never goes back; a text that does not end takes the rest.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_NUMBER = re.compile(rb"[0-9.eE+-]{%d}" % (LONGEST_NUMBER + 1))


@dataclass(frozen=True)
class BodyFault:
    """Why a body is not read, with the HTTP status that says so."""

    status: int
    message: str


def most_bytes(path: str) -> int:
    """Largest body that a path takes."""
    if path == "/import":
        return MOST_IMPORT
    takes_texts = path in TAKE_TEXTS or path.startswith(("/work/", "/decide/", "/inbox/"))
    asks = path.startswith("/batches/") and path.endswith("/questions")
    return MOST_BYTES if takes_texts or asks else MOST_BYTES_ELSEWHERE


def body_fault(path: str, kind: str, body: bytes) -> BodyFault | None:
    """What is wrong with a body, before it is parsed; None if nothing is.

    Args:
        path: Of the request.
        kind: Its content type.
        body: All of it.

    Example:
        >>> body_fault("/api/v1/verdicts", "application/json", b"[" * 100).message
        'the JSON is nested more than 20 deep'
        >>> body_fault("/login", "application/x-www-form-urlencoded", b"name=ann")
    """
    if not body:
        return None
    plain_kind = kind.partition(";")[0].strip().lower()
    if path.startswith("/api/"):
        is_json = not plain_kind or plain_kind.endswith("json")
        # Anything else is not parsed: the API says itself that it wants JSON.
        return _json_fault(body) if is_json else None
    if plain_kind.startswith("multipart/"):
        return BodyFault(415, "send a form (content-type: application/x-www-form-urlencoded)")
    return _form_fault(body)


def _form_fault(body: bytes) -> BodyFault | None:
    if body.count(b"&") >= MOST_FIELDS:
        return BodyFault(400, f"the form has more than {MOST_FIELDS} fields")
    if b"%00" in body or b"\x00" in body:
        return BodyFault(400, "the form holds a character that cannot be stored (NUL)")
    return None


def _json_fault(body: bytes) -> BodyFault | None:
    structure = _around_texts(body)
    if structure is None:
        return BodyFault(400, f"the JSON has more than {MOST_VALUES} texts")
    why = _structure_fault(structure)
    if why:
        return BodyFault(400, why)
    try:
        json.loads(
            body.decode("utf-8"),
            parse_constant=_no_number,
            object_pairs_hook=_each_once,
        )
    except (ValueError, RecursionError) as error:
        return BodyFault(400, f"not JSON: {str(error)[:200]}")
    return None


def _around_texts(body: bytes) -> bytes | None:
    """The JSON without its texts; None if there are too many of them."""
    pieces: list[bytes] = []
    at = 0
    for number, text in enumerate(_TEXT.finditer(body)):
        if number >= MOST_VALUES:
            return None
        pieces.append(body[at : text.start()])
        at = text.end()
    return b"".join([*pieces, body[at:]])


def _structure_fault(structure: bytes) -> str:
    """What is wrong with the JSON around the texts."""
    if len(structure) > MOST_STRUCTURE:
        return f"the JSON has more than {MOST_STRUCTURE // 2**10} KiB around its texts"
    if structure.count(b",") + structure.count(b":") > MOST_VALUES:
        return f"the JSON has more than {MOST_VALUES} values"
    if _NUMBER.search(structure):
        return f"a number has more than {LONGEST_NUMBER} digits"

    depth = 0
    for bracket in _BRACKET.findall(structure):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            return f"the JSON is nested more than {DEEPEST} deep"
    return ""


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: of two values nobody could say which one is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key appears twice in one object")
    return found
