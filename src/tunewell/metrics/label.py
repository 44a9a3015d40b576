"""Labels: the class that an answer names, alone or at its head (``[billing] Dear customer …``)."""

from __future__ import annotations

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.patterns import LONGEST_MATCHED, PatternText
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import AnyPattern, TimedPattern
from tunewell.types import Example, MetricInfo, Unscored, Value

_NO_LABEL = "the gold answer has no label"


class LabelOptions(Value):
    r"""Options of ``label``.

    Attributes:
        pattern: Regular expression whose first group is the label, such as ``^\[(.+?)\]``; empty =
            the whole answer.
        labels: Labels that exist; empty = any.
    """

    pattern: PatternText = ""
    labels: tuple[str, ...] = ()

    @property
    def compiled(self) -> TimedPattern | None:
        """The pattern; None if the whole answer is the label."""
        return TimedPattern(self.pattern) if self.pattern else None


def label_of(text: str, pattern: AnyPattern | None) -> str | None:
    r"""The label of a text, lower case and white space collapsed.

    None where the pattern finds none.

    Args:
        text: An answer.
        pattern: Its first group (or the whole match) is the label; None = the whole text is.

    Example:
        >>> label_of("[Billing] Dear customer", TimedPattern(r"^\[(.+?)\]"))
        'billing'
        >>> label_of(" card_arrival\n", None)
        'card_arrival'
    """
    text = text.strip()[:LONGEST_MATCHED]
    if pattern is None:
        return _plain(text) or None

    match = pattern.search(text)
    if match is None:
        return None
    has_group = pattern.groups > 0 and match[1] is not None
    return _plain(match[1] if has_group else match[0]) or None


def _plain(label: str) -> str:
    return " ".join(label.casefold().split())


@built_in_with(
    MetricInfo(
        name="label",
        title="label accuracy",
        own=True,
        validated=True,
    ),
    LabelOptions,
)
def label_accuracy(options: LabelOptions, setting: MetricSetting) -> Metric:
    """1 if the answer names the gold answer's label."""
    pattern = options.compiled
    known = set(map(_plain, options.labels))

    def label(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        wanted = label_of(example.target, pattern)
        found = label_of(output, pattern)
        if wanted is None:
            return Unscored(reason=_NO_LABEL)
        if found == wanted:
            return Marked(value=1.0, reason=found)
        return Marked(value=0.0, reason=f"{_shown(found, known)} instead of {wanted!r}")

    def applies(example: Example) -> str:
        return _NO_LABEL if label_of(example.target, pattern) is None else ""

    return Metric(
        info=setting.info,
        function=label,
        applies=applies,
    )


def _shown(found: str | None, known: set[str]) -> str:
    """A wrong label, with whether it exists at all."""
    if found is None:
        return "no label"
    is_unknown = bool(known) and found not in known
    return f"{found[:60]!r} (no such label)" if is_unknown else repr(found[:60])
