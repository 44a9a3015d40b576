"""What cannot be checked is counted and named, and never called clear."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tunewell.cli.init_yaml import Answers, write_yaml
from tunewell.curate.data_languages import languages_of_data
from tunewell.curate.doctor import doctor
from tunewell.curate.pipeline import apply_rules, read, seen
from tunewell.curate.reading.documents import chunks, from_html
from tunewell.languages import relatives
from tunewell.task import TaskFile, parse_task
from tunewell.types import Finding

ASKED = [
    ("How do I descale the kettle?", "Fill it with water and vinegar, boil it once and rinse it."),
    (
        "Which bin takes pizza boxes?",
        "Greasy boxes go into the grey bin, clean ones into the blue.",
    ),
    ("When is the library open?", "On Saturdays it is open from ten to four in the afternoon."),
    ("What does the yellow light mean?", "The line is up, but no address was given to it yet."),
    ("Can I bring my dog on the ferry?", "Dogs travel free on the open deck if they wear a lead."),
    ("How long does a parcel take?", "Standard parcels need four to six working days to arrive."),
]


def project(
    folder: Path, rules: str, dates: list[str], said: list[tuple[str, str]] = ASKED
) -> TaskFile:
    rows = [
        json.dumps(
            {"id": str(i), "prompt": q, "completion": a, "created": date}, ensure_ascii=False
        )
        for i, ((q, a), date) in enumerate(zip(said, dates, strict=False))
    ]
    (folder / "data.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    text = (
        "version: 1\n"
        "task: {name: desk, about: Answers of a desk., input: a question, output: an answer}\n"
        "data:\n  - {path: data.jsonl, fields: {id: id, date: created}}\n"
        f"rules:\n  {rules}\n"
    )
    return parse_task(text, path=folder / "tunewell.yaml", environment={})


def both(file: TaskFile, code: str) -> list[Finding]:
    """The finding of the doctor and that of curation."""
    report = doctor(file.root / "data.jsonl", task=file)
    found = [f for f in report.findings if f.code == code]
    done = apply_rules(file, read(file))
    return found + [f for f in seen(file, done) if f.code == code]


AGE = "max_age: {days: 730, as_of: 2025-02-01}"


@pytest.mark.parametrize(
    "dates",
    [
        ["03/04/2016", "12/31/2017", "07/15/2018", "11/02/2024", "10/30/2024", "01/09/2025"],
        ["04/03/2016", "31/12/2017", "15/07/2018", "02/11/2024", "30/10/2024", "09/01/2025"],
        [
            "1457049600000",
            "1514678400000",
            "1531612800000",
            "1730505600000",
            "1730246400000",
            "1736380800000",
        ],
        ["1457049600", "1514678400", "1531612800", "1730505600", "1730246400", "1736380800"],
        ["20160304", "20171231", "20180715", "20241102", "20241030", "20250109"],
        ["2016-W09-5", "2017-W52-7", "2018-W28-7", "2024-W44-6", "2024-W44-3", "2025-W02-4"],
        [
            "4. März 2016",
            "31. Dez. 2017",
            "15. Juli 2018",
            "2. Nov. 2024",
            "30.10.2024",
            "9.1.2025",
        ],
        [
            "2016年3月4日",
            "2017年12月31日",
            "2018年7月15日",
            "2024年11月2日",
            "2024年10月30日",
            "2025年1月9日",
        ],
        [
            "Fri, 04 Mar 2016 10:00:00 GMT",
            "Sun, 31 Dec 2017 10:00:00 GMT",
            "Sun, 15 Jul 2018 10:00:00 GMT",
            "Sat, 02 Nov 2024 10:00:00 GMT",
            "Wed, 30 Oct 2024 10:00:00 GMT",
            "Thu, 09 Jan 2025 10:00:00 GMT",
        ],
        ["1394/12/14", "1396/10/10", "1397/04/24", "1403/08/12", "1403/08/09", "1403/10/20"],
    ],
)
def test_three_of_six_are_stale_however_they_are_dated(tmp_path: Path, dates: list[str]) -> None:
    file = project(tmp_path, AGE, dates)
    for finding in both(file, "D06"):
        assert finding.status == "found"
        assert finding.rows == ("0", "1", "2")


@pytest.mark.parametrize(
    "unread", ["soon", "9 Adar 5769", "yesterday", "3 weeks ago", "until May 2009"]
)
def test_unread_dates_are_never_clear(tmp_path: Path, unread: str) -> None:
    file = project(tmp_path, AGE, [unread] * 6)
    for finding in both(file, "D06"):
        assert finding.status == "unchecked"
        assert f"6 ({unread!r}" in finding.why
    assert len(apply_rules(file, read(file)).training) == 6


def test_rows_with_an_unread_date_are_not_undated(tmp_path: Path) -> None:
    file = project(
        tmp_path, "max_age: {days: 730, as_of: 2025-02-01, undated: drop}", ["soon", "N/A"]
    )
    assert [row.id for row in apply_rules(file, read(file)).training] == ["0"]


@pytest.mark.parametrize(
    "last",
    [
        "9999-12-31",
        "31.12.9999",
        "2999-12-31",
        "2099-12-31",
        "99991231",
        "12/31/9999",
        "2087-05-04",
    ],
)
def test_sentinels_and_the_future_are_never_today(tmp_path: Path, last: str) -> None:
    dates = ["2024-11-02", "2024-12-30", "2025-01-09", "2024-06-01", "2024-08-08", last]
    file = project(tmp_path, "max_age: {days: 730}", dates)
    for finding in both(file, "D06"):
        assert finding.status == "clear"
        assert last in finding.why


def test_an_unread_date_does_not_give_way_to_an_older_year(tmp_path: Path) -> None:
    said = [("What is the fee?", "As of March 2012 the fee for a new card is three euros.")]
    (unread,) = apply_rules(file := project(tmp_path, AGE, ["soon"], said), read(file)).rows
    assert not unread.dropped
    (undated,) = apply_rules(file := project(tmp_path, AGE, [""], said), read(file)).rows
    assert undated.dropped


@pytest.mark.parametrize(
    "answer",
    [
        "This tariff is valid from 1 January 2012 for all flats.",
        "Der Tarif ist gültig ab 1. Januar 2012 für alle.",
        "The permit is valid until 31 December 2012 only.",
        "The rule is effective from 1 March 2012 in all halls.",
    ],
)
def test_a_date_of_validity_is_not_the_age_of_a_row(tmp_path: Path, answer: str) -> None:
    file = project(tmp_path, AGE, [""], [("Since when?", answer)])
    (row,) = apply_rules(file, read(file)).rows
    assert not row.dropped


@pytest.mark.parametrize("named", ["no", "[no]", "[norsk]", '["no"]', "[nb]", "[Norwegian]"])
def test_norwegian_is_a_language(tmp_path: Path, named: str) -> None:
    said = [
        ("Hvordan får jeg en ny nøkkel til boden?", "Du kan hente en ny nøkkel på kontoret i dag."),
        ("When do I get the key for the shed?", "You can collect a new key at the office today."),
    ]
    file = project(tmp_path, f"languages: {named}", ["", ""], said)
    assert file.spec.rules.languages == ("no",)
    assert [row.id for row in apply_rules(file, read(file)).training] == ["0"]


def test_rows_too_short_to_tell_are_kept_and_named(tmp_path: Path) -> None:
    said = [("Oui?", "Non."), ASKED[0], ("x = a@b.T", "```\ny = x\n```")]
    file = project(tmp_path, "languages: [en]", ["", "", ""], said)
    for finding in both(file, "D08"):
        assert "language unchecked in 2 of 3 rows" in finding.why
    assert len(apply_rules(file, read(file)).training) == 3


def test_numbers_in_unknown_languages_are_unchecked(tmp_path: Path) -> None:
    said = [
        (
            "Habari, naomba kujua jinsi ya kulipa bili ya maji ya mwezi huu",
            "Tafadhali piga simu namba 712 345 678 leo mchana ili upate maelezo zaidi",
        )
    ]
    for finding in both(project(tmp_path, "personal: mask", [""], said), "D07"):
        assert finding.status == "unchecked"
        assert "numbers in 1 row," in finding.why


def test_limits_count_segments_and_say_so(tmp_path: Path) -> None:
    said = [
        ("如何清洗电热水壶里的水垢？", "加入等量的水和醋，煮沸一次，等一小时后冲洗两遍。"),
        ("ล้างกาต้มน้ำอย่างไร", "เติมน้ำและน้ำส้มสายชูในปริมาณเท่ากันแล้วต้มหนึ่งครั้ง"),
        ("どう洗いますか", "水"),
    ]
    file = project(tmp_path, "words: {min_target: 6}", ["", "", ""], said)
    done = apply_rules(file, read(file))
    assert [row.id for row in done.training] == ["0", "1"]
    assert "1 segments" in str(done.ledger.table()["evidence"].to_pylist())


@pytest.mark.parametrize(
    "sentence", ["请把表格交到办公室。", "用紙を事務所に出してください。", "ส่งแบบฟอร์มที่สำนักงาน "]
)
def test_long_documents_without_spaces_are_cut(sentence: str) -> None:
    text = sentence * 200
    parts = chunks(text, words=100)
    assert len(parts) > 5
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (ASKED, "en"),
        (
            [
                (
                    "Wo kann ich den neuen Schlüssel abholen?",
                    "Sie können ihn heute im Büro bei uns abholen.",
                ),
                (
                    "Wann ist die Bibliothek geöffnet?",
                    "Am Samstag ist sie von zehn bis vier Uhr geöffnet.",
                ),
            ],
            "de",
        ),
        (
            [
                (
                    "Jeg vil gjerne vite hvordan jeg får meg en ny nøkkel til sykkelboden vår.",
                    "Du kan hente en ny nøkkel hos vaktmesteren, og det koster ikke noe for deg.",
                )
            ],
            "no",
        ),
        ([("新しい鍵はどこで受け取れますか。", "事務所で今日から受け取ることができます。")], "ja"),
    ],
)
def test_init_writes_no_rule_that_would_drop_rows(
    tmp_path: Path, said: list[tuple[str, str]], code: str
) -> None:
    project(tmp_path, "personal: mask", [""] * len(said), said)
    found = languages_of_data(("data.jsonl",), tmp_path)
    answers = Answers(
        name="desk", about="Answers questions.", input="a question", output="an answer"
    )
    text = write_yaml(answers, languages=found)
    file = parse_task(text, path=tmp_path / "tunewell.yaml", environment={})
    assert file.spec.task.language in relatives(code)
    assert yaml.safe_load(text)["rules"]["languages"] == [file.spec.task.language]
    source = file.spec.data[0].model_copy(update={"path": "data.jsonl"})
    kept = replace(file, spec=file.spec.model_copy(update={"data": (source,)}))
    assert len(apply_rules(kept, read(kept)).training) == len(said)


def test_init_without_data_names_no_language(tmp_path: Path) -> None:
    assert languages_of_data(("absent/*.jsonl",), tmp_path) == ()
    answers = Answers(
        name="desk", about="Answers questions.", input="a question", output="an answer"
    )
    assert "languages" not in yaml.safe_load(write_yaml(answers))["rules"]


@pytest.mark.parametrize(
    "head",
    [
        '<meta name="pubdate" content="12 March 2009">',
        '<meta content="2009-03-12" property="article:published_time">',
        '<script>{"datePublished": "2009-03-12T10:00:00Z"}</script>',
        '<time class="entry-date" datetime="2009-03-12">yesterday</time>',
        '<abbr class="published" title="2009-03-12T08:00:00+01:00">12/3</abbr>',
        '<link rel="canonical" href="https://a.net/2009/03/12/news">',
        '<span class="post-date">March 12, 2009</span>',
    ],
)
def test_a_page_states_its_day(head: str) -> None:
    assert str(from_html(f"<html><head>{head}</head><p>Text of 2001.</p>").date) == "2009-03-12"
