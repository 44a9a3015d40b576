"""Real rows for the benchmarks of augmentation: legal summaries and medical notes."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewell.task import TaskFile, parse_task
from tunewell.types import Example, Message

DATA = Path(os.environ.get("TUNEWELL_DATA", "data"))

TASK = """
task:
  name: {name}
  about: {about}
  input: {input}
  output: {output}
data: [{{path: rows.jsonl}}]
augment: {{glossary: {{agreement: [covenantment], patient: [clientele]}}}}
"""


@dataclass(frozen=True)
class RealRows:
    """Rows of one data set.

    Attributes:
        file: The definition.
        training: Rows that may be parents.
        evaluation: Rows that nothing may come near.
    """

    file: TaskFile
    training: list[Example]
    evaluation: list[Example]


def row(id: str, asked: str, answer: str, *, group: str = "", kind: str = "") -> Example:
    """A row of one question."""
    turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
    return Example(id=id, messages=turns, group=group, kind=kind)


def legal() -> RealRows:
    """446 clauses with summaries; every fifth document is evaluation."""
    records = json.loads((DATA / "legal_summarization" / "all_v1.json").read_text("utf-8"))
    documents = sorted({record["doc"] for record in records.values()})
    apart = set(documents[::5])
    training: list[Example] = []
    evaluation: list[Example] = []
    for name, record in records.items():
        made = row(name, record["original_text"], record["reference_summary"], group=record["doc"])
        (evaluation if record["doc"] in apart else training).append(made)
    task = TASK.format(
        name="legal",
        about="Says in plain words what a clause of a contract means.",
        input="A clause.",
        output="A sentence.",
    )
    file = parse_task(task, path=Path("tunewell.yaml"), environment={})
    return RealRows(file, training, evaluation)


def notes() -> RealRows:
    """1,201 dialogues with notes; validation and both test sets are evaluation."""
    training = list(_dialogues("MTS-Dialog-TrainingSet.csv"))
    evaluation = [
        *_dialogues("MTS-Dialog-ValidationSet.csv"),
        *_dialogues("MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv"),
        *_dialogues("MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv"),
    ]
    task = TASK.format(
        name="notes",
        about="Writes a section of a note from a talk of a doctor with a patient.",
        input="A talk.",
        output="The section.",
    )
    file = parse_task(task, path=Path("tunewell.yaml"), environment={})
    return RealRows(file, training, evaluation)


def _dialogues(name: str) -> Iterator[Example]:
    path = DATA / "mts_dialog" / "Main-Dataset" / name
    with path.open(encoding="utf-8", newline="") as handle:
        for record in csv.DictReader(handle):
            yield row(
                f"{path.stem}-{record['ID']}",
                record["dialogue"],
                record["section_text"],
                kind=record["section_header"],
            )


def labelled(name: str, rows: Sequence[tuple[str, str]]) -> RealRows:
    """Short questions with a label each; every tenth is evaluation.

    Args:
        name: Of the data set.
        rows: Question and label.
    """
    made = [row(f"{name}-{i}", asked, label, kind=label) for i, (asked, label) in enumerate(rows)]
    task = TASK.format(
        name=name,
        about="Says what a question of a customer is about.",
        input="A question.",
        output="A label.",
    )
    file = parse_task(task, path=Path("tunewell.yaml"), environment={})
    training = [each for i, each in enumerate(made) if i % 10]
    return RealRows(file, training, made[::10])


def banking(count: int = 1_500) -> RealRows:
    """Questions of bank customers, drawn by seed, with one of 77 intents."""
    with (DATA / "banking77" / "train.csv").open(encoding="utf-8", newline="") as handle:
        rows = [(record["text"], record["category"]) for record in csv.DictReader(handle)]
    return labelled("banking77", random.Random(1).sample(rows, count))


def intents(count: int = 1_500) -> RealRows:
    """Queries to an assistant, drawn by seed, with one of 150 intents."""
    found = json.loads((DATA / "clinc150" / "data_full.json").read_text("utf-8"))["train"]
    rows = [(asked, label) for asked, label in found]
    return labelled("clinc150", random.Random(1).sample(rows, count))


def back_translations(language: str) -> list[tuple[Example, Example]]:
    """The published augmentation of the notes: (parent, its talk through ``FR`` or ``ES``).

    The note is the parent's.
    """
    (path,) = (DATA / "mts_dialog" / "Augmented-Data").glob(f"*-{language}-EN-*.csv")
    parents = list(_dialogues("MTS-Dialog-TrainingSet.csv"))
    found = []
    with path.open(encoding="utf-8", newline="") as handle:
        for record in csv.DictReader(handle):
            if not record["ID"].startswith("TR="):
                continue
            number = int(record["ID"].split()[-1])
            parent = parents[number]
            child = row(
                f"{parent.id}~{language}",
                record["dialogue"],
                record["section_text"],
                kind=parent.kind,
            )
            child = child.model_copy(update={"parent": parent.id, "origin": "augmentation"})
            found.append((parent, child))
    return found
