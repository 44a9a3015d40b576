"""People mark texts and write answers: independent, adjudicated where they disagree, with agreement live."""

from tunewell.annotate.outcome import AnnotationResult, Dispute, Settled, annotation_result, gold_examples, span_f1
from tunewell.annotate.session import open_annotation
from tunewell.annotate.source import rows_of

__all__ = [
    "AnnotationResult",
    "Dispute",
    "Settled",
    "annotation_result",
    "gold_examples",
    "open_annotation",
    "rows_of",
    "span_f1",
]
