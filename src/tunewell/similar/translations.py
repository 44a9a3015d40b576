"""Whether rows are answered in another language than they are asked in, as translations are."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.checks.language import language
from tunewell.checks.segments import main_script
from tunewell.checks.verbatim import is_structured

_SAMPLES = 8
"""Samples of the rows whose language is looked at …"""

_ROWS = 10
"""… each of so many rows: short texts do not tell it alone."""

_MOST = 0.5
"""Share of the samples in two languages above which the rows are translations."""


def of_two_languages(asked: Sequence[str], said: Sequence[str]) -> bool:
    """Whether most rows are answered in another language, or script, than they are asked in.

    Labels, code and data are in no language.

    Args:
        asked: What each row asks.
        said: The answers, in the same order.

    Example:
        >>> asked = ["Save and add another one", "You do not have permission to change it"]
        >>> said = ["Speichern und neu hinzufügen", "Sie haben keine Berechtigung zum Ändern"]
        >>> of_two_languages(asked, said), of_two_languages(asked, asked[::-1])
        (True, False)
    """
    by_answer = {answer: text for text, answer in zip(asked, said, strict=True)}
    rows = [(text, answer) for answer, text in by_answer.items() if not is_structured(answer)]
    # Of labels few are left, which are no sample of what the rows say.
    if 2 * len(rows) <= len(said):
        return False
    step = max(1, len(rows) // _SAMPLES)
    samples = [rows[at : at + _ROWS] for at in range(0, len(rows), step)]
    apart = sum(_are_apart(sample) for sample in samples)
    return apart > _MOST * len(samples)


def _are_apart(rows: Sequence[tuple[str, str]]) -> bool:
    first, second = (" ".join(" ".join(texts).split()) for texts in zip(*rows, strict=True))
    if main_script(first) != main_script(second):
        return bool(main_script(first) and main_script(second))
    languages = language(first), language(second)
    return all(languages) and languages[0] != languages[1]
