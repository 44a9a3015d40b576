"""The report names every column and key that is in no row, and the bytes of every file."""

from __future__ import annotations

import dataclasses

from tests.report.pages import read
from tunewell.report import page
from tunewell.report.results import Results
from tunewell.types.read_files import KeyUse, ReadFile, ReadingReport

HOSTILE = "<script>note</script>"


def reading() -> ReadingReport:
    def use(key: str, use: str, rows: int, example: str = "") -> KeyUse:
        return KeyUse(file="a.jsonl", key=key, use=use, rows=rows, example=example)

    file = ReadFile(
        name="a.jsonl", rows=90, rejects=2, lost_rows=10, size=100, row_bytes=80, lost_bytes=20
    )
    columns = (
        use("question", "question", 90),
        use("answer", "answer", 90),
        use("region", "tag", 40),
        use(HOSTILE, "not used", 7, "write to jo@okoro.net <b>now</b>"),
        *(use(f"k{n}", "not used", 1, "x") for n in range(25)),
    )
    return ReadingReport(files=(file,), columns=columns, notes=("1 of 2 files is a test set",))


def test_the_report_accounts_for_every_key(results: Results) -> None:
    html = page(dataclasses.replace(results, reading=reading()))
    shown = read(html)
    assert shown.faults == []
    assert not shown.having("script")
    assert "question → question; answer → answer; region → tag" in html
    assert "26 columns are not used" in html
    assert "6 further columns are not shown" in html
    assert "&lt;script&gt;note&lt;/script&gt;" in html
    assert "jo@okoro.net" not in html
    assert "100 bytes: 80 in rows, 20 not read (about 10 rows)" in html
    assert "1 of 2 files is a test set" in html


def test_an_older_record_says_nothing_of_columns(results: Results) -> None:
    html = page(dataclasses.replace(results, reading=None))
    assert "How the files were read" not in html
