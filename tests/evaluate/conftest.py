from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from tunewell.model.base import GenerateOptions, Generation, Progress, TargetScore
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.types import Assignment, Dataset, Example, Message, ModelVersion, Recipe, Split

settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault
settings.load_profile("unhurried")

TASK = """
task:
  name: desk
  about: Answers questions of an energy supplier's customers.
  input: a customer's question
  output: a label in brackets and an answer
  must_not: ["as an AI"]
data: [{path: rows.jsonl}]
slices: [{field: region}]
metrics:
  - {name: label, options: {pattern: '^\\[(.+?)\\]'}}
  - {name: key_points, options: {from: tags.points}}
  - {name: must_not}
  - {name: support}
gates:
  - {metric: label, kind: gain, at_least: 0.1, against: prompted}
  - {metric: nats, kind: no_worse, margin: 0.1, against: base}
people: {approve: [owner]}
evaluate: {shots: 2}
"""
KINDS = ("billing", "outage", "meter", "moving")


class FakeModel:
    """Answers a share of the rows rightly, decided by the row's own text and nothing else."""

    def __init__(
        self, name: str, right: float, nats: float, *, say: Callable[[str], str] | None = None
    ) -> None:
        self.name = name
        self.right, self.nats, self._say = right, nats, say
        self.calls = 0
        self.prompts: list[tuple[Message, ...]] = []

    def _luck(self, prompt: Sequence[Message]) -> float:
        return random.Random(prompt[-1].content).random()

    def generate(
        self,
        prompts: Sequence[tuple[Message, ...]],
        *,
        options: GenerateOptions | None = None,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[Generation]:
        self.calls += 1
        self.prompts += prompts
        out = []
        for p in prompts:
            question = p[-1].content
            if "FAIL" in question:
                out.append(
                    Generation(
                        text="", prompt_tokens=1, tokens=0, finish="error", reason="too long"
                    )
                )
                continue
            answer = gold(question) if self._luck(p) < self.right else "[unknown] I cannot say."
            answer = self._say(answer) if self._say else answer
            out.append(Generation(text=answer, prompt_tokens=9, tokens=5, finish="stop"))
            if progress:
                progress(len(out), len(prompts))
        return out

    def score(
        self,
        prompts: Sequence[tuple[Message, ...]],
        targets: Sequence[str],
        *,
        progress: Progress | None = None,
        tools: Sequence[str] = (),
    ) -> list[TargetScore]:
        self.calls += 1
        noise = [random.Random(p[-1].content + self.name).gauss(0, 0.1) for p in prompts]
        return [TargetScore(nats=10 * (self.nats + n), tokens=10) for n in noise]


def gold(question: str) -> str:
    number = question.split("#")[1].split()[0]
    return f"[{KINDS[int(number) % len(KINDS)]}] Your number is {number}."


def example(i: int, *, fail: bool = False) -> Example:
    question = f"Customer #{i} asks about the usual.{' FAIL' if fail else ''}"
    return Example(
        id=f"r{i:04d}",
        messages=(
            Message(role="user", content=question),
            Message(role="assistant", content=gold(question)),
        ),
        tags={"region": "north" if i % 3 else "south", "points": f"{i}"},
        group=f"g{i // 2}",
    )


class EvaluatedProject:
    """A project with rows, a split and a pretended adapter."""

    def __init__(self, root: Path, *, test: int = 120, train: int = 30, fails: int = 0) -> None:
        self.root = root
        self.store = Store(root)
        rows = [example(i, fail=i < fails) for i in range(test + train)]
        self.dataset = Dataset(
            id="d" * 64, rows=len(rows), examples=self.store.put_examples(rows), receipts=""
        )
        parts = ["test"] * test + [f"fold-{i % 2}" for i in range(train)]
        self.split = Split(
            dataset="d" * 64,
            folds=2,
            seed=0,
            assignments=tuple(
                Assignment(id=e.id, family=e.group, part=p)
                for e, p in zip(rows, parts, strict=True)
            ),
        )
        self.version = ModelVersion(
            id="v1",
            base="fake",
            adapter="a" * 64,
            recipe=Recipe(),
            dataset="d",
            split="s",
            trained_on=train,
        )
        self.base = FakeModel("base", 0.3, 3.0)
        self.tuned = FakeModel("tuned", 0.9, 2.0)

    def file(self, *, overrides: Sequence[str] = (), text: str = TASK) -> TaskFile:
        return parse_task(
            text, path=self.root / "tunewell.yaml", overrides=overrides, environment={}
        )

    def models(self, version: ModelVersion | None) -> FakeModel:
        return self.tuned if version else self.base

    def approve(self, file: TaskFile) -> None:
        for name in file.spec.people.approve:
            self.store.say("approval", file.definition, author=name)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[EvaluatedProject]:
    made = EvaluatedProject(tmp_path)
    yield made
    made.store.close()
