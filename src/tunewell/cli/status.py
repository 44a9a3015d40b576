"""``tunewell status``: how far the project is, what was found, what to do next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from rich.table import Table

from tunewell.cli.approve import approvals
from tunewell.cli.common import JsonOption, ProjectArgument, emit, out, project
from tunewell.curate.erasure import tombstoned
from tunewell.pitfalls import pitfall
from tunewell.run import STAGES
from tunewell.store import Store
from tunewell.types import Finding, Verdict


def command(path: ProjectArgument = Path(), json: JsonOption = False) -> None:
    """Say how far the project is, what was found and what to type next."""
    with project(path) as (file, store):
        done, missing = approvals(file, store)
        stages = [_stage(store, name) for name in STAGES]
        found = (
            f
            for name in STAGES
            if (run := store.last_run(name))
            for f in run.findings
            if f.status == "found"
        )
        findings = list(
            {(f.code, f.slice, f.stage, f.why): f for f in found}.values()
        )  # the verdict repeats them
        last = store.last_run("verdict")
        verdict = store.get_value(last.outputs["verdict"], Verdict) if last else None
        tombstones = tombstoned(store)
    upcoming = _next(missing, stages)
    result = {
        "task": file.spec.task.name,
        "approved": done,
        "to_approve": missing,
        "stages": stages,
        "found": findings,
        "tombstones": tombstones,
        "next": upcoming,
    }
    if json:
        emit("status", result, verdict=verdict.outcome if verdict else None)
        return
    out.print(
        f"{file.spec.task.name}: {verdict.outcome + ', ' + verdict.why if verdict else 'no verdict yet'}",
        markup=False,
    )
    table = Table("stage", "state", "when", "seconds", "rows", box=None, pad_edge=False)
    for s in stages:
        table.add_row(s["stage"], s["status"], s["started"], s["seconds"], s["counts"])
    out.print(table)
    if missing:
        out.print(f"definition not yet approved by {', '.join(missing)}", markup=False)
    _print_findings(findings)
    for dataset, rows in tombstones.items():
        out.print(
            f"dataset {dataset[:12]} holds {rows} rows of an erased person: not to be used again",
            markup=False,
        )
    out.print(f"\nnext: {upcoming}", markup=False)


def _stage(store: Store, name: str) -> dict[str, Any]:
    runs = store.runs(stage=name)
    if not runs:
        return {"stage": name, "status": "not yet", "started": "", "seconds": "", "counts": ""}
    run = runs[-1]
    state = "killed or under way" if run.status == "started" else run.status
    counts = ", ".join(f"{k} {v}" for k, v in run.counts.items() if ":" not in k)
    return {
        "stage": name,
        "status": state,
        "started": run.started.strftime("%Y-%m-%d %H:%M"),
        "seconds": f"{run.seconds:.1f}",
        "counts": counts,
    }


def _print_findings(findings: list[Finding]) -> None:
    for f in findings:
        out.print(f"{f.code} {pitfall(f.code).name}: {f.why}", markup=False)


def _next(missing: list[str], stages: list[dict[str, Any]]) -> str:
    if missing:
        return f"tunewell approve --as {shlex.quote(missing[0])}"
    if any(s["status"] != "finished" for s in stages):
        return "tunewell run"
    return "tunewell report"
