"""Which columns of an unknown file are the question and the answer, by their names and texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tunewell.curate.reading.columns import has_value, plain_key

_ASKED = re.compile(
    r"(?:^|_)(?:(?:q|in|src)(?![a-z])|question|ask|asked|prompt|query|input|request|instruction|user"
    r"|customer|client|message|problem|subject|frage|anfrage|anliegen|demande|domanda|richiesta"
    r"|solicitud|pregunta|pergunta|vraag|source|issue|ticket|问题|提问|вопрос)"
)
_ANSWERED = re.compile(
    r"(?:^|_)(?:(?:a|ans|out|tgt)(?![a-z])|answer|answered|reply|replies|response|respond|completion"
    r"|output|solution|agent|assistant|bot|result|target|antwort|loesung|lösung|respuesta|resposta"
    r"|réponse|reponse|risposta|antwoord|resolution|回答|答案|ответ)"
)
_NOT_TEXT = re.compile(
    r"(?:^|_)(?:id|ids|date|time|timestamp|lang|language|url|score|uuid|index|no|nr|number|email"
    r"|status|priority|region|created|updated)(?:_|$)"
)
_LEAST_LETTERS = 2.0
"""Mean letters of a column that may be text."""

_JUDGED_FROM = 8
"""Rows from which on it shows whether a column holds questions."""

_MOST_OF_ONE = 4
"""Rows a value that questions may have on average; a column with more holds classes or sources."""

_LONGEST_NAME = 40
"""Letters of a column's name; a longer one is a sentence, in which any word may occur."""

_MORE_OFTEN = 0.3
"""How much more often a column asks than another before it is taken for the questions."""

_ALMOST_ALL = 0.9
_QUESTION = re.compile(r".*[?？؟]\W*", re.DOTALL)
_MARK = re.compile(r"(?=[\x21-\u02ff]+$)\S*[\w)](?:[._/\\:-]|\d)\S*")
"""A name of a file, a path or a code: no word and no question.

Of Latin letters: a sentence of a script without spaces is one word with a number in it.
"""


def guess_columns(records: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """The columns that are most likely question and answer; None if nothing says so.

    Example:
        >>> guess_columns([{"nr": "7", "customer_text": "Where is it?", "agent_reply": "Here."}])
        ('customer_text', 'agent_reply')
        >>> guess_columns([{"Antwort": "Hier ist sie.", "Anfrage": "Wo ist sie, bitte?"}])
        ('Anfrage', 'Antwort')
    """
    texts = _text_columns(records)
    names = [name for name in texts if len(name) <= _LONGEST_NAME]
    asked = _named(names, _ASKED, but=_ANSWERED)
    answered = _named(names, _ANSWERED, but=_ASKED)
    if asked and answered:
        guess = (asked, answered) if asked != answered else None
    else:
        guess = _with_the_longest(texts, asked, answered)
        if guess is not None and not (asked or answered):
            guess = _questions_first(records, *guess)
        if guess is not None and not answered and _are_marks(records, guess[1]):
            return None
    if guess is not None and not _may_be_questions(records, guess[0]):
        return None
    return guess


def _may_be_questions(records: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column may hold questions: not a few values over and over, nor names of files.

    Example:
        >>> rows = [{"source": source} for source in ("human", "model") * 9]
        >>> _may_be_questions(rows, "source")
        False
    """
    values = _values(records, name)
    if len(values) < _JUDGED_FROM:
        return True
    if len(set(values)) * _MOST_OF_ONE < len(values):
        return False
    return _share_of(_MARK, values) < 0.5


def _questions_first(
    records: Sequence[Mapping[str, Any]],
    one: str,
    other: str,
) -> tuple[str, str]:
    """Two columns of which no name tells anything: the one that asks more often comes first.

    Example:
        >>> rows = [{"b": f"It is {n}.", "a": f"What is {n}?"} for n in range(9)]
        >>> _questions_first(rows, "b", "a")
        ('a', 'b')
    """
    asks = {name: _share_of(_QUESTION, _values(records, name)) for name in (one, other)}
    return (other, one) if asks[other] > asks[one] + _MORE_OFTEN else (one, other)


def _are_marks(records: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a column holds names and codes, another one in each row: then it answers nothing.

    Example:
        >>> _are_marks([{"name": f"seed_task_{n}"} for n in range(9)], "name")
        True
    """
    values = _values(records, name)
    if len(values) < _JUDGED_FROM or len(set(values)) < _ALMOST_ALL * len(values):
        return False
    return _share_of(_MARK, values) >= _ALMOST_ALL


def _values(records: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    return [value.strip() for record in records if isinstance(value := record.get(name), str)]


def _share_of(pattern: re.Pattern[str], values: Sequence[str]) -> float:
    """The share of the values that are entirely like a pattern; 0 of none."""
    return sum(pattern.fullmatch(value) is not None for value in values) / max(1, len(values))


def _with_the_longest(
    texts: Mapping[str, float], asked: str, answered: str
) -> tuple[str, str] | None:
    """Where one side at most is told by its name, the other is the only long text beside it.

    Or the only text at all: labels are short, and in scripts without spaces a riddle has ten
    letters.
    """
    wanted = 1 if asked or answered else 2
    longest = max(texts.values(), default=0.0)
    others = {name: mean for name, mean in texts.items() if name not in (asked, answered)}
    long = [name for name, mean in others.items() if mean >= max(10.0, longest / 20)]
    found = list(others) if len(long) < wanted else long
    if len(found) != wanted:
        return None
    if wanted == 2:
        return found[0], found[1]
    return (asked, found[0]) if asked else (found[0], answered)


def _named(
    texts: Iterable[str],
    wanted: re.Pattern[str],
    *,
    but: re.Pattern[str],
) -> str:
    """The first column with such a name, if possible one that has no name of the other kind."""
    named = [name for name in texts if wanted.search(plain_key(name))]
    sure = [name for name in named if not but.search(plain_key(name))]
    return next(iter(sure or named), "")


def _text_columns(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Columns of text, in their order, with the mean number of their letters."""
    letters: dict[str, int] = {}
    rows: dict[str, int] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, str) and has_value(value):
                letters[name] = letters.get(name, 0) + sum(map(str.isalpha, value))
                rows[name] = rows.get(name, 0) + 1
    found = {}
    for name, count in letters.items():
        mean = count / rows[name]
        if mean >= _LEAST_LETTERS and not _NOT_TEXT.search(plain_key(name)):
            found[name] = mean
    return found


def hint_of(asked: str, answered: str) -> str:
    """What to type to name the columns."""
    question, answer = shlex.quote(asked), shlex.quote(answered)
    return (
        f"tunewell doctor FILE --input {question} --target {answer}, "
        f"or data[].fields: {{input: {asked!r}, target: {answered!r}}}"
    )
