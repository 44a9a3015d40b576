"""How a check says what it found in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewell.curate.doctor.case import Case
from tunewell.curate.rows import InputRow
from tunewell.pitfalls import pitfall
from tunewell.types import Estimate, Finding, Threshold

LIMITS = {"D11": 0.0, "D07": 0.0, "D08": 0.01, "D09": 0.01, "D03": 0.05, "D04": 0.05}
"""Share of the rows above which a pitfall blocks (exit 3)."""


def finding(
    case: Case,
    code: str,
    rows: Sequence[InputRow],
    *,
    why: str = "",
    count: int | None = None,
    unit: str = "rows",
    threshold: Threshold | None = None,
    extra: Sequence[str] = (),
    **more: Any,
) -> Finding:
    """What a check found: these rows, or ``count`` of them.

    It blocks where their share is above the limit.
    """
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


def unchecked(code: str, why: str, remedy: str = "") -> Finding:
    """What could not be checked, and why."""
    return Finding(code=code, status="unchecked", stage="doctor", why=why, remedy=remedy)
