"""Write the pages of the site that are made: pitfalls, with examples that are run; comparison.

tests/test_docs.py fails when one is out of date: python docs/generate.py writes them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import tunewell as tw
from tunewell.pitfalls import CATALOGUE, Pitfall

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE.parent / "bench" / "results"
MADE: Final = "<!-- made by docs/site_pages.py -->"
AREAS: Final = ("data", "training", "evaluation", "deployment")


def _module(name: str) -> ModuleType:
    """A module beside this one."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES: Final = _module("pitfall_examples")


def site_pages() -> dict[str, str]:
    """Every made page by its path under docs."""
    found = {f"pitfalls/{p.code}.md": _page(p) for p in CATALOGUE.values()}
    return {"pitfalls/index.md": _index(), **found, "compared.md": _compared()}


# --- pitfalls -------------------------------------------------------------------------------------


def _index() -> str:
    lines = ["# Why fine-tunes fail", "", MADE, ""]
    lines += ["Each of these is measured, has a code, and is shown with what to do about it.", ""]
    for area in AREAS:
        lines += [f"## {area.capitalize()}", "", "| | | why it hurts |", "| --- | --- | --- |"]
        for pitfall in CATALOGUE.values():
            if pitfall.area == area:
                link = f"[{pitfall.code}]({pitfall.code}.md)"
                lines.append(f"| {link} | {pitfall.name} | {EXAMPLES.WHY[pitfall.code]} |")
        lines.append("")
    return "\n".join(lines)


def _page(pitfall: Pitfall) -> str:
    code = pitfall.code
    lines = [f"# {code} {pitfall.name}", "", MADE, "", EXAMPLES.WHY[code], ""]
    lines += ["## What is measured", "", _sentence(pitfall.measured), ""]
    if code in EXAMPLES.DOCTOR:
        lines += _before_and_after(code)
    if code in EXAMPLES.PYTHON:
        lines += _run(EXAMPLES.PYTHON[code])
    lines += ["## What to do", "", _sentence(pitfall.remedy), ""]
    if pitfall.command:
        setting, _, typed = pitfall.command.rpartition("tunewell ")
        said = f"{_sentence(setting.strip())[:-1]}\n\n" if setting else ""
        lines += [f"{said}```console", f"$ tunewell {typed}", "```", ""]
    guide = EXAMPLES.GUIDES.get(code, EXAMPLES.GUIDES[code[0]])
    known = f"`tunewell accept {code} --reason … --until DATE`"
    lines += [f"How it is done: [guide]({guide}). A risk that you know and take: {known}.", ""]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _before_and_after(code: str) -> list[str]:
    rows = EXAMPLES.DOCTOR[code]
    with _in_a_folder():
        _write("train.jsonl", rows.before)
        typed = "tunewell doctor train.jsonl"
        beside: dict[str, Any] = {}
        if rows.eval:
            _write("test.jsonl", rows.eval)
            typed += " --eval test.jsonl"
            beside["eval"] = "test.jsonl"
        before = _block(str(tw.doctor("train.jsonl", **beside)), code)
        if rows.after is None:
            fixed = tw.fix("train.jsonl", **beside)
            name = "fixed.jsonl"
            after = _receipts(fixed)
            status = tw.doctor(list(fixed))[code].status
        else:
            name = "corrected.jsonl"
            _write(name, rows.after)
            after = [f"Somebody decides, and {len(rows.after)} rows are left."]
            status = tw.doctor(name, **beside)[code].status
    shown = [json.dumps(row, ensure_ascii=False) for row in rows.before[-2:]]
    return [
        "## Before",
        "",
        f"The last two of {len(rows.before)} rows:",
        "",
        "```json",
        *shown,
        "```",
        "",
        "```console",
        f"$ {typed}",
        *before,
        "```",
        "",
        "## After",
        "",
        *after,
        "",
        f"`tunewell doctor {name}` then says: {code} is **{status}**.",
        "",
    ]


@contextlib.contextmanager
def _in_a_folder() -> Iterator[None]:
    old = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(old)


