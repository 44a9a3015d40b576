"""A small project whose way to a verdict takes seconds: sixty rows and the tiny model."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path

import sqlalchemy as sa

from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.task import parse_task
from tunewell.types import Feedback, Interaction

DEFINITION = """\
task:
  {{name: desk, about: Answers of a desk., input: question, output: text, must_not: [refund]}}
data: [{{path: rows.jsonl, format: prompt_completion}}]
metrics: [{{name: must_not}}, {{name: token_f1}}]
gates: [{{metric: must_not, kind: level, at_least: 0.5}}{gates}]
split: {{folds: 2, test: 0.25, review: 0.1}}
train: {{model: "{model}", epochs: 1, rank: 2, max_tokens: 128, tokens_per_batch: 256}}
evaluate: {{shots: 1, max_new_tokens: 4}}
"""

WORDS = "meter bill move outage tariff form reading street letter payment winter house".split()
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def lines(first: int, count: int) -> str:
    """Distinct little rows."""
    draw = random.Random(first)
    found = []
    for i in range(first, first + count):
        question = " ".join(draw.sample(WORDS, 6)) + f" number {i}?"
        answer = f"Use form {draw.choice(WORDS)} {i}."
        found.append(json.dumps({"id": f"r{i}", "prompt": question, "completion": answer}))
    return "\n".join(found) + "\n"


def loop_project(folder: Path, model: Path, *, more: str = "", gates: str = "") -> Project:
    """The project, its store open."""
    folder.mkdir(exist_ok=True)
    text = DEFINITION.format(model=model, gates=gates) + more
    (folder / "tunewell.yaml").write_text(text, encoding="utf-8")
    (folder / "rows.jsonl").write_text(lines(0, 60), encoding="utf-8")
    file = parse_task(text, path=folder / "tunewell.yaml", environment={})
    return Project(file, Store(folder))


def asked_in_use(store: Store, number: int, *, corrected: str = "") -> str:
    """One interaction, and a correction of its answer where there is one."""
    name = f"0190-{number:04}"
    asked = Interaction(
        id=name,
        at=NOW + dt.timedelta(minutes=number),
        conversation=f"c{number}",
        request={"messages": [{"role": "user", "content": f"Where is counter {number} of hall?"}]},
        response="I do not know.",
    )
    known = store.values(sa.select(interactions.c.id).where(interactions.c.id == name))
    if not known:
        store.change(interactions.insert().values(**interaction_line(asked)))
    if corrected:
        said = Feedback(
            key=f"k{number}-{len(corrected)}",
            interaction=name,
            kind="correction",
            text=corrected,
            at=NOW + dt.timedelta(hours=1, minutes=number + len(corrected)),
            received=NOW + dt.timedelta(hours=1, minutes=number),
        )
        store.change(feedback.insert().values(**feedback_line(said)))
    return name
