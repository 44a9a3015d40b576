"""Leaks (D11): training rows that are, or are close to, a row of the project's own test set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.curate.rows import InputRow, Ledger
from tunewell.similar import (
    THRESHOLD,
    alike,
    copies,
    exact_key,
    key,
    near_pairs,
    only_numbers_differ,
    split_words,
    telling,
)
from tunewell.types import Estimate

FEW = 3
"""An input of fewer words ("hello there") says too little to be a leak by itself; then the answer must be equal too."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A training row and the test row that it gives away."""

    train: InputRow
    test: InputRow
    kind: str
    similarity: float = 1.0


def find_leaks(
    rows: Sequence[InputRow], tests: Sequence[InputRow], *, probing: bool = False
) -> list[Leak]:
    """Every training row that leaks, with the nearest test row: exact, normalised, edited, or same document."""
    found: dict[int, Leak] = {}
    if not tests:
        return []
    exact = {exact_key(*_compared(test)): test for test in reversed(tests)}
    same = {key(*_compared(test)): test for test in reversed(tests)}
    groups = {test.group: test for test in reversed(tests) if test.group}
    ids = {test.id: test for test in tests}
    for i, row in enumerate(rows):
        parts = _compared(row)
        if test := exact.get(exact_key(*parts)):
            found[i] = Leak(row, test, "exact")
        elif test := same.get(key(*parts)):
            found[i] = Leak(row, test, "normalised")
        elif not probing and (test := ids.get(row.parent)):
            found[i] = Leak(row, test, "child", 0.0)
        elif test := groups.get(row.group) if row.group else None:
            found[i] = Leak(row, test, "sibling", 0.0)
    found |= dict(_edited(rows, tests, found))
    found |= dict(_paraphrased(rows, tests, found))
    return [found[i] for i in sorted(found)]


def _compared(row: InputRow) -> tuple[str, ...]:
    text = row.input
    return (text,) if len(text.split()) >= FEW else (text, row.target)


def _edited(
    rows: Sequence[InputRow], tests: Sequence[InputRow], known: dict[int, Leak]
) -> list[tuple[int, Leak]]:
    """Rows that are edited copies of a test row, as a whole or in their inputs."""
    both = [*tests, *rows]
    asked = split_words([row.input if len(row.turns) > 1 else row.target for row in both])
    answers = split_words([row.target for row in both])
    whole = split_words([f"{row.input}\n{row.target}" for row in both])
    by_input, by_row = near_pairs(asked, across=len(tests)), near_pairs(whole, across=len(tests))
    same = alike(asked, by_input.left, by_input.right, least=THRESHOLD)
    best: dict[int, Leak] = {}
    for pairs, keep in ((by_input, same), (by_row, copies(asked, answers, whole, by_row))):
        for k in np.flatnonzero(keep):
            test, at, similarity = (
                int(pairs.left[k]),
                int(pairs.right[k]),
                float(pairs.similarity[k]),
            )
            row = at - len(tests)
            if row in known or only_numbers_differ(asked, test, at):
                continue
            if row not in best or similarity > best[row].similarity:
                best[row] = Leak(rows[row], tests[test], "edited", similarity)
    return sorted(best.items())


_LOOSE = 0.4
"""Similarity of the word sequences from which two texts may be paraphrases (0.5 below 20 words) …"""

_SAID = 0.5
"""… if their telling words agree so far (0.6 below 20 words), and further than those of neighbours do."""


_ALIKE = 0.6
"""Where different test rows agree further than this, words cannot tell a paraphrase from a neighbour."""


def _paraphrased(
    rows: Sequence[InputRow], tests: Sequence[InputRow], known: Mapping[int, Leak]
) -> list[tuple[int, Leak]]:
    """Rows whose input says what the input of a test row says, in partly other words.

    How alike two different texts of a project are depends on the project: rows of a service desk
    share most of their words. So the training rows, held against each other, set the bar: 99 % of
    them stay below it. Where it is too high, words cannot tell a paraphrase from a neighbour, and
    nothing is reported.
    """
    texts = [row.input if len(row.turns) > 1 else row.target for row in [*tests, *rows]]
    bar = max(_SAID, _background(texts[len(tests) :]))
    if bar > _ALIKE:
        return []
    asked = split_words(texts)
    pairs = near_pairs(asked, across=len(tests), threshold=_LOOSE)
    words = np.minimum(asked.lengths[pairs.left], asked.lengths[pairs.right])
    said = telling(asked, pairs.left, pairs.right)
    short = words < 20
    keep = (
        (words >= 12)
        & (said >= np.maximum(bar, 0.6 * short))
        & (pairs.similarity >= np.where(short, 0.5, _LOOSE))
    )
    best: dict[int, tuple[float, Leak]] = {}
    for k in np.flatnonzero(keep):
        test, at = int(pairs.left[k]), int(pairs.right[k])
        row = at - len(tests)
        if (
            row in known
            or only_numbers_differ(asked, test, at)
            or (row in best and said[k] <= best[row][0])
        ):
            continue
        best[row] = (
            float(said[k]),
            Leak(rows[row], tests[test], "paraphrased", float(pairs.similarity[k])),
        )
    return sorted((row, leak) for row, (_, leak) in best.items())


