"""What belongs to a task (D01) and the right exam for it (D02), on real sets with known truth.

clinc150 has ten domains: each in turn is the task, rows of other domains are off-task. The examples
of what does not belong come either from all other domains or from three of them only (then most
off-task rows are of kinds never seen).

python -m bench curation/relevance      (data from the folder that TUNEWELL_DATA names)
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.curate import coverage
from tunewell.curate.rows import InputRow
from tunewell.similar.arrays import Bools
from tunewell.similar.relevance import relevance
from tunewell.stats.precision import observed_share as share
from tunewell.types import Estimate

EXAMPLES = (12, 50, 200)
LEAST_RECALL, LEAST_PRECISION = 0.5, 0.8
"""Below these, curation reports rows and drops none."""

SEEDS = 8
OFF_SHARE = 0.1
"""Of the rows that are judged."""


def clinc(data: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Texts by domain (training and test part together), and texts out of any domain."""
    folder = data / "clinc150"
    parts = json.loads((folder / "data_full.json").read_text(encoding="utf-8"))
    named = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    domain = {intent: name for name, intents in named.items() for intent in intents}
    found: dict[str, list[str]] = defaultdict(list)
    for part in ("train", "val", "test"):
        for text, intent in parts[part]:
            found[domain.get(intent, "?")].append(text)
    unknown = found.pop("?", [])
    assert not unknown, f"{len(unknown)} rows have an intent of no domain"
    return dict(found), [
        text for part in ("oos_train", "oos_val", "oos_test") for text, _ in parts[part]
    ]


