"""What to do about a finding, with what there is: a file alone, or a project that it belongs to."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tunewell.pitfalls import pitfall
from tunewell.task import FieldMap, TaskFile

_FIXED: Final[Mapping[str, str]] = {
    "D03": "keeps one row of each",
    "D04": "keeps one row of each family",
    "D05": "strips what recurs",
    "D07": "masks them",
    "D08": "repairs what is certain and drops the rest",
    "D11": "drops the training rows that leak test rows",
}
"""What ``--fix`` does about each pitfall."""

_BY_DEFINITION: Final[Mapping[str, str]] = {
    "D01": "rules.kinds says which kinds belong",
    "D06": "rules.max_age says how old a row may be",
    "D09": "rules.contradictions: newest keeps the newest answer; else correct the rows by hand",
    "D14": "slices.target says which share each slice should have",
}
"""What needs a definition, and which line of it."""


class Remedies:
    """The remedies for files under examination.

    Args:
        paths: The files.
        evaluation: The rows that must not be leaked.
        fields: Columns that the user named.
        task: The project's definition, where there is one.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        evaluation: Path | None,
        fields: FieldMap,
        task: TaskFile | None,
    ) -> None:
        self._paths = paths
        self.evaluation = evaluation
        self.fields = fields
        self._task = task

    def of(self, code: str) -> str:
        """What to do about a pitfall, as a command to type where there is one."""
        known = pitfall(code)
        if self._task is not None:
            return self._in_project(known.command) or known.remedy
        if code in _FIXED:
            return f"{self.fix()}   # {_FIXED[code]}"
        if code in _BY_DEFINITION:
            return f"{self.init()}   # {_BY_DEFINITION[code]}"
        return known.remedy

    def init(self) -> str:
        """Begin a project with these files."""
        data = "".join(f" --data {name}" for name in self._names())
        return f"tunewell init NEW-FOLDER{data}"

    def with_evaluation(self) -> str:
        """The same once more, with rows that must not be leaked."""
        return f"tunewell doctor {' '.join(self._names())} --eval TEST-FILE"

    def fix(self) -> str:
        """What is left of the files after curation."""
        evaluation = f" --eval {_typed(self.evaluation)}" if self.evaluation else ""
        return (
            f"tunewell doctor {' '.join(self._names())}{evaluation}{self._columns()} "
            f"--fix {self._out()}"
        )

    def _columns(self) -> str:
        named = {"--input": self.fields.input, "--target": self.fields.target}
        return "".join(f" {option} {shlex.quote(name)}" for option, name in named.items() if name)

    def _out(self) -> str:
        first = self._names()[0]
        stem = "rows" if first == _ANY_FILE else Path(shlex.split(first)[0]).name.split(".")[0]
        return shlex.quote(f"{stem}-fixed.jsonl")

    def _names(self) -> list[str]:
        return [_typed(path) for path in self._paths]

    def _in_project(self, command: str) -> str:
        """A command for the project, from where the user is."""
        if self._task is None or self._task.root.resolve() == Path.cwd():
            return command
        return command.replace("tunewell curate", f"tunewell curate {_typed(self._task.root)}")


_ANY_FILE: Final = "FILE"
"""What came on standard input has no name to type."""


def _typed(path: Path) -> str:
    is_standard_input = path.name == "stdin" and path.parent.name.startswith("tunewell-")
    return _ANY_FILE if is_standard_input else shlex.quote(str(path))
