"""What a good answer is: the project's definition, read from ``tunewell.yaml``.

Values come from default < file < environment (``TUNEWELL__TRAIN__EPOCHS=2``) < flag (``--set
train.epochs=2``), and `TaskFile.where` says which, so that every drop and every gate can cite the
line that asked for it.
"""

from tunewell.task.augmentation import (
    AugmentBudget,
    AugmentCell,
    AugmentLimits,
    AugmentSection,
    CellCondition,
    GeneratorSpec,
)
from tunewell.task.data import DataSource, FieldMap, Format
from tunewell.task.deciding import DecideSection
from tunewell.task.description import TaskSection
from tunewell.task.evaluation import Contender, EvaluateSection, MetricSpec, Slice
from tunewell.task.gates import Gate
from tunewell.task.gateway import ArmSpec, GatewaySection, ModelServerSpec, TrafficLimits
from tunewell.task.people import People, RubricCriterion
from tunewell.task.reading import ENV_PREFIX, FILE_NAME, load_task, parse_task
from tunewell.task.rules import Exemption, Kinds, MaxAge, Rules, Templates, WordLimits
from tunewell.task.spec import TaskFile, TaskSpec
from tunewell.task.splits import SplitSection
from tunewell.task.training import Costs, Machine
from tunewell.task.watch import (
    DigestSpec,
    StandingReviewSpec,
    SuspiciousAnswersSpec,
    WatchSection,
)

__all__ = [
    "ENV_PREFIX",
    "FILE_NAME",
    "ArmSpec",
    "AugmentBudget",
    "AugmentCell",
    "AugmentLimits",
    "AugmentSection",
    "CellCondition",
    "Contender",
    "Costs",
    "DataSource",
    "DecideSection",
    "DigestSpec",
    "EvaluateSection",
    "Exemption",
    "FieldMap",
    "Format",
    "Gate",
    "GatewaySection",
    "GeneratorSpec",
    "Kinds",
    "Machine",
    "MaxAge",
    "MetricSpec",
    "ModelServerSpec",
    "People",
    "RubricCriterion",
    "Rules",
    "Slice",
    "SplitSection",
    "StandingReviewSpec",
    "SuspiciousAnswersSpec",
    "TaskFile",
    "TaskSection",
    "TaskSpec",
    "Templates",
    "TrafficLimits",
    "WatchSection",
    "WordLimits",
    "load_task",
    "parse_task",
]
