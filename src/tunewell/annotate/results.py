"""What annotators agree on, what an adjudicator has to decide, and agreement with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, combinations

from tunewell.annotate.bias_of_suggestions import SuggestionBias, suggestion_bias
from tunewell.people import MarkedSpan, RaterVerdict, WorkStore
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.settle import Dispute, Settled, settle
from tunewell.people.work import Batch
from tunewell.stats import mean
from tunewell.types import Estimate, Value


class AnnotationResult(Value):
    """What an annotation gave so far.

    Attributes:
        batch: The annotation.
        settled: Items with gold.
        disputes: Items for the adjudicator.
        waiting: Items that annotators have not finished.
        undecided: Items on which no annotator could decide.
        labels: Agreement on the label of the row.
        spans: By span label: agreement on whether a text holds such a mark at all.
        overlap: Mean over pairs of annotators and items of the F1 of exactly equal spans; None
            without shared items.
        bias: How far suggestions sway people; None where there are too few rows with or without
            one.
    """

    batch: Batch
    settled: tuple[Settled, ...]
    disputes: tuple[Dispute, ...]
    waiting: int
    undecided: int
    labels: Agreement | None
    spans: Mapping[str, Agreement]
    overlap: Estimate | None
    bias: SuggestionBias | None = None


class AnnotationSummary(Value):
    """The figures of an `AnnotationResult`, without its texts.

    Attributes:
        batch: The annotation.
        settled: How many items have gold.
        disputes: How many wait for the adjudicator.
        waiting: How many annotators have not finished.
        undecided: On how many no annotator could decide.
        labels: As there.
        spans: As there.
        overlap: As there.
        bias: As there.
    """

    batch: Batch
    settled: int
    disputes: int
    waiting: int
    undecided: int
    labels: Agreement | None
    spans: Mapping[str, Agreement]
    overlap: Estimate | None
    bias: SuggestionBias | None = None

    @classmethod
    def of(cls, result: AnnotationResult) -> AnnotationSummary:
        """The figures of a result."""
        return cls(
            batch=result.batch,
            settled=len(result.settled),
            disputes=len(result.disputes),
            waiting=result.waiting,
            undecided=result.undecided,
            labels=result.labels,
            spans=result.spans,
            overlap=result.overlap,
            bias=result.bias,
        )


def annotation_result(
    book: WorkStore,
    batch: Batch,
    *,
    level: float = 0.95,
) -> AnnotationResult:
    """The state of an annotation; may be read at any time.

    Args:
        book: Of the project.
        batch: The annotation.
        level: Of every interval.
    """
    items = book.items(batch.id)
    said = book.verdicts(batch.id)
    found = settle(items, said, batch)
    annotated = _by_annotators(found.words, batch)
    return AnnotationResult(
        batch=batch,
        settled=found.settled,
        disputes=found.disputes,
        waiting=found.waiting,
        undecided=found.undecided,
        labels=_label_agreement(annotated, batch, level),
        spans=_span_agreement(annotated, batch, level),
        overlap=_overlap(annotated, batch, level),
        bias=suggestion_bias(items, said, batch, level=level),
    )


def _by_annotators(
    said: Mapping[str, Iterable[RaterVerdict]],
    batch: Batch,
) -> list[RaterVerdict]:
    """All verdicts but the adjudicators' and skipped ones, item by item."""
    annotated: list[RaterVerdict] = []
    for verdict in chain.from_iterable(said.values()):
        by_adjudicator = verdict.account in batch.adjudicators
        if not (by_adjudicator or verdict.said.skipped):
            annotated.append(verdict)
    return annotated


def _label_agreement(
    annotated: Sequence[RaterVerdict],
    batch: Batch,
    level: float,
) -> Agreement | None:
    if not batch.row_labels:
        return None
    number = {label: float(n) for n, label in enumerate(batch.row_labels)}
    ratings: dict[tuple[str, str], float] = {}
    for verdict in annotated:
        label = verdict.said.label or _label_set(verdict, batch)
        if label:
            # A set of labels is a category of its own.
            code = number.setdefault(label, float(len(number)))
            ratings[verdict.account, verdict.item] = code
    return agreement(ratings, level=level)


def _label_set(verdict: RaterVerdict, batch: Batch) -> str:
    """Several labels of the row as one name; empty if the person chose none of them."""
    for chosen in verdict.said.choices.values():
        if chosen and set(chosen) <= set(batch.row_labels):
            return " | ".join(sorted(chosen))
    return ""


def _span_agreement(
    annotated: Sequence[RaterVerdict],
    batch: Batch,
    level: float,
) -> dict[str, Agreement]:
    """Per span label: whether the text holds such a mark at all, item by item."""
    found: dict[str, Agreement] = {}
    for label in batch.span_labels:
        ratings = {(v.account, v.item): float(_marks(v, label)) for v in annotated}
        measured = agreement(ratings, level=level)
        if measured is not None:
            found[label] = measured
    return found


def _marks(verdict: RaterVerdict, label: str) -> bool:
    return any(span.label == label for span in verdict.said.spans)


def span_f1(a: Sequence[MarkedSpan], b: Sequence[MarkedSpan]) -> float:
    """F1 of exactly equal spans of two annotators; 1 if both marked nothing.

    Example:
        >>> x, y, z = (MarkedSpan(start=i, end=i + 1, label="a") for i in range(3))
        >>> span_f1([x, y], [y, z]), span_f1([], []), span_f1([x], [])
        (0.5, 1.0, 0.0)
    """
    one = {(s.start, s.end, s.label) for s in a}
    two = {(s.start, s.end, s.label) for s in b}
    if not one | two:
        return 1.0
    return 2 * len(one & two) / (len(one) + len(two))


def _overlap(
    annotated: Sequence[RaterVerdict],
    batch: Batch,
    level: float,
) -> Estimate | None:
    """Mean F1 of every two annotators of the same item."""
    by_item: dict[str, list[RaterVerdict]] = defaultdict(list)
    for verdict in annotated:
        by_item[verdict.item].append(verdict)

    values: list[float] = []
    items: list[str] = []
    for item, verdicts in by_item.items():
        for one, other in combinations(verdicts, 2):
            values.append(span_f1(one.said.spans, other.said.spans))
            items.append(item)
    if not (batch.span_labels and values):
        return None
    return mean(
        values,
        clusters=items,
        level=level,
        low=0,
        high=1,
    )
