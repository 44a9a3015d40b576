"""Questions for raters, drawn from the review pool: never from the test set."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from tunewell.compare.design import AskedQuestion
from tunewell.errors import UserError
from tunewell.people.candidates import candidates
from tunewell.people.sample import draw
from tunewell.types import Example


def prepared_questions(
    pool: Sequence[Example],
    families: Mapping[str, str],
    *,
    slices: Sequence[str],
    count: int,
    seed: int = 0,
) -> list[AskedQuestion]:
    """Rows of the review pool as questions, evenly over slices and families.

    Args:
        pool: Rows of the review pool.
        families: Family by row.
        slices: Fields that the sample mirrors.
        count: How many.
        seed: Of the draw.

    Raises:
        UserError: The pool has too few rows.
    """
    usable = [row for row in pool if row.input.strip()]
    if len(usable) < count:
        raise UserError(
            f"the review pool has {len(usable)} questions, {count} are needed",
            hint="lower --each, or raise split.review in tunewell.yaml and run tunewell split",
        )
    by_id = {row.id: row for row in usable}
    names = draw(candidates(usable, slices, families), count, seed=seed)
    return [_question(by_id[name], families, slices) for name in names]


def _question(
    row: Example,
    families: Mapping[str, str],
    slices: Sequence[str],
) -> AskedQuestion:
    values = {field: row.field(field) for field in slices}
    return AskedQuestion(
        id=secrets.token_hex(16),
        text=row.input,
        row=row.id,
        slices={field: value for field, value in values.items() if value},
        family=families.get(row.id, ""),
    )