def _background(texts: Sequence[str]) -> float:
    """How far the telling words of different rows agree with their nearest neighbour's, the 99th percentile."""
    own = split_words(texts[:: max(1, len(texts) // 2_000)])
    pairs = near_pairs(own, threshold=0.3)
    differ = pairs.similarity < THRESHOLD  # what is more alike than that are copies
    left, right = pairs.left[differ], pairs.right[differ]
    nearest = np.zeros(len(own), dtype=np.float32)
    said = telling(own, left, right)
    np.maximum.at(nearest, left, said)
    np.maximum.at(nearest, right, said)
    return float(np.quantile(nearest, 0.99)) if len(own) >= 20 else 1.0


PROBES = 200
"""Edited copies of test rows that are planted to learn how many leaks go unseen."""


def missed_bound(leaks: Sequence[Leak], tests: Sequence[InputRow]) -> Estimate:
    """Edited leaks found, with an upper bound (95 %) on how many there are.

    Copies of test rows with up to 25 % of their words edited are planted and looked for. Of N leaks
    as hard as the probes, the number found is binomial with the recall of the probes; the bound is
    the largest N that would give so few with at least 2.5 %, at the lower end (97.5 %) of the
    recall.
    """
    random = np.random.default_rng(20261122)
    chosen = [tests[i] for i in random.permutation(len(tests))[:PROBES]]
    known = sorted({word for test in chosen for word in f"{test.input} {test.target}".split()}) or [
        "word"
    ]
    probes = [_probe(test, known, random) for test in chosen]
    found = sum(
        leak.test.id == leak.train.parent for leak in find_leaks(probes, tests, probing=True)
    )
    recall = _lower(found, len(probes))
    edited = sum(leak.kind in ("edited", "paraphrased") for leak in leaks)
    most = _largest(edited, recall, limit=len(tests))
    return Estimate(
        value=float(len(leaks)),
        low=float(len(leaks)),
        high=float(len(leaks) + max(0, most - edited)),
        n=len(probes),
        method="count, planted probes",
        unit="rows",
    )


def _probe(test: InputRow, known: Sequence[str], random: np.random.Generator) -> InputRow:
    turns = [
        (role, _edited_text(text, known, random) if role != "system" else text)
        for role, text in test.turns
    ]
    return InputRow(f"probe {test.id}", test.place, turns, parent=test.id)


def _edited_text(text: str, known: Sequence[str], random: np.random.Generator) -> str:
    words = text.split()
    share = random.uniform(0.05, 0.25)
    out: list[str] = []
    for word in words:
        kind = random.random() if random.random() < share else 2.0
        other = known[int(random.integers(len(known)))]
        out += (
            [other] if kind < 0.6 else [] if kind < 0.8 else [word, other] if kind < 1.0 else [word]
        )
    return " ".join(out)


def _lower(found: int, n: int) -> float:
    """Lower end of Wilson's one-sided interval at 97.5 %."""
    z, share = 1.96, found / n
    middle = share + z * z / (2 * n)
    return max(
        0.01,
        (middle - z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n),
    )


def _largest(found: int, recall: float, *, limit: int) -> int:
    """Largest N with P(binomial(N, recall) <= found) >= 2.5 %, at most ``limit``."""
    n = found
    while n < limit:
        n += 1
        mean, spread = n * recall, math.sqrt(n * recall * (1 - recall))
        if found == 0:
            tail = (1 - recall) ** n
        else:  # normal approximation with continuity correction
            tail = 0.5 * math.erfc((mean - found - 0.5) / (spread * math.sqrt(2) + 1e-12))
        if tail < 0.025:
            return n - 1
    return max(found, limit)


def drop_leaks(rows: Sequence[InputRow], tests: Sequence[InputRow], ledger: Ledger) -> list[Leak]:
    """Drop the training side of every leak."""
    leaks = find_leaks(rows, tests)
    for leak in leaks:
        evidence = (
            f"{leak.kind}, similarity {leak.similarity:.2f}"
            if leak.kind in ("edited", "paraphrased")
            else leak.kind
        )
        ledger.drop(
            leak.train,
            "leaks",
            f"no training row is close to a test row: similarity from {THRESHOLD}",
            code="D11",
            evidence=evidence,
            other=leak.test.id,
        )
    return leaks
