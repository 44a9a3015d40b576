"""Asks at a terminal whether a rule may take a large part of the file."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from tunewell.cli.common import note
from tunewell.curate.mass_drops import awaiting
from tunewell.types import Finding, Run

_SHOWN = 5
_CHARACTERS = 160
_NAMED = re.compile(r"^(?P<lead>[^#\n]*)\bconfirmed:[ \t]*\[(?P<names>[^\]\n]*)\]", re.MULTILINE)
_BY_HAND = re.compile(r"^[^#\n]*\bconfirmed:", re.MULTILINE)
_RULES_INLINE = re.compile(r"^rules:[ \t]*\{", re.MULTILINE)
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
    text = definition.read_text(encoding="utf-8")
    changed = with_confirmed(text, rules)
    if not changed:
        note(f"Add to rules in {definition.name}: {_line(rules)}")
        return False
    definition.write_text(changed, encoding="utf-8")
    return True


def _may_drop(rule: str, finding: Finding) -> bool:
    note(finding.why)
    for pair in finding.pairs[:_SHOWN]:
        note(f"\n  {pair['row']} ({pair['evidence']}): {_on_one_line(pair.get('text', ''))}")
        if pair.get("other"):
            note(f"  {pair['other']} stays: {_on_one_line(pair.get('other_text', ''))}")
    return typer.confirm(f"\nDrop these rows ({rule})?", default=False, err=True)


def _on_one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _CHARACTERS else f"{words[:_CHARACTERS]}…"


def with_confirmed(text: str, rules: Sequence[str]) -> str:
    r"""A definition whose ``rules.confirmed`` names these rules too.

    It is empty where it must be edited by hand.

    Example:
        >>> with_confirmed("task: {}\nrules:\n  broken: drop\n", ["broken"])
        'task: {}\nrules:\n  confirmed: [broken]\n  broken: drop\n'
        >>> with_confirmed("rules:\n  confirmed: [broken]\n", ["leaks"])
        'rules:\n  confirmed: [broken, leaks]\n'
    """
    named = _NAMED.search(text)
    if named:
        before = [name.strip() for name in named["names"].split(",") if name.strip()]
        line = f"{named['lead']}{_line([*before, *rules])}"
        return f"{text[: named.start()]}{line}{text[named.end() :]}"
    if _BY_HAND.search(text):
        return ""
    block = _RULES_LINE.search(text)
    if block:
        start = block.start("indent")
        return f"{text[:start]}{block['indent']}{_line(rules)}\n{text[start:]}"
    inline = _RULES_INLINE.search(text)
    if inline:
        comma = "" if text[inline.end() :].lstrip().startswith("}") else ", "
        return f"{text[: inline.end()]}{_line(rules)}{comma}{text[inline.end() :].lstrip()}"
    if re.search(r"^rules:", text, re.MULTILINE):
        return ""
    return f"{text.rstrip()}\nrules:\n  {_line(rules)}\n"


def _line(rules: Sequence[str]) -> str:
    return f"confirmed: [{', '.join(dict.fromkeys(rules))}]"
