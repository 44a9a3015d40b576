"""Lists the licences of everything that Tunewell needs to run, and refuses what cannot be shipped.

``python tools/licences.py`` prints one line for each package; ``make lint`` runs it. Packages are
found from ``pyproject.toml``: the base and every extra, with what they need in turn.
"""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

PERMITTED = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|CNRI|MPL|Mozilla|Unlicense|HPND|"
    r"Zlib|Boost|BSL-1\.0|MIT-0|CC0|Public Domain|Historical Permission)\b",
    re.IGNORECASE,
)
REFUSED = re.compile(r"\b(A?GPL|SSPL|BUSL|Commons Clause|proprietary|NonCommercial)", re.IGNORECASE)

COPYLEFT = {
    "psycopg": ("postgres", "LGPL-3.0: loaded as a library, in an extra of its own, unchanged"),
    "psycopg-binary": ("postgres", "LGPL-3.0: as psycopg"),
    "tld": ("text", "MPL-1.1, chosen among MPL-1.1, GPL-2.0 and LGPL-2.1; unchanged"),
}
"""The only ones that are not permissive: their extra, and why they may be there."""

NOT_DECLARED = {"daft": "Apache-2.0"}
"""Packages whose metadata names no licence, with what their files say."""

Name = str


def plain(name: str) -> Name:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(name: Name, extras: frozenset[str]) -> Iterator[tuple[Name, frozenset[str]]]:
    """What an installed package needs, with the extras it asks for."""
    for line in metadata.requires(name) or []:
        needed, _, marker = line.partition(";")
        asked = re.findall(r"extra\s*==\s*['\"]([\w.-]+)['\"]", marker)
        if asked and not extras & {plain(extra) for extra in asked}:
            continue
        yield _parsed(needed)


def _parsed(requirement: str) -> tuple[Name, frozenset[str]]:
    match = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", requirement)
    assert match is not None, requirement
    extras = match[2] or ""
    return plain(match[1]), frozenset(plain(part) for part in extras.split(",") if part.strip())


def runtime() -> dict[Name, set[str]]:
    """Every installed package that Tunewell needs to run, with our extras that ask for it."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    asked: list[tuple[str, tuple[Name, frozenset[str]]]] = []
    for line in project["dependencies"]:
        asked.append(("base", _parsed(line)))
    for extra, lines in project["optional-dependencies"].items():
        if extra in ("dev", "all"):
            continue
        asked += [(extra, _parsed(line)) for line in lines]

    found: dict[Name, set[str]] = {}
    seen: set[tuple[str, Name, frozenset[str]]] = set()
    while asked:
        origin, (name, extras) = asked.pop()
        if name == "tunewell" or (origin, name, extras) in seen:
            continue
        seen.add((origin, name, extras))
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform, or of an extra that is not installed here
        found.setdefault(name, set()).add(origin)
        asked += [(origin, need) for need in required(name, extras)]
    return found


def licence(name: Name) -> str:
    """What a package says of its licence, in one line."""
    about: Any = metadata.metadata(name)
    classifiers = [
        line.rsplit("::", 1)[1].strip()
        for line in about.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    said = about.get("License-Expression") or ", ".join(classifiers) or about.get("License") or ""
    first = said.strip().splitlines()[0] if said.strip() else ""
    return first[:80] or NOT_DECLARED.get(name, "")


def fault(name: Name, said: str, extras: set[str]) -> str:
    """Why a package may not be shipped with; empty if it may."""
    if name in COPYLEFT:
        allowed, _ = COPYLEFT[name]
        outside = extras - {allowed}
        return f"only the extra '{allowed}' may need it, but so does {outside}" if outside else ""
    if not said:
        return "names no licence"
    # A choice among several is ours to make.
    choices = re.split(r"\bOR\b", said)
    if any(PERMITTED.search(choice) and not REFUSED.search(choice) for choice in choices):
        return ""
    return "its licence is not known to be permissive"


def main() -> int:
    """Print the list and give the exit code."""
    faults = 0
    for name, extras in sorted(runtime().items()):
        said = licence(name)
        why = fault(name, said, extras)
        note = COPYLEFT[name][1] if name in COPYLEFT else ""
        print(f"{name:28} {said or '-':44} {', '.join(sorted(extras))}  {note}".rstrip())
        if why:
            faults += 1
            print(f"  {name}: {why}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
