"""Asks at a terminal whether a rule may take a large part of the file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import typer

from tunewell.cli.common import note
from tunewell.curate.mass_drops import awaiting
from tunewell.types import Finding, Run

_RULES_LINE = re.compile(r"^rules:[ \t]*(?:#.*)?\n(?P<indent>[ \t]+)", re.MULTILINE)


def ask_to_confirm(record: Run, definition: Path) -> bool:
    """Show what each rule would take, ask, and write the answer to ``rules.confirmed``.

    Args:
        record: Of curation.
        definition: The project's ``tunewell.yaml``.

    Returns:
        Whether the definition was changed, so that curation must be done again. False without a
        terminal, without a rule that waits, or where the file must be edited by hand.
    """
    waiting = awaiting(record.findings)
    if not waiting or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    rules = [rule for rule, finding in waiting.items() if _may_drop(rule, finding)]
    if not rules:
        return False
    line = f"confirmed: [{', '.join(rules)}]"
    text = definition.read_text(encoding="utf-8")
    changed = with_confirmed(text, line)
    if not changed:
        note(f"Add to rules in {definition.name}: {line}")
        return False
    definition.write_text(changed, encoding="utf-8")
    return True


def _may_drop(rule: str, finding: Finding) -> bool:
    note(finding.why)
    for pair in finding.pairs[:5]:
        note(
            "  "
            + " | ".join(filter(None, (pair.get("row"), pair.get("other"), pair.get("evidence"))))
        )
    return typer.confirm(f"Drop these rows ({rule})?", default=False, err=True)


def with_confirmed(text: str, line: str) -> str:
    r"""A definition with one more line under ``rules``; empty where it must be edited by hand.

    Example:
        >>> with_confirmed("task: {}\nrules:\n  broken: drop\n", "confirmed: [broken]")
        'task: {}\nrules:\n  confirmed: [broken]\n  broken: drop\n'
    """
    if "confirmed:" in text:
        return ""
    block = _RULES_LINE.search(text)
    if block:
        start = block.start("indent")
        return f"{text[:start]}{block['indent']}{line}\n{text[start:]}"
    if re.search(r"^rules:", text, re.MULTILINE):
        return ""
    return f"{text.rstrip()}\nrules:\n  {line}\n"
