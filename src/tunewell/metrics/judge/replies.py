"""What a judge's reply says.

Reasoning before it is taken off. Only a reply that is one JSON object of the asked form counts.
Everything else (a refusal, prose, two objects, a value off the scale) is unscored with its reason,
never a guess: "the first JSON wins" would let an answer write its own verdict.
"""

from __future__ import annotations

from tunewell.json_text import parse_json
from tunewell.metrics.answer_format import without_fence
from tunewell.metrics.reasoning import ONLY_REASONING, answer_of, is_only_reasoning
from tunewell.task import RubricCriterion
from tunewell.types import Unscored

_YES_NO = {"yes": 1.0, "no": 0.0}
_GRADES = (1, 2, 3, 4, 5)
_PREFERENCES = {"1": 1.0, "2": 0.0, "tie": 0.5}


def parse_verdict(reply: str, criterion: RubricCriterion) -> tuple[float, str] | Unscored:
    """The value and the reason of a reply, or why it has none.

    Example:
        >>> useful = RubricCriterion(name="useful", question="Is it?")
        >>> parse_verdict('{"reason": "Says all.", "verdict": "yes"}', useful)
        (1.0, 'Says all.')
        >>> parse_verdict("Sure! yes", useful).reason
        "the judge's reply is not one JSON object: 'Sure! yes'"
    """
    found = _object(reply)
    if isinstance(found, Unscored):
        return found

    verdict = found.get("verdict")
    value = _yes_or_no(verdict) if criterion.scale == "yes/no" else _grade(verdict)
    if value is None:
        shown = str(verdict)[:40]
        return Unscored(
            reason=f"the judge's verdict {shown!r} is not on the scale {criterion.scale}"
        )
    return value, str(found.get("reason", ""))[:300]


def _yes_or_no(verdict: object) -> float | None:
    if isinstance(verdict, bool):
        return float(verdict)
    if isinstance(verdict, str):
        return _YES_NO.get(verdict.strip().lower())
    return None


def _grade(verdict: object) -> float | None:
    # True is no grade, though it equals 1.
    if isinstance(verdict, bool):
        return None
    try:
        value = float(str(verdict))
    except ValueError:
        return None
    return value if value in _GRADES else None


def parse_preference(reply: str) -> float | Unscored:
    """1 if the first answer is better, 0 if the second, .5 for a tie, or why there is no verdict.

    Example:
        >>> parse_preference('{"reason": "", "better": "2"}')
        0.0
    """
    found = _object(reply)
    if isinstance(found, Unscored):
        return found
    better = str(found.get("better", "")).strip().lower()
    if better not in _PREFERENCES:
        return Unscored(reason=f"the judge's preference {better[:40]!r} is none of 1, 2, tie")
    return _PREFERENCES[better]


def _object(reply: str) -> dict[str, object] | Unscored:
    if is_only_reasoning(reply):
        return Unscored(reason=f"the judge's reply is {ONLY_REASONING}")
    text = answer_of(reply).strip()
    if not text:
        return Unscored(reason="the judge gave no reply")
    try:
        found = parse_json(without_fence(text))
    except ValueError:
        return Unscored(reason=f"the judge's reply is not one JSON object: {text[:80]!r}")
    if not isinstance(found, dict):
        return Unscored(reason=f"the judge's reply is no object: {text[:80]!r}")
    return found
