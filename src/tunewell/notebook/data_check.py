"""``tw.doctor``: what is wrong with rows that are in memory or in files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from markupsafe import Markup

from tunewell.curate.doctor import DoctorReport
from tunewell.curate.doctor import doctor as examine_files
from tunewell.notebook import html
from tunewell.notebook.in_memory import (
    as_named,
    as_values,
    definition_at,
    fields_named,
    lines_named,
    remedies_for,
)
from tunewell.notebook.row_values import PathLike, RowFiles, Rows, on_disk
from tunewell.pitfalls import pitfall
from tunewell.plurals import plural
from tunewell.types import Finding


class ShownDoctorReport(DoctorReport):
    """What rows show, most harmful first; a notebook shows it as a table."""

    @classmethod
    def of(cls, report: DoctorReport, files: RowFiles) -> Self:
        """A report of files, whose rows are called by their place in the list they came from."""
        values = {name: getattr(report, name) for name in DoctorReport.model_fields}
        if files.in_memory:
            values["findings"] = tuple(map(_by_index, report.findings))
            values["examples"] = {
                code: lines_named(lines) for code, lines in report.examples.items()
            }
        return cls(**values)

    @property
    def found(self) -> tuple[Finding, ...]:
        """What was found, most harmful first."""
        return tuple(finding for finding in self.findings if finding.status == "found")

    def __getitem__(self, code: str) -> Finding:
        """The finding of a pitfall, such as ``report["D04"]``."""
        for finding in self.findings:
            if finding.code == code:
                return finding
        known = ", ".join(finding.code for finding in self.findings)
        raise KeyError(f"{code!r} is none of {known}")

    def __str__(self) -> str:
        lines = [self._headline()]
        for finding in self.found:
            mark = "blocks" if finding.blocking else "found"
            lines.append(f"{finding.code} {pitfall(finding.code).name} [{mark}]: {finding.why}")
            lines += [f"    {line}" for line in self.examples.get(finding.code, ())]
        lines.append(f"clear: {self._named('clear') or 'none'}")
        lines.append(f"not checked: {self._named('unchecked') or 'none'}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return str(html.several(self._parts()))

    def _parts(self) -> Iterator[Markup]:
        yield html.heading(self._headline())
        if self.found:
            yield html.table(
                ["", "problem", "what was found", "for example", "what to do"],
                map(self._row, self.found),
            )
        yield html.line(f"Clear: {self._named('clear') or 'none'}.")
        unchecked = [f for f in self.findings if f.status == "unchecked"]
        yield html.table(
            ["", "not checked", "why"],
            [[f.code, pitfall(f.code).name, f.why] for f in unchecked],
        )

    def _headline(self) -> str:
        blocking = sum(finding.blocking for finding in self.findings)
        ends = f", {blocking} of them block training" if blocking else ""
        return (
            f"{plural(self.rows, 'row')}: {plural(len(self.found), 'problem')} found{ends} "
            f"({self.seconds:.1f} s)"
        )

    def _row(self, finding: Finding) -> list[object]:
        name = pitfall(finding.code).name
        named = f"{name} (blocks training)" if finding.blocking else name
        examples = Markup("<br>").join(map(html.text, self.examples.get(finding.code, ())))
        return [finding.code, named, finding.why, examples, finding.remedy]

    def _named(self, status: str) -> str:
        named = [
            f"{finding.code} {pitfall(finding.code).name}"
            for finding in self.findings
            if finding.status == status
        ]
        return ", ".join(named)


def doctor(
    rows: Rows,
    *,
    eval: Rows = None,
    task: PathLike | None = None,
    input: str = "",
    target: str = "",
) -> ShownDoctorReport:
    """Show every data problem found in rows, most harmful first.

    Args:
        rows: A path, a list of paths or of rows (mappings), a pandas, Polars or PyArrow table, or a
            ``datasets.Dataset``. Of a ``DatasetDict``, the test or validation split is ``eval``.
        eval: Validation or test rows, in any of these forms; without them leaks cannot be checked.
        task: A ``tunewell.yaml`` whose rules are applied too.
        input: Column of the question, where it is not recognised.
        target: Column of the answer, where it is not recognised.

    Raises:
        DataError: Nothing can be read.

    Example:
        >>> forms = ["a move", "a sale", "a birth", "a loss", "a repair", "an outage"]
        >>> rows = [{"prompt": f"Which form reports {form}?", "completion": f"The form for {form}."}
        ...         for form in forms]
        >>> rows[2]["completion"] = "N/A"
        >>> report = doctor(rows)
        >>> report["D08"].status, report["D08"].rows
        ('found', ('rows[2]',))
    """
    definition = definition_at(task)
    fields = fields_named(input, target)
    with on_disk(rows, eval) as files, as_values(files):
        report = examine_files(
            files.paths,
            eval=files.evaluation,
            task=definition,
            fields=fields,
            remedies=remedies_for(files, fields, definition),
        )
        return ShownDoctorReport.of(report, files)


def _by_index(finding: Finding) -> Finding:
    """A finding whose rows are called ``rows[0]`` rather than ``line:1``."""
    places = {
        "rows": finding.rows,
        "families": finding.families,
        "pairs": finding.pairs,
        "spans": finding.spans,
    }
    return finding.model_copy(update={name: as_named(each) for name, each in places.items()})
