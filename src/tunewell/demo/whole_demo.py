"""The whole demo: an invented service desk, from spoiled raw files to a verdict.

It ends with whether curating paid, and with work for two invented experts. What is finished is
reused, so a second call is quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewell.demo.desk_team import DeskTeam, prepare_team
from tunewell.demo.dumped import DumpedComparison, compare_with_dumped
from tunewell.demo.make_desk import make_desk
from tunewell.demo.plant_audit import PlantAudit, audit_plants
from tunewell.demo.sizing import ROW_TOKENS, DemoSize, demo_size
from tunewell.plan import make_plan, speeds_of
from tunewell.project import Project
from tunewell.run import Bars, run
from tunewell.store import Store
from tunewell.task import TaskFile, load_task
from tunewell.train import learning_curve
from tunewell.types import Finding, Verdict

if TYPE_CHECKING:
    from tunewell.train.session import Point

Say = Callable[[str], None]

DESK = "desk"
"""Folder of the project within that of the demo."""


@dataclass(frozen=True)
class DemoOptions:
    """What was asked for.

    Attributes:
        folder: Where to work.
        seed: Of everything random.
        rows: Raw rows.
        minutes: How long the whole may take, about.
        tokens: Distinct training tokens, whatever time that takes; 0 = what fits.
    """

    folder: Path
    seed: int = 7
    rows: int = 800
    minutes: float = 10.0
    tokens: int = 0

    @property
    def project(self) -> Path:
        """Folder of the project."""
        return self.folder / DESK


@dataclass(frozen=True)
class DemoResult:
    """What the demo shows.

    Attributes:
        audit: What was planted against what curation did.
        compared: Everything dumped in against the curated rows.
        growth: What more rows would buy.
        verdict: Of the run.
        team: The experts and their work; None where the web app is not installed.
        report: The page.
        seconds: How long it took.
    """

    audit: PlantAudit
    compared: DumpedComparison
    growth: tuple[Finding, ...]
    verdict: Verdict
    team: DeskTeam | None
    report: Path
    seconds: float


def prepare_demo(options: DemoOptions, *, say: Say) -> tuple[dict[str, Any], TaskFile]:
    """Make the project and size it to the machine; gives its truth and its definition."""
    truth = make_desk(options.project, seed=options.seed, rows=options.rows)
    overrides = [f"train.max_train_tokens={options.tokens}"]
    if not options.tokens:
        say("measuring this machine …")
        spec = load_task(options.project).spec
        speeds = speeds_of(spec, row_tokens=ROW_TOKENS)
        size = demo_size(spec, speeds, seconds=options.minutes * 60)
        overrides = _fitting(size)
        say(
            f"{speeds.folds:,.0f} tokens/s in the folds, {speeds.train:,.0f} in full training, "
            f"{speeds.generate:,.0f} in answers: {size.tokens:,} training tokens and {size.rows} "
            f"test rows, about {size.seconds / 60:.0f} min for everything"
        )
    return truth, load_task(options.project, overrides=overrides)


def _fitting(size: DemoSize) -> list[str]:
    return [f"train.max_train_tokens={size.tokens}", f"evaluate.max_rows={size.rows}"]


def approve_all(file: TaskFile, store: Store) -> None:
    """Let everybody named approve the definition, as ``tunewell approve`` would, once."""
    said = {event.author for event in store.said("approval", subject=file.definition)}
    for name in file.spec.people.approve:
        if name not in said:
            record = {"task": file.spec.task.name}
            store.say("approval", file.definition, author=name, record=record)


def run_demo(
    options: DemoOptions,
    *,
    bars: Bars,
    live: Callable[[Point], None],
    say: Say,
) -> DemoResult:
    """The whole demo.

    Args:
        options: What was asked for.
        bars: Gives a progress callback per step.
        live: Told of losses while it trains.
        say: Told what is done.

    Raises:
        UserError: A stage cannot be done.
    """
    from tunewell.report import render

    began = time.monotonic()
    truth, file = prepare_demo(options, say=say)
    with Store(options.project) as store, store.lock("the demo"):
        approve_all(file, store)
        project = Project(file, store)
        spoiled = len(truth["planted"])
        say(f"{truth['rows']} raw rows, {spoiled} of them spoiled")
        plan = make_plan(project)
        say(f"the run takes about {plan.seconds / 60:.0f} min, then the same on everything")
        result = run(project, progress=bars, live=live, say=say)
        say("what more rows would buy …")
        with bars("curve") as bar:
            learning_curve(result.dataset, result.split, project, progress=bar, live=live)
        found = audit_plants(truth, store.receipts(result.dataset))
        leaked = [plant["other"] for plant in truth["planted"] if plant["code"] == "D11"]
        say("the same training on everything dumped in …")
        compared = compare_with_dumped(
            file, result, store, place=options.folder / "dumped", leaked=leaked, bars=bars
        )
        team = prepare_team(project) if find_spec("pwdlib") else None
        report = render(project)
        growth = store.last_run("curve")
    return DemoResult(
        audit=found,
        compared=compared,
        growth=tuple(growth.findings) if growth else (),
        verdict=result.verdict,
        team=team,
        report=report,
        seconds=time.monotonic() - began,
    )
