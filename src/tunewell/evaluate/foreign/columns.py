"""Which column is the output, the gold answer, the id: named by the user, else the only candidate.

Several candidates that differ are never chosen among: they are listed, and the user names one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.types import Value

OUTPUT_KEYS: Final = (
    "output",
    "outputs",
    "prediction",
    "predictions",
    "predict",
    "predicted",
    "predicted_text",
    "pred",
    "response",
    "responses",
    "completion",
    "generated_text",
    "generated",
    "generation",
    "model_output",
    "model_response",
    "model_answer",
    "output_text",
    "actual_output",
    "predicted_label",
    "hypothesis",
    "answer",
    "text",
)
TARGET_KEYS: Final = (
    "target",
    "targets",
    "reference",
    "references",
    "gold",
    "golden",
    "gold_answer",
    "gold_label",
    "expected",
    "expected_output",
    "expected_answer",
    "expected_response",
    "ground_truth",
    "reference_answer",
    "correct_answer",
    "ideal",
    "label",
    "answer",
    "answers",
)
ID_KEYS: Final = (
    "id",
    "example",
    "example_id",
    "row",
    "row_id",
    "doc_id",
    "sample_id",
    "question_id",
    "custom_id",
    "dataset_item_id",
    "uid",
)
LESSER_ID_KEYS: Final = ("key", "record_id", "instance_id", "item_id", "case_id")
"""Taken for ids only where none of the usual names is there."""
POSITION_KEYS: Final = ("index", "idx", "unnamed:_0")
"""Taken for ids only where nothing else is: spreadsheets and data frames number their lines."""
INPUT_KEYS: Final = (
    "input",
    "inputs",
    "prompt",
    "question",
    "instruction",
    "query",
    "messages",
    "text",
)
ARM_KEYS: Final = ("arm", "model", "system", "model_name")
KNOWN_ARMS: Final = ("base", "prompted", "tuned", "production")


class ColumnNames(Value):
    """ForeignColumns that the user has named.

    Attributes:
        output: Of the output; empty = to be found.
        target: Of the gold answer; empty = to be found.
        id: Of the row's id; empty = to be found.
        arms: Arm to the column of its outputs, of a file with a column for each model.
        filter: Which filter's answers to take, of lm-eval samples.
    """

    output: str = ""
    target: str = ""
    id: str = ""
    arms: Mapping[str, str] = {}
    filter: str = ""


def plain_name(column: str) -> str:
    """A column's name in one writing.

    Example:
        >>> plain_name("actualOutput"), plain_name(" Generated Text"), plain_name("ID")
        ('actual_output', 'generated_text', 'id')
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[\s-]+", "_", snake).lower()


def value_at(record: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Whether a record has a column, and what it holds; dots lead into objects and lists.

    Example:
        >>> value_at({"response": {"text": "hi"}}, "response.text")
        (True, 'hi')
    """
    if column in record:
        return True, record[column]
    found: Any = record
    for part in column.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, Sequence) and not isinstance(found, str) and _within(part, found):
            found = found[int(part)]
        else:
            return False, None
    return True, found


def _within(part: str, items: Sequence[Any]) -> bool:
    return part.isdecimal() and int(part) < len(items)


@dataclass(frozen=True)
class ForeignColumns:
    """The columns of a file and what is taken from them.

    Attributes:
        name: Of the file, for errors.
        records: Its readable records.
        named: What the user has named.
    """

    name: str
    records: Sequence[Mapping[str, Any]]
    named: ColumnNames

    @property
    def seen(self) -> list[str]:
        """Every column, in order of appearance."""
        return list(dict.fromkeys(str(column) for record in self.records for column in record))

    def outputs(self) -> list[str]:
        """The column of the outputs; several that never stand in one record are one.

        Raises:
            DataError: There is none, or several that differ.
        """
        if self.named.output:
            return [self._known(self.named.output, "--output")]
        found = self._candidates(OUTPUT_KEYS, but=[self.named.target, self.named.id])
        if not found:
            columns = ", ".join(self.seen) or "none"
            raise DataError(
                f"no outputs could be read from {self.name}: none of {', '.join(OUTPUT_KEYS)} "
                f"is among its columns ({columns})",
                hint="name the column of the outputs: --output NAME",
            )
        return self._only(found, "the output", "--output")

    def targets(self, outputs: Sequence[str]) -> list[str]:
        """The column of the gold answers; empty if there is none.

        Raises:
            DataError: There are several that differ.
        """
        if self.named.target:
            return [self._known(self.named.target, "--target")]
        found = self._candidates(TARGET_KEYS, but=[*outputs, self.named.id])
        return self._only(found, "the gold answer", "--target")

    def ids(self) -> list[str]:
        """The column of the rows' ids; empty if there is none.

        Raises:
            DataError: There are several that differ.
        """
        if self.named.id:
            return [self._known(self.named.id, "--id")]
        for keys in (ID_KEYS, LESSER_ID_KEYS, POSITION_KEYS):
            found = self._candidates(keys)
            if found:
                return self._only(found, "the id", "--id")
        return []

    def others(self, keys: Sequence[str], but: Sequence[str]) -> list[str]:
        """ForeignColumns of these names that are not taken for anything else."""
        return self._candidates(keys, but=but)

    def arms(self) -> dict[str, str]:
        """Arm to column, of a file with a column for each model; empty if it is none."""
        if self.named.arms:
            return {arm: self._known(c, "--output") for arm, c in self.named.arms.items()}
        if self.named.output or self._candidates(OUTPUT_KEYS):
            return {}
        return {arm: arm for arm in KNOWN_ARMS if arm in self.seen}

    def _known(self, column: str, option: str) -> str:
        if any(value_at(record, column)[0] for record in self.records):
            return column
        raise DataError(
            f"{self.name} has no column {column!r}; it has: {', '.join(self.seen)}",
            hint=f"{option} NAME",
        )

    def _candidates(self, keys: Sequence[str], but: Sequence[str] = ()) -> list[str]:
        """ForeignColumns whose name is one of these, in the order of the keys."""
        by_name: dict[str, list[str]] = {}
        for column in self.seen:
            if column not in but:
                by_name.setdefault(plain_name(column), []).append(column)
        return [column for key in keys for column in by_name.get(key, [])]

    def _only(self, found: list[str], what: str, option: str) -> list[str]:
        """The candidates if no record holds two of them that differ."""
        for record in self.records:
            here = [column for column in found if column in record]
            if len({repr(record[column]) for column in here}) > 1:
                columns = ", ".join(here)
                raise DataError(
                    f"several columns of {self.name} could be {what}: {columns}",
                    hint=f"name one of them: {option} {here[0]}",
                )
        return found
