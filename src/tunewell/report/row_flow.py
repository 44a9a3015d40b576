"""What became of the rows: the flow from read to kept, drops by pitfall and rule, and examples of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tunewell.report.raw_texts import texts_at
from tunewell.report.results import Results
from tunewell.report.text import without_private
from tunewell.types import Receipt

MAX_RULES: Final = 40
EXAMPLES: Final = 3
_HIDE_EVIDENCE: Final = frozenset({"D07"})


@dataclass(frozen=True)
class Step:
    """One step of the flow.

    Attributes:
        name: Of the step.
        dropped: Rows it took out.
        changed: Rows it changed and let go on.
        before: Rows that reached it.
        codes: Pitfalls that it dropped for.
    """

    name: str
    dropped: int
    changed: int
    before: int
    codes: tuple[str, ...]

    @property
    def after(self) -> int:
        """Rows that went on."""
        return self.before - self.dropped


@dataclass(frozen=True)
class Instance:
    """One row that a rule touched: what was seen, and the text where it can still be read."""

    receipt: Receipt
    evidence: str
    text: str


@dataclass(frozen=True)
class RuleEffect:
    """One rule with what it did."""

    code: str
    action: str
    step: str
    rule: str
    cites: str
    rows: int
    examples: tuple[Instance, ...]


@dataclass(frozen=True)
class Flow:
    """The whole of it.

    Attributes:
        read: Rows read, rejects included.
        kept: Rows in the dataset.
        held_out: Rows that the project gave as its own test set.
        steps: In the order in which the rows met them.
        rules: Rules by number of rows, drops first.
        left_out: Rules beyond those.
    """

    read: int
    kept: int
    held_out: int
    steps: tuple[Step, ...]
    rules: tuple[RuleEffect, ...]
    left_out: int = 0

    @property
    def dropped(self) -> int:
        """Rows dropped in all."""
        return sum(s.dropped for s in self.steps)


def flow(results: Results) -> Flow | None:
    """What became of the rows, or None where nothing has been curated."""
    if results.dataset is None:
        return None
    dataset = results.dataset
    table = results.store.get_table(dataset.receipts)
    touched = _grouped_rejects(table.filter(pc.not_equal(table["action"], "kept")))
    read = dataset.read or pc.count_distinct(table["row"]).as_py()
    rules = _rules(touched)
    shown = [_with_examples(rule, touched, results) for rule in rules[:MAX_RULES]]
    return Flow(
        read=read,
        kept=dataset.rows,
        held_out=len(dataset.held_out),
        steps=_steps(touched, read),
        rules=_filled(shown, results),
        left_out=max(len(rules) - MAX_RULES, 0),
    )


def _grouped_rejects(touched: pa.Table) -> pa.Table:
    """Rejects of reading by kind of fault: where in the line it was stands in ``said``, with each row."""
    rule = touched["rule"]
    short = pc.if_else(
        pc.equal(touched["step"], "read"), pc.replace_substring_regex(rule, ": .*$", ""), rule
    )
    return touched.set_column(touched.schema.get_field_index("rule"), "rule", short).append_column(
        "said", rule
    )


def _steps(touched: pa.Table, read: int) -> tuple[Step, ...]:
    """Steps in the order in which they met the rows.

    A receipt knows its place within its own row only, so the order is that of the pairs: a step
    that comes after another in some row comes after it here.
    """
    grouped = (
        touched.group_by(["step", "action"])
        .aggregate([("row", "count"), ("code", "distinct")])
        .to_pylist()
    )
    names = _order(touched)
    steps: list[Step] = []
    left = read
    for name in names:
        of_step = [g for g in grouped if g["step"] == name]
        dropped = sum(g["row_count"] for g in of_step if g["action"] == "dropped")
        changed = sum(g["row_count"] for g in of_step if g["action"] == "changed")
        codes = sorted({c for g in of_step for c in g["code_distinct"] if c})
        steps.append(Step(name, dropped, changed, left, tuple(codes)))
        left -= dropped
    return tuple(steps)


def _order(touched: pa.Table) -> list[str]:
    names: list[str] = pc.unique(touched["step"]).to_pylist()
    follows = {name: set[str]() for name in names}
    ordered = touched.select(["row", "order", "step"]).sort_by(
        [("row", "ascending"), ("order", "ascending")]
    )
    if ordered.num_rows > 1:
        row, step = ordered["row"].combine_chunks(), ordered["step"].combine_chunks()
        same = pc.equal(row[1:], row[:-1])
        pairs = (
            pa.table({"a": step[:-1].filter(same), "b": step[1:].filter(same)})
            .group_by(["a", "b"])
            .aggregate([])
        )
        for pair in pairs.to_pylist():
            if pair["a"] != pair["b"]:
                follows[pair["b"]].add(pair["a"])
    known = {name: i for i, name in enumerate(_USUAL)}
    done: list[str] = []
    rest = sorted(names, key=lambda n: (known.get(n, len(known)), n))
    while rest:
        free = [n for n in rest if not (follows[n] - set(done)) & set(rest)]
        done.append((free or rest)[0])
        rest.remove(done[-1])
    return done


_USUAL: Final = (
    "read",
    "repair",
    "boilerplate",
    "kind",
    "age",
    "words",
    "language",
    "broken",
    "personal",
    "exact",
    "near",
    "contradictions",
    "leaks",
)


def _rules(touched: pa.Table) -> list[RuleEffect]:
    keys = ["code", "action", "step", "rule", "cites"]
    grouped = touched.group_by(keys).aggregate([("row", "count")]).to_pylist()
    found = [
        RuleEffect(
            code=g["code"],
            action=g["action"],
            step=g["step"],
            rule=g["rule"],
            cites=g["cites"],
            rows=g["row_count"],
            examples=(),
        )
        for g in grouped
    ]
    return sorted(found, key=lambda r: (r.action != "dropped", -r.rows, r.code, r.rule))


def _with_examples(rule: RuleEffect, touched: pa.Table, results: Results) -> RuleEffect:
    mask = np.ones(touched.num_rows, dtype=np.bool_)
    for name in ("code", "action", "step", "rule", "cites"):
        mask &= pc.equal(touched[name], getattr(rule, name)).to_numpy()
    rows = touched.filter(pa.array(mask))
    made = []
    for row in rows.take(_worst(rows, rule, results)).to_pylist():
        said = row.pop("said")
        receipt = Receipt.model_construct(**{**row, "rule": said})
        more = said.removeprefix(rule.rule).lstrip(": ") if said != rule.rule else ""
        seen = " – ".join(part for part in (more, receipt.evidence) if part)
        made.append(Instance(receipt, without_private(seen), ""))
    return dataclasses.replace(rule, examples=tuple(made))


def _worst(rows: pa.Table, rule: RuleEffect, results: Results) -> list[int]:
    """Positions of up to three rows: those that the finding names first (checks put the worst first), else as read."""
    named = {
        row: i for f in results.findings if f.code == rule.code for i, row in enumerate(f.rows)
    }
    ids: list[str] = rows["row"].slice(0, 50_000).to_pylist()
    last = len(named)
    order = sorted(range(len(ids)), key=lambda i: (named.get(ids[i], last), i))
    return order[:EXAMPLES]


def _kept_texts(results: Results, ids: Sequence[str]) -> dict[str, str]:
    if results.dataset is None or not ids:
        return {}
    return {
        e.id: "\n".join(m.content for m in e.messages)
        for e in results.store.examples(results.dataset, ids=ids)
    }


def _filled(rules: Sequence[RuleEffect], results: Results) -> tuple[RuleEffect, ...]:
    """Rules whose examples carry their texts: of the dataset for rows that were kept, else of the raw files."""
    receipts = [e.receipt for rule in rules for e in rule.examples]
    kept = _kept_texts(results, [r.row for r in receipts if r.action == "changed"])
    wanted = [r.place for r in receipts if r.row not in kept and r.code not in _HIDE_EVIDENCE]
    raw = texts_at(wanted, results.file, digests=results.runs["curate"].inputs)
    return tuple(
        dataclasses.replace(
            rule,
            examples=tuple(
                dataclasses.replace(
                    e, text=without_private(kept.get(e.receipt.row) or raw.get(e.receipt.place, ""))
                )
                for e in rule.examples
            ),
        )
        for rule in rules
    )
