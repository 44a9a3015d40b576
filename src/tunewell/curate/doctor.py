"""``tunewell doctor``: every data pitfall that can be seen in one file, most harmful first, with nothing set up.

Unlike curation, every check looks at every row, whatever another check thinks of it, and nothing is changed.
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from tunewell.checks.dates import find_cut_off
from tunewell.curate import boilerplate, clean, coverage, repeats, rules
from tunewell.curate.leaks import Leak, find_leaks, missed_bound
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.pipeline import read as read_project
from tunewell.curate.read import Batch, read_source, settle_ids
from tunewell.curate.rows import Ledger, Row, clip
from tunewell.engine import Engine
from tunewell.errors import DataError
from tunewell.pitfalls import pitfall
from tunewell.task import DataSource, Rules, TaskFile, TaskSection, TaskSpec
from tunewell.types import Estimate, Finding, Threshold, Value

LIMITS = {"D11": 0.0, "D07": 0.0, "D08": 0.01, "D09": 0.01, "D03": 0.05, "D04": 0.05}
"""Share of the rows above which a pitfall blocks (exit 3)."""

ORDER = ("D11", "D07", "D09", "D08", "D06", "D01", "D03", "D04", "D05", "D02", "D13", "D14", "D10", "D12", "D15", "D16")
"""Most harmful first."""

LATER = {
    "D10": "label errors show only in held-out losses: tunewell train",
    "D12": "a learning curve needs training: tunewell train",
    "D15": "no row says that it was made from another (column parent)",
    "D16": "agreement needs the verdicts of several annotators",
}
"""What one file cannot show."""

_MOST = 100_000


class DoctorReport(Value):
    """What one file shows.

    Attributes:
        rows: Input rows, those that cannot be read included.
        seconds: Wall time.
        findings: One for every data pitfall, found ones first and most harmful first, then clear, then unchecked.
        formats: Rows by detected format, for people.
        examples: By pitfall, the worst rows in a line each, for people.
    """

    rows: int
    seconds: float
    findings: tuple[Finding, ...]
    formats: Mapping[str, int] = Field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def blocking(self) -> bool:
        """Whether a blocking pitfall was found."""
        return any(finding.blocking for finding in self.findings)

    def result(self) -> dict[str, Any]:
        """The JSON form: keys that do not apply are left out."""
        return {"rows": self.rows, "seconds": self.seconds, "findings": [_plain(f) for f in self.findings]}


_KEYS = ("code", "status", "why", "estimate", "threshold", "slice", "rows", "families", "pairs", "spans", "remedy")


def _plain(finding: Finding) -> dict[str, Any]:
    values = finding.model_dump(mode="json", by_alias=True)
    if values["estimate"]:
        values["estimate"].pop("unit")
    return {key: values[key] for key in _KEYS if values[key] not in (None, "", [], ())}


@dataclass
class _Case:
    """The file under examination."""

    rows: list[Row]
    tests: list[Row]
    batch: Batch
    file: TaskFile
    given: bool
    looked: list[clean.Seen]
    names: dict[str, str]
    examples: dict[str, list[str]] = field(default_factory=dict)

    @functools.cached_property
    def likeness(self) -> tuple[list[list[Row]], list[list[Row]]]:
        """Families of edited copies and of templates, among rows of which each stands once."""
        copies = {id(row) for family in repeats.same(self.rows) for row in family[1:]}
        return repeats.likeness([row for row in self.rows if id(row) not in copies])

    @property
    def read(self) -> int:
        """Input rows."""
        return self.batch.read

    def ids(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """What to call the rows."""
        return tuple(self.names.get(row.id, row.id) for row in rows[:_MOST])

    def show(self, code: str, rows: Sequence[Row], note: Callable[[Row], str] = lambda _row: "") -> None:
        """Keep the first rows of a finding in a line each."""
        self.examples[code] = [
            f"{self.ids([r])[0]}: {clip(' · '.join(filter(None, (note(r), f'{r.input} → {r.target}'))), 110)}"
            for r in rows[:3]
        ]


def doctor(path: Path, *, eval: Path | None = None, task: TaskFile | None = None) -> DoctorReport:
    """Look at a file of rows and say what is wrong with it.

    Args:
        path: The file (or folder) of training rows.
        eval: The file of the validation or test set; without it leaks cannot be checked.
        task: The project's definition, whose rules for kinds, age, languages and lengths are applied too.

    Raises:
        DataError: Nothing can be read.
    """
    started = time.monotonic()
    case = _examine(path, eval, task)
    findings = [check(case) for check in _CHECKS]
    findings += [Finding(code=code, status="unchecked", stage="doctor", why=why) for code, why in LATER.items()]
    rank = {"found": 0, "accepted": 1, "clear": 2, "unchecked": 3}
    findings.sort(key=lambda f: (rank[f.status], not f.blocking, ORDER.index(f.code)))
    return DoctorReport(
        rows=case.read,
        seconds=round(time.monotonic() - started, 3),
        findings=tuple(findings),
        formats=dict(Counter(row.format for row in case.rows)),
        examples={code: tuple(lines) for code, lines in case.examples.items()},
    )


def _definition(path: Path, task: TaskFile | None) -> TaskFile:
    if task is not None:
        return task
    section = TaskSection(name="doctor", about="a file that is looked at", input="any", output="any")
    report = Rules(max_reject_share=1.0)
    return TaskFile(spec=TaskSpec(task=section, data=(DataSource(path=str(path.resolve())),), rules=report), path=path)


def _source(path: Path, task: TaskFile | None, role: str) -> DataSource:
    """How to read the file: as the definition says if it names this file, else by looking."""
    for source in task.spec.data if task else ():
        named = task.root / source.path if task else path
        if named.resolve() == path.resolve() or named.name == path.name:
            return source.model_copy(update={"path": str(path.resolve()), "role": role})
    return DataSource.model_validate({"path": str(path.resolve()), "role": role})


def _examine(path: Path, evaluation: Path | None, task: TaskFile | None) -> _Case:
    file = _definition(path, task)
    batch = Batch()
    read_source(_source(path, task, "train"), root=path.resolve().parent, batch=batch)
    if not batch.rows:
        first = f" (first: {batch.rejects[0].place}: {batch.rejects[0].why})" if batch.rejects else ""
        raise DataError(f"none of {batch.read} input rows of {path} can be read{first}",
                        hint="give --task FILE with data.fields that name your columns")  # fmt: skip
    tests = Batch()
    if evaluation is not None:
        read_source(_source(evaluation, task, "test"), root=evaluation.resolve().parent, batch=tests)
        if not tests.rows:
            raise DataError(f"no row of {evaluation} can be read", hint="check the file given with --eval")
    names = _names(batch, path) | _names(tests, evaluation or path)
    for each in (batch, tests):
        own = [row.id for row in each.rows]
        settle_ids(each, Ledger())
        names |= {row.id: name for row, name in zip(each.rows, own, strict=True) if row.id != name}
    wanted = clean.Wanted(languages=True, raw=True)
    looked = clean.look(batch.rows, wanted, Engine(file.spec.engine))
    return _Case(batch.rows, tests.rows, batch, file, task is not None, looked, names)


def _names(batch: Batch, path: Path) -> dict[str, str]:
    """What to call a row: its own id, else ``line:N`` (with the file's name where there are several)."""
    several = len(batch.files) > 1 or path.is_dir()
    places = [row.place for row in batch.rows] + [reject.place for reject in batch.rejects]
    return {place: place if several else f"line:{place.rsplit(':', 1)[1]}" for place in places}


# --- the checks ---------------------------------------------------------------------------------------------------


def _finding(
    case: _Case,
    code: str,
    rows: Sequence[Row],
    *,
    why: str = "",
    count: int | None = None,
    unit: str = "rows",
    threshold: Threshold | None = None,
    extra: Sequence[str] = (),
    **more: Any,
) -> Finding:
    n = len(rows) + len(extra) if count is None else count
    limit = LIMITS.get(code)
    if threshold is None and limit is not None:
        threshold = Threshold(value=limit, origin="built-in")
    known = pitfall(code)
    share = n / max(case.read, 1)
    more.setdefault("estimate", Estimate.exact(float(n), n=case.read, unit=unit))
    return Finding(
        code=code,
        status="found" if n else "clear",
        stage="doctor",
        why=(why or f"{n} of {case.read} rows ({share:.1%})") if n else f"none of {case.read} rows",
        threshold=threshold,
        rows=(*case.ids(rows), *extra),
        remedy=(known.command or known.remedy) if n else "",
        blocking=bool(n) and limit is not None and share > limit,
        **more,
    )


def _unchecked(code: str, why: str, remedy: str = "") -> Finding:
    return Finding(code=code, status="unchecked", stage="doctor", why=why, remedy=remedy)


def _personal(case: _Case) -> Finding:
    hit = [(row, seen) for row, seen in zip(case.rows, case.looked, strict=True) if seen.spans]
    kinds: Counter[str] = Counter(span[3] for _, seen in hit for span in seen.spans)
    spans = []
    for row, seen in hit[:_MOST]:
        for turn, start, end, kind in seen.spans:
            name = case.ids([row])[0]
            span: dict[str, str | int] = {"row": name, "start": start, "end": end, "type": kind}
            if len(row.turns) > 1:
                span["turn"] = turn
            spans.append(span)
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    case.show("D07", [row for row, _ in hit])
    return _finding(case, "D07", [row for row, _ in hit], spans=tuple(spans),
                    why=f"{len(hit)} of {case.read} rows: {shown}")  # fmt: skip


def _broken(case: _Case) -> Finding:
    why: dict[str, str] = {}
    wanted = case.file.spec.rules.languages or _main_language(case)
    ledger = Ledger()
    for row, seen in zip(case.rows, case.looked, strict=True):
        other = [code for code in seen.languages if code and wanted and code not in wanted]
        if seen.fault:
            why[row.id] = seen.fault[0]
        elif "mojibake" in seen.repairs:
            why[row.id] = "mojibake"
        elif other:
            why[row.id] = f"wrong language ({other[0]})"
    if case.given:
        probe = [_copy(row) for row in case.rows]
        rules.words(probe, case.file, ledger)
        why |= {row.id: "length" for row in probe if row.dropped and row.id not in why}
    hit = [row for row in case.rows if row.id in why]
    rejects = [case.names[reject.place] for reject in case.batch.rejects]
    kinds = Counter(why.values()) + Counter({"unreadable line": len(rejects)} if rejects else {})
    case.show("D08", hit, lambda row: why[row.id])
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    return _finding(case, "D08", hit, extra=rejects, why=f"{len(hit) + len(rejects)} of {case.read} rows: {shown}")


def _copy(row: Row) -> Row:
    return Row(row.id, row.place, row.turns, row.source, row.kind, row.date, row.group, row.parent, row.tags)


def _main_language(case: _Case) -> tuple[str, ...]:
    """The language of nearly all rows, where there is one."""
    known = Counter(code for seen in case.looked for code in seen.languages if code)
    (code, n), *_ = known.most_common(1) or [("", 0)]
    total = sum(known.values())
    return (code,) if total >= 50 and n >= 0.9 * total else ()


def _exact(case: _Case) -> Finding:
    families = repeats.same(case.rows)
    hit = [row for family in families for row in family[1:]]
    case.show("D03", hit)
    return _finding(case, "D03", hit, families=tuple(case.ids(f) for f in families),
                    why=f"{len(hit)} of {case.read} rows repeat another one")  # fmt: skip


def _near(case: _Case) -> Finding:
    families, _ = case.likeness
    hit = [row for family in families for row in family[1:]]
    case.show("D04", hit)
    return _finding(case, "D04", hit, families=tuple(case.ids(f) for f in families),
                    why=f"{len(hit)} of {case.read} rows are edited copies in {len(families)} families")  # fmt: skip


def _boilerplate(case: _Case) -> Finding:
    _, templates = case.likeness
    common = boilerplate.recurring(case.rows)
    footed = [row for row in case.rows if boilerplate.ends_in(row, common)]
    in_templates = [row for family in templates for row in family]
    hit = list({id(row): row for row in (*footed, *in_templates)}.values())
    case.show("D05", hit)
    why = f"{len(footed)} rows end in recurring text, {len(in_templates)} rows come from {len(templates)} templates"
    return _finding(case, "D05", hit, families=tuple(case.ids(f) for f in templates), why=why)


def _contradictions(case: _Case) -> Finding:
    families = repeats.contradictory(case.rows)
    hit = [row for family in families for row in family]
    case.show("D09", hit)
    return _finding(case, "D09", hit, families=tuple(case.ids(f) for f in families),
                    why=f"{len(hit)} of {case.read} rows answer {len(families)} questions differently")  # fmt: skip


def _leaks(case: _Case) -> Finding:
    if not case.tests:
        return _unchecked("D11", "no evaluation file was given", "tunewell doctor FILE --eval EVAL")
    leaks = find_leaks(case.rows, case.tests)
    bound = missed_bound(leaks, case.tests)
    hit = [leak.train for leak in leaks]
    kinds = Counter(leak.kind for leak in leaks)
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    first = f"{len(hit)} training rows give away {len({leak.test.id for leak in leaks})} of {len(case.tests)} test rows"
    most = round(bound.high - bound.value)
    missed = f"at most {most} more edited copies were missed (95 %, planted probes)"
    case.show("D11", hit)
    found = _finding(case, "D11", hit, estimate=bound, why=f"{first}: {shown}; {missed}",
                     pairs=tuple(_pair(case, leak) for leak in leaks))  # fmt: skip
    return found if hit else found.model_copy(update={"why": f"no training row is close to a test row; {missed}"})


def _pair(case: _Case, leak: Leak) -> dict[str, str]:
    train, test = case.ids([leak.train])[0], case.ids([leak.test])[0]
    return {"train": train, "eval": test, "kind": leak.kind}


def _kinds(case: _Case) -> Finding:
    rule = case.file.spec.rules.kinds
    if not rule.keep and not rule.drop:
        return _unchecked("D01", "nothing says which kinds belong", "tunewell doctor FILE --task tunewell.yaml")
    probe = [_copy(row) for row in case.rows]
    rules.kinds(probe, case.file, Ledger())
    hit = [row for row in probe if row.dropped]
    case.show("D01", hit, lambda row: row.kind)
    return _finding(case, "D01", hit, threshold=Threshold(value=0.0, origin=case.file.where("rules.kinds")))


def _age(case: _Case) -> Finding:
    rule = case.file.spec.rules.max_age
    said = {row.id: words for row in case.rows if (words := find_cut_off(row.target))}
    hit = [row for row in case.rows if row.id in said]
    dated = sum(row.date is not None for row in case.rows)
    if rule is None and not hit:
        why = f"no age rule is set (rules.max_age); {dated} of {case.read} rows carry a date"
        return _unchecked("D06", why, "tunewell doctor FILE --task tunewell.yaml")
    limit = None
    if rule is not None:
        probe = [_copy(row) for row in case.rows]
        rules.date_by_text(probe, case.file, Ledger())
        rules.age(probe, case.file, Ledger(), today=rules.as_of(probe, rule))
        limit = Threshold(value=float(rule.days), origin=case.file.where("rules.max_age.days"))
        hit = [row for row, look in zip(case.rows, probe, strict=True) if look.dropped or row.id in said]
    case.show("D06", hit, lambda row: said.get(row.id, str(row.date or "undated")))
    stale = len(hit) - len(said)
    why = f"{len(hit)} of {case.read} rows: {stale} too old, {len(said)} speak of the cut-off date of another model"
    return _finding(case, "D06", hit, threshold=limit, why=why)


def _exam(case: _Case) -> Finding:
    return coverage.exam(case.rows, case.tests, stage="doctor", name=lambda row: case.ids([row])[0])


def _width(case: _Case) -> Finding:
    return coverage.width(case.rows, stage="doctor")


def _slices(case: _Case) -> Finding:
    return coverage.slices(case.rows, case.file, stage="doctor")


_CHECKS = (
    _exam,
    _width,
    _slices,
    _leaks,
    _personal,
    _contradictions,
    _broken,
    _age,
    _kinds,
    _exact,
    _near,
    _boilerplate,
)


def fit_check(public: Path, file: TaskFile) -> list[Finding]:
    """Whether a public set covers the project's own rows: over all of them, then by each value of each slice.

    Args:
        public: The set that is to be judged.
        file: The project's definition; its own data is what the model will meet.

    Raises:
        DataError: Nothing can be read.
    """
    batch = Batch()
    read_source(_source(public, None, "train"), root=public.resolve().parent, batch=batch)
    own = read_project(file).rows
    if not batch.rows:
        raise DataError(f"no row of {public} can be read", hint="check its format")
    found = [coverage.exam(batch.rows, own, stage="fit-check", name=lambda row: row.id)]
    for part in file.spec.slices:
        for value in sorted({row.field(part.field) for row in own} - {""}):
            rows = [row for row in own if row.field(part.field) == value]
            if len(rows) >= 10:
                finding = coverage.exam(batch.rows, rows, stage="fit-check", name=lambda row: row.id)
                found.append(finding.model_copy(update={"slice": f"{part.field}={value}"}))
    return found


def fix(path: Path, out: Path, *, eval: Path | None = None, task: TaskFile | None = None) -> tuple[int, int]:
    """Write the rows that survive curation as ``messages`` JSONL, and a receipt for every input row beside it.

    Args:
        path: The file of training rows.
        out: Where to; the receipts go to ``OUT.receipts.jsonl``.
        eval: Rows that must not be leaked.
        task: The project's definition; the built-in rules without one.

    Returns:
        Rows read and rows kept.
    """
    file = _definition(path, task)
    batch = Batch()
    read_source(_source(path, task, "train"), root=path.resolve().parent, batch=batch)
    own = batch.read
    if eval is not None:
        read_source(_source(eval, task, "test"), root=eval.resolve().parent, batch=batch)
    done = apply_rules(file, batch)
    with out.open("w", encoding="utf-8") as file_out:
        for row in done.training:
            turns = [{"role": role, "content": text} for role, text in row.turns]
            file_out.write(json.dumps({"id": row.id, "messages": turns}, ensure_ascii=False) + "\n")
    with out.with_name(out.name + ".receipts.jsonl").open("w", encoding="utf-8") as receipts:
        for line in done.ledger.table().to_pylist():
            receipts.write(json.dumps(line, ensure_ascii=False) + "\n")
    return own, len(done.training)
