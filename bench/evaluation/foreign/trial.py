"""Mutated files held against an independent count: one at a time, in a project of their own."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.evaluation.foreign.count import count_annotations, count_outputs, may_go
from bench.evaluation.foreign.labels import LABEL_FORMATS, counted_labels, drawn_labels
from bench.evaluation.foreign.mutate import label_studio, mutated_annotations, mutated_outputs
from bench.evaluation.foreign.oddities import FORMATS, RIGHT, STATES, WRONG, WrittenAnswer
from tunewell.annotate import annotation_result, import_annotations, read_annotations
from tunewell.annotate.importing import RowsWithPart
from tunewell.errors import TunewellError
from tunewell.evaluate import decide, evaluate_outputs
from tunewell.people import WorkStore
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.types import Example, Message, Score, Unscored

TASK = """
task: {name: desk, about: Names the topic of a question., input: a question, output: a topic}
data: [{path: test.jsonl, role: test}]
metrics: [{name: exact}, {name: topic, options: {python: metrics.py}}]
gates: [{metric: topic, kind: level, at_least: 0.75}]
people: {approve: [], row_labels: [billing, meter, moving]}
"""
EXACT = """
task: {name: desk, about: Answers questions., input: a question, output: an answer}
data: [{path: x}]
metrics: [{name: exact}]
"""
OWN_METRIC = '''
"""The task's own metric: it may guard a release."""
from tunewell.metrics import metric


@metric(title="Names the topic")
def topic(output, example, *, task):
    """Names the topic."""
    return output.strip() == example.target
