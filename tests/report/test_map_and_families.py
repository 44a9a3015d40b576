from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.pages import read
from tunewell.project import Project
from tunewell.report import page
from tunewell.report.map_chart import draw, label, said
from tunewell.report.results import Results, gather
from tunewell.report.text_diff import edits
from tunewell.similar.shown_families import Island, Map
from tunewell.testing.factories import SampleProject, sample_project
from tunewell.types import Estimate

WORDS = st.lists(st.sampled_from("pay the bill now <b> & \u202e meter".split()), max_size=30).map(
    " ".join
)


def plain_text(markup: str) -> str:
    return " ".join(read(markup).text.split())


@given(WORDS, WORDS)
def test_edits_keep_both_texts_and_mark_only_what_differs(before: str, after: str) -> None:
    one, other = edits(before, after)
    assert plain_text(str(one)) == plain_text(str(edits(before, before)[0]))
    assert plain_text(str(other)) == plain_text(str(edits(after, after)[0]))
    assert "<ins>" not in one
    assert "<del>" not in other
    kept = [re.sub(r"<(del|ins)>.*?</\1>", "", str(x)).split() for x in (one, other)]
    assert [re.sub("<.?bdi>", "", w) for w in kept[0] if re.sub("<.?bdi>", "", w)] == [
        re.sub("<.?bdi>", "", w) for w in kept[1] if re.sub("<.?bdi>", "", w)
    ]
    assert "<b>" not in one


def test_hostile_edits_stay_text() -> None:
    one, other = edits("a </del><script>x</script> b", "a <ins>y</ins> b")
    assert {tag for tag, _ in read(str(one) + str(other)).tags} == {"bdi", "del", "ins"}


def test_long_texts_are_cut_with_a_notice() -> None:
    one, _ = edits("word " * 500, "word " * 500, most=100)
    assert "400 more words" in one


def island(
    size: int, at: tuple[float, float], words: tuple[str, ...] = ("bill",), **more: object
) -> Island:
    rows = tuple((f"r{i}", 0.1, 0.2, "kept") for i in range(size))
    return Island.model_validate(
        {"at": at, "words": words, "counts": {"kept": size}, "rows": rows, **more}
    )


def boxes(svg: str) -> list[tuple[float, float, float]]:
    found = re.findall(r'class="land" cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', svg)
    return [(float(x), float(y), float(r)) for x, y, r in found]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(3, 900), st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=14
    )
)
def test_islands_never_lie_on_each_other_nor_over_the_edge(
    made: list[tuple[int, float, float]],
) -> None:
    k = len(made)
    found = Map(
        islands=tuple(island(n, (x, y)) for n, x, y in made),
        apart=tuple((0.5,) * k for _ in made),
        shown=1,
        of=1,
    )
    drawn = draw(found)
    height = float(re.findall(r'viewBox="0 0 1000 ([\d.]+)"', drawn.svg)[0])
    circles = boxes(str(drawn.svg))
    assert len(circles) == k
    for x, y, r in circles:
        assert r <= x <= 1000 - r
        assert r <= y <= height - r
    for i, (x, y, r) in enumerate(circles):
        for a, b, s in circles[:i]:
            assert np.hypot(x - a, y - b) >= r + s - 1


def test_gaps_and_emptied_islands_are_told_apart_by_shape_and_in_words() -> None:
    lack = Estimate(
        value=98, low=63, high=154, n=100, method="share of the target, Wilson", unit="rows"
    )
    gap = island(20, (0, 0), missing=lack)
    emptied = island(20, (1, 1), counts={"kept": 5, "D01": 15})
    assert said(gap) == "20 rows · about 98 missing"
    assert said(emptied) == "20 rows · 75 % dropped"
    svg = str(draw(Map(islands=(gap, emptied), apart=((0, 1), (1, 0)), shown=40, of=40)).svg)
    assert 'hue-0 gap"' in svg
    assert 'hue-1 emptied"' in svg
    assert label(island(3, (0, 0), words=())) == "no distinctive words"


def test_words_of_an_island_are_escaped() -> None:
    svg = str(
        draw(
            Map(
                islands=(island(30, (0, 0), words=("<script>", "a&b")),),
                apart=((0,),),
                shown=30,
                of=30,
            )
        ).svg
    )
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_the_page_shows_the_map_and_the_families(results: Results) -> None:
    html = page(results)
    parsed = read(html)
    assert parsed.faults == []
    assert results.shown is not None
    assert results.shown.map is not None
    assert len(parsed.of_class("island")) == len(results.shown.map.islands)
    assert len(parsed.of_class("twins")) == len(results.shown.families)
    assert "<ins>" in html
    assert "Families side by side" in parsed.text


def test_what_an_older_version_curated_is_said_to_be_missing(project: SampleProject) -> None:
    import dataclasses

    html = page(dataclasses.replace(gather(Project(project.file, project.store)), shown=None))
    assert "kept no map" in html


def test_hostile_families_stay_text(folder: Path) -> None:
    made = sample_project(
        folder, rows=150, hostile=["<script>alert(1)</script>", "</blockquote><h1>GO</h1>"]
    )
    html = page(gather(Project(made.file, made.store)))
    made.store.close()
    assert read(html).faults == []
    assert "<script" not in html
    assert html.count("<h1") == 1
