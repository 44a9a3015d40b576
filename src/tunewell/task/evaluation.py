"""What is measured, on which slices, and which models are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from tunewell.types import Value


class Slice(Value):
    """A field by which results are shown separately.

    Attributes:
        field: Of the rows.
        target: Share of each of its values in the target population.
    """

    field: str
    target: Mapping[str, float] = Field(default_factory=dict)


class MetricSpec(Value):
    """A metric of the task. ``options`` are the metric's own (see ``docs/reference/metrics``)."""

    name: str = Field(min_length=1)
    options: Mapping[str, Any] = Field(default_factory=dict)


class Contender(Value):
    """A further model on the same held-out rows.

    Exactly one of ``version``, ``adapter`` and ``model``.

    Attributes:
        name: ``production`` is the model in use; gates can be ``against: production``. Any other
            name is a candidate.
        version: A version trained in this project, by its id or its beginning (``tunewell model``
            lists them).
        adapter: Folder of a PEFT adapter (safetensors) on ``train.model``, relative to
            tunewell.yaml.
        model: Name of other weights; of a model behind ``url`` where that is given.
        url: An OpenAI-compatible server, such as ``http://localhost:8000/v1``.
        prompt: Whether it gets the instruction and the solved examples of the prompted arm.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: str = ""
    adapter: str = ""
    model: str = ""
    url: str = ""
    prompt: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [place for place in (self.version, self.adapter, self.model) if place]
        if len(given) != 1:
            raise ValueError("give exactly one of version, adapter and model")
        if self.url and not self.model:
            raise ValueError("a url needs the name of a model behind it")
        if self.name in ("base", "prompted", "tuned"):
            raise ValueError(f"{self.name!r} is an arm of every evaluation; take another name")
        return self


class EvaluateSection(Value):
    """How arms are compared.

    Attributes:
        prompt: Instruction of the prompted arm; the task's description if empty.
        shots: Solved examples that the prompted arm gets, drawn from the training rows.
        max_new_tokens: Longest answer.
        max_rows: At most this many held-out rows (0 = all), drawn by seed.
        max_looks: After how many looks at the test set E09 is found.
        max_incomplete: Share of the held-out rows without a whole answer above which nothing is
            decided (E11).
        level: Confidence of every interval.
        arms: Further models on the same rows: the one in production and any number of candidates.
    """

    prompt: str = ""
    arms: tuple[Contender, ...] = ()
    shots: int = Field(default=3, ge=0)
    max_new_tokens: int = Field(default=96, ge=1)
    max_rows: int = Field(default=0, ge=0)
    max_looks: int = Field(default=10, ge=1)
    max_incomplete: float = Field(default=0.05, ge=0, le=1)
    level: float = Field(default=0.95, gt=0.5, lt=1)

    @field_validator("arms")
    @classmethod
    def _different_names(cls, value: tuple[Contender, ...]) -> tuple[Contender, ...]:
        times = Counter(contender.name for contender in value)
        repeated = sorted(name for name, count in times.items() if count > 1)
        if repeated:
            raise ValueError(f"two arms have one name: {', '.join(repeated)}")
        return value
