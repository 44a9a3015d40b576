"""The nouns: frozen values, no I/O.

Every figure that leaves Tunewell is an `Estimate`; every problem is a `Finding` with the code of
its pitfall; every input row has its `Receipt` lines; a release hangs on a `Verdict`.
"""

from tunewell.types.alarms import Alarm, Cause
from tunewell.types.figures import Estimate, Unscored
from tunewell.types.findings import Acceptance, Finding, Status, Threshold
from tunewell.types.recipes import Recipe
from tunewell.types.rows import (
    REFERENCES,
    Action,
    Dataset,
    Example,
    Label,
    Media,
    MediaKind,
    Message,
    Origin,
    Receipt,
    Role,
    ToolCall,
    audio_mark,
    by_id,
    listed,
    references_tag,
    without_audio_mark,
)
from tunewell.types.runs import Run
from tunewell.types.scores import (
    Comparison,
    Evaluation,
    Judgement,
    Level,
    MetricInfo,
    Prediction,
    Score,
)
from tunewell.types.speeds import REAL_TIME_FACTOR, Speed
from tunewell.types.splits import Assignment, Part, Split
from tunewell.types.traffic import (
    KINDS_OF_FEEDBACK,
    Ended,
    Feedback,
    FeedbackKind,
    Interaction,
    Recorded,
)
from tunewell.types.training import FoldTrace, ModelVersion, Trained
from tunewell.types.values import Value, digest
from tunewell.types.verdicts import (
    Cadence,
    Criterion,
    Decision,
    NextStep,
    Outcome,
    RetrainingSchedule,
    Verdict,
)

__all__ = [
    "KINDS_OF_FEEDBACK",
    "REAL_TIME_FACTOR",
    "REFERENCES",
    "Acceptance",
    "Action",
    "Alarm",
    "Assignment",
    "Cadence",
    "Cause",
    "Comparison",
    "Criterion",
    "Dataset",
    "Decision",
    "Ended",
    "Estimate",
    "Evaluation",
    "Example",
    "Feedback",
    "FeedbackKind",
    "Finding",
    "FoldTrace",
    "Interaction",
    "Judgement",
    "Label",
    "Level",
    "Media",
    "MediaKind",
    "Message",
    "MetricInfo",
    "ModelVersion",
    "NextStep",
    "Origin",
    "Outcome",
    "Part",
    "Prediction",
    "Receipt",
    "Recipe",
    "Recorded",
    "RetrainingSchedule",
    "Role",
    "Run",
    "Score",
    "Speed",
    "Split",
    "Status",
    "Threshold",
    "ToolCall",
    "Trained",
    "Unscored",
    "Value",
    "Verdict",
    "audio_mark",
    "by_id",
    "digest",
    "listed",
    "references_tag",
    "without_audio_mark",
]
