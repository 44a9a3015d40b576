"""Records of JSON files: a line each, an array, or an object.

What is broken is a reject, what follows is still read.

JSON is read here in Python: the fast readers give no line with an error and turn fields that change
their type into nulls without a word.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewell.curate.decoding import (
    MAX_RECORD_BYTES,
    SourceRecord,
    byte_lines,
    decode,
    is_wide,
    rejected,
)
from tunewell.curate.rows import Reject, clip

_SHOWN = 400
"""Characters of a broken element that its reject is made from."""

_ROW_KEYS = ("messages", "conversations", "prompt")
"""An object with one of these is a row, not a file of rows."""


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


def json_lines(path: Path) -> Iterator[SourceRecord]:
    """A record for every line that is not blank."""
    for number, line in byte_lines(path):
        if line is None:
            yield rejected(number, f"the line is longer than {MAX_RECORD_BYTES >> 20} MiB")
        elif line.strip():
            text, encoding = decode(line)
            record = SourceRecord(number, _loads(text))
            record.note_encoding(encoding, text)
            yield record


def _loads(text: str) -> Any:
    """The value, or a Reject."""
    try:
        return json.loads(
            text,
            parse_constant=_no_constant,
            object_pairs_hook=_once,
        )
    except RecursionError:
        return Reject("", "the JSON is nested too deeply", clip(text))
    except ValueError as error:
        return Reject("", f"not JSON: {error}", clip(text))


def _no_constant(_name: str) -> None:
    """NaN and the infinities are no JSON: they become null."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that stands twice JSON would silently keep the last."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = Counter(names) - Counter(made.keys())
        first = next(iter(repeated))
        raise ValueError(f"the key {clip(first, 40)!r} stands twice")
    return made


def json_document(path: Path) -> Iterator[SourceRecord]:
    """An array of objects, or an object of objects.

    A broken element is one reject, what follows is still read.
    """
    text, encoding = decode(path.read_bytes())
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] == "[":
        for record in _Array(text).records(start + 1):
            record.note_encoding(encoding)
            yield record
        return
    document = _loads(text)
    if isinstance(document, dict):
        yield from _object(document, text)
    elif isinstance(document, Reject):
        yield SourceRecord(1, document)
    else:
        kind = type(document).__name__
        yield rejected(1, f"a file of rows must be an array or an object, got {kind}")


def _object(document: dict[str, Any], text: str) -> Iterator[SourceRecord]:
    """Records of an object of objects, of an object that holds them in one list, or itself."""
    kinds = {type(value) for value in document.values()}
    lists = list(filter(_is_list_of_objects, document.values()))
    if kinds == {dict}:
        yield from _named_records(document, text)
    elif len(lists) == 1 and document.keys().isdisjoint(_ROW_KEYS):
        for record in lists[0]:  # {"data": [...]}
            yield SourceRecord(1, record)
    else:
        yield SourceRecord(1, document)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and isinstance(next(iter(value), None), dict)


def _named_records(document: dict[str, Any], text: str) -> Iterator[SourceRecord]:
    """The objects of an object, each with its key."""
    at = 0
    for name, record in document.items():
        at = max(at, text.find(json.dumps(name), at))
        line = text.count("\n", 0, at) + 1
        yield SourceRecord(line, record, str(name))


_SPACE = re.compile(r"[\s,]*")
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
"""Where the next element begins behind a broken one."""


class _Array:
    """Elements of an array one by one, so that a broken one loses only itself."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_once)
        self._line = 1
        self._counted = 0

    def records(self, at: int) -> Iterator[SourceRecord]:
        """The elements from the place behind the bracket."""
        text = self._text
        while True:
            at = self._skip_space(at)
            line = self._line_of(at)
            if at >= len(text):
                yield rejected(line, "the array does not end: the file is cut off")
                return
            if text[at] == "]":
                yield from self._behind(at + 1)
                return
            try:
                record, at = self._decoder.raw_decode(text, at)
                yield SourceRecord(line, record)
            except (ValueError, RecursionError) as error:
                yield rejected(line, f"not JSON: {error}", text[at : at + _SHOWN])
                following = _NEXT.search(text, at)
                if following is None:
                    return
                at = following.end()

    def _skip_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        assert match is not None  # it matches the empty string
        return match.end()

    def _line_of(self, at: int) -> int:
        """The line of a place that is not before the last one asked for."""
        self._line += self._text.count("\n", self._counted, at)
        self._counted = at
        return self._line

    def _behind(self, at: int) -> Iterator[SourceRecord]:
        """What follows the end of the array."""
        rest = self._text[at:].strip()
        if rest:
            line = self._line_of(at)
            yield rejected(line, "something follows the end of the array", rest)
