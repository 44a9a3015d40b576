"""What ``make demo`` runs: an invented service desk, from spoiled raw files to a verdict.

It ends with whether curating paid.

    python examples/desk/demo.py [--out .demo] [--minutes 10] [--tokens N] [--seed 7] [--rows 800]

The size of the training is chosen so that the whole takes about the given time at the speed
measured on this machine. What is finished is reused, so a second call is quick. Ends with 0 once a
verdict is reached, whichever it is.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.table import Table

from examples.desk.audit import Audit, audit
from examples.desk.compare import Comparison, compare
from examples.desk.make import make
from tunewell.cli.common import note, progress
from tunewell.cli.live import Watch
from tunewell.errors import EXIT_INTERRUPT, EXIT_OK, EXIT_USER, UserError
from tunewell.plan import Speeds, make_plan, speeds_of
from tunewell.project import Project
from tunewell.run import Result, run
from tunewell.store import Store
from tunewell.task import TaskFile, TaskSpec, load_task
from tunewell.train import learning_curve
from tunewell.train.studies.forecast import SHARES
from tunewell.train.studies.learning_curve import epochs_at

FIXED_S = 100.0
"""Measuring, reading, curating, loading, the report: what does not grow with the training."""

REAL_SHARE = 0.55
"""Of the measured speeds: the desk's rows are shorter than those measured, its steps smaller."""

