from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.pages import read
from tunewell.project import Project
from tunewell.report import page
from tunewell.report.results import gather
from tunewell.report.safe_text import for_terminal, plain, shown, without_private
from tunewell.testing.factories import sample_project

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</style></blockquote></article><h1>GO</h1>",
    "{{ 7 * 7 }} {% include '/etc/passwd' %}",
    "safe \u202e gnp.exe \u2066 \x00 \x1b[31mred\x1b]0;title\x07",
    "half \ud83d a pair",
    "z\u0300" * 400,
    "A" * 1_000_000,
    "<a href='https://evil.example/?q=' style='position:fixed'>click</a>",
    "javascript:alert(1) https://evil.example/pixel.png",
)


def test_hostile_text_stays_text(folder: Path, browser: Any) -> None:
    made = sample_project(folder, rows=150, hostile=[h for h in HOSTILE if "\ud83d" not in h])
    html = page(gather(Project(made.file, made.store)))
    made.store.close()
    parsed = read(html)
    assert parsed.faults == []
    assert not parsed.having("script")
    assert not parsed.having("img")
    assert [tag for tag, _ in parsed.tags].count("h1") == 1
    assert not [a for _, a in parsed.tags if "onerror" in a]
    assert all(a["href"].startswith("#") for _, a in parsed.tags if "href" in a)
    assert "{{ 7 * 7 }}" in parsed.text
    assert len(html) < 1_000_000
    assert "more characters" in parsed.text
    assert not set(html) & set("\u202e\u2066\x00\x1b\x07")
    requests: list[str] = []
    tab = browser.new_page()
    tab.on("request", lambda r: requests.append(r.url))
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    tab.goto(path.as_uri())
    assert tab.title().startswith("INCONCLUSIVE")
    assert [r for r in requests if not r.startswith("file:")] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.close()


@pytest.mark.parametrize("text", HOSTILE)
def test_each_text_is_escaped_encodable_and_bounded(text: str) -> None:
    markup = shown(text)
    parsed = read(str(markup))
    assert {tag for tag, _ in parsed.tags} <= {"bdi", "span", "mark"}
    assert parsed.faults == []
    assert len(markup) < 40_000
    str(markup).encode("utf-8")
    plain(text).encode("utf-8")
    assert len(plain(text)) <= 160


@given(st.text(alphabet=st.characters(), max_size=80), st.lists(st.text(max_size=4), max_size=4))
def test_marking_never_changes_what_is_said(text: str, marks: list[str]) -> None:
    import re

    parsed = read(str(shown(text, marks=marks)))
    assert parsed.faults == []
    expected = "".join(re.sub(r"^<.*?>|<.*?>$", "", read(str(shown(c))).text) for c in text)
    assert parsed.text == expected


@given(st.text(alphabet=st.characters(), max_size=200))
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    line = for_terminal(text)
    assert not [
        c for c in line if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E
    ]


def test_personal_numbers_are_hidden_but_dates_and_prices_are_not() -> None:
    text = (
        "Card 4111 1111 1111 1111, tel. +49 (170) 123-4567, a@b.net, "
        "2026-11-20, 14.03.2024, 84.20 euros"
    )
    assert without_private(text) == "Card •••, tel. •••, •••, 2026-11-20, 14.03.2024, 84.20 euros"
