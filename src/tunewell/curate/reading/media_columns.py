"""Columns that hold a picture, a recording or a film: their value says so, not their name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tunewell.curate.reading.columns import Columns, has_value, plain_key, structure
from tunewell.curate.reading.known_columns import MEDIA_COLUMN
from tunewell.curate.reading.turns import MEDIA_WORDS, reference_of
from tunewell.types import Media, MediaKind

_KINDS: dict[MediaKind, str] = {
    "image": "png jpe?g gif webp bmp tiff? svg heic avif",
    "audio": "wav mp3 flac ogg opus oga aiff? au m4a aac wma amr sph",
    "video": "mp4 mov avi mkv webm",
}
_SUFFIX = {
    kind: re.compile(rf"\.({suffixes.replace(' ', '|')})(\?\S*)?$", re.IGNORECASE)
    for kind, suffixes in _KINDS.items()
}
_REFERENCE = re.compile(r"(https?|s3|gs|file)://\S+$|data:\w+/|\S*[/\\]\S+$|[A-Za-z0-9+/=_-]{24,}$")
"""An address, a path, or what only a machine reads."""

_IMAGE = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|BM", re.DOTALL)
"""How pictures begin."""

_STORED = frozenset({"bytes", "path", "array", "sampling_rate"})
"""Keys of a picture or recording that stands in the file itself."""


def media_columns(record: Columns) -> list[Media]:
    """What columns that were not used hold of pictures, recordings and films."""
    found = []
    for name in record:
        if name in record.used or record.name_of(name) != name or not record.is_free(name):
            continue
        value = structure(record[name])
        for each in value if isinstance(value, list) else [value]:
            kind = _kind_of(plain_key(name), each)
            if kind is not None:
                found.append(Media(kind=kind, reference=reference_of(each)))
    return found


def _kind_of(column: str, value: Any) -> MediaKind | None:
    """What kind of file a value is; None if it is text, a number or a truth value.

    Example:
        >>> _kind_of("image", "cat.png"), _kind_of("image", "a cat"), _kind_of("note", "cat.png")
        ('image', None, None)
    """
    if _is_stored(value):
        return _by_name(column) or "image"
    if not MEDIA_COLUMN.fullmatch(column):
        return None
    is_file = isinstance(value, bytes) or (isinstance(value, Mapping) and has_value(value))
    if is_file or (isinstance(value, str) and _is_reference(value.strip())):
        return _by_name(column)
    return None


def is_recording(value: Any) -> bool:
    """Whether a value is a recording: the name of a file of sound, or what stands in one.

    Example:
        >>> is_recording("a.mp3"), is_recording("a loud mp3"), is_recording({"bytes": b"RIFF"})
        (True, False, True)
    """
    if isinstance(value, Mapping):
        is_sound = _is_stored(value) and not _IMAGE.match(bytes(value.get("bytes") or b""))
        return is_sound or is_recording(value.get("path"))
    return isinstance(value, str) and _SUFFIX["audio"].search(value.strip()) is not None


def _is_stored(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value.keys() <= _STORED:
        return False
    return value.get("bytes") is not None or value.get("array") is not None


def _by_name(column: str) -> MediaKind | None:
    return next((kind for word, kind in MEDIA_WORDS.items() if word in column), None)


def _is_reference(text: str) -> bool:
    if any(suffix.search(text) for suffix in _SUFFIX.values()):
        return len(text.split()) < 8
    return _REFERENCE.match(text) is not None
