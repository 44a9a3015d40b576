"""Findings on how wide the data is (D13), its gaps (D14), and the right exam for it (D02)."""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass

from tunewell.curate.rows import (
    InputRow,
    clip,
    gists_of,
)
from tunewell.plurals import per_cent
from tunewell.similar.coverage import (
    SetFit,
    Width,
    fit,
    width_of,
)
from tunewell.similar.vectors import available
from tunewell.stats.precision import observed_share
from tunewell.task import Slice, TaskFile
from tunewell.types import (
    Estimate,
    Finding,
    Threshold,
)

UNCOVERED = 0.15
"""Share of the target's rows without a near training row from which a set is the wrong exam."""

NARROW = 0.25
"""Effective number of clusters, as a share of the clusters made, below which data is narrow."""

SHORT_OF = 0.5
"""A slice with less than this share of what the target population has is a gap."""

_FEWEST = 50
"""Fewer rows are not clustered."""

_MOST_ROWS = 500
"""Row ids named in a finding."""

Name = Callable[[InputRow], str]


def _unchecked(
    code: str,
    stage: str,
    why: str,
    remedy: str = "",
) -> Finding:
    return Finding(
        code=code,
        status="unchecked",
        stage=stage,
        why=why,
        remedy=remedy,
    )


def _no_vectors(code: str, stage: str) -> Finding:
    why = "comparing by meaning needs the part 'vectors'"
    return _unchecked(code, stage, why, "pip install 'tunewell[vectors]'")


def exam(
    rows: Sequence[InputRow],
    target: Sequence[InputRow],
    *,
    stage: str,
    name: Name,
) -> Finding:
    """Whether training rows cover the target's rows (D02).

    Args:
        rows: Training rows.
        target: Rows of the evaluation set, or of production.
        stage: Which stage asks.
        name: What to call a row of the target.
    """
    if not target:
        why = "no evaluation or production rows were given"
        return _unchecked("D02", stage, why, "tunewell doctor FILE --eval EVAL")
    if not available():
        return _no_vectors("D02", stage)
    found = fit(gists_of(rows), gists_of(target))
    finding = Finding(
        code="D02",
        status="clear",
        stage=stage,
        why=_fit_in_words(found),
        estimate=found.uncovered,
        threshold=Threshold(value=UNCOVERED, origin="built-in"),
    )
    if found.uncovered.low <= UNCOVERED:
        return finding
    wrong = {
        "status": "found",
        "rows": tuple(name(target[i]) for i in found.rows[:_MOST_ROWS]),
        "remedy": "add rows like those listed, or take another evaluation set",
    }
    return finding.model_copy(update=wrong)


def _fit_in_words(found: SetFit) -> str:
    words = (
        f"{per_cent(found.uncovered.value)} of the evaluation rows have no training row near them; "
        f"a classifier tells the two sets apart with AUC {found.told_apart.value:.2f}"
    )
    if found.missing:
        words += f"; never in training: {', '.join(found.missing[:8])}"
    if found.kinds:
        words += f"; too few rows of: {', '.join(found.kinds[:5])}"
    return words


def width(
    rows: Sequence[InputRow],
    *,
    stage: str,
    seed: int = 0,
) -> Finding:
    """How many kinds of thing the rows really speak of (D13)."""
    if len(rows) < _FEWEST:
        return _unchecked("D13", stage, f"{len(rows)} rows are too few to cluster")
    if not available():
        return _no_vectors("D13", stage)
    found = width_of(gists_of(rows), seed=seed)
    threshold = NARROW * found.clusters
    finding = Finding(
        code="D13",
        status="clear",
        stage=stage,
        why=_width_in_words(found, rows),
        estimate=found.number,
        threshold=Threshold(value=threshold, origin="built-in"),
    )
    if found.number.high >= threshold:
        return finding
    narrow = {
        "status": "found",
        "remedy": "add rows of other kinds than the largest cluster",
    }
    return finding.model_copy(update=narrow)


def _width_in_words(found: Width, rows: Sequence[InputRow]) -> str:
    typical = clip(rows[found.typical].gist, 60)
    sources = Counter(row.source for row in rows)
    [(source, n)] = sources.most_common(1)
    return (
        f"{found.number.value:.1f} effective clusters of {found.clusters}; "
        f"the largest holds {per_cent(found.largest)} of the rows (such as “{typical}”); "
        f"the largest source, {source or 'unnamed'}, {per_cent(n / len(rows))}"
    )


@dataclass(frozen=True)
class _SliceShare:
    """What a slice has, and what it is due.

    Attributes:
        name: Such as ``region=north``.
        has: Share of the rows.
        due: Share of the target population, above 0.
        origin: Where that comes from.
    """

    name: str
    has: Estimate
    due: float
    origin: str

    @property
    def is_short(self) -> bool:
        """Whether it surely has less than half of what it is due."""
        return self.has.high < SHORT_OF * self.due

    @property
    def part(self) -> float:
        """How much it has of what it is due."""
        return self.has.value / self.due

    def __str__(self) -> str:
        return f"{self.name} {per_cent(self.has.value)} for {per_cent(self.due)}"


def slices(
    rows: Sequence[InputRow],
    file: TaskFile,
    *,
    stage: str,
) -> Finding:
    """Share of each slice against the target population (D14)."""
    shares: list[_SliceShare] = []
    for i, part in enumerate(file.spec.slices):
        shares += _shares_of(rows, part, file.where(f"slices.{i}.target"))
    if not shares:
        return _unchecked(
            "D14",
            stage,
            "no slice has a target population (slices.target)",
            "name the fields and shares under slices in tunewell.yaml",
        )
    short = [share for share in shares if share.is_short]
    if not short:
        return Finding(
            code="D14",
            status="clear",
            stage=stage,
            why="every slice has at least half of its share",
        )
    worst = min(short, key=lambda share: share.part)
    return Finding(
        code="D14",
        status="found",
        stage=stage,
        why=f"too few rows: {'; '.join(map(str, short))}",
        estimate=worst.has,
        threshold=Threshold(value=SHORT_OF * worst.due, origin=worst.origin),
        slice=worst.name,
        remedy=f"collect or augment rows of {worst.name}",
    )


def _shares_of(
    rows: Sequence[InputRow],
    part: Slice,
    origin: str,
) -> Iterator[_SliceShare]:
    """Each value of a slice that the target population has, among the rows that have a value."""
    counts = Counter(row.field(part.field) for row in rows)
    del counts[""]
    total = counts.total() or 1
    for value, due in part.target.items():
        if due > 0:
            has = observed_share(counts[value], total)
            yield _SliceShare(f"{part.field}={value}", has, due, origin)
