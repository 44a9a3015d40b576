"""Comparisons on what real people wrote: support answers with their delays, replayed votes.

Skipped where the public data (`tests.shared_data`) is not there.
"""

from __future__ import annotations

import datetime as dt
import gzip
import html
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from tests.shared_data import DATA, NO_DATA
from tests.web.conftest import Person, World
from tunewell.compare import (
    AskedQuestion,
    BlindComparison,
    ComparisonBook,
    ComparisonDesign,
    GivenAnswer,
    Inbox,
    analyse,
    sign_and_open,
)
from tunewell.compare.answering import given
from tunewell.stats import corrected_win_rate
from tunewell.stats.preference import preference_looks

CLOCK_STEP = dt.date(2023, 11, 28)
DUE_HOURS = 24.0


def rows_of_file(path: str) -> list[dict[str, Any]]:
    file = DATA / path
    if not file.exists():
        pytest.skip(f"{path}: {NO_DATA}")
    if file.suffix == ".gz":
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    found = json.loads(file.read_text(encoding="utf-8"))
    return list(found if isinstance(found, list) else found["instances"])


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", markup)).strip()


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z]{3,}", text.lower()))


def nearest(question: Counter[str], known: Sequence[tuple[Counter[str], str]]) -> str:
    """The answer to the earlier question with the most words in common."""

    def closeness(row: tuple[Counter[str], str]) -> float:
        shared = sum((question & row[0]).values())
        return shared / math.sqrt(1 + sum(row[0].values()))

    return max(known, key=closeness)[1]


def rate_all(
    world: World,
    comparison: BlindComparison,
    prefers: Callable[[int, str], float],
) -> None:
    """Every rater, over HTTP, says of each pair what ``prefers`` says of its question."""
    book = ComparisonBook(world.store)
    rows = {pair.id: pair for pair in book.pairs(comparison)}
    for number in range(comparison.design.raters):
        person = world.client(f"Rater {number}", "guest")
        path = f"/api/v1/my-comparisons/{comparison.id}/pairs"
        while pairs := person.client.get(path).json():
            for shown in pairs:
                pair = rows[shown["id"]]
                value = prefers(number, pair.question.row)
                send(person, shown["id"], value, pair.first_is)


def send(person: Person, pair: str, value: float, first_is: int) -> None:
    preferred = "tie"
    if value != 0.5:
        preferred = "first" if (value == 1.0) == (first_is == 0) else "second"
    body = {"key": f"r-{pair}", "pair": pair, "said": {"preferred": preferred}}
    sent = person.client.post("/api/v1/ratings", json=body, headers={"x-csrf": person.csrf})
    assert sent.status_code == 200, sent.text


def drafted(
    world: World,
    book: ComparisonBook,
    asked: Sequence[AskedQuestion],
    answers: Iterable[tuple[str, str | None]],
    *,
    each: int,
    raters: int = 6,
) -> BlindComparison:
    human = {"name": "first human answer", "kind": "human"}
    pairs = list(answers)
    is_human = any(second is None for _, second in pairs)
    design = ComparisonDesign.model_validate(
        {
            "name": "real",
            "arms": [
                {"name": "candidate", "kind": "answers", "path": "a"},
                human if is_human else {"name": "rival", "kind": "answers", "path": "b"},
            ],
            "raters": raters,
            "each": each,
            "win_rate": 0.85,
            "icc": 0.0,
            "ties": 0.0,
            "due_hours": DUE_HOURS,
            "guesses": 0,
        }
    )
    made: dict[str, tuple[GivenAnswer | None, GivenAnswer | None]] = {}
    for question, (first, second) in zip(asked, pairs, strict=True):
        other = None if second is None else given(second, design.blinding)
        made[question.id] = (given(first, design.blinding), other)
    return book.draft(
        design,
        author="olga",
        raters=[world.account(f"Rater {n}", "guest").id for n in range(raters)],
        agents=[world.account("gus", "agent").id] if is_human else [],
        questions=asked,
        answers=made,
    )


