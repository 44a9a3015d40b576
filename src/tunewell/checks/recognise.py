"""Who finds names and addresses beside the structured identifiers: nobody, a built-in, or the project's own function.

``rules.recogniser`` in tunewell.yaml is one of

* empty: structured identifiers and secrets only;
* ``context``: `tunewell.checks.names`, built in, fast, sees only names that their surroundings give
  away;
* ``rampart``: a small model on this machine (extra ``names``), `tunewell.checks.rampart`, and
  ``context`` with it;
* ``FILE.py:function``: the project's own, which takes a list of texts and gives, for every text, a
  list of (start, end, type).

The project's own file is its code and runs with its rights; so it is run only when tunewell.yaml
names it, and only from inside the project's folder.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunewell.checks import rampart
from tunewell.checks.names import find_names
from tunewell.checks.personal import PersonalSpan, find_personal
from tunewell.errors import UserError

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
        >>> [(s.start, s.end, s.type) for s in load_recogniser("context")(["Dear Ms. Okoro, hello"])[0]]
        [(9, 14, 'name')]
    """
    if not name:
        return None
    if name == "context":
        return lambda texts: [find_names(text) for text in texts]
    if name == "rampart":
        model = rampart.load()
        return lambda texts: [
            _united(a, find_names(text)) for text, a in zip(texts, model(texts), strict=True)
        ]
    return _own(name, Path(root))


def find_all(
    texts: Sequence[str], recogniser: Recogniser | None = None
) -> list[list[PersonalSpan]]:
    """Personal data of every text: structured identifiers first, then what the recogniser adds without touching them.

    Example:
        >>> spans, = find_all(["I am Jo (jo@example.org)."], lambda texts: [[PersonalSpan(5, 7, "name")] for _ in texts])
        >>> [s.type for s in spans]
        ['name', 'email']
    """
    found = [find_personal(text) for text in texts]
    if recogniser is None:
        return found
    return [_united(spans, more) for spans, more in zip(found, recogniser(texts), strict=True)]


def _united(first: Sequence[PersonalSpan], more: Sequence[PersonalSpan]) -> list[PersonalSpan]:
    """Spans of both in order; of two that overlap, the one of the first."""
    added = [s for s in more if not any(s.start < f.end and f.start < s.end for f in first)]
    return sorted([*first, *added], key=lambda s: s.start)


def _own(name: str, root: Path) -> Recogniser:
    file, _, function = name.rpartition(":")
    path = (root / file).resolve()
    if Path(file).is_absolute() or not path.is_relative_to(root.resolve()) or path.suffix != ".py":
        raise UserError(
            f"rules.recogniser is context, rampart or FILE.py:function inside the project's folder. Got {name!r}.",
            hint="recogniser: recognise.py:find",
        )
    if not path.is_file():
        raise UserError(f"rules.recogniser names {file}, which is not there", hint=f"write {file}")
    spec = importlib.util.spec_from_file_location(f"_tunewell_recogniser_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"{file}: {type(error).__name__}: {error}", hint=f"run: python {file}"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UserError(f"{file} has no function {function!r}", hint=f"def {function}(texts): …")
    return functools.partial(_checked, found, name)


def _checked(
    function: Callable[[list[str]], Any], name: str, texts: Sequence[str]
) -> list[list[PersonalSpan]]:
    """What the project's function gives, held to the contract: a wrong span must not cut a row in the wrong place."""
    try:
        given = list(function(list(texts)))
    except Exception as error:
        raise UserError(
            f"{name}: {type(error).__name__}: {error}", hint="it is called with a list of texts"
        ) from error
    if len(given) != len(texts):
        raise UserError(
            f"{name} gave {len(given)} results for {len(texts)} texts",
            hint="one list of spans a text",
        )
    return [_spans(name, text, spans) for text, spans in zip(texts, given, strict=True)]


def _spans(name: str, text: str, given: Any) -> list[PersonalSpan]:
    found: list[PersonalSpan] = []
    try:
        parts = sorted((int(start), int(end), str(kind)) for start, end, kind in given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: a span is (start, end, type), got {given!r:.80}") from error
    for start, end, kind in parts:
        if not 0 <= start < end <= len(text) or not _TYPE.fullmatch(kind):
            raise UserError(
                f"{name}: ({start}, {end}, {kind!r}) is no span of a text of {len(text)} characters",
                hint="0 <= start < end <= len(text); the type in small letters",
            )
        if not found or start >= found[-1].end:
            found.append(PersonalSpan(start, end, kind))
    return found