LEAST_TOKENS = 4000
ARMS = 4
"""base, prompted and tuned, and the one that was trained on everything."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def token_budget(spec: TaskSpec, speeds: Speeds, *, seconds: float) -> int:
    """How many distinct training tokens fit into the time, at the speeds of this machine.

    Args:
        spec: The definition; its recipe, folds and evaluation decide what a token costs.
        speeds: Measured on this machine.
        seconds: For everything.
    """
    recipe, k = spec.train, spec.split.folds
    answers = ARMS * spec.evaluate.max_rows * spec.evaluate.max_new_tokens / speeds.generate
    shares = sum(
        share * epochs_at(share, recipe.epochs) for share in SHARES if share < 1
    )  # of the learning curve
    folds = 1 / speeds.trunk + (recipe.epochs + shares) * (k - 1) / speeds.folds
    check = (
        recipe.epochs * (1 - 1 / k) / speeds.train if recipe.layers != recipe.fold_layers else 0.0
    )
    full = 2 * recipe.epochs / speeds.train  # the final adapter and the dumped one
    left = REAL_SHARE * max(0.0, seconds - FIXED_S - answers)
    return max(LEAST_TOKENS, math.floor(left / (folds + check + full) / 500) * 500)


def prepare(
    folder: Path, *, seed: int, rows: int, minutes: float, tokens: int = 0
) -> tuple[dict[str, Any], TaskFile]:
    """Make the project and size it to the machine (or to ``tokens``).

    Gives its truth and its definition.
    """
    truth = make(folder, seed=seed, rows=rows)
    if not tokens:
        note("measuring this machine …")
        spec = load_task(folder).spec
        tokens = token_budget(spec, speeds_of(spec), seconds=minutes * 60)
    return truth, load_task(folder, overrides=[f"train.max_train_tokens={tokens}"])


def approve(file: TaskFile, store: Store) -> None:
    """Let everybody named approve the definition, as ``tunewell approve`` would, once."""
    said = {event.author for event in store.said("approval", subject=file.definition)}
    for name in file.spec.people.approve:
        if name not in said:
            store.say(
                "approval", file.definition, author=name, record={"task": file.spec.task.name}
            )


def show_audit(found: Audit) -> None:
    """Planted, caught, missed; then what was dropped by mistake."""
    table = Table(title="What was planted, and what curation did", title_justify="left")
    for name in ("pitfall", "planted as", "expected"):
        table.add_column(name)
    for name in ("planted", "caught", "by another rule", "missed"):
        table.add_column(name, justify="right")
    for line in found.lines:
        table.add_row(
            line.code,
            line.what,
            line.expected,
            str(line.planted),
            str(line.caught),
            str(line.otherwise or ""),
            str(len(line.missed) or ""),
        )
    planted, caught = (
        sum(getattr(line, name) for line in found.lines) for name in ("planted", "caught")
    )
    table.add_section()
    table.add_row("", "together", "", str(planted), str(caught), "", str(planted - caught))
    out.print(table)
    share = len(found.wrongly_dropped) / found.clean
    out.print(
        f"Wrongly dropped: {len(found.wrongly_dropped)} of {found.clean} clean rows ({share:.1%})."
    )
    for row, code in found.wrongly_dropped.items():
        out.print(f"  {row} under {code}", markup=False)
    out.print(
        f"Look-alikes of personal data that were masked by mistake: {len(found.wrongly_changed)}."
    )
    out.print(f"Landmark rows lost to the age rule: {len(found.lost_exceptions)}.\n")


def show_comparison(found: Comparison) -> None:
    """Dumped against curated, metric by metric."""
    table = Table(
        title="Everything dumped in against the curated rows; differences are paired",
        title_justify="left",
    )
    for name in ("metric", "dumped", "curated", "curated minus dumped"):
        table.add_column(name, no_wrap=True)
    for figure in found.figures:
        arrow = "↑" if figure.info.bigger_is_better else "↓"
        unit = "" if figure.info.unit == "share" else f" ({figure.info.unit})"
        name = f"{figure.info.title} {arrow}{unit}"
        table.add_row(name, str(figure.dumped), str(figure.curated), str(figure.gain))
    out.print(table)
    out.print(
        f"Same base model and recipe; {found.tokens[0]:,} training tokens drawn from "
        f"{found.raw_rows} raw rows against {found.tokens[1]:,} from the curated ones. "
        f"Both answer the same {found.rows} test rows; {found.left_out} "
        "more stand in the raw data and are left out, since the dumped model has seen them.\n"
    )


def show_verdict(result: Result) -> None:
    """The verdict and each gate."""
    verdict = result.verdict
    out.print(f"Verdict: {verdict.outcome}. {verdict.why}", markup=False)
    for criterion in verdict.criteria:
        where = f" ({criterion.slice})" if criterion.slice else ""
        figure = criterion.estimate or criterion.why
        out.print(f"  {criterion.outcome:13} {criterion.name}{where}: {figure}", markup=False)
    out.print()


def demo(folder: Path, *, seed: int, rows: int, minutes: float, tokens: int = 0) -> Path:
    """The whole demo; gives where the report lies."""
    began = time.monotonic()
    project = folder / "desk"
    truth, file = prepare(project, seed=seed, rows=rows, minutes=minutes, tokens=tokens)
    with Store(project) as store, store.lock("the demo"):
        approve(file, store)
        plan = make_plan(Project(file, store))
        spoiled, tokens = len(truth["planted"]), file.spec.train.max_train_tokens
        note(f"{truth['rows']} raw rows, {spoiled} of them spoiled; {tokens:,} tokens to train on")
        note(
            f"the run will take about {plan.seconds / 60:.0f} min, "
            "then the same training on everything"
        )
        watch = Watch()
        result = run(Project(file, store), progress=watch.bar, live=watch.point, say=note)
        note("what more rows would buy …")
        with watch.bar("curve") as bar:
            learning_curve(
                result.dataset, result.split, Project(file, store), progress=bar, live=watch.point
            )
        found = audit(truth, store.receipts(result.dataset))
        leaked = [p["other"] for p in truth["planted"] if p["code"] == "D11"]
        note("the same training on everything dumped in …")
        compared = compare(
            file, result, store, place=folder / "dumped", leaked=leaked, bars=progress
        )
        from tunewell.report import render

        report = render(Project(file, store))
        growth = store.last_run("curve")
    out.print()
    show_audit(found)
    show_comparison(compared)
    for finding in growth.findings if growth else ():
        out.print(f"More rows ({finding.code} {finding.status}): {finding.why}\n", markup=False)
    show_verdict(result)
    out.print(f"Report: {report.resolve()}", markup=False, soft_wrap=True)
    note(f"{time.monotonic() - began:.0f} s")
    return report


def main() -> int:
    """The command line; gives the exit code."""
    parser = argparse.ArgumentParser(
        description="Tunewell's demo: a spoiled service desk, from raw files to a verdict."
    )
    parser.add_argument("--out", type=Path, default=Path(".demo"), help="folder to work in (.demo)")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="how long the whole may take, about (10)"
    )
    parser.add_argument(
        "--tokens", type=int, default=0, help="train on so many tokens, whatever time that takes"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, default=800)
    chosen = parser.parse_args()
    try:
        demo(
            chosen.out,
            seed=chosen.seed,
            rows=chosen.rows,
            minutes=chosen.minutes,
            tokens=chosen.tokens,
        )
    except UserError as error:
        note(f"error: {error}")
        return EXIT_USER
    except KeyboardInterrupt:
        note("interrupted; the next `make demo` goes on from here")
        return EXIT_INTERRUPT
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