def judged(
    domains: dict[str, list[str]], outside: list[str], *, examples: int, known: int, seed: int
) -> dict[str, Any]:
    """Precision and recall of calling a row off-task, over all domains.

    ``known`` others give the counterexamples.
    """
    hits = flagged = planted = covered = claims = sure = 0
    for nth, (name, texts) in enumerate(sorted(domains.items())):
        draw = random.Random(seed * 100 + nth)
        own = draw.sample(texts, examples + 900)
        others = [other for other in sorted(domains) if other != name]
        seen = draw.sample(others, known)
        strange = [text for other in others for text in domains[other]] + outside
        negative = [
            text
            for other in seen
            for text in draw.sample(domains[other], max(1, examples // known))
        ][:examples]
        off = draw.sample(
            sorted(set(strange) - set(negative)), round(900 * OFF_SHARE / (1 - OFF_SHARE))
        )
        result = relevance([*own[examples:], *off], own[:examples], negative, seed=seed)
        if result is None:
            continue
        called = result.off
        right = int(called[900:].sum())
        hits, flagged, planted = hits + right, flagged + int(called.sum()), planted + len(off)
        sure += result.precision.low <= right / max(int(called.sum()), 1)
        covered += result.recall.low <= right / len(off) <= result.recall.high
        claims += 1
    return {
        "precision": _plain(share(hits, flagged)),
        "recall": _plain(share(hits, planted)),
        "tasks_whose_stated_recall_interval_held": f"{covered} of {claims}",
        "tasks_whose_precision_was_not_below_what_was_stated": f"{sure} of {claims}",
    }


def exams(domains: dict[str, list[str]], *, seed: int, size: int) -> dict[str, Any]:
    """How often a set of the same domain is called right, and a set of another domain wrong."""
    draw = random.Random(seed)
    right = wrong = rights = wrongs = 0
    for name, texts in sorted(domains.items()):
        mixed = draw.sample(texts, 2 * size)
        right += _verdict(mixed[:size], mixed[size:]) == "clear"
        rights += 1
        for other in sorted(set(domains) - {name}):
            wrong += _verdict(draw.sample(domains[other], size), mixed[:size]) == "found"
            wrongs += 1
    return {
        "same_domain_called_right": _plain(share(right, rights)),
        "other_domain_called_wrong": _plain(share(wrong, wrongs)),
    }


def _rows(texts: Sequence[str]) -> list[InputRow]:
    return [
        InputRow(f"r{i}", f"line:{i}", [("user", text), ("assistant", "ok")])
        for i, text in enumerate(texts)
    ]


def _verdict(public: Sequence[str], own: Sequence[str]) -> str:
    return coverage.exam(_rows(public), _rows(own), stage="bench", name=lambda row: row.id).status


def _plain(found: Estimate) -> list[float]:
    return [round(found.value, 3), round(found.low, 3), round(found.high, 3), found.n]


def public_sets(data: Path, domains: dict[str, list[str]]) -> dict[str, Any]:
    """banking77 as the public set for several desks, and with kinds of question taken out."""
    bank: dict[str, list[tuple[str, str]]] = {}
    for part in ("train", "test"):
        with (data / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            bank[part] = [(line["text"], line["category"]) for line in csv.DictReader(file)]
    train, test = [text for text, _ in bank["train"]], [text for text, _ in bank["test"]]
    cards = [text for text, label in bank["train"] if "card" not in label and "pin" not in label]
    cases = {
        "banking77 for its own test set": (train, test),
        "banking77 without every card and PIN intent, for its test set": (cards, test),
        "banking77 for clinc150's banking desk": (train, domains["banking"]),
        "banking77 for clinc150's credit card desk": (train, domains["credit_cards"]),
        "banking77 for clinc150's travel desk": (train, domains["travel"]),
        "clinc150's travel domain for banking77's desk": (domains["travel"], test),
    }
    found = {}
    for name, (public, own) in cases.items():
        finding = coverage.exam(_rows(public), _rows(own), stage="bench", name=lambda row: row.id)
        found[name] = {
            "status": finding.status,
            "why": finding.why,
            "uncovered": _plain(finding.estimate) if finding.estimate else None,
        }
    return found


def mixtures(data: Path, domains: dict[str, list[str]]) -> dict[str, Any]:
    """Off-task rows of another set, told from 12 examples of each side and the task's words."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        bank = [line["text"] for line in csv.DictReader(file)]
    notes_path = data / "mts_dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with notes_path.open(encoding="utf-8", newline="") as file:
        notes = [line["section_text"] for line in csv.DictReader(file)]
    terms_path = data / "legal_summarization" / "all_v1.json"
    terms = json.loads(terms_path.read_text(encoding="utf-8")).values()
    legal = [term["original_text"] for term in terms]
    other = [t for name in domains for t in domains[name] if name not in _OF_BANKS]
    pairs = {
        "banking77 and clinc150": (bank, other, "Answers bank customers about cards and accounts"),
        "mts_dialog and legal": (notes, legal, "Writes clinical notes of what a patient said"),
        "multidogo airline and finance": (
            _dialogues(data, "airline"),
            _dialogues(data, "finance"),
            "Books flights and seats and sends boarding passes for an airline",
        ),
    }
    found: dict[str, Any] = {}
    for name, (own, strange, about) in pairs.items():
        for off_share in (0.0, 0.1, 0.3):
            found[f"{name}, {off_share:.0%} off-task"] = _of_mixture(own, strange, about, off_share)
    return found


_OF_BANKS = ("banking", "credit_cards")


def _dialogues(data: Path, domain: str) -> list[str]:
    said: dict[str, list[str]] = defaultdict(list)
    with (data / "multidogo" / domain / "train.tsv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            said[line["conversationId"]].append(line["utterance"] or "")
    return [" ".join(turns) for turns in said.values()]


def _of_mixture(own: list[str], strange: list[str], about: str, off_share: float) -> dict[str, Any]:
    all_called, dropped = _Calls(), _Calls()
    reported = 0
    for seed in range(SEEDS):
        draw = random.Random(seed)
        belong = draw.sample(own, min(612, len(own)))
        others = draw.sample(strange, min(312, len(strange)))
        kept = len(belong) - 12
        off = others[12 : 12 + int(kept * off_share / (1 - off_share))]
        rows = [*belong[12:], *off]
        result = relevance(rows, belong[:12], others[:12], about=about, seed=seed)
        if result is None:
            continue
        all_called.add(result.off, kept)
        # As `tunewell.curate.off_task` decides.
        if result.recall.low >= LEAST_RECALL and result.precision.value >= LEAST_PRECISION:
            dropped.add(result.off, kept)
        else:
            reported += 1
    found = {"called": all_called.plain(), "dropped": dropped.plain()}
    return {**found, "files_where_nothing_is_dropped": f"{reported} of {SEEDS}"}


class _Calls:
    """How many rows were called off-task in some files, and how many of them rightly."""

    def __init__(self) -> None:
        self.hits = self.called = self.planted = 0

    def add(self, off: Bools, kept: int) -> None:
        """Count a file whose rows that belong come first."""
        self.hits += int(off[kept:].sum())
        self.called += int(off.sum())
        self.planted += len(off) - kept

    def plain(self) -> dict[str, Any]:
        """Precision and recall with their intervals, and rows."""
        precision, recall = share(self.hits, self.called), share(self.hits, self.planted)
        return {"precision": _plain(precision), "recall": _plain(recall)}


def main(part: str = "") -> None:
    """Measure and keep; only the mixtures with ``mixtures``."""
    data = Path(os.environ["TUNEWELL_DATA"])
    domains, outside = clinc(data)
    mixed = mixtures(data, domains)
    print(json.dumps(mixed, indent=1), flush=True)
    keep("curation-off-task", {"mixtures": mixed})
    if part == "mixtures":
        return
    result: dict[str, Any] = {"off_task": {}, "exam": {}}
    for known in (9, 3):
        for examples in EXAMPLES:
            found = judged(domains, outside, examples=examples, known=known, seed=1)
            result["off_task"][
                f"{examples} examples of each side, negatives of {known} of 9 other domains"
            ] = found
            print(known, examples, found, flush=True)
    for size in (100, 500):
        result["exam"][f"{size} rows of each"] = exams(domains, seed=2, size=size)
        print(result["exam"], flush=True)
    result["public"] = public_sets(data, domains)
    print(json.dumps(result["public"], indent=1))
    keep("curation-relevance", result)


if __name__ == "__main__":
    main(*sys.argv[1:])
