"""Rows that nobody spoiled: how many of them each rule would drop, change or name.

A hit need not be wrong: public sets hold real copies, empty answers and the like. So hits are
judged by hand; `innocent_judgements.jsonl` keeps what was said of each, by a digest of its texts.
Of a rule the hits with the lowest digests are judged, which is a random sample that stays the same
when other hits come and go.

TUNEWELL_DATA=… TUNEWELL_CLONES=… PEERS_PYTHON=… python -m bench.curation.innocent FOLDER [SET …]

The hits, with their texts, go to files in the folder; the result holds counts alone.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.curation.innocent_peers import shares_dropped
from bench.curation.innocent_sets import Pairs, sets
from bench.machine import keep
from tunewell.checks.broken import find_fault, habits_of
from tunewell.curate.doctor.case import definition
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow
from tunewell.similar.leaks import find_leaks
from tunewell.stats.proportions import wilson

MOST = 2_500
"""Rows of each set."""

OF_PEERS = 500
"""Of these, rows that the peers are asked about: some take minutes for more."""

JUDGED = 50
"""Hits of each rule that are judged by hand."""

Z = 1.96
"""Of intervals of 95 %."""

JUDGEMENTS = Path(__file__).parent / "innocent_judgements.jsonl"


@dataclass(frozen=True)
class Hit:
    """A row that a rule drops, changes or names.

    Attributes:
        rule: What is done, and by which step: ``dropped: broken``.
        set: The set that it is of.
        evidence: What was seen.
        text: The row.
        other: The row that it was held against, where there is one.
    """

    rule: str
    set: str
    evidence: str
    text: str
    other: str = ""

    @property
    def digest(self) -> str:
        """Tells the hit from others, whatever else is found."""
        whole = "\x1f".join((self.rule, self.text, self.other))
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


def main(folder: str, *names: str) -> None:
    """Measure the named sets, or all, and keep the result over all that were measured.

    The hits of each set, with their texts, stay in a file of the folder: a set that has one is not
    measured again.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    known = sets()
    for name in names or known:
        file = Path(folder) / f"{name.replace(' ', '_')}.json"
        if file.is_file():
            continue
        found = _measured(name, known[name]())
        print(name, json.dumps(found["shares"]), flush=True)
        file.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")

    hits: list[Hit] = []
    result: dict[str, Any] = {}
    for name in known:
        file = Path(folder) / f"{name.replace(' ', '_')}.json"
        if file.is_file():
            found = json.loads(file.read_text(encoding="utf-8"))
            hits += [Hit(**hit) for hit in found.pop("hits")]
            result[name] = found
    rows = sum(each["rows"] for each in result.values())
    left_out = sorted(set(known) - set(result))
    keep(
        "curation-innocent",
        {
            "rows": rows,
            "not_measured": left_out,
            "rules": _judged(hits, rows),
            "peers": _peers(result),
            "sets": result,
        },
    )


def _measured(name: str, pairs: Pairs) -> dict[str, Any]:
    """What the rules and the peers say of a set; no rows where there is nothing to read."""
    drawn = random.Random(7).sample(pairs, min(MOST, len(pairs)))
    found = list(hits_of(name, drawn)) if drawn else []
    counts = Counter(hit.rule for hit in found)
    shares = {rule: round(n / len(drawn), 4) for rule, n in sorted(counts.items())}
    return {
        "rows": len(drawn),
        "shares": shares,
        "peers": shares_dropped(drawn[:OF_PEERS]) if drawn else {},
        "peer_rows": len(drawn[:OF_PEERS]),
        "hits": [asdict(hit) for hit in found],
    }


def hits_of(name: str, pairs: Pairs) -> Iterator[Hit]:
    """What the built-in rules say of rows that nobody spoiled."""
    rows = _rows(name, pairs)
    texts = {row.id: row.whole for row in rows}
    yield from _named_by_row(name, rows)
    half = len(rows) // 2
    for leak in find_leaks(rows[:half], rows[half:]):
        yield Hit("leak", name, leak.kind, leak.train.whole, leak.test.whole)

    batch = ReadResult()
    batch.rows = _rows(name, pairs)
    done = apply_rules(definition(Path("x.jsonl"), None), batch)
    for receipt in done.ledger.table().to_pylist():
        if receipt["action"] == "kept":
            continue
        rule = f"{receipt['action']}: {receipt['step']}"
        other = texts.get(receipt["other"], "")
        yield Hit(rule, name, receipt["evidence"], texts[receipt["row"]], other)
    for step, taken in done.ledger.taken_back.items():
        for row, against, evidence in taken.drops:
            yield Hit(f"held back: {step}", name, evidence, texts[row], texts.get(against, ""))
    for family in done.related.families.get("D09", ()):
        for row in family[1:]:
            yield Hit("named: contradiction", name, "", texts[row.id], texts[family[0].id])


def _rows(name: str, pairs: Pairs) -> list[InputRow]:
    rows = []
    for i, (asked, answer) in enumerate(pairs):
        rows.append(InputRow(f"r{i}", f"{name}:{i}", [("user", asked), ("assistant", answer)]))
    return rows


def _named_by_row(name: str, rows: Sequence[InputRow]) -> Iterator[Hit]:
    habits = habits_of(row.target for row in rows)
    for row in rows:
        fault = find_fault(row.turns, habits)
        if fault and not fault.is_certain:
            yield Hit(f"named: {fault.kind}", name, fault.evidence, row.whole)


def _judged(hits: Sequence[Hit], rows: int) -> dict[str, Any]:
    """By rule: hits, how many of those that were judged are wrong, and what share of all rows."""
    verdicts = judgements()
    by_rule: dict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        by_rule[hit.rule].append(hit)
    result = {}
    for rule, found in sorted(by_rule.items()):
        # Equal rows ("ok" in a hundred of them) are judged once.
        sample = sorted({hit.digest for hit in found})[:JUDGED]
        said = [verdicts[digest] for digest in sample if digest in verdicts]
        wrong = said.count("wrong")
        result[rule] = {"hits": len(found), "share": round(len(found) / rows, 4)}
        result[rule]["judged"] = f"{len(said)} of {len(sample)}"
        if said:
            low, high = wilson(wrong, len(said), Z)
            of_hits = (wrong / len(said), float(low), float(high))
            result[rule]["wrong"] = wrong
            result[rule]["innocents_accused"] = [round(s * len(found) / rows, 5) for s in of_hits]
    return result


def judgements() -> Mapping[str, str]:
    """By digest of a hit, ``right`` or ``wrong``."""
    if not JUDGEMENTS.is_file():
        return {}
    lines = map(json.loads, JUDGEMENTS.read_text(encoding="utf-8").splitlines())
    return {line["hit"]: line["verdict"] for line in lines}


def _peers(result: Mapping[str, Any]) -> dict[str, Any]:
    """Share that each peer would drop over all sets, and over how many rows it was asked."""
    rows: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for each in result.values():
        for peer, share in each["peers"].items():
            if isinstance(share, float):
                rows[peer] += each["peer_rows"]
                dropped[peer] += round(share * each["peer_rows"])
    return {peer: {"rows": n, "share": round(dropped[peer] / n, 4)} for peer, n in rows.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
