"""``tw.Project``: a project's folder, its stages, its report and the way of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from tunewell.errors import UserError
from tunewell.lineage import RowHistory, why
from tunewell.notebook import html
from tunewell.notebook.dataset_out import Rows, as_dataset_dict, by_part, dataset_card
from tunewell.notebook.row_values import PathLike
from tunewell.plan import Plan, make_plan
from tunewell.preflight import check_shortages, find_shortages
from tunewell.project import Project
from tunewell.run import run, silent
from tunewell.task import TaskSpec
from tunewell.types import Dataset, Evaluation, Finding, Split, Value, Verdict

DATABASE_URL: Final = "TUNEWELL_DATABASE_URL"
WAIT_S: Final = 0.0

Settings = Mapping[str, Any] | Sequence[str]
"""Values above those of tunewell.yaml: ``{"train.epochs": 2}``, or ``["train.epochs=2"]``."""


class ReportFile(Value):
    """The report on disk; a notebook shows it as a page within the page.

    Attributes:
        path: The file, which needs no network.
    """

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        # Sandboxed without scripts: the report holds what models and users wrote.
        page = self.path.read_text(encoding="utf-8")
        frame = Markup(
            '<iframe sandbox srcdoc="{}" style="width:100%;height:42em;border:1px solid" '
            'title="report"></iframe>'
        )
        return str(frame.format(page))


class FinishedRun(Value):
    """What a run ended with.

    Attributes:
        verdict: GO, NO-GO or INCONCLUSIVE, with what made it.
        evaluation: All arms on the same held-out rows.
        reused: Stages whose finished run was reused.
        report: The report that was written.
    """

    verdict: Verdict
    evaluation: Evaluation
    reused: tuple[str, ...]
    report: ReportFile

    def __str__(self) -> str:
        return f"{self.verdict.outcome}: {self.verdict.why}"

    def _repr_html_(self) -> str:
        criteria = [[c.outcome, c.name, c.why, c.needs] for c in self.verdict.criteria]
        parts = [
            html.heading(self),
            html.table(["", "condition", "why", "what would settle it"], criteria),
            html.line(f"Report: {self.report}"),
        ]
        return str(html.several(parts))


class ShownHistory(RowHistory):
    """What became of one row; a notebook shows it as a table."""

    def __str__(self) -> str:
        lines = [self._headline()]
        lines += [f"  {r.action:8} {r.step}: {r.rule}  [{r.cites}]" for r in self.receipts]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        steps = [[r.action, r.step, r.rule, r.evidence, r.other, r.cites] for r in self.receipts]
        columns = ["", "step", "rule", "evidence", "other row", "asked for by"]
        return str(html.several([html.heading(self._headline()), html.table(columns, steps)]))

    def _headline(self) -> str:
        place = self.receipts[0].place
        went = f", went to {self.part}" if self.part else ""
        return f"{self.row} (read from {place}){went}"


class ProjectFolder:
    """A project: the folder that holds ``tunewell.yaml``.

    Nothing is opened before a method is called, and every method gives the store back.

    Args:
        path: The folder, or the file.
        settings: Values above those of the file: ``{"train.epochs": 2}``.
        url: Of a PostgreSQL database; ``$TUNEWELL_DATABASE_URL`` or SQLite in the folder if empty.

    Example:
        >>> project = ProjectFolder("my-desk", settings={"train.epochs": 2})
        >>> project
        Project('my-desk')
        >>> done = project.run()  # doctest: +SKIP
        >>> done.verdict.outcome  # doctest: +SKIP
        'GO'
    """

    def __init__(self, path: PathLike = ".", *, settings: Settings = (), url: str = "") -> None:
        self.path = Path(path)
        self.settings = settings
        self.url = url

    def __repr__(self) -> str:
        return f"Project({str(self.path)!r})"

    @property
    def spec(self) -> TaskSpec:
        """The definition's values.

        Raises:
            TaskError: The definition has faults.
        """
        with self._open() as project:
            return project.spec

    def plan(self) -> Plan:
        """What a run would do, how long that takes, and what can be reused."""
        with self._open() as project:
            return make_plan(project, only=True)

    def run(self, *, say: Callable[[str], None] = silent) -> FinishedRun:
        """Run every stage and write the report; finished stages are reused.

        Args:
            say: Called with a line whenever a stage begins, ends or is reused: ``print``.

        Raises:
            UserError: With what has to be fixed; finished stages are kept.
        """
        from tunewell.report import render

        with self._open() as project, project.store.lock("tunewell run", wait_s=WAIT_S):
            plan = make_plan(project)
            check_shortages(find_shortages(project.file, plan.disk_bytes, project.store.root))
            result = run(project, say=say)
            report = ReportFile(path=render(project))
        return FinishedRun(
            verdict=result.verdict,
            evaluation=result.evaluation,
            reused=result.reused,
            report=report,
        )

    def report(self) -> ReportFile:
        """Write the report of what the project knows."""
        from tunewell.report import render

        with self._open() as project:
            return ReportFile(path=render(project))

    def verdict(self) -> Verdict | None:
        """The newest verdict; None before the first."""
        with self._open() as project:
            found = project.store.last_run("verdict")
            if found is None:
                return None
            return project.store.get_value(found.outputs["verdict"], Verdict)

    def findings(self) -> tuple[Finding, ...]:
        """What the newest run of every stage found, cleared or could not check."""
        from tunewell.run import STAGES

        with self._open() as project:
            runs = [project.store.last_run(stage) for stage in STAGES]
            return tuple(finding for each in runs if each for finding in each.findings)

    def why(self, row: str) -> ShownHistory:
        """What happened to a row, step by step, and where it went.

        Args:
            row: The row's own id, else ``file:line``.

        Raises:
            UserError: Nothing has been curated yet, or no such row was read.
        """
        with self._open() as project:
            history = why(project.store, row)
        return ShownHistory(**{name: getattr(history, name) for name in RowHistory.model_fields})

    def rows(self) -> Rows:
        """The curated rows by part (train, review, test), as mappings with ``messages``.

        Raises:
            UserError: Nothing has been curated yet.
        """
        with self._open() as project:
            dataset = _curated(project)
            examples = project.store.examples(dataset)
            return by_part(examples, _split(project), dataset.held_out)

    def to_datasets(self) -> Any:
        """The same as a ``datasets.DatasetDict``."""
        return as_dataset_dict(self.rows())

    def dataset_card(self) -> str:
        """The README.md of the dataset, with the metadata that the hub reads."""
        rows = self.rows()
        with self._open() as project:
            return dataset_card(project.spec, _curated(project), rows)

    @contextmanager
    def _open(self) -> Iterator[Project]:
        url = self.url or os.environ.get(DATABASE_URL, "")
        with Project.open(self.path, overrides=_overrides(self.settings), url=url) as project:
            yield project


def _curated(project: Project) -> Dataset:
    """The newest dataset version.

    Raises:
        UserError: There is none.
    """
    found = project.store.last_run("curate")
    if found is None:
        raise UserError("nothing has been curated in this project yet", hint="tunewell curate")
    return project.store.get_value(found.outputs["dataset"], Dataset)


def _split(project: Project) -> Split | None:
    found = project.store.last_run("split")
    return project.store.get_value(found.outputs["split"], Split) if found else None


def _overrides(settings: Settings) -> list[str]:
    if not isinstance(settings, Mapping):
        return list(settings)
    # JSON is YAML: texts that look like numbers stay texts.
    import json

    return [f"{name}={json.dumps(value)}" for name, value in settings.items()]