def support() -> tuple[list[tuple[dict[str, Any], str, float]], list[tuple[Counter[str], str]]]:
    """Sixty questions with their first human answer and its delay; and earlier ones, answered."""
    questions = rows_of_file("thunderbird/questions.jsonl.gz")
    answers = rows_of_file("thunderbird/answers.jsonl.gz")
    asker = {row["id"]: row["asker"] for row in questions}
    first: dict[str, dict[str, Any]] = {}
    for row in sorted(answers, key=lambda row: str(row["created"])):
        if row["author"] != asker.get(row["question"]):
            first.setdefault(row["question"], row)
    chosen: list[tuple[dict[str, Any], str, float]] = []
    known: list[tuple[Counter[str], str]] = []
    for row in questions:
        reply = first.get(row["id"])
        if reply is None:
            continue
        begin, end = (dt.datetime.fromisoformat(str(r["created"])) for r in (row, reply))
        text = plain(reply["content"])
        same_clock = (begin.date() < CLOCK_STEP) == (end.date() <= CLOCK_STEP)
        if begin.year == 2023 and begin.month < 4:
            known.append((words(f"{row['title']} {plain(row['content'])}"), text))
        elif begin.month == 5 and begin.year == 2023 and same_clock and len(chosen) < 60:
            chosen.append((row, text, (end - begin).total_seconds()))
    return chosen, known


@pytest.mark.slow
def test_a_retrieval_baseline_against_the_first_human_answer(world: World) -> None:
    chosen, known = support()
    assert len(chosen) == 60
    begin = 1_700_000_000.0
    clock = [begin]
    book = ComparisonBook(world.store, clock=lambda: clock[0])
    asked, answers = [], []
    for number, (row, _, _) in enumerate(chosen):
        text = f"{row['title']}\n\n{plain(row['content'])}"
        asked.append(
            AskedQuestion(
                id=f"{number:032x}",
                text=text[:20_000],
                row=row["id"],
                slices={"topic": row["topic"]},
            )
        )
        answers.append((nearest(words(text), known), None))
    comparison = sign_and_open(book, drafted(world, book, asked, answers, each=60), author="olga")

    # People's answers come after their real delay; those after a day never come.
    inbox = Inbox(book)
    gus = world.account("gus", "agent").id
    by_text = {question.text: number for number, question in enumerate(asked)}
    requests = {by_text[request.text]: request.id for request in inbox.open_for(gus)}
    delays = sorted((delay, number) for number, (_, _, delay) in enumerate(chosen))
    in_time = [(delay, number) for delay, number in delays if delay < 3600 * DUE_HOURS]
    for delay, number in in_time:
        clock[0] = begin + delay
        inbox.answer(requests[number], gus, chosen[number][1], key=f"a{number}")
    clock[0] = begin + 3600 * DUE_HOURS + 1
    expired = inbox.expire()
    assert expired == 60 - len(in_time)
    times = inbox.times(comparison)
    assert times.answered == len(in_time)
    assert list(times.seconds) == pytest.approx([delay for delay, _ in in_time], abs=0.01)

    # Raters stand in for readers: the answer that shares more words with the question.
    pairs = {pair.question.row: pair for pair in book.pairs(comparison)}

    def prefers(_: int, row: str) -> float:
        pair = pairs[row]
        sizes = []
        for answer in pair.answers:
            assert answer is not None
            sizes.append(sum((words(pair.question.text) & words(answer.shown)).values()))
        return 0.5 if sizes[0] == sizes[1] else float(sizes[0] > sizes[1])

    rate_all(world, comparison, prefers)
    result = analyse(book, comparison)
    assert result.verdicts == 360
    assert result.arms[1].missing == {"expired": 6 * expired}
    assert result.style.area is not None
    assert result.handling.expired == expired
    page = world.client("olga", "owner").client.get("/comparisons/real/result")
    assert f"{len(in_time)} of 60 in time, {expired} expired" in page.text


