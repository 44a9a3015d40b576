"""People mark texts and write answers: independent, adjudicated where they disagree, with agreement live."""

from tunewell.annotate.alt_test import AltTest, alt_test, labels_of
from tunewell.annotate.bias import SuggestionBias, suggestion_bias
from tunewell.annotate.importing import Imported, from_argilla, from_csv, import_words, read_words
from tunewell.annotate.interchange import from_label_studio, to_argilla, to_csv, to_label_studio
from tunewell.annotate.outcome import (
    AnnotationResult,
    AnnotationSummary,
    annotation_result,
    gold_examples,
    span_f1,
)
from tunewell.annotate.sample import coverage, mixed, novel
from tunewell.annotate.session import open_annotation, queue_near
from tunewell.annotate.source import rows_of, suspicious
from tunewell.annotate.uncertain import row_doubts
from tunewell.people.settle import Dispute, Settled
from tunewell.people.work import Coverage

__all__ = [
    "AltTest",
    "AnnotationResult",
    "AnnotationSummary",
    "Coverage",
    "Dispute",
    "Imported",
    "Settled",
    "SuggestionBias",
    "alt_test",
    "annotation_result",
    "coverage",
    "from_argilla",
    "from_csv",
    "from_label_studio",
    "gold_examples",
    "import_words",
    "labels_of",
    "mixed",
    "novel",
    "open_annotation",
    "queue_near",
    "read_words",
    "row_doubts",
    "rows_of",
    "span_f1",
    "suggestion_bias",
    "suspicious",
    "to_argilla",
    "to_csv",
    "to_label_studio",
]
