"""Dataset versions: which there are, and what changed between two of them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.types import (
    Dataset,
    Example,
    Value,
)

_COMPARED = ("messages", "source", "kind", "date", "group", "parent", "origin", "tags")
"""Fields whose changes are told, in this order."""

_SHOWN = 12
"""Characters shown of an id."""


class Difference(Value):
    """What changed from one dataset to another.

    Attributes:
        before: Id of the older dataset.
        after: Id of the newer one.
        added: Rows that only the newer one has.
        removed: Rows that only the older one has, with the reason where the newer receipts give
            one.
        changed: Rows in both whose text or fields differ, with the names of the fields.
        same: How many rows are equal in both.
    """

    before: str
    after: str
    added: tuple[str, ...] = ()
    removed: Mapping[str, str] = Field(default_factory=dict)
    changed: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    same: int = 0


def datasets(store: Store) -> list[Dataset]:
    """Every dataset version of the project, oldest first, each once."""
    found: dict[str, Dataset] = {}
    for run in store.runs(status="finished"):
        # What training takes beside the rows that people gave is a version of its own.
        if run.stage not in ("curate", "augmented-data"):
            continue
        artifact = run.outputs.get("dataset")
        if artifact is not None and store.files.has(artifact):
            dataset = store.get_value(artifact, Dataset)
            found.setdefault(dataset.id, dataset)
    return list(found.values())


def find_dataset(store: Store, name: str) -> Dataset:
    """A dataset by the beginning of its id, ``last`` or ``previous``.

    Raises:
        UserError: There is none, or several begin so.
    """
    known = datasets(store)
    by_age = {"last": known[-1:], "previous": known[-2:-1]}
    beginning = [dataset for dataset in known if name and dataset.id.startswith(name)]
    fitting = by_age.get(name) or beginning
    if len(fitting) == 1:
        return fitting[0]
    shown = [dataset.id[:_SHOWN] for dataset in known] or ["none"]
    many = "several datasets begin" if fitting else "no dataset begins"
    raise UserError(
        f"{many} with {name!r}; available: {', '.join(shown)}",
        hint="tunewell diff previous last",
    )


def diff(
    store: Store,
    before: Dataset,
    after: Dataset,
) -> Difference:
    """Rows added, removed and changed from one dataset to another."""
    old = _by_id(store, before)
    new = _by_id(store, after)
    in_both = sorted(old.keys() & new.keys())
    fields = {name: _changed_fields(old[name], new[name]) for name in in_both}
    changed = {name: found for name, found in fields.items() if found}
    gone = sorted(old.keys() - new.keys())
    reasons = _reasons(store, after) if gone else {}
    return Difference(
        before=before.id,
        after=after.id,
        added=tuple(sorted(new.keys() - old.keys())),
        removed={name: reasons.get(name, "no longer read") for name in gone},
        changed=changed,
        same=len(in_both) - len(changed),
    )


def _by_id(store: Store, dataset: Dataset) -> dict[str, Example]:
    return {example.id: example for example in store.examples(dataset)}


def _reasons(store: Store, dataset: Dataset) -> dict[str, str]:
    """Why each dropped row was dropped."""
    found: dict[str, str] = {}
    for receipt in store.receipts(dataset):
        if receipt.action == "dropped":
            found[receipt.row] = f"{receipt.step}: {receipt.rule}"
    return found


def _changed_fields(a: Example, b: Example) -> tuple[str, ...]:
    return tuple(name for name in _COMPARED if getattr(a, name) != getattr(b, name))
