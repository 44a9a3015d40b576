"""People mark texts and write answers: independent, adjudicated where they disagree, with agreement live."""

from tunewell.annotate.alt_test import AltTest, alt_test, labels_of
from tunewell.annotate.interchange import from_label_studio, to_argilla, to_csv, to_label_studio
from tunewell.annotate.outcome import AnnotationResult, AnnotationSummary, annotation_result, gold_examples, span_f1
from tunewell.annotate.session import open_annotation, queue_near
from tunewell.annotate.source import rows_of, suspicious
from tunewell.people.settled import Dispute, Settled

__all__ = [
    "AltTest",
    "AnnotationResult",
    "AnnotationSummary",
    "Dispute",
    "Settled",
    "alt_test",
    "annotation_result",
    "from_label_studio",
    "gold_examples",
    "labels_of",
    "open_annotation",
    "queue_near",
    "rows_of",
    "span_f1",
    "suspicious",
    "to_argilla",
    "to_csv",
    "to_label_studio",
]
