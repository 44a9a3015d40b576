"""Data in a text: JSON, XML, tables, settings, fenced blocks. Each word of it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

_FEWEST_WORDS = 6
"""Less of it is an example within a sentence."""

_FEWEST_LINES = 3
"""So many lines of one form after each other are settings, or a table …"""

_VALUE_WORDS = 4
"""… if what stands behind a key is no longer than this."""

_MAY_BE_DATA = re.compile(r"[{\[|<`~\t;]|\n[^\n]*[:=,]")
_FENCED = re.compile(r"^(```|~~~)[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
_OBJECT = re.compile(r"\{[^{}\n]*\"[^{}\n]*:[^{}\n]*\}")
_BEGINS_AS_DATA = re.compile(r"\s*(?:[{}\]]|\[(?!\w+\])|\|.*\||\"[^\"]+\"\s*:)")
_TAG = re.compile(r"<(/?[A-Za-z][\w:.-]*)[^<>]*>")
_PROSE_TAGS = frozenset(
    "p br a b i u em strong small ul ol li div span h1 h2 h3 h4 h5 h6 blockquote img code pre hr "
    "sub sup center font body html head".split()
)
"""Tags of pages, which hold sentences."""

_KEY_LINE = re.compile(r"\s*(?:- )?([\w.\"'-]+) ?[:=](?:\s+(.*))?$")
_WORD = re.compile(r"\w+")


def data_of(text: str) -> str:
    r"""The data in a text; empty where there is none to speak of.

    Example:
        >>> data_of('Who owns it?\n{"name": "desk", "owner": "Ann", "city": "Bern", "open": true}')
        '{"name": "desk", "owner": "Ann", "city": "Bern", "open": true}'
        >>> data_of("Doctor: How are you?\nPatient: Well.\nDoctor: Good.")
        ''
    """
    if not _MAY_BE_DATA.search(text):
        return ""
    found = "\n".join(_parts(text))
    return found if len(_WORD.findall(found)) >= _FEWEST_WORDS else ""


def is_data(text: str) -> bool:
    """Whether most words of a text are data, be they few.

    Example:
        >>> is_data('{"options": {"type": "object"}}'), is_data("[Music] Hello {name}")
        (True, False)
    """
    if not _MAY_BE_DATA.search(text):
        return False
    found = "\n".join(_parts(text))
    return 2 * len(_WORD.findall(found)) > len(_WORD.findall(text))


def _parts(text: str) -> Iterator[str]:
    for fenced in _FENCED.finditer(text):
        yield fenced[2]
    for form, group in groupby(_FENCED.sub("", text).splitlines(), _form_of):
        lines = list(group)
        if form == "data" or _are_of_one_form(form, lines):
            yield from lines
        else:
            yield from _OBJECT.findall("\n".join(lines))


def _form_of(line: str) -> str:
    """What form of data a line has by itself; empty if it has none."""
    if _BEGINS_AS_DATA.match(line) or _has_tags_of_data(line):
        return "data"
    key = _KEY_LINE.match(line)
    if key and len((key[2] or "").split()) <= _VALUE_WORDS:
        return "keys"
    for sign in "\t;,":
        if sign in line and f"{sign} " not in line:
            return f"{sign}{line.count(sign)}"
    return ""


def _has_tags_of_data(line: str) -> bool:
    tags = [name.strip("/").lower() for name in _TAG.findall(line)]
    return bool(tags) and not _PROSE_TAGS.issuperset(tags)


def _are_of_one_form(form: str, lines: Sequence[str]) -> bool:
    """Whether lines that follow each other are settings or a table; speakers take turns."""
    if not form or len(lines) < _FEWEST_LINES:
        return False
    if form != "keys":
        return True
    keys = [match[1] for match in map(_KEY_LINE.match, lines) if match]
    return len(set(keys)) == len(keys)
