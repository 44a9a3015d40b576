"""Template families (D05): many rows made from one text with slots.

So many of each are kept, the rest dropped (see `tunewell.similar.templates`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import Families, InputRow
from tunewell.similar.templates import choose_of_template
from tunewell.task import TaskFile

_WORDS = {"diverse": "most different ones", "newest": "newest ones", "first": "first ones"}


def cap(
    families: Sequence[Sequence[InputRow]],
    file: TaskFile,
    ledger: Ledger,
) -> Families:
    """Keep at most ``rules.templates.max_per_family`` rows of each family.

    With 0 all are kept, and the Finding names them.

    Args:
        families: Rows of each template family.
        file: The project's definition.
        ledger: Takes a receipt for every row that goes.

    Returns:
        The families, as they were before.
    """
    rule = file.spec.rules.templates
    most = rule.max_per_family
    by = StepRule(
        step="templates",
        rule=f"at most {most} rows of one template: the {_WORDS[rule.keep]}",
        cites=file.where("rules.templates.max_per_family"),
        code="D05",
    )
    for family in families:
        if 0 < most < len(family):
            texts = [row.whole for row in family]
            dates = [row.date for row in family]
            kept = choose_of_template(texts, dates, most, by=rule.keep)
            _drop_surplus(family, kept, by, ledger)
    return [list(family) for family in families]


def _drop_surplus(
    family: Sequence[InputRow],
    kept: Sequence[int],
    by: StepRule,
    ledger: Ledger,
) -> None:
    first = family[kept[0]]
    evidence = f"a template family of {len(family)} rows"
    for i in sorted(set(range(len(family))).difference(kept)):
        ledger.drop(family[i], by, evidence=evidence, other=first.id)
