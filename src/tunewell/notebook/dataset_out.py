"""The curated rows of a project as a dataset of ``datasets``, with the card that the hub reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import yaml

from tunewell import __version__
from tunewell.errors import UserError
from tunewell.task import TaskSpec
from tunewell.types import Dataset, Example, Split

SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)
"""Classes of size as the hub names them."""
LARGEST: Final = "n>1M"
PARTS: Final = ("train", "review", "test", "unsplit")
"""``unsplit``: rows that are newer than the split."""

Rows = dict[str, list[dict[str, Any]]]


def by_part(examples: Sequence[Example], split: Split | None, held_out: Collection[str]) -> Rows:
    """Rows by the part of the split that they belong to; all are ``train`` without a split.

    The folds are one part, ``train``: which fold a row is in stands in its column ``fold``.

    Args:
        examples: The rows.
        split: Where each of them went, if they were split.
        held_out: Ids of the project's own test set, which no split may put elsewhere.
    """
    parts = {each.id: each.part for each in split.assignments} if split else {}
    parts |= dict.fromkeys(held_out, "test")
    otherwise = "unsplit" if split else "train"
    found: Rows = {}
    for example in examples:
        part = parts.get(example.id, otherwise)
        is_fold = part.startswith("fold")
        row = {**_row(example), "fold": part if is_fold else ""}
        found.setdefault("train" if is_fold else part, []).append(row)
    return {name: found[name] for name in PARTS if name in found}


def _row(example: Example) -> dict[str, Any]:
    turns = [{"role": turn.role, "content": turn.text} for turn in example.messages]
    return {
        "id": example.id,
        "messages": turns,
        "source": example.source,
        "kind": example.kind,
        "group": example.group,
        "date": example.date.isoformat() if example.date else "",
        "origin": example.origin,
    }


def as_dataset_dict(rows: Rows) -> Any:
    """The rows as a ``datasets.DatasetDict``.

    Raises:
        UserError: The package ``datasets`` is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise UserError(
            "rows as a dataset need the package 'datasets', which is not installed",
            hint="pip install datasets",
        ) from None
    return datasets.DatasetDict(
        {name: datasets.Dataset.from_list(part) for name, part in rows.items()}
    )


def dataset_card(spec: TaskSpec, dataset: Dataset, rows: Rows) -> str:
    """The card of a dataset: metadata that the hub reads, then what the rows are.

    Args:
        spec: The definition.
        dataset: The version.
        rows: By part.
    """
    count = sum(map(len, rows.values()))
    metadata = {
        "language": [spec.task.language],
        "pretty_name": spec.task.name,
        "task_categories": ["text-generation"],
        "size_categories": [next((name for most, name in SIZES if count < most), LARGEST)],
        "tags": ["tunewell"],
    }
    parts = [f"| {name} | {len(part):,} |" for name, part in rows.items()]
    body = [
        f"# {_plain(spec.task.name)}",
        "",
        _plain(spec.task.about),
        "",
        f"Curated by Tunewell {__version__}, version `{dataset.id[:12]}`: {dataset.rows:,} of "
        f"{dataset.read:,} rows that were read. Families of near-copies are never cut by a part.",
        "",
        "| part | rows |",
        "| --- | --- |",
        *parts,
        "",
    ]
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n\n" + "\n".join(body)


def _plain(text: str) -> str:
    """Text that cannot become markup or end the metadata."""
    flat = " ".join(text.split())
    marks: Mapping[str, str] = {
        "&": "&amp;",
        "<": "&lt;",
        "[": "&#91;",
        "]": "&#93;",
        "|": "&#124;",
        "`": "'",
    }
    return "".join(marks.get(character, character) for character in flat)
