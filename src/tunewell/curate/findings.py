"""What curation saw, pitfall by pitfall.

Each Finding has its figure, its rows, where the limit came from and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tunewell.curate.leaks import RowLeak
from tunewell.curate.limits import blocks
from tunewell.curate.mass_drops import as_reported
from tunewell.curate.receipts import Ledger, certain_still_there, still_there
from tunewell.curate.rows import InputRow, ids_of
from tunewell.curate.superseded import REPORTED
from tunewell.curate.unchecked import OpenQuestion
from tunewell.pitfalls import pitfall
from tunewell.task import Rules, TaskFile
from tunewell.types import (
    Estimate,
    Finding,
    Threshold,
)

_RULE = {
    "D01": "rules.kinds",
    "D03": "rules.exact_duplicates",
    "D04": "rules.near_duplicates",
    "D05": "rules.boilerplate",
    "D06": "rules.max_age",
    "D07": "rules.personal",
    "D08": "rules.broken",
    "D09": "rules.contradictions",
}
_MOST = 2_000
"""Row ids kept in a Finding; the receipts have them all."""


_NOTHING_TO_DO = "nothing to do; tunewell why ROW shows what was done"

_THEN_RUN = "in tunewell.yaml, then: tunewell run"
_INSTEAD_OF_REPORTING: Mapping[str, str] = {
    "D03": f"set rules.exact_duplicates: first {_THEN_RUN}",
    "D04": f"set rules.near_duplicates: drop {_THEN_RUN}",
    "D05": f"set rules.boilerplate: strip {_THEN_RUN}",
    "D07": f"set rules.personal: mask {_THEN_RUN}",
    "D08": f"set rules.broken: drop {_THEN_RUN}",
    "D09": (
        f"set rules.contradictions: newest (or drop) {_THEN_RUN}; or let people decide: "
        "tunewell annotate open --from train --worst-first"
    ),
}
"""What to do where a rule only reports and its rows are still in the data."""

_SUPERSEDED_TOO = f"set rules.superseded: drop {_THEN_RUN}"
_LOOK = "look at the rows: tunewell why ROW"

SpanRecord = Mapping[str, str | int]
"""Where personal data stood: row, turn, start, end and type."""


@dataclass
class Related:
    """What rows have to do with each other, and with the test rows.

    Attributes:
        families: By pitfall, rows that belong together.
        leaks: Training rows that gave a test row away.
        spans: Where personal data stood, by row.
        unchecked: By pitfall, what was not looked at.
    """

    families: dict[str, list[list[InputRow]]] = field(default_factory=dict)
    leaks: list[RowLeak] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)
    unchecked: dict[str, OpenQuestion] = field(default_factory=dict)


def findings(
    file: TaskFile,
    ledger: Ledger,
    related: Related,
    *,
    read: int,
    tests: int,
) -> list[Finding]:
    """A Finding for every pitfall that curation looks at.

    Args:
        file: The project's definition.
        ledger: Which rows show which pitfall.
        related: Families, leaks and personal data.
        read: Input rows.
        tests: Rows of the project's own test set.
    """
    likely = tuple(dict.fromkeys(ledger.rows.get(still_there("D11"), ())))
    found = [_with_likely(_leaks(related.leaks, read, tests), likely)]
    for code in _RULE:
        finding = _OfRule(code, file, ledger, read).finding()
        groups = related.families.get(code, [])
        if groups:
            families = tuple(ids_of(group) for group in groups[:_MOST])
            finding = finding.model_copy(update={"families": families})
        if code == "D05" and groups:
            made = _TemplateRows(finding, groups, file, read)
            finding = finding.model_copy(update=made.changes())
        if code == "D07":
            spans = tuple(related.spans[:_MOST])
            finding = finding.model_copy(update={"spans": spans})
        found.append(finding)
    found = [as_reported(finding, ledger, read) for finding in found]
    return sorted(found, key=lambda finding: finding.code)


@dataclass(frozen=True)
class _OfRule:
    """The Finding on a pitfall that a rule is against."""

    code: str
    file: TaskFile
    ledger: Ledger
    read: int

    def finding(self) -> Finding:
        """What the rows show, and what the rule did about it."""
        rule = _RULE[self.code]
        rows = self.ledger.showing(self.code)
        if self._is_unset and not rows:
            return Finding(
                code=self.code,
                status="unchecked",
                stage="curate",
                why=f"{rule} is not set",
                remedy=self._known_remedy,
            )
        n = len(rows)
        finding = Finding(
            code=self.code,
            status="clear",
            stage="curate",
            why=f"none of {self.read} rows",
            estimate=Estimate.exact(float(n), n=self.read),
            threshold=Threshold(value=0.0, origin=self.file.where(rule)),
        )
        if not n:
            return finding

        left = self._is_left() or self._is_too_much
        shown = {
            "status": "found",
            "why": self._why(n),
            "rows": tuple(rows[:_MOST]),
            "remedy": self._remedy_for_the_rest() if left else _NOTHING_TO_DO,
            "blocking": left and (self.code == "D07" or self._is_too_much),
        }
        return finding.model_copy(update=shown)

    @cached_property
    def _is_too_much(self) -> bool:
        """Whether more of the rows that stay show the pitfall than a clean file may hold."""
        stay = self.ledger.staying(self.code)
        if self.code == "D08":
            # What only may be broken proves nothing.
            stay = set(self.ledger.rows.get(certain_still_there(self.code), ()))
        if self.code == "D04":
            # Nor does what may say the same in other words.
            stay = set(stay).difference(self.ledger.rows.get(still_there(self.code), ()))
        return self.code != "D07" and blocks(self.code, len(stay), of=self.read)

    @property
    def _is_unset(self) -> bool:
        """Whether nothing looks for the pitfall unless the user says what to look for."""
        rules = self.file.spec.rules
        if self.code == "D01":
            return not rules.kinds.keep and not rules.kinds.drop
        return self.code == "D06" and rules.max_age is None

    @property
    def _known_remedy(self) -> str:
        known = pitfall(self.code)
        return known.command or known.remedy

    def _remedy_for_the_rest(self) -> str:
        """What to do about the rows that are still there: what was done already is no help."""
        if self._only_reports:
            return _INSTEAD_OF_REPORTING[self.code]
        if self._superseded:
            return _SUPERSEDED_TOO
        return _LOOK

    @property
    def _superseded(self) -> int:
        """Rows that state a superseded fact and were only reported."""
        return len(self.ledger.rows.get(REPORTED, ())) if self.code == "D06" else 0

    @property
    def _uncertain(self) -> int:
        """Rows that may show the pitfall and were not dropped for it."""
        return len(set(self.ledger.rows.get(still_there(self.code), ())))

    def _is_left(self) -> bool:
        """Whether rows that show the pitfall are still in the data."""
        return self._superseded > 0 or self._uncertain > 0 or self._only_reports

    @property
    def _only_reports(self) -> bool:
        return _choice(self.code, self.file.spec.rules) == "report"

    def _why(self, n: int) -> str:
        reported = self._superseded
        if reported:
            return (
                f"{n - reported} of {self.read} rows: dropped; "
                f"{reported} state a superseded fact and are still in the data"
            )
        uncertain = self._uncertain
        if self.code == "D05" and uncertain and not self._only_reports:
            return (
                f"{n - uncertain} of {self.read} rows: stripped; {uncertain} end in other text "
                "that recurs, which may be content and is left"
            )
        if uncertain and not self._only_reports:
            done = _done(self.code, self.file.spec.rules)
            return (
                f"{n - uncertain} of {self.read} rows: {done}; {uncertain} may show it and "
                f"{'is' if uncertain == 1 else 'are'} still in the data"
            )
        if self._only_reports:
            return f"{n} of {self.read} rows still in the data: the rule only reports"
        return f"{n} of {self.read} rows: {_done(self.code, self.file.spec.rules)}"


def _choice(code: str, rules: Rules) -> str:
    """What the project chose to do about a pitfall."""
    choices: dict[str, str] = {
        "D03": rules.exact_duplicates,
        "D04": rules.near_duplicates,
        "D05": rules.boilerplate,
        "D07": rules.personal,
        "D08": rules.broken,
        "D09": rules.contradictions,
    }
    return choices.get(code, "")


def _done(code: str, rules: Rules) -> str:
    """What was done to the rows that show a pitfall."""
    done = {
        "D05": "stripped",
        "D07": "masked" if rules.personal == "mask" else "dropped",
        "D08": "rejected, repaired or dropped",
    }
    return done.get(code, "dropped")


@dataclass(frozen=True)
class _TemplateRows:
    """Tells rows of templates apart from rows with boilerplate: each has a rule of its own."""

    finding: Finding
    groups: Sequence[Sequence[InputRow]]
    file: TaskFile
    read: int

    def changes(self) -> dict[str, object]:
        """What the Finding on boilerplate says besides."""
        rules = self.file.spec.rules
        most = rules.templates.max_per_family
        made = [row.id for group in self.groups for row in group]
        footed = len(set(self.finding.rows).difference(made))
        parts = []
        if footed:
            parts.append(f"boilerplate in {self.finding.why}")

        fate, remedy, rule = "all are kept", _CAP, "rules.boilerplate"
        if most:
            fate, remedy, rule = f"at most {most} of each are kept", self.finding.remedy, _CAP_RULE
        count = len(set(made))
        several = "one template" if len(self.groups) == 1 else f"{len(self.groups)} templates"
        parts.append(f"{count} of {self.read} rows are made from {several}: {fate}")
        return {
            "status": "found",
            "why": "; ".join(parts),
            "remedy": remedy,
            "rows": tuple(dict.fromkeys([*self.finding.rows, *made]))[:_MOST],
            "estimate": Estimate.exact(float(count + footed), n=self.read),
            "threshold": Threshold(value=0.0, origin=self.file.where(rule)),
        }


_CAP_RULE = "rules.templates.max_per_family"
_CAP = f"{_CAP_RULE} in tunewell.yaml"


def _with_likely(finding: Finding, rows: Sequence[str]) -> Finding:
    """The Finding on leaks with the rows that may be some: they are kept."""
    if not rows:
        return finding
    more = f"{len(rows)} may say the same as a test row in other words and are still in the data"
    changes = {
        "status": "found",
        "why": f"{finding.why}; {more}",
        "rows": (*finding.rows, *rows)[:_MOST],
        "remedy": "look at the rows",
    }
    return finding.model_copy(update=changes)


def _leaks(
    leaks: Sequence[RowLeak],
    read: int,
    tests: int,
) -> Finding:
    if not tests:
        return Finding(
            code="D11",
            status="unchecked",
            stage="curate",
            why="no test set is given (data with role: test); split keeps families whole",
            remedy="tunewell split",
        )
    n = len(leaks)
    finding = Finding(
        code="D11",
        status="clear",
        stage="curate",
        why=f"no training row is close to one of {tests} test rows",
        estimate=Estimate.exact(float(n), n=read),
        threshold=Threshold(value=0.0, origin="built-in"),
    )
    if not leaks:
        return finding
    pairs = []
    for leak in leaks[:_MOST]:
        pairs.append({"train": leak.train.id, "eval": leak.test.id, "kind": leak.kind})
    found = {
        "status": "found",
        "why": f"{n} of {read} rows were, or were close to, one of {tests} test rows: dropped",
        "rows": tuple(leak.train.id for leak in leaks[:_MOST]),
        "pairs": tuple(pairs),
        "remedy": _NOTHING_TO_DO,
    }
    return finding.model_copy(update=found)
