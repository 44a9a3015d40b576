"""How the rows are divided."""

from __future__ import annotations

from pydantic import Field

from tunewell.types import Value


class SplitSection(Value):
    """How the rows are divided. Shares are of families, by rows."""

    test: float = Field(default=0.2, ge=0, lt=1)
    review: float = Field(default=0.1, ge=0, lt=1)
    folds: int = Field(default=5, ge=2)
    max_test_rows: int = Field(default=0, ge=0)
    stratify: str = ""
    seed: int = 0
