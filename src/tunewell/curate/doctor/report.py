"""All checks of one file, and their report."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from tunewell.curate import coverage
from tunewell.curate.doctor import between, by_row
from tunewell.curate.doctor.case import Case, Examined, examine
from tunewell.curate.doctor.findings import unchecked
from tunewell.curate.doctor.remedies import Remedies
from tunewell.curate.doctor.transcripts import transcripts
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import Reject, clip
from tunewell.task import FieldMap, TaskFile
from tunewell.types import Finding, Value
from tunewell.types.read_files import KeyUse, ReadFile

ORDER = (
    "D11",
    "D07",
    "D09",
    "D08",
    "D06",
    "D01",
    "D03",
    "D04",
    "D05",
    "D02",
    "D13",
    "D14",
    "D10",
    "D12",
    "D15",
    "D16",
)
"""Most harmful first."""

LABEL_ERRORS_LATER = "label errors show only in held-out losses: tunewell train"

LATER = {
    "D12": "a learning curve needs training: tunewell train",
    "D15": "no row says that it was made from another (column parent)",
    "D16": "agreement needs the verdicts of several annotators",
}
"""What one file cannot show."""


class RejectedLine(Value):
    """What could not be read, and why.

    Attributes:
        place: The first place, as ``file:line``.
        why: The rule that it breaks.
        count: How many places break it.
        rows: How many rows may be lost there.
        hint: What to do about it.
    """

    place: str
    why: str
    count: int
    rows: int
    hint: str


def rejected_lines(batch: ReadResult) -> tuple[RejectedLine, ...]:
    """Each reason once, the most frequent first."""
    found: dict[str, list[Reject]] = {}
    for reject in batch.rejects:
        found.setdefault(re.sub(r"\d+", "0", reject.why), []).append(reject)
    lines = []
    for same in sorted(found.values(), key=len, reverse=True):
        first = same[0]
        rows = sum(reject.rows for reject in same)
        line = RejectedLine(
            place=clip(first.place),
            why=clip(first.why),
            count=len(same),
            rows=rows,
            hint=first.hint,
        )
        lines.append(line)
    return tuple(lines)


class DoctorReport(Value):
    """What one file shows.

    Attributes:
        rows: Input rows, those that cannot be read included.
        seconds: Wall time.
        findings: One for every data pitfall, found ones first and most harmful first, then clear,
            then unchecked.
        formats: Rows by detected format, for people.
        examples: By pitfall, the worst rows in a line each, for people.
        columns: What the columns and keys of each file were used for.
        files: What became of the bytes of each file.
        rejects: What could not be read, each reason once, with what to do about it.
        notes: What to know of how the files were read.
    """

    rows: int
    seconds: float
    findings: tuple[Finding, ...]
    formats: Mapping[str, int] = Field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    columns: tuple[KeyUse, ...] = ()
    files: tuple[ReadFile, ...] = ()
    rejects: tuple[RejectedLine, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def blocking(self) -> bool:
        """Whether a blocking pitfall was found."""
        return any(finding.blocking for finding in self.findings)

    def result(self) -> dict[str, Any]:
        """The JSON form: keys that do not apply are left out."""
        return {
            "rows": self.rows,
            "seconds": self.seconds,
            "findings": [_plain(f) for f in self.findings],
            "columns": [each.model_dump(mode="json") for each in self.columns],
            "files": [each.model_dump(mode="json") for each in self.files],
            "rejects": [each.model_dump(mode="json") for each in self.rejects],
            "notes": list(self.notes),
        }


_KEYS = (
    "code",
    "status",
    "why",
    "estimate",
    "threshold",
    "slice",
    "rows",
    "families",
    "pairs",
    "spans",
    "remedy",
)


def _plain(finding: Finding) -> dict[str, Any]:
    values = finding.model_dump(mode="json", by_alias=True)
    if values["estimate"]:
        values["estimate"].pop("unit")
    return {key: values[key] for key in _KEYS if values[key]}


def doctor(
    path: Path | Sequence[Path],
    *,
    eval: Path | None = None,
    task: TaskFile | None = None,
    fields: FieldMap | None = None,
    remedies: Remedies | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DoctorReport:
    """Look at files of rows and say what is wrong with them.

    Args:
        path: The files (or folders) of training rows.
        eval: The file of the validation or test set; without it leaks cannot be checked.
        task: The project's definition, whose rules for kinds, age, languages and lengths are
            applied too.
        fields: Columns and roles that the user names.
        remedies: What to do about findings, where the files have no names to type.
        progress: Called with (checks done, checks).

    Raises:
        DataError: Nothing can be read.
    """
    started = time.monotonic()
    with examine(Examined.of(path, eval, task, fields, remedies)) as case:
        findings = []
        for done, check in enumerate(_CHECKS, 1):
            findings.append(check(case))
            if progress:
                progress(done, len(_CHECKS))
    findings += [unchecked(code, why) for code, why in LATER.items()]
    return DoctorReport(
        rows=case.read,
        seconds=round(time.monotonic() - started, 3),
        findings=tuple(sorted(findings, key=_rank)),
        formats=dict(Counter(row.format for row in case.rows)),
        examples={code: tuple(lines) for code, lines in case.examples.items()},
        columns=tuple(case.batch.keys),
        files=tuple(case.batch.accounts),
        rejects=rejected_lines(case.batch),
        notes=tuple(case.batch.said()),
    )


_RANK = {"found": 0, "accepted": 1, "clear": 2, "unchecked": 3}


def _rank(finding: Finding) -> tuple[int, bool, int]:
    """What is found first, what blocks before what does not, the most harmful first."""
    return _RANK[finding.status], not finding.blocking, ORDER.index(finding.code)


def _transcripts(case: Case) -> Finding:
    return transcripts(case, LABEL_ERRORS_LATER)


def _exam(case: Case) -> Finding:
    return coverage.exam(
        case.rows,
        case.tests,
        stage="doctor",
        name=case.name,
    )


def _width(case: Case) -> Finding:
    return coverage.width(case.rows, stage="doctor")


def _slices(case: Case) -> Finding:
    return coverage.slices(case.rows, case.file, stage="doctor")


_CHECKS = (
    _exam,
    _width,
    _slices,
    between.leaks,
    between.exact,
    between.near,
    between.recurring,
    between.contradictions,
    by_row.kinds,
    by_row.age,
    by_row.personal,
    by_row.broken,
    _transcripts,
)
"""Those that compare rows come first: meanwhile other processes look at rows by themselves."""
