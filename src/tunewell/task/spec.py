"""The whole definition, and where each value of it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from tunewell.task.augmentation import AugmentSection
from tunewell.task.data import DataSource
from tunewell.task.deciding import DecideSection
from tunewell.task.description import TaskSection
from tunewell.task.evaluation import EvaluateSection, MetricSpec, Slice
from tunewell.task.gates import Gate
from tunewell.task.gateway import GatewaySection
from tunewell.task.people import People
from tunewell.task.places import Places
from tunewell.task.rules import Rules
from tunewell.task.splits import SplitSection
from tunewell.task.training import Costs, Machine
from tunewell.task.watch import WatchSection
from tunewell.types import Recipe, Value, digest


class TaskSpec(Value):
    """The whole definition, resolved."""

    version: Literal[1] = 1
    task: TaskSection
    data: tuple[DataSource, ...] = Field(min_length=1)
    rules: Rules = Rules()
    slices: tuple[Slice, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    gates: tuple[Gate, ...] = ()
    people: People = People()
    split: SplitSection = SplitSection()
    augment: AugmentSection = AugmentSection()
    train: Recipe = Recipe()
    machine: Machine = Machine()
    evaluate: EvaluateSection = EvaluateSection()
    costs: Costs = Costs()
    decide: DecideSection = DecideSection()
    gateway: GatewaySection | None = None
    watch: WatchSection = WatchSection()
    engine: str = "native"


@dataclass(frozen=True)
class TaskFile:
    """A `TaskSpec` with the place of every value.

    Attributes:
        spec: The resolved definition.
        path: The file it was read from.
        lines: Line of each key in the file, by dotted path (``rules.max_age.days``,
            ``data.0.path``).
        origins: For values that the file did not give: ``environment NAME`` or ``flag --set NAME``.
    """

    spec: TaskSpec
    path: Path
    lines: Mapping[str, int] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return self.path.parent

    def where(self, name: str) -> str:
        """Where a value came from, for a citation.

        ``tunewell.yaml:41``, ``environment …``, ``flag …`` or ``default``.

        Args:
            name: Dotted path; if it was not given itself, the nearest part above it that was.
        """
        return self._places.nearest(name) or "default"

    def exactly(self, name: str) -> str:
        """Like `where`, but ``default`` unless the value itself was given."""
        return self._places.exactly(name) or "default"

    @property
    def _places(self) -> Places:
        return Places(self.path.name, self.lines, self.origins)

    @property
    def definition(self) -> str:
        """Digest of what has to be approved: task, rules, slices, metrics, gates and rubric."""
        spec = self.spec
        parts = {
            "task": spec.task,
            "rules": spec.rules,
            "slices": spec.slices,
            "metrics": spec.metrics,
            "gates": tuple(map(_gate_as_digested, spec.gates)),
            "rubric": spec.people.rubric,
        }
        return digest({name: _plain(part) for name, part in parts.items()})


def _gate_as_digested(gate: Gate) -> dict[str, object]:
    """A gate as it is digested: as it was before there were comparisons and experiments."""
    left_out = set() if gate.compare else {"compare", "criterion"}
    if not gate.experiment:
        left_out.add("experiment")
    return gate.model_dump(mode="json", exclude=left_out)


def _plain(value: object) -> object:
    if isinstance(value, Value):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value
