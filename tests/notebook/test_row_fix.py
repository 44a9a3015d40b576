"""``tw.fix``, and remedies for rows in memory: nothing names a file that nobody ever saw."""

from __future__ import annotations

from typing import Any

import pytest

import tunewell as tw
from tests.notebook.test_data_check import as_frame, as_generator, spoiled_rows


@pytest.mark.parametrize("form", [list, as_generator, as_frame])
def test_what_is_left_and_why(form: Any) -> None:
    rows = spoiled_rows()
    fixed = tw.fix(form(rows))
    assert (fixed.read, len(fixed)) == (9, 7)
    assert str(fixed) == "7 of 9 rows are left"
    asked = [row["messages"][0]["content"] for row in fixed]
    assert rows[2]["prompt"] not in asked
    assert asked.count(rows[0]["prompt"]) == 1
    told = {receipt["row"] for receipt in fixed.receipts}
    assert told == {f"rows[{number}]" for number in range(9)}


def test_rows_that_leak_are_left_out() -> None:
    rows = spoiled_rows()
    assert len(tw.fix(rows, eval=[rows[1]])) == 6


def test_a_remedy_is_a_line_of_python_that_works() -> None:
    rows = [{"ask": row["prompt"], "reply": row["completion"]} for row in spoiled_rows()]
    report = tw.doctor(rows, input="ask", target="reply")
    remedy, _, what = report["D03"].remedy.partition("   # ")
    assert what == "keeps one row of each"
    assert len(eval(remedy, {"tunewell": tw, "rows": rows})) == 7
    assert "/" not in "".join(finding.remedy for finding in report.found if finding.code[0] == "D")


def test_an_error_names_the_row_in_the_list() -> None:
    with pytest.raises(tw.DataError) as raised:
        tw.doctor([{"alpha": 3, "beta": 4}] * 3)
    said = str(raised.value)
    assert "rows[0]" in said
    assert "tunewell-" not in said
    assert "input='QUESTION'" in said
