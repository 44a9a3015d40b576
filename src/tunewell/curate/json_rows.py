"""Records of JSON files: a line each, an array, or an object.

What is broken is a reject, what follows is still read.

JSON is read here in Python: the fast readers give no line with an error and turn fields that change
their type into nulls without a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import DECODED, MAX_RECORD_BYTES, Record, byte_lines, decode, is_wide
from tunewell.curate.rows import Reject, clip


def looks_like_lines(path: Path) -> bool:
    """Whether a .json file holds one object per line rather than one document."""
    if is_wide(path):
        return False
    with path.open("rb") as file:
        first = file.readline(MAX_RECORD_BYTES).removeprefix(b"\xef\xbb\xbf").strip()
        second = file.readline(64).strip()
    if not first.startswith(b"{") or not first.endswith(b"}"):
        return False
    try:
        json.loads(first)
    except ValueError:
        return False
    return second.startswith(b"{")


def json_lines(path: Path) -> Iterator[Record]:
    """A record for every line that is not blank."""
    for number, line in byte_lines(path):
        if line is None:
            yield number, Reject("", f"the line is longer than {MAX_RECORD_BYTES >> 20} MiB"), ""
            continue
        if not line.strip():
            continue
        text, encoding = decode(line)
        record = _loads(text)
        if encoding == "cp1252" and isinstance(record, dict):
            record[DECODED] = clip(text)
        yield number, record, ""


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _name: None, object_pairs_hook=_once)
    except RecursionError:
        return Reject("", "the JSON is nested too deeply", clip(text))
    except ValueError as error:
        return Reject("", f"not JSON: {error}", clip(text))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that stands twice JSON would silently keep the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key {clip(next(n for n in names if names.count(n) > 1), 40)!r} stands twice"
        )
    return made


_SPACE = re.compile(r"[\s,]*")
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")


def json_document(path: Path) -> Iterator[Record]:
    """An array of objects, or an object of objects.

    A broken element is one reject, what follows is still read.
    """
    text, encoding = decode(path.read_bytes())
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        for line, record in _array(text, start + 1):
            if encoding == "cp1252" and isinstance(record, dict):
                record[DECODED] = clip(json.dumps(record, default=str))
            yield line, record, ""
        return
    document = _loads(text)
    if isinstance(document, Reject):
        yield 1, document, ""
        return
    yield from _object(document, text)


def _object(document: Any, text: str) -> Iterator[Record]:
    if not isinstance(document, dict):
        yield (
            1,
            Reject(
                "", f"a file of rows must be an array or an object, got {type(document).__name__}"
            ),
            "",
        )
        return
    lists = [v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if document and all(isinstance(v, dict) for v in document.values()):
        at = 0
        for name, record in document.items():
            found = text.find(json.dumps(name), at)
            at = found if found >= 0 else at
            yield text.count("\n", 0, at) + 1, record, str(name)
    elif len(lists) == 1 and document.keys().isdisjoint(("messages", "conversations", "prompt")):
        for record in lists[0]:  # {"data": [...]}
            yield 1, record, ""
    else:
        yield 1, document, ""


def _array(text: str, at: int) -> Iterator[tuple[int, Any]]:
    decoder = json.JSONDecoder(parse_constant=lambda _name: None, object_pairs_hook=_once)
    line, counted = 1, 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches the empty string
        line, counted = line + text.count("\n", counted, at), at
        if at >= len(text):
            yield line, Reject("", "the array does not end: the file is cut off")
            return
        if text[at] == "]":
            if rest := text[at + 1 :].strip():
                line += text.count("\n", counted, at + 1)
                yield line, Reject("", "something follows the end of the array", clip(rest))
            return
        try:
            record, at = decoder.raw_decode(text, at)
            yield line, record
        except (ValueError, RecursionError) as error:
            yield line, Reject("", f"not JSON: {error}", clip(text[at : at + 400]))
            following = _NEXT.search(text, at)
            if following is None:
                return
            at = following.end()