def pandalm_rows() -> tuple[list[dict[str, Any]], dict[int, float]]:
    value = {0: 0.5, 1: 1.0, 2: 0.0}
    rows = rows_of_file("pandalm/testset-v1.json")[:40]
    judge = rows_of_file("pandalm/pandalm-7b-testset-v1.json")
    scores = {row["idx"]: value.get(row["pandalm_result"], 0.5) for row in judge}
    return rows, scores


def test_replayed_votes_give_the_figure_of_the_statistics(world: World) -> None:
    value = {0: 0.5, 1: 1.0, 2: 0.0}
    rows, judge = pandalm_rows()
    book = ComparisonBook(world.store)
    asked = [
        AskedQuestion(
            id=f"{n:032x}", text=f"{row['instruction']}\n{row['input']}", row=str(row["idx"])
        )
        for n, row in enumerate(rows)
    ]
    answers = [(row["response1"] or "-", row["response2"] or "-") for row in rows]
    comparison = sign_and_open(book, drafted(world, book, asked, answers, each=40), author="olga")
    said = {str(row["idx"]): row for row in rows}

    def prefers(number: int, row: str) -> float:
        return value[said[row][f"annotator{number % 3 + 1}"]]

    rate_all(world, comparison, prefers)
    scores = {str(row["idx"]): judge[row["idx"]] for row in rows}
    result = analyse(book, comparison, judge=scores)

    rated = book.rated(comparison)
    row_of = {pair.id: pair.question.row for pair in book.pairs(comparison)}
    for one in rated:
        if one.how == "rated":
            row = row_of[one.pair]
            number = comparison.raters.index(one.account)
            assert one.value == prefers(number, row)
    alone = preference_looks(
        [one.value for one in rated],
        raters=[one.account for one in rated],
        questions=[one.question for one in rated],
        planned=240,
    )[-1]
    assert result.looks[-1] == alone
    shown = f"{100 * alone.estimate.value:.0f} %"
    owner = world.client("olga", "owner").client
    assert shown in owner.get("/comparisons/real/result").text
    told = owner.get("/api/v1/comparisons/real/result").json()
    assert told["looks"][-1]["estimate"]["value"] == pytest.approx(alone.estimate.value)

    people, scored = [], []
    by_row: dict[str, list[float]] = {}
    for one in rated:
        if one.how == "rated":
            by_row.setdefault(row_of[one.pair], []).append(one.value)
    for name, score in scores.items():
        votes = by_row.get(name)
        centre = sum(votes) / len(votes) if votes else math.nan
        people.append(centre if math.isnan(centre) or centre == 0.5 else float(centre > 0.5))
        scored.append(score)
    assert result.judged == corrected_win_rate(judge=scored, human=people)


def test_pairs_with_an_objective_winner_are_go(world: World) -> None:
    rows = rows_of_file("judge_bench/llmbar/data-natural.json")[:20]
    book = ComparisonBook(world.store)
    asked, answers = [], []
    for n, row in enumerate(rows):
        instance = row["instance"]
        asked.append(AskedQuestion(id=f"{n:032x}", text=instance["input"], row=str(n)))
        right = row["annotations"]["quality_single_turn"]["majority_human"]
        first, second = instance["output_a"], instance["output_b"]
        answers.append((first, second) if right == "model_a" else (second, first))
    comparison = sign_and_open(book, drafted(world, book, asked, answers, each=20), author="olga")
    # Everybody picks the right one, but for one verdict in ten.
    rate_all(world, comparison, lambda number, row: float((int(row) + number) % 10 != 0))
    result = analyse(book, comparison)
    assert result.outcome == "GO"
    assert result.standing is not None
    assert result.standing.estimate.value == pytest.approx(0.9, abs=0.04)
