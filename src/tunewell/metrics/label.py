"""Labels: the class that an answer names, alone or at its head (``[billing] Dear customer …``)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.characters import visible
from tunewell.metrics.meaning_marks import with_one_hyphen
from tunewell.metrics.patterns import LONGEST_MATCHED, PatternText
from tunewell.metrics.reasoning import answer_of
from tunewell.metrics.registry import MetricSetting, built_in_with
from tunewell.task import TaskSpec
from tunewell.timed_pattern import AnyPattern, TimedPattern
from tunewell.types import Example, MetricInfo, Unscored, Value, listed

_NO_LABEL = "the gold answer has no label"
_JOINED: Final = " | "
"""Between the labels of a set."""
_MOST_WORDS: Final = 5
_LONGEST_SET: Final = 300
"""A text of longer parts, or longer itself, is prose and no list of labels."""
_SEPARATOR: Final = re.compile(r"(?<!\d),|,(?!\d)|[;|\n、，；]|(?<=\s)/(?=\s)")
_BULLET: Final = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+(?!\d)")

_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "`": "'"})
_WRAPPERS: Final = {
    '"': '"',
    "'": "'",
    "*": "*",
    "_": "_",
    "«": "»",
    "»": "«",
    "‹": "›",
    "「": "」",
    "『": "』",
    "【": "】",
    "[": "]",
    "(": ")",
    "{": "}",
    "<": ">",
}
_TRAILING: Final = ".!?,;:…。！？，；："
_UNPAIRED: Final = {")": "(", "]": "[", "}": "{"}


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

    @cached_property
    def known(self) -> frozenset[str]:
        """The labels that exist, in one writing; empty = any."""
        return frozenset(map(plain_label, self.labels))

    def label_of(self, text: str) -> str | None:
        """The label or set of labels of a text; see `label_of`."""
        return label_of(text, self.compiled, known=self.known)


def label_of(
    text: str, pattern: AnyPattern | None, *, known: frozenset[str] = frozenset()
) -> str | None:
    r"""The label of a text in one writing; None where the pattern finds none.

    Case, white space, invisible characters, the composition of accents and decoration (quotes,
    brackets, emphasis, a full stop) do not count. Several labels are a set: their order and
    repetition do not count either.

    Args:
        text: An answer.
        pattern: Its first group (or the whole match) is the label; None = the whole text is.
        known: Labels that exist, in one writing; they are never cut into several.

    Example:
        >>> label_of("[Billing] Dear customer", TimedPattern(r"^\[(.+?)\]"))
        'billing'
        >>> label_of(" **card_arrival**\n", None)
        'card_arrival'
        >>> label_of('["outage", "Billing"]', None) == label_of("billing; outage", None)
        True
    """
    text = visible(answer_of(text)).strip()[:LONGEST_MATCHED]
    if pattern is not None:
        match = pattern.search(text)
        if match is None:
            return None
        has_group = pattern.groups > 0 and match[1] is not None
        text = match[1] if has_group else match[0]

    whole = plain_label(text)
    if whole in known:
        return whole
    parts = _parts(text)
    if len(parts) < 2:
        return parts[0] if parts else whole or None
    return _JOINED.join(sorted(parts))


def plain_label(label: str) -> str:
    """One label in one writing.

    Example:
        >>> [plain_label(text) for text in (" 'Yes'. ", "AB-", "C++", "...", "(a)", "a)")]
        ['yes', 'ab-', 'c++', '...', 'a', 'a']
    """
    text = with_one_hyphen(visible(label)).translate(_QUOTES)
    text = " ".join(text.replace("İ", "i").casefold().split())
    text = unicodedata.normalize("NFC", text)
    while True:
        bare = _without_decoration(text)
        if not bare or bare == text:
            return text
        text = bare


def _without_decoration(text: str) -> str:
    """A label without its outermost decoration."""
    first, last = text[:1], text[-1:]
    is_wrapped = len(text) > 2 and _WRAPPERS.get(first) == last
    if is_wrapped and (last in "*_" or last not in text[1:-1]):
        return text[1:-1].strip()
    if last in _UNPAIRED and _UNPAIRED[last] not in text:
        return text[:-1].rstrip()
    return text.rstrip(_TRAILING).rstrip()


def _parts(text: str) -> list[str]:
    """The labels of a list, each once; the whole text if it is none."""
    items: Sequence[str] = listed(text)
    if not items:
        items = _written_list(text)
    found: dict[str, None] = {}
    for item in items:
        label = plain_label(_BULLET.sub("", item))
        if label:
            found[label] = None
    return list(found)


def _written_list(text: str) -> list[str]:
    """The items between commas, semicolons, bars or line ends."""
    inner = plain_label(text) if "\n" not in text else text
    items = [item for item in _SEPARATOR.split(inner) if item.strip()]
    is_prose = len(text) > _LONGEST_SET or any(len(i.split()) > _MOST_WORDS for i in items)
    return [text] if is_prose else items


def labels_in(label: str) -> frozenset[str]:
    """The labels of a set as `label_of` gives it."""
    return frozenset(label.split(_JOINED))


def unknown_gold(rows: Iterable[Example], options: LabelOptions) -> Counter[str]:
    """Gold labels that are not among ``labels``, with the number of rows that have each.

    Example:
        >>> from tunewell.types import Message
        >>> said = (Message(role="assistant", content="Biling"),)
        >>> row = Example(id="1", messages=said)
        >>> unknown_gold([row], LabelOptions(labels=("billing", "outage")))
        Counter({'biling': 1})
    """
    found: Counter[str] = Counter()
    if not options.known:
        return found
    for row in rows:
        unknown: set[str] = set()
        for reference in row.references:
            gold = options.label_of(reference)
            if gold is not None and gold not in options.known:
                unknown |= labels_in(gold) - options.known
        found.update(unknown)
    return found


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
    """1 if the answer names the gold answer's label (of several right answers, any).

    Case, invisible characters and decoration (quotes, brackets, emphasis) do not count. Several
    labels are compared as sets, whatever their order.
    """

    def gold(example: Example) -> list[str]:
        found = map(options.label_of, example.references)
        return [label for label in found if label is not None]

    def label(output: str, example: Example, *, task: TaskSpec) -> Marked | Unscored:
        wanted = gold(example)
        found = options.label_of(output)
        if not wanted:
            return Unscored(reason=_NO_LABEL)
        if found in wanted:
            return Marked(value=1.0, reason=str(found))
        shown = _shown(found, options.known)
        return Marked(value=0.0, reason=f"{shown} instead of {wanted[0]!r}")

    def applies(example: Example) -> str:
        return "" if gold(example) else _NO_LABEL

    return Metric(
        info=setting.info,
        function=label,
        version="2",
        applies=applies,
    )


def _shown(found: str | None, known: frozenset[str]) -> str:
    """A wrong label, with whether it exists at all."""
    if found is None:
        return "no label"
    is_unknown = bool(known) and not labels_in(found) <= known
    return f"{found[:60]!r} (no such label)" if is_unknown else repr(found[:60])
