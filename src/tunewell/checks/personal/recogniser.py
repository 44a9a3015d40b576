"""Who finds names and addresses beside the structured identifiers (pitfall D07).

Nobody, a built-in, or the project's own function: ``rules.recogniser`` in tunewell.yaml is one of

* empty: structured identifiers and secrets only;
* ``context``: `tunewell.checks.personal.names_by_context`, built in, fast, sees only names that
  their surroundings give away;
* ``rampart``: a small model on this machine (extra ``names``),
  `tunewell.checks.personal.names_by_rampart`, and ``context`` with it;
* ``FILE.py:function``: the project's own, which takes a list of texts and gives, for every text, a
  list of (start, end, type).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunewell.checks.personal import names_by_rampart
from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.names_by_context import find_names
from tunewell.checks.personal.spans import PersonalSpan, first_of_overlapping
from tunewell.errors import UserError
from tunewell.project_code import path_inside, run_project_code

Recogniser = Callable[[Sequence[str]], list[list[PersonalSpan]]]
"""Takes texts, gives the spans of each."""

_TYPE = re.compile(r"[a-z][a-z_]{0,30}")


@functools.cache
def load_recogniser(name: str, root: str = "") -> Recogniser | None:
    """The recogniser of ``rules.recogniser``; None if that is empty.

    Args:
        name: As in tunewell.yaml.
        root: The project's folder, for a function of its own.

    Raises:
        UserError: There is no such function, or its file lies outside the project.
        MissingExtraError: The model's package is not installed.

    Example:
        >>> (spans,) = load_recogniser("context")(["Dear Ms. Okoro, hello"])
        >>> [(s.start, s.end, s.type) for s in spans]
        [(9, 14, 'name')]
    """
    if not name:
        return None
    if name == "context":
        return _by_context
    if name == "rampart":
        return functools.partial(_by_model_and_context, names_by_rampart.load())
    return _own(name, Path(root))


def _by_context(texts: Sequence[str]) -> list[list[PersonalSpan]]:
    return list(map(find_names, texts))


def _by_model_and_context(model: Recogniser, texts: Sequence[str]) -> list[list[PersonalSpan]]:
    return list(map(_united, model(texts), _by_context(texts)))


def find_all(
    texts: Sequence[str], recogniser: Recogniser | None = None
) -> list[list[PersonalSpan]]:
    """Personal data of every text: structured identifiers, then what the recogniser adds.

    Example:
        >>> def recogniser(texts):
        ...     return [[PersonalSpan(5, 7, "name")] for _ in texts]
        >>> (spans,) = find_all(["I am Jo (jo@okoro.net)."], recogniser)
        >>> [s.type for s in spans]
        ['name', 'email']
    """
    found = list(map(find_personal, texts))
    if recogniser is None:
        return found
    return list(map(_united, found, recogniser(texts)))


def _united(first: Sequence[PersonalSpan], more: Sequence[PersonalSpan]) -> list[PersonalSpan]:
    """Spans of both in order; of two that overlap, the one of the first."""
    return first_of_overlapping([*first, *more])


def _own(name: str, root: Path) -> Recogniser:
    """The project's function ``FILE.py:function``."""
    file, _, function = name.rpartition(":")
    path = path_inside(root, file)
    if path is None:
        raise UserError(
            "rules.recogniser is context, rampart or FILE.py:function inside the project's folder. "
            f"Got {name!r}.",
            hint="recogniser: recognise.py:find",
        )
    code = run_project_code(path, file=file, place="rules.recogniser")
    found = getattr(code.module, function, None)
    if not callable(found):
        raise UserError(f"{file} has no function {function!r}", hint=f"def {function}(texts): …")
    return functools.partial(_checked, found, name)


def _checked(
    function: Callable[[list[str]], Any], name: str, texts: Sequence[str]
) -> list[list[PersonalSpan]]:
    """What the project's function gives: a wrong span must not cut a row in the wrong place."""
    try:
        given = list(function(list(texts)))
    except Exception as error:
        message = f"{name}: {type(error).__name__}: {error}"
        raise UserError(message, hint="it is called with a list of texts") from error
    if len(given) != len(texts):
        raise UserError(
            f"{name} gave {len(given)} results for {len(texts)} texts",
            hint="one list of spans a text",
        )
    return list(map(functools.partial(_spans, name), texts, given))


def _spans(name: str, text: str, given: Any) -> list[PersonalSpan]:
    try:
        parts = sorted((int(start), int(end), str(kind)) for start, end, kind in given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: a span is (start, end, type), got {given!r:.80}") from error

    for start, end, kind in parts:
        if not 0 <= start < end <= len(text) or not _TYPE.fullmatch(kind):
            raise UserError(
                f"{name}: ({start}, {end}, {kind!r}) is no span of a text of "
                f"{len(text)} characters",
                hint="0 <= start < end <= len(text); the type in small letters",
            )
    return first_of_overlapping(PersonalSpan(*part) for part in parts)