def _write(name: str, rows: list[dict[str, str]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _receipts(fixed: tw.FixedRows) -> list[str]:
    """What was done to the rows that were not left as they are."""
    done = [
        [r["place"].replace("train.jsonl", "line"), r["action"], r["rule"], r["evidence"]]
        for r in fixed.receipts
        if r["action"] != "kept"
    ]
    typed = "`tunewell doctor train.jsonl --fix fixed.jsonl`"
    count = len(list(fixed))
    table = _table(["row", "", "rule", "evidence"], done)
    return [f"{typed} leaves {count} rows, with a receipt for each row it touched:", "", *table]


def _block(text: str, code: str) -> list[str]:
    """The lines of one finding."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(code))
    others = (i for i, line in enumerate(lines) if i > start and not line.startswith(" "))
    return lines[start : next(others, len(lines))]


def _run(code: str) -> list[str]:
    """A few lines of Python, and what they print."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "example", "exec"), {})
    return [
        "## Example",
        "",
        "```python",
        *code.splitlines(),
        "```",
        "",
        "```text",
        *out.getvalue().splitlines(),
        "```",
        "",
    ]


# --- comparison -----------------------------------------------------------------------------------


def _result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _compared() -> str:
    text = (HERE / "compared.template.txt").read_text(encoding="utf-8")
    for name, table in _tables().items():
        text = text.replace(f"{{{name}}}", "\n".join(table))
    return text


def _tables() -> dict[str, list[str]]:
    return {
        "near": _near(),
        "leaks": _leaks(),
        "training": _training(),
        "judges": _judges(),
        "delays": _delays(),
        "dates": _dates(),
        "streams": _streams(),
    }


def _table(head: list[str], rows: list[list[object]]) -> list[str]:
    line = "| " + " | ".join(head) + " |"
    rule = "|" + " --- |" * len(head)
    return [line, rule, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def _near() -> list[str]:
    measured = _result("curation-near")["corpora"]["short rows, scattered edits"]
    names = {"ours": "**Tunewell**", "datasketch_words": "datasketch, friendliest setting"}
    rows: list[list[object]] = []
    for name, found in measured.items():
        recall = [f"{share['value']:.2f}" for share in found["recall"].values()]
        clean = f"{found['clean_flagged']['value']:.3f}"
        speed = f"{found['rows_per_cpu_second']:,}"
        rows.append([names.get(name, name.replace("_", " ")), *recall, clean, speed])
    return _table(
        ["", "10 %", "20 %", "30 % edited", "clean rows flagged", "rows per processor s"], rows
    )


def _leaks() -> list[str]:
    measured = _result("curation-leaks")["corpora"]["planted"]
    kinds = list(measured["tunewell"]["recall"])
    rows: list[list[object]] = [
        [f"**{name.capitalize()}**" if name == "tunewell" else name]
        + [f"{found['recall'][kind]['value']:.2f}" for kind in kinds]
        for name, found in measured.items()
    ]
    return _table(["", *kinds], rows)


def _training() -> list[str]:
    summary = _result("training-against-trl")["summary"]
    shares = summary["shares_of_trl_by_processor_seconds"]
    gap = summary["held_out"]["ours_minus_trl"]
    loss = f"{gap['value']:.3f} [{gap['low']:.3f}, {gap['high']:.3f}]"
    rows: list[list[object]] = [
        ["one training, full depth", f"{shares['ours-1']:.2f}"],
        ["all five folds, a quarter of the layers", f"{shares['folds-0.25']:.2f}"],
        ["everything: five folds, a check, the final adapter", f"{shares['everything']:.2f}"],
        ["held-out loss, ours minus TRL's (nats per token)", loss],
    ]
    return _table(["", "processor time, of one TRL training"], rows)


def _judges() -> list[str]:
    rows: list[list[object]] = []
    for found in _result("statistics_peers")["judge_and_people"]:
        if found["labels"] == 30:
            rows.append(
                [
                    found["package"],
                    found["rate"],
                    f"{found['coverage']:.3f}",
                    f"{found['width']:.2f}",
                ]
            )
    return _table(["", "true rate", "covers (95 % asked)", "width"], rows)


def _delays() -> list[str]:
    rows: list[list[object]] = []
    for name, found in _result("monitor-delays")["detectors"].items():
        cells = [f"{found[step]['median_delay_days']:g}" for step in ("x1.2", "x1.5", "x2")]
        cells = [cell.replace("inf", "missed by most") for cell in cells]
        rows.append([name, *cells, f"{found['quiet_years_with_alarm']:.0%}"])
    return _table(["", "× 1.2", "× 1.5", "× 2", "quiet years with a false alarm"], rows)


def _dates() -> list[str]:
    readers = _result("checks-dates")["readers"]
    rows: list[list[object]] = [
        [name, found["right"], found["wrong"], found["unread"], found["days_made_of_none"]]
        for name, found in readers.items()
    ]
    return _table(["", "right", "wrong", "not read", "dates made of what is none"], rows)


def _streams() -> list[str]:
    measured = _result("decide-streams")["cost_to_best"]
    policies = list(next(iter(measured.values())))
    rows: list[list[object]] = [
        [policy, *(f"{found[policy]['mean']:.2f}" for found in measured.values())]
        for policy in policies
    ]
    return _table(["", *measured], rows)
