"""People mark texts and write answers, independently; where they disagree, one of them decides."""

from tunewell.annotate.alternative_annotator import AltTest, alt_test, labels_of
from tunewell.annotate.argilla import from_argilla, to_argilla
from tunewell.annotate.bias_of_suggestions import SuggestionBias, suggestion_bias
from tunewell.annotate.exchange import AnnotationFile, ImportedAnnotation
from tunewell.annotate.gold_answers import gold_examples
from tunewell.annotate.importing import Imported, import_annotations, read_annotations
from tunewell.annotate.label_studio import from_label_studio, to_label_studio
from tunewell.annotate.model_uncertainty import row_doubts
from tunewell.annotate.open_batch import AnnotationPlan, open_annotation, queue_rows
from tunewell.annotate.priority import mixed, novel, suspicious
from tunewell.annotate.project_rows import rows_of
from tunewell.annotate.results import (
    AnnotationResult,
    AnnotationSummary,
    annotation_result,
    span_f1,
)
from tunewell.annotate.sample_coverage import coverage
from tunewell.annotate.spreadsheet import from_csv, to_csv
from tunewell.annotate.text_tools import from_doccano, from_prodigy
from tunewell.annotate.whole_files import export_text, gold_rows, import_text
from tunewell.people.settle import Dispute, Settled
from tunewell.people.work import AnnotatedPart, Coverage

__all__ = [
    "AltTest",
    "AnnotatedPart",
    "AnnotationFile",
    "AnnotationPlan",
    "AnnotationResult",
    "AnnotationSummary",
    "Coverage",
    "Dispute",
    "Imported",
    "ImportedAnnotation",
    "Settled",
    "SuggestionBias",
    "alt_test",
    "annotation_result",
    "coverage",
    "export_text",
    "from_argilla",
    "from_csv",
    "from_doccano",
    "from_label_studio",
    "from_prodigy",
    "gold_examples",
    "gold_rows",
    "import_annotations",
    "import_text",
    "labels_of",
    "mixed",
    "novel",
    "open_annotation",
    "queue_rows",
    "read_annotations",
    "row_doubts",
    "rows_of",
    "span_f1",
    "suggestion_bias",
    "suspicious",
    "to_argilla",
    "to_csv",
    "to_label_studio",
]
