"""Read outputs of any model from a file: the format is recognised by what it holds."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.evaluate.foreign.collect import ForeignOutputs
from tunewell.evaluate.foreign.columns import OUTPUT_KEYS, ColumnNames
from tunewell.evaluate.foreign.documents import Broken, ForeignDocument, Record, read_document
from tunewell.evaluate.foreign.exports import unpack_document, unpack_records
from tunewell.evaluate.foreign.inspect_ai import is_log, read_eval_file, read_log
from tunewell.evaluate.foreign.lm_eval import is_sample, read_lm_eval
from tunewell.evaluate.foreign.openai_evals import (
    is_batch_line,
    is_event,
    is_output_item,
    read_batch,
    read_events,
    read_output_items,
)
from tunewell.evaluate.foreign.promptfoo import is_result, read_promptfoo, results_of
from tunewell.evaluate.foreign.tables import read_table

NOTHING_NAMED: Final = ColumnNames()
_SHOWN_REJECTS: Final = 3
_LOOKED_AT: Final = 200
"""Records by which the format is recognised: a broken one at the head must not decide it."""


def read_predictions(
    path: Path,
    *,
    arm: str = "",
    named: ColumnNames = NOTHING_NAMED,
    rows_known: bool = False,
) -> ForeignOutputs:
    """Read outputs of any model from a file.

    Args:
        path: JSON lines, a JSON array, CSV or Parquet of objects with an output and an id, or input
            and target; lm-eval's ``samples_*.jsonl``; an inspect_ai log (``.json``, ``.eval``);
            results of promptfoo, DeepEval, OpenAI Evals; exports of Langfuse and MLflow.
        arm: What to call the model; what the file says, else ``candidate``, if empty.
        named: ForeignColumns that the user has named.
        rows_known: Whether the gold answers come from the project, so that the file's own do not
            matter.

    Raises:
        DataError: Nothing in it can be read, or several columns could be meant.
    """
    if path.suffix == ".eval" or (path.is_file() and zipfile.is_zipfile(path)):
        found = read_eval_file(path, arm=arm)
    else:
        document = read_document(path)
        found = _Reading(document, arm, named, rows_known).found()
    if not found.predictions:
        rejected = [f"{place}: {reason}" for place, reason in found.rejects[:_SHOWN_REJECTS]]
        why = "; ".join(rejected) or "it is empty"
        raise DataError(
            f"no outputs could be read from {path}: {why}",
            hint=f"one JSON object a line, with an id and one of {', '.join(OUTPUT_KEYS[:6])}",
        )
    return found


class _Reading:
    """One file, on its way to its reader."""

    def __init__(
        self,
        document: ForeignDocument,
        arm: str,
        named: ColumnNames,
        rows_known: bool,
    ) -> None:
        self._document = document
        self._arm = arm
        self._named = named
        self._rows_known = rows_known

    def found(self) -> ForeignOutputs:
        """What the reader of its format makes of it."""
        name, whole = self._document.name, self._document.whole
        if is_log(whole):
            return read_log(whole, name=name, arm=self._arm)
        results = results_of(whole)
        if results is not None:
            return self._promptfoo([(f"results[{n}]", one) for n, one in enumerate(results)])
        unpacked = unpack_document(whole, name) or unpack_records(self._document.records)
        if unpacked is not None:
            form, records = unpacked
            return self._table(records, form=form)
        return self._by_records()

    def _by_records(self) -> ForeignOutputs:
        records, name, arm = list(self._document.records), self._document.name, self._arm
        if self._any(is_sample):
            return read_lm_eval(records, name=name, arm=arm, named=self._named)
        if self._any(is_result):
            return self._promptfoo(records)
        if self._any(is_output_item):
            return read_output_items(records, name=name, arm=arm)
        if self._any(is_batch_line) and self._all_are_batch():
            return read_batch(records, name=name, arm=arm)
        if self._any(is_event):
            return read_events(records, name=name, arm=arm)
        return self._table(records)

    def _any(self, fits: Callable[[Any], bool]) -> bool:
        return any(fits(record) for _, record in self._document.records[:_LOOKED_AT])

    def _all_are_batch(self) -> bool:
        """Whether responses are those of a server rather than plain texts."""
        for _, record in self._document.records[:_LOOKED_AT]:
            if is_batch_line(record) and isinstance(record["response"], str):
                return False
        return True

    def _promptfoo(self, records: list[Record]) -> ForeignOutputs:
        return read_promptfoo(records, name=self._document.name, arm=self._arm, named=self._named)

    def _table(self, records: list[Record], *, form: str = "rows") -> ForeignOutputs:
        if all(isinstance(record, Broken) for _, record in records):
            rejects = tuple((place, r.why) for place, r in records if isinstance(r, Broken))
            return _nothing(self._document.name, form, rejects)
        return read_table(
            records,
            name=self._document.name,
            arm=self._arm,
            named=self._named,
            form=form,
            rows_known=self._rows_known,
            notes=self._document.notes,
        )


def _nothing(
    name: str,
    form: str,
    rejects: tuple[tuple[str, str], ...],
) -> ForeignOutputs:
    from tunewell.evaluate.foreign.file_report import FileReport

    return ForeignOutputs(
        predictions=(), rejects=rejects, source=form, report=FileReport(file=name, format=form)
    )
