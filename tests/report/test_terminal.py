from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tunewell.report import print_verdict
from tunewell.report.results import Results


def said(results: Results, **changes: object) -> str:
    assert results.verdict is not None
    console = Console(
        record=True, width=140, color_system=None, file=open("/dev/null", "w", encoding="utf-8")
    )
    with console.file:
        print_verdict(
            results.verdict.model_copy(update=changes),
            results.evaluation,
            console,
            report=Path("reports/latest.html"),
        )
        return console.export_text()


def test_it_says_what_was_decided_why_and_where_the_report_lies(results: Results) -> None:
    text = said(results)
    assert text.startswith("? INCONCLUSIVE")
    assert "Key points named, tuned − prompted" in text
    assert "needed ≥ 5 pts" in text
    assert "not measured yet" in text
    assert "E01 generic metrics only" in text
    assert "tunewell approve --as 'head of service desk'" in text
    assert text.rstrip().endswith("report: reports/latest.html")


def test_every_interval_is_drawn_with_both_ends_and_the_threshold(results: Results) -> None:
    assert results.verdict is not None
    drawn = [c for c in results.verdict.criteria if c.estimate]
    text = said(results)
    assert text.count("●") == len(drawn)
    assert text.count("┃") >= len(drawn) - 1


def test_markup_and_escape_sequences_are_words_there(results: Results) -> None:
    text = said(results, criteria=(), why="[bold red]GO[/] \x1b[31mGO\x1b[0m \u202eGO")
    assert "[bold red]GO[/]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
