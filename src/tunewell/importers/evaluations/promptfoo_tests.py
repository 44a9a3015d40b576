"""promptfoo's tests: listed, in scenarios, or in files beside the configuration."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tunewell.importers.plain_values import listed, mapping, mappings, text
from tunewell.importers.source_files import file_beside, read_text, read_value
from tunewell.importers.source_keys import SourceKeys
from tunewell.safe_text import cells_of_any_size

ROWS: Final = "data/tests.jsonl"
QUESTION: Final = f"{ROWS}: the question"
MOST_VARIANTS: Final = 1000
"""Combinations of the listed variables of one test."""
TEST_FILES: Final = (".csv", ".yaml", ".yml", ".json", ".jsonl")
TEXT_FILES: Final = (".txt", ".md", ".json", ".yaml", ".yml", ".j2", ".jinja")
NOT_READ: Final = (
    "it makes tests by code or is elsewhere; only files beside the configuration (CSV, YAML, JSON) "
    "are read"
)
SHORTHANDS: Final = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}


@dataclass(frozen=True)
class PromptfooTest:
    """One test with its variables, none of them a list any more.

    Attributes:
        key: Where it stands in the configuration; empty if it is in another file.
        description: In words.
        variables: By name.
        asserts: Its own assertions.
    """

    key: str
    description: str
    variables: Mapping[str, Any]
    asserts: list[Any]


class TestReader:
    """Reads the tests of one configuration.

    Args:
        keys: The configuration.
        folder: Where it lies.
        shared: Variables of every test.
    """

    def __init__(self, keys: SourceKeys, folder: Path, shared: Mapping[str, Any]) -> None:
        self.keys = keys
        self.folder = folder
        self.shared = shared
        self.unread: list[str] = []

    def read(self) -> Iterator[PromptfooTest]:
        """Every test; those whose variables are lists as often as there are combinations."""
        for key, test in [*self._of(self.keys.get("tests"), "tests"), *self._of_scenarios()]:
            variables = self._variables(test.get("vars"))
            lists = {name: each for name, each in variables.items() if isinstance(each, list)}
            product = itertools.product(*lists.values())
            for values in itertools.islice(product, MOST_VARIANTS):
                chosen = dict(zip(lists, values, strict=True))
                yield PromptfooTest(
                    key=key,
                    description=text(test.get("description")),
                    variables={**self.shared, **variables, **chosen},
                    asserts=listed(test.get("assert")),
                )

    def _variables(self, given: Any) -> dict[str, Any]:
        return {str(name): self._value(value) for name, value in mapping(given).items()}

    def _value(self, value: Any) -> Any:
        """A variable; the text of the file where it names one."""
        if not text(value).startswith("file://"):
            return value
        found = file_beside(self.folder, value)
        if found is None or found.suffix.lower() not in TEXT_FILES:
            self.unread.append(value)
            return value
        return read_text(found)

    def _of_scenarios(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Tests of scenarios: each with the variables of each configuration."""
        for number, scenario in mappings(self.keys.get("scenarios")):
            at = f"scenarios.{number}"
            self.keys.carry(f"{at}.config", QUESTION)
            tests = list(self._of(scenario.get("tests"), f"{at}.tests"))
            for _, base in mappings(scenario.get("config")) or [(0, {})]:
                for key, test in tests:
                    merged = {**mapping(base.get("vars")), **mapping(test.get("vars"))}
                    yield key, {**test, "vars": merged}

    def _of(self, tests: Any, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The tests of a list, or of the file that is named in its place."""
        if text(tests):
            yield from self._of_file(tests, key)
        for number, test in enumerate(listed(tests)):
            named = text(test) or text(mapping(test).get("path"))
            if named and "vars" not in mapping(test):
                yield from self._of_file(named, f"{key}.{number}")
            elif isinstance(test, Mapping):
                yield f"{key}.{number}", test

    def _of_file(self, name: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found = file_beside(self.folder, name)
        if found is None or found.suffix.lower() not in TEST_FILES:
            self.keys.leave(key, NOT_READ)
            self.unread.append(name)
            return
        self.keys.carry(key, ROWS)
        values = list(_of_table(found)) if found.suffix.lower() == ".csv" else read_value(found)
        for _, test in mappings(values):
            yield "", test


def _of_table(path: Path) -> Iterator[dict[str, Any]]:
    """The tests of a CSV file: a column a variable, ``__expected`` the assertions."""
    with cells_of_any_size():
        for cells in csv.DictReader(read_text(path).splitlines(keepends=True)):
            filled = {name: cell for name, cell in cells.items() if name and text(cell).strip()}
            expected = [cell for name, cell in filled.items() if name.startswith("__expected")]
            yield {
                "vars": {name: cells[name] for name in filled if not name.startswith("__")},
                "assert": [_expected(cell) for cell in expected],
                "description": filled.get("__description", ""),
            }


def _expected(cell: str) -> dict[str, Any]:
    """An assertion in a cell: ``contains: text``, or the answer itself."""
    kind, colon, value = cell.partition(":")
    named = SHORTHANDS.get(kind.strip(), kind.strip())
    is_kind = named.replace("-", "").isalpha() and named.islower()
    if colon and is_kind:
        return {"type": named, "value": value.strip()}
    return {"type": "equals", "value": cell}
