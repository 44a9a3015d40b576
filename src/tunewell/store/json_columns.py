"""Parts of a JSON record that stands in a text column, for queries of either database."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

SPECIAL = "~"
"""Stands before a character of a pattern that means itself."""

_NUL = "\\u0000"
_NUL_AFTER_PAIRS = r"'(?<!\\)((?:\\\\)*)\\u0000'"
"""The escape of NUL, and no backslash that is followed by those letters."""


class JsonPart(FunctionElement[str]):
    """One value of a JSON record as JSON text, escapes and quotation marks included.

    Nothing in it is decoded, so that a record with a character that the database cannot hold (NUL)
    can be asked like any other.

    Args:
        column: That holds the record.
        path: Keys from the outside in.
    """

    type = sa.Text()
    inherit_cache = True
    name = "json_part"

    def __init__(self, column: sa.ColumnElement[str], *path: str) -> None:
        keys = [sa.literal(_path_of(path)), sa.literal("{" + ",".join(map(_quoted, path)) + "}")]
        super().__init__(column, *keys)


def _path_of(path: tuple[str, ...]) -> str:
    return "$" + "".join(f".{_quoted(key)}" for key in path)


def _quoted(key: str) -> str:
    return json.dumps(key)


@compiles(JsonPart, "sqlite")
def _in_sqlite(element: JsonPart, compiler: SQLCompiler, **options: Any) -> str:
    column, path, _ = element.clauses
    of, at = compiler.process(column, **options), compiler.process(path, **options)
    return f"({of} -> {at})"


@compiles(JsonPart, "postgresql")
def _in_postgresql(element: JsonPart, compiler: SQLCompiler, **options: Any) -> str:
    column, _, path = element.clauses
    of, at = compiler.process(column, **options), compiler.process(path, **options)
    # The server would refuse to read the whole record for one NUL in it.
    free = f"regexp_replace({of}, {_NUL_AFTER_PAIRS}, '\\1', 'g')"
    record = f"CASE WHEN strpos({of}, '{_NUL}') > 0 THEN {free} ELSE {of} END"
    return f"((({record})::json #> ({at})::text[])::text)"


class AnyCaseLike(FunctionElement[bool]):
    """Whether a text is like a pattern, upper and lower case of ASCII letters alike.

    SQLite's own LIKE is, without a copy of the text in lower case.

    Args:
        column: The text.
        pattern: With `SPECIAL` before what means itself.
    """

    type = sa.Boolean()
    inherit_cache = True
    name = "any_case_like"

    def __init__(self, column: sa.ColumnElement[str], pattern: str) -> None:
        super().__init__(column, sa.literal(pattern))


@compiles(AnyCaseLike)
def _like(element: AnyCaseLike, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = element.clauses
    text, like = compiler.process(column, **options), compiler.process(pattern, **options)
    word = "ILIKE" if compiler.dialect.name == "postgresql" else "LIKE"
    return f"({text} {word} {like} ESCAPE '{SPECIAL}')"


def holds_word(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """Whether JSON text (of ASCII characters alone) holds a word, upper and lower case alike.

    Example:
        >>> print(holds_word(sa.column("a", sa.Text), "50%").compile(
        ...     compile_kwargs={"literal_binds": True}))
        (a LIKE '%50~%%' ESCAPE '~')
    """
    forms = [word]
    if not word.isascii():
        # Escapes of other letters are numbers: these have no case.
        forms += [word.lower(), word.upper(), word.capitalize()]
    likes = [AnyCaseLike(column, _pattern(form)) for form in dict.fromkeys(forms)]
    return sa.or_(*likes)


def holds_text(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """Whether JSON text holds a whole value that is a text."""
    return AnyCaseLike(column, f"%{_free(json.dumps(text))}%")


def _pattern(word: str) -> str:
    return f"%{_free(json.dumps(word)[1:-1])}%"


def _free(text: str) -> str:
    for character in (SPECIAL, "%", "_"):
        text = text.replace(character, SPECIAL + character)
    return text
