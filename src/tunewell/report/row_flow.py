"""What became of the rows: the flow from read to kept, drops by rule, and examples of each."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tunewell.report.grouping import grouped
from tunewell.report.raw_texts import texts_at
from tunewell.report.results import Results
from tunewell.report.safe_text import without_private
from tunewell.types import Receipt

MAX_RULES: Final = 40
EXAMPLES: Final = 3
MOST_SORTED: Final = 50_000
"""Rows of a rule among which its examples are chosen."""

_HIDE_EVIDENCE: Final = frozenset({"D07"})
_KEYS: Final = ("code", "action", "step", "rule", "cites")
"""What tells one rule from another."""

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
"""The order of the steps that no row tells."""


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
    receipts = results.store.get_table(dataset.receipts)
    is_touched = pc.not_equal(receipts["action"], "kept")
    touched = _grouped_rejects(receipts.filter(is_touched))
    read = dataset.read or pc.count_distinct(receipts["row"]).as_py()
    rules = _rules(touched)
    shown = [_with_examples(rule, touched, results) for rule in rules[:MAX_RULES]]
    return Flow(
        read=read,
        kept=dataset.rows,
        held_out=len(dataset.held_out),
        steps=_steps(touched, read),
        rules=_with_texts(shown, results),
        left_out=max(len(rules) - MAX_RULES, 0),
    )


def _grouped_rejects(touched: pa.Table) -> pa.Table:
    """Rejects of reading by kind of fault.

    Where in the line it was is kept in ``said``, with each row.
    """
    rule = touched["rule"]
    kind_of_fault = pc.replace_substring_regex(rule, ": .*$", "")
    is_reject = pc.equal(touched["step"], "read")
    short = pc.if_else(is_reject, kind_of_fault, rule)
    place = touched.schema.get_field_index("rule")
    return touched.set_column(place, "rule", short).append_column("said", rule)


def _steps(touched: pa.Table, read: int) -> tuple[Step, ...]:
    """Steps in the order in which they met the rows.

    A receipt knows its place within its own row only, so the order is that of the pairs: a step
    that comes after another in some row comes after it here.
    """
    counts = touched.group_by(["step", "action", "code"])
    groups = counts.aggregate([([], "count_all")]).to_pylist()
    by_step = grouped(groups, by=lambda group: str(group["step"]))
    steps: list[Step] = []
    left = read
    for name in _order(touched):
        rows: Counter[str] = Counter()
        for group in by_step[name]:
            rows[group["action"]] += group["count_all"]
        codes = {str(group["code"]) for group in by_step[name]}
        step = Step(
            name=name,
            dropped=rows["dropped"],
            changed=rows["changed"],
            before=left,
            codes=tuple(sorted(codes - {""})),
        )
        steps.append(step)
        left = step.after
    return tuple(steps)


def _order(touched: pa.Table) -> list[str]:
    """Names of the steps, each after those that it follows in some row."""
    usual = {name: i for i, name in enumerate(_USUAL)}
    names: list[str] = pc.unique(touched["step"]).to_pylist()
    rest = sorted(names, key=lambda name: (usual.get(name, len(usual)), name))
    follows = _followed_steps(touched)
    ordered: list[str] = []
    while rest:
        waiting = set(rest)
        free = [name for name in rest if not follows[name] & waiting]
        # Steps that follow each other in a circle have no order: the usual one decides.
        ordered.append((free or rest)[0])
        rest.remove(ordered[-1])
    return ordered


def _followed_steps(touched: pa.Table) -> dict[str, set[str]]:
    """Of each step, which others it comes directly after in some row."""
    follows: dict[str, set[str]] = defaultdict(set)
    receipts = touched.select(["row", "order", "step"])
    receipts = receipts.sort_by([("row", "ascending"), ("order", "ascending")])
    if receipts.num_rows < 2:
        return follows
    row = receipts["row"].combine_chunks()
    step = receipts["step"].combine_chunks()
    same_row = pc.equal(row[1:], row[:-1])
    before = step[:-1].filter(same_row)
    after = step[1:].filter(same_row)
    pairs = pa.table({"before": before, "after": after})
    pairs = pairs.group_by(["before", "after"]).aggregate([])
    for pair in pairs.to_pylist():
        if pair["before"] != pair["after"]:
            follows[pair["after"]].add(pair["before"])
    return follows


def _rules(touched: pa.Table) -> list[RuleEffect]:
    """Every rule with what it did: drops first, the most rows first."""
    found = []
    counts = touched.group_by(list(_KEYS)).aggregate([("row", "count")])
    for group in counts.to_pylist():
        rows = group.pop("row_count")
        found.append(
            RuleEffect(
                **group,
                rows=rows,
                examples=(),
            )
        )
    return sorted(found, key=_weight)


def _weight(rule: RuleEffect) -> tuple[bool, int, str, str]:
    """Sorts rules: drops first, then by how many rows they touched."""
    return (
        rule.action != "dropped",
        -rule.rows,
        rule.code,
        rule.rule,
    )


def _with_examples(
    rule: RuleEffect,
    touched: pa.Table,
    results: Results,
) -> RuleEffect:
    mask = np.ones(touched.num_rows, dtype=np.bool_)
    for name in _KEYS:
        mask &= pc.equal(touched[name], getattr(rule, name)).to_numpy()
    rows = touched.filter(pa.array(mask))
    shown = rows.take(_worst(rows, rule, results)).to_pylist()
    examples = [_example(row, rule) for row in shown]
    return dataclasses.replace(rule, examples=tuple(examples))


def _example(row: dict[str, Any], rule: RuleEffect) -> Instance:
    said = row.pop("said")
    row["rule"] = said
    receipt = Receipt.model_construct(**row)
    # Nothing is left where the row's rule is the rule itself, not one fault of reading.
    where = said.removeprefix(rule.rule).lstrip(": ")
    seen = " – ".join(filter(None, (where, receipt.evidence)))
    return Instance(receipt, without_private(seen), "")


def _worst(
    rows: pa.Table,
    rule: RuleEffect,
    results: Results,
) -> list[int]:
    """Positions of up to three rows.

    Those that the finding names first (checks put the worst first), else as read.
    """
    named: dict[str, int] = {}
    for finding in results.findings:
        if finding.code == rule.code:
            named.update({row: place for place, row in enumerate(finding.rows)})
    ids: list[str] = rows["row"].slice(0, MOST_SORTED).to_pylist()
    places = [named.get(row, len(named)) for row in ids]
    order = np.argsort(places, kind="stable")
    worst: list[int] = order[:EXAMPLES].tolist()
    return worst


def _with_texts(rules: Sequence[RuleEffect], results: Results) -> tuple[RuleEffect, ...]:
    """Rules whose examples carry their texts.

    Of the dataset for rows that were kept, else of the raw files.
    """
    every = itertools.chain.from_iterable(rule.examples for rule in rules)
    text_of = _texts([example.receipt for example in every], results)
    filled = []
    for rule in rules:
        examples = []
        for example in rule.examples:
            text = without_private(text_of(example.receipt))
            examples.append(dataclasses.replace(example, text=text))
        filled.append(dataclasses.replace(rule, examples=tuple(examples)))
    return tuple(filled)


def _texts(receipts: Sequence[Receipt], results: Results) -> Callable[[Receipt], str]:
    """Gives the text of a row by its receipt; an empty one where it must not or cannot be shown."""
    kept = _kept_texts(results, [r.row for r in receipts if r.action == "changed"])
    lost = [r for r in receipts if r.row not in kept]
    places = [r.place for r in lost if r.code not in _HIDE_EVIDENCE]
    raw = texts_at(places, results.file, digests=results.runs["curate"].inputs)

    def text_of(receipt: Receipt) -> str:
        return kept.get(receipt.row) or raw.get(receipt.place, "")

    return text_of


def _kept_texts(results: Results, ids: Sequence[str]) -> dict[str, str]:
    if results.dataset is None or not ids:
        return {}
    texts = {}
    for example in results.store.examples(results.dataset, ids=ids):
        texts[example.id] = "\n".join(m.text for m in example.messages)
    return texts
