"""Where annotators agree, what an adjudicator has to decide, and the gold that comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tunewell.annotate.bias import SuggestionBias, suggestion_bias
from tunewell.people import Item, MarkedSpan, RaterVerdict, WorkStore
from tunewell.people.agreement import Agreement, agreement
from tunewell.people.settle import Dispute, Settled, settle
from tunewell.people.work import Batch
from tunewell.types import Estimate, Example, Message, Value


class AnnotationResult(Value):
    """What an annotation gave so far.

    Attributes:
        batch: The piece of work.
        settled: Items with gold.
        disputes: Items for the adjudicator.
        waiting: Items that lack annotators' words.
        undecided: Items on which no annotator could decide.
        labels: Agreement on the label of the row.
        spans: By span label: agreement on whether a text holds such a mark at all.
        overlap: Mean over pairs of annotators and items of the F1 of exactly equal spans; None
            without shared items.
        bias: How far suggestions lead people; None where there are too few rows with or without
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
        batch: The piece of work.
        settled: How many items have gold.
        disputes: How many wait for the adjudicator.
        waiting: How many lack annotators' words.
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


def annotation_result(book: WorkStore, batch: Batch, *, level: float = 0.95) -> AnnotationResult:
    """Read what stands in an annotation; may be read at any time."""
    items = book.items(batch.id)
    said = book.verdicts(batch.id)
    found = settle(items, said, batch)
    raters = {
        i: [v for v in w if v.account not in batch.adjudicators and not v.said.skipped]
        for i, w in found.words.items()
    }
    return AnnotationResult(
        batch=batch,
        settled=found.settled,
        disputes=found.disputes,
        waiting=found.waiting,
        undecided=found.undecided,
        labels=_label_agreement(raters.values(), batch, level) if batch.row_labels else None,
        spans=_span_agreement(raters, {i.id: i for i in items}, batch, level),
        overlap=_overlap(raters.values(), level) if batch.span_labels else None,
        bias=suggestion_bias(items, said, batch, level=level),
    )


def _label_agreement(
    words: Iterable[Sequence[RaterVerdict]], batch: Batch, level: float
) -> Agreement | None:
    number = {label: float(n) for n, label in enumerate(batch.row_labels)}
    ratings = {
        (v.account, v.item): number[v.said.label]
        for w in words
        for v in w
        if v.said.label in number
    }
    return agreement(ratings, level=level)


def _span_agreement(
    words: Mapping[str, Sequence[RaterVerdict]],
    items: Mapping[str, Item],
    batch: Batch,
    level: float,
) -> dict[str, Agreement]:
    """Per span label: whether the text holds such a mark at all, item by item."""
    out = {}
    for label in batch.span_labels:
        ratings = {
            (v.account, v.item): float(any(s.label == label for s in v.said.spans))
            for name, w in words.items()
            if name in items
            for v in w
        }
        found = agreement(ratings, level=level)
        if found is not None:
            out[label] = found
    return out


def span_f1(a: Sequence[MarkedSpan], b: Sequence[MarkedSpan]) -> float:
    """F1 of exactly equal spans of two annotators; 1 if both marked nothing.

    Example:
        >>> x, y, z = (MarkedSpan(start=i, end=i + 1, label="a") for i in range(3))
        >>> span_f1([x, y], [y, z]), span_f1([], []), span_f1([x], [])
        (0.5, 1.0, 0.0)
    """
    one, two = ({(s.start, s.end, s.label) for s in spans} for spans in (a, b))
    if not one and not two:
        return 1.0
    return 2 * len(one & two) / (len(one) + len(two))


def _overlap(words: Iterable[Sequence[RaterVerdict]], level: float) -> Estimate | None:
    from tunewell.stats import mean

    values, groups = [], []
    for w in words:
        for n, a in enumerate(w):
            for b in w[n + 1 :]:
                values.append(span_f1(a.said.spans, b.said.spans))
                groups.append(a.item)
    return mean(values, clusters=groups, level=level, low=0, high=1) if values else None


def gold_examples(
    result: AnnotationResult, rows: Mapping[str, Example]
) -> list[tuple[Example, str]]:
    """The rows with their settled answer as target and the marked stretches as tag ``points``, and their part.

    A row of the test set keeps its id (its gold changes); a row for training becomes a new one of
    origin ``annotation`` with the old one as parent.
    """
    out: list[tuple[Example, str]] = []
    for one in result.settled:
        row = rows.get(one.item.example)
        if row is None:
            continue
        points = [
            one.item.source[s.start : s.end] for s in sorted(one.said.spans, key=lambda s: s.start)
        ]
        tags = dict(row.tags)
        tags |= {"points": " | ".join(points)} if points else {}
        tags |= {"label": one.said.label} if one.said.label else {}
        answer = one.said.answer or row.target
        messages = (
            (*row.prompt, Message(role="assistant", content=answer)) if answer else row.messages
        )
        changed: dict[str, object] = {"messages": messages, "tags": tags}
        if one.item.part != "test":
            changed |= {"id": f"{row.id}#annotated", "parent": row.id, "origin": "annotation"}
        out.append((row.model_copy(update=changed), one.item.part))
    return out