'''
ROWS = 60
TWICE = frozenset({"rows.jsonl", "sheet.csv", "table.parquet"})
"""Formats in which a record that stands twice is one, not a repeat."""
SHARES = (0.75, 0.9, 1.0)
"""Of right answers before anything is broken: on the threshold, and beyond it."""
THRESHOLD = 0.75
TOPICS = ("billing", "meter", "moving")


def score_of(name: str, write: Callable[[Path], None]) -> dict[str, int]:
    """Rows, right ones and unscored ones of a file that brings its own rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        file = parse_task(EXACT, path=Path(folder) / "tunewell.yaml", environment={})
        with Store(Path(folder)) as store:
            made = evaluate_outputs({"tuned": path}, Project(file, store))
            values = [score.value for score in store.get_value(made.scores, list[Score])]
    unscored = sum(isinstance(value, Unscored) for value in values)
    return {"rows": len(values), "right": sum(v == 1.0 for v in values), "unscored": unscored}


@dataclass
class MutationTrial:
    """Counts what came of mutated files.

    Attributes:
        folder: Where the files and the project are.
        outcomes: How many files ended in which verdict, or in which error.
        faults: What differed from the independent count.
    """

    folder: Path
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The project: a test set alone."""
        (self.folder / "metrics.py").write_text(OWN_METRIC, encoding="utf-8")
        self.file: TaskFile = parse_task(TASK, path=self.folder / "tunewell.yaml", environment={})
        self.rows = [_row(i) for i in range(ROWS)]
        self.gold = {row.id: row.target for row in self.rows}

    def outputs(self, seed: int) -> None:
        """One mutated file of outputs."""
        luck = random.Random(seed)
        share = luck.choice(SHARES)
        answers = [self._answer(i, share) for i in range(ROWS)]
        right = sum(a["output"] == self.gold[str(a["id"])] for a in answers)
        content = mutated_outputs(answers, luck)
        path = self.folder / "outputs.jsonl"
        path.write_bytes(content)
        expected = count_outputs(self.gold, content)
        with Store(self.folder) as store:
            try:
                made = evaluate_outputs({"tuned": path}, Project(self.file, store), rows=self.rows)
            except TunewellError as error:
                self.outcomes[type(error).__name__] += 1
                self._check(seed, "nothing read", expected["rows"] - expected["unscored"], 0)
                return
            scores = store.get_value(made.scores, list[Score])
            record = store.last_run("outputs")
            assert record is not None
            verdict = decide(made, Project(self.file, store), record.findings)
        self.outcomes[verdict.outcome] += 1
        exact = [score.value for score in scores if score.metric == "exact"]
        self._check(seed, "rows", expected["rows"], len(exact))
        self._check(seed, "right", expected["right"], sum(v == 1.0 for v in exact))
        unscored = sum(isinstance(value, Unscored) for value in exact)
        self._check(seed, "unscored", expected["unscored"], unscored)
        if expected["right"] > right:
            self.faults.append(f"{seed}: broken answers raised the count")
        if verdict.outcome == "GO" and not may_go(expected, THRESHOLD):
            self.faults.append(f"{seed}: a false GO")

    def formats(self, seed: int) -> None:
        """One file of outputs in a format by turns: states at random, shuffled, some twice."""
        luck = random.Random(seed)
        name = list(FORMATS)[seed % len(FORMATS)]
        answers = [WrittenAnswer(n, luck.choice(STATES)) for n in range(luck.randint(3, 30))]
        states = [answer.state for answer in answers]
        expected = {
            "rows": len(answers),
            "right": states.count(RIGHT),
            "unscored": len(answers) - states.count(RIGHT) - states.count(WRONG),
        }
        luck.shuffle(answers)
        if name in TWICE:
            answers += luck.sample(answers, luck.randint(0, 2))
        try:
            found = score_of(name, lambda path: FORMATS[name](path, answers))
        except TunewellError as error:
            self.outcomes[f"{name}: {type(error).__name__}"] += 1
            self._check(seed, f"{name}: nothing read", expected["right"], 0)
            return
        self.outcomes[f"{name}: read"] += 1
        if found != expected:
            self.faults.append(f"{seed}: {name}: counted {expected}, read {found}")

    def _answer(self, i: int, share: float) -> dict[str, object]:
        name = f"r{i}"
        right = i < share * ROWS
        return {"id": name, "output": self.gold[name] if right else "nothing of the kind"}

    def labels(self, seed: int) -> None:
        """One file of annotations in a tool's format by turns, with labels drawn at random."""
        luck = random.Random(seed)
        form = list(LABEL_FORMATS)[seed % len(LABEL_FORMATS)]
        written = drawn_labels(luck, list(self.gold)[:8], TOPICS)
        expected = counted_labels(written, set(self.gold), set(TOPICS))
        self._imported(seed, form, LABEL_FORMATS[form](written), expected)

    def annotations(self, seed: int) -> None:
        """One mutated file of annotations."""
        luck = random.Random(seed)
        words = {
            row.id: [(who, luck.choice(TOPICS)) for who in ("ann", "bob")] for row in self.rows[:8]
        }
        content = mutated_annotations(label_studio(words), luck)
        expected = count_annotations(set(self.gold), set(TOPICS), content)
        text = content.decode("utf-8", "replace")
        self._imported(seed, "label-studio", text, expected)

    def _imported(self, seed: int, form: str, text: str, expected: dict[str, int]) -> None:
        """Import a file into a project of its own and hold it against the count."""
        folder = self.folder / f"labels-{seed}"
        folder.mkdir()
        rows: RowsWithPart = {row.id: (row, "review") for row in self.rows}
        with Store(folder) as store:
            try:
                read = read_annotations(form, text, {}, place="labels.json")
                found = import_annotations(Project(self.file, store), read, rows, author="o")
            except TunewellError as error:
                self.outcomes[f"{form}: {type(error).__name__}"] += 1
                self._check(seed, f"{form}: labels of nothing", expected["labels"], 0)
                return
            book = WorkStore(store)
            batch = book.batch(found.batch)
            assert batch is not None
            state = annotation_result(book, batch)
        self.outcomes[f"{form}: imported"] += 1
        self._check(seed, f"{form}: labels", expected["labels"], found.new)
        labelled = len(state.settled) + len(state.disputes)
        self._check(seed, f"{form}: labelled rows", expected["rows"], labelled)

    def _check(self, seed: int, what: str, expected: int, got: int) -> None:
        if expected != got:
            self.faults.append(f"{seed}: {what}: counted {expected}, read {got}")


def _row(i: int) -> Example:
    turns = (
        Message(role="user", content=f"Question number {i}?"),
        Message(role="assistant", content=TOPICS[i % 3]),
    )
    return Example(id=f"r{i}", messages=turns)
