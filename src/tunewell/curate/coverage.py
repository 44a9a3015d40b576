"""How wide the data is (D13), where it has gaps (D14), and whether it is the right exam (D02), as Findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tunewell.curate.relevance import fit, share
from tunewell.curate.rows import InputRow, clip
from tunewell.similar.vectors import available, clusters, effective_number, vectors
from tunewell.task import TaskFile
from tunewell.types import Estimate, Finding, Threshold

SAMPLE = 5_000
"""Rows that are looked at by meaning."""

UNCOVERED = 0.15
"""Share of the target's rows without a near training row from which a set is the wrong exam."""

NARROW = 0.25
"""Effective number of clusters, as a share of the clusters made, below which data is narrow."""

SHORT_OF = 0.5
"""A slice with less than this share of what the target population has is a gap."""

Name = Callable[[InputRow], str]


def _no_vectors(code: str, stage: str) -> Finding:
    return Finding(
        code=code,
        status="unchecked",
        stage=stage,
        why="comparing by meaning needs the part 'vectors'",
        remedy="pip install 'tunewell[vectors]'",
    )


def exam(
    rows: Sequence[InputRow], target: Sequence[InputRow], *, stage: str, name: Name
) -> Finding:
    """Whether training rows cover the target's rows (D02)."""
    if not target:
        return Finding(
            code="D02",
            status="unchecked",
            stage=stage,
            why="no evaluation or production rows were given",
            remedy="tunewell doctor FILE --eval EVAL",
        )
    if not available():
        return _no_vectors("D02", stage)
    found = fit(
        [row.input or row.target for row in rows], [row.input or row.target for row in target]
    )
    wrong = found.uncovered.low > UNCOVERED
    terms = f"; never in training: {', '.join(found.missing[:8])}" if found.missing else ""
    kinds = f"; too few rows of: {', '.join(found.kinds[:5])}" if found.kinds else ""
    why = (
        f"{found.uncovered.value:.0%} of the evaluation rows have no training row near them; a classifier tells the "
        f"two sets apart with AUC {found.told_apart.value:.2f}{terms}{kinds}"
    )
    return Finding(
        code="D02",
        status="found" if wrong else "clear",
        stage=stage,
        why=why,
        estimate=found.uncovered,
        threshold=Threshold(value=UNCOVERED, origin="built-in"),
        rows=tuple(name(target[i]) for i in found.rows[:500]) if wrong else (),
        remedy="add rows like those listed, or take another evaluation set" if wrong else "",
    )


def width(rows: Sequence[InputRow], *, stage: str, seed: int = 0) -> Finding:
    """How many kinds of thing the rows really speak of (D13)."""
    if len(rows) < 50:
        return Finding(
            code="D13",
            status="unchecked",
            stage=stage,
            why=f"{len(rows)} rows are too few to cluster",
        )
    if not available():
        return _no_vectors("D13", stage)
    random = np.random.default_rng(seed)
    chosen = [rows[i] for i in np.sort(random.permutation(len(rows))[:SAMPLE])]
    points = vectors([row.input or row.target for row in chosen])
    k = int(np.clip(np.sqrt(len(chosen) / 2), 8, 64))
    own, _ = clusters(points, k, seed=seed)
    counts = np.bincount(own, minlength=k)
    number = effective_number(counts)
    spread = [
        effective_number(np.bincount(random.choice(own, len(own)), minlength=k)) for _ in range(200)
    ]
    low, high = (float(x) for x in np.quantile(spread, [0.025, 0.975]))
    estimate = Estimate(
        value=number,
        low=min(low, number),
        high=max(high, number),
        n=len(chosen),
        method="clusters of word vectors, bootstrap",
        unit="clusters",
    )
    narrow = estimate.high < NARROW * k
    largest = int(np.argmax(counts))
    typical = next(
        clip(row.input or row.target, 60)
        for row, c in zip(chosen, own, strict=True)
        if c == largest
    )
    source, n = Counter(row.source for row in rows).most_common(1)[0]
    why = (
        f"{number:.1f} effective clusters of {k}; the largest holds {counts[largest] / len(chosen):.0%} of the rows "
        f"(such as “{typical}”); the largest source, {source or 'unnamed'}, {n / len(rows):.0%}"
    )
    return Finding(
        code="D13",
        status="found" if narrow else "clear",
        stage=stage,
        why=why,
        estimate=estimate,
        threshold=Threshold(value=NARROW * k, origin="built-in"),
        remedy="add rows of other kinds than the largest cluster" if narrow else "",
    )


def slices(rows: Sequence[InputRow], file: TaskFile, *, stage: str) -> Finding:
    """Share of each slice against the target population (D14)."""
    wanted = [(i, s) for i, s in enumerate(file.spec.slices) if s.target]
    if not wanted:
        return Finding(
            code="D14",
            status="unchecked",
            stage=stage,
            why="no slice has a target population (slices.target)",
            remedy="name the fields and shares under slices in tunewell.yaml",
        )
    worst: tuple[float, str, Estimate, float, int] | None = None
    gaps: list[str] = []
    for i, part in wanted:
        counts = Counter(row.field(part.field) for row in rows)
        total = sum(counts[value] for value in counts if value) or 1
        for value, due in part.target.items():
            has = share(counts[value], total)
            if due > 0 and has.high < SHORT_OF * due:
                gaps.append(f"{part.field}={value} {has.value:.0%} for {due:.0%}")
                if worst is None or has.value / due < worst[0]:
                    worst = (has.value / due, f"{part.field}={value}", has, due, i)
    if worst is None:
        return Finding(
            code="D14",
            status="clear",
            stage=stage,
            why="every slice has at least half of its share",
        )
    _, name, has, due, i = worst
    return Finding(
        code="D14",
        status="found",
        stage=stage,
        why=f"too few rows: {'; '.join(gaps)}",
        estimate=has,
        threshold=Threshold(value=SHORT_OF * due, origin=file.where(f"slices.{i}.target")),
        slice=name,
        remedy=f"collect or augment rows of {name}",
    )
