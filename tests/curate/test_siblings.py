"""Kinds of files that were once taken wrongly, each as a small file of another trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tunewell.curate.doctor.case import definition
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow

Pair = tuple[str, str]

FLOWERS: Sequence[Pair] = (
    ("How long do cut peonies last in a vase?", "About six days if the stems are cut often."),
    ("Which flowers suit a funeral in winter?", "White hellebores and fir hold well in the cold."),
    ("Can you deliver to the harbour clinic?", "Yes, until noon; ring the porter at the gate."),
    ("Why do my tulips droop after one day?", "They drink a lot: top up the water each night."),
    ("Do you rent out brass vases?", "We do; ask for the list of sizes at the counter."),
    ("Is lily pollen dangerous for cats?", "Very much so, even a few grains harm the kidneys."),
    ("How do I dry lavender?", "Hang small bunches upside down in a dark, airy room."),
    ("Which roses have no thorns at all?", "The Lady Banks rose comes closest to that."),
    ("Do you take back empty pots?", "Clean clay pots, yes; plastic ones we cannot reuse."),
    ("Can eucalyptus hang in a bathroom?", "It likes the steam and smells better for it."),
    ("How often should an orchid be watered?", "Once a week, by dipping the pot for ten minutes."),
    ("Do you wrap flowers without plastic?", "Always, in paper with a cotton string."),
)


@dataclass(frozen=True)
class Said:
    """What curation said of a file.

    Attributes:
        copies: Places of the rows that are copies.
        leaks: Places of the training rows that leak.
        contradictions: Places of the rows of each family that contradict each other.
    """

    copies: set[int]
    leaks: set[int]
    contradictions: list[list[int]]


def say(rows: Sequence[Pair], tests: Sequence[Pair] = ()) -> Said:
    """Curate a file; what is held back counts as dropped."""
    batch = ReadResult()
    for i, (asked, answer) in enumerate(rows):
        turns = [("user", asked), ("assistant", answer)]
        batch.rows.append(InputRow(f"r{i}", f"file:{i}", turns))
    for i, (asked, answer) in enumerate(tests):
        test = InputRow(f"t{i}", f"test:{i}", [("user", asked), ("assistant", answer)])
        test.held = True
        batch.rows.append(test)
    done = apply_rules(definition(Path("x.jsonl"), None), batch)

    taken: dict[str, set[int]] = {"copies": set(), "leaks": set()}
    steps = {"exact duplicates": "copies", "near duplicates": "copies", "leaks": "leaks"}
    for receipt in done.ledger.table().to_pylist():
        if receipt["action"] == "dropped" and receipt["step"] in steps:
            taken[steps[receipt["step"]]].add(int(receipt["row"][1:]))
    for step, back in done.ledger.taken_back.items():
        taken[steps[step]] |= {int(row[1:]) for row in back.rows}
    families = [sorted(int(row.id[1:]) for row in f) for f in done.related.families["D09"]]
    return Said(taken["copies"], taken["leaks"], families)


def nothing() -> Said:
    return Said(set(), set(), [])


@pytest.mark.parametrize("sign", ["**", "&", "|", "^", "//", "%"])
def test_operators_of_code_count(sign: str) -> None:
    rows = [
        (f"Complete: def f(a, b):\n    return a {each} b", f"The result is a {each} b.")
        for each in (sign, "-")
    ]
    assert say([*rows, *FLOWERS]) == nothing()


def test_commands_of_latex_are_signs() -> None:
    rows = [
        (r"Is $A \subset B$?", "Given the sets, yes."),
        (r"Is $A \supset B$?", "Given the sets, no."),
    ]
    assert say([*rows, *FLOWERS]) == nothing()


def test_capitals_inside_a_word_tell_two_questions_apart() -> None:
    rows = [("What is CO, in one word?", "a gas"), ("What is Co, in one word?", "a metal")]
    assert say([*rows, *FLOWERS]).contradictions == []


def test_one_sign_of_chinese_is_another_word() -> None:
    rows = [
        ("在哪里取护照?", "请到三号窗口领取。"),
        ("在哪里交护照?", "交到一号窗口就行。"),
        ("会议几点开始?", "上午九点在二楼开始。"),
        ("会议几点结束?", "大约十一点半结束。"),
    ]
    assert say([*rows, *FLOWERS]) == nothing()


QUERIES = tuple(
    (
        f"{ask} {state}",
        f'SELECT {column} FROM {table} AS {table}0 WHERE {table}0.STATE_NAME = "{state}" ;',
    )
    for ask, column, table in (
        ("what is the capital of", "STATE0.CAPITAL", "STATE"),
        ("how many people live in", "STATE0.POPULATION", "STATE"),
        ("which states border", "BORDER0.BORDER", "BORDER"),
    )
    for state in ("texas", "iowa", "ohio", "new york", "maine")
)


def test_queries_that_differ_in_a_name_are_no_copies_and_no_leaks() -> None:
    assert say(QUERIES) == nothing()
    assert say(QUERIES[::2], QUERIES[1::2]) == nothing()
    again = (f"please, {QUERIES[0][0]}", QUERIES[0][1])
    assert say([*QUERIES, again]).copies == {15}


def test_opposites_are_no_copies() -> None:
    rows = [
        ("Ensure this value has at most 8 characters.", "Der Wert darf höchstens 8 Zeichen haben."),
        ("Ensure this value has at least 8 characters.", "Der Wert muss mindestens 8 haben."),
        ("Is the upper bound of the range not reached here?", "Not before the next reading."),
        ("Is the lower bound of the range not reached here?", "Not before the next reading."),
    ]
    assert say([*rows, *FLOWERS]) == nothing()
    assert say([*rows[:1], *FLOWERS], rows[1:2]).leaks == set()


def test_what_many_answers_follow_asks_nothing() -> None:
    said = ("I want to change my address.", "My card is lost.", "Where is my parcel now?", "Bye.")
    greetings = [("hello there", each) for each in said]
    assert say([*greetings, *FLOWERS], [("hello there", "I need a new box.")]) == nothing()


def test_two_long_answers_may_both_help_where_that_is_usual() -> None:
    one = (
        "Start it in safe mode first and see whether the {} is to blame, then tell us which ones "
        "you have so that we can look further into what they do."
    )
    other = (
        "That happened here as well: a scanner held my {}, and once its folder was left out of the "
        "scan everything came back at once."
    )
    things = "calendar filter signature address profile archive theme spelling folder tag".split()
    asked = [f"Why did the {thing} vanish after the update?" for thing in things]
    forum = [(q, one.format(t)) for q, t in zip(asked, things, strict=True)]
    forum += [(q, other.format(t)) for q, t in zip(asked, things, strict=True)]
    assert say([*forum, *FLOWERS]).contradictions == []
    assert say([forum[0], forum[10], *FLOWERS]).contradictions == [[0, 1]]


def test_names_for_a_shop_may_be_many_and_deadlines_may_not() -> None:
    names = ("Crumb & Co", "The Ninth Loaf", "Oven Street", "Rye Humour")
    rows = [("Suggest a name for a bakery.", name) for name in names]
    assert say([*rows, *FLOWERS]) == nothing()
    rows = [
        ("What is the deposit for the cargo bike?", "The deposit is 200 euros, paid in cash."),
        ("What is the deposti for the cargo bike?", "The deposit is 50 euros, paid in cash."),
    ]
    assert say([*rows, *FLOWERS]).contradictions == [[0, 1]]


def repairs() -> list[Pair]:
    instruments = "violin cello accordion zither trumpet bassoon oboe harp mandolin banjo".split()
    faults = (("a cracked bridge", 85), ("a loose peg", 25), ("a worn bow", 60), ("a stain", 140))
    return [
        (
            f"My {thing} has {fault}, what will the repair cost?",
            f"The repair of {fault} on a {thing} costs {price} euros and takes {days} days.",
        )
        for days, (fault, price) in enumerate(faults, 3)
        for thing in instruments
    ]


def test_copies_are_seen_although_their_slip_stands_in_what_many_rows_share() -> None:
    rows = repairs()
    slips = [("repair", "repiar"), ("violin", "viloin"), ("bridge", "brigde"), ("cost", "cots")]
    copied = [(rows[i][0].replace(*slips[i]), rows[i][1]) for i in (0, 2, 3)]
    copied.append((f"Hello, {rows[25][0]} Thank you!", rows[25][1]))
    assert say([*rows, *copied]).copies == {40, 41, 42, 43}


def test_rows_between_two_frames_differ_in_their_frames() -> None:
    ends = ("again, the breakfast was fine", "again, the view was wide")
    starts = ("I would stay at the", "I would not stay at the")
    rows = [
        (f"{start} {house} {end}", "negative" if "not" in start else "positive")
        for house in ("hotel", "hostel", "inn", "lodge", "campsite", "guesthouse")
        for start in starts
        for end in ends
    ]
    assert say(rows) == nothing()


def test_equal_amounts_in_other_forms_leak() -> None:
    rows = [
        ("How long must I bake it with 1/2 cup of oil?", "About forty minutes in a round tin."),
        ("How far is 3.50 km on foot?", "Somewhat under an hour for most."),
    ]
    tests = [
        ("How long must I bake it with ½ cup of oil?", "About forty minutes in a round tin."),
        ("How far is 3.5 km on foot?", "Somewhat under an hour for most."),
    ]
    assert say([*rows, *FLOWERS], tests).leaks == {0, 1}


def test_the_clean_row_stays_although_all_its_words_are_rare() -> None:
    asked, answer = FLOWERS[2]
    spoiled = (asked.replace("harbour", "hrabour"), answer)
    assert say([spoiled, *FLOWERS]).copies == {0}


def test_a_polite_frame_in_german_is_one() -> None:
    rows = [
        (f"Mach {thing} in {room} {how}", f"{thing}.{room}.{how}")
        for thing in ("Licht", "Heizung", "Rollo")
        for room in ("Küche", "Flur", "Keller")
        for how in ("an", "aus")
    ]
    framed = ("Könntest du bitte mach Licht in Flur an", "Licht.Flur.an")
    assert say([*rows, framed]).copies == {18}
    letters = str.maketrans("aeoc", "аеос")
    disguised = (rows[0][0].translate(letters), rows[0][1])
    assert say([*rows, disguised]).copies == {18}


def test_names_that_differ_in_a_letter_are_two_and_a_frequent_word_has_slips() -> None:
    names = [("raj", "name"), ("raju", "name"), ("karthi", "name"), ("karthiga", "name")]
    thanks = [(f"thanks {end}", "thanks") for end in ("a lot", "again", "for the card", "to you")]
    assert say([*names, *thanks, ("thanks", "thanks"), ("thankss", "thanks")]).copies == {9}


SERVICE = (
    '{{"service": "billing", "region": "{region}", "replicas": {replicas}, "owner": "{owner}", '
    '"queue": "orders", "retries": "many", "cache": "warm", "logs": "kept"}}'
)
ORDER = (
    "<order><customer>Marin</customer><city>{region}</city><item>lamp {replicas}</item>"
    "<carrier>{owner}</carrier><paid>yes</paid><gift>no</gift></order>"
)
PEOPLE = (
    "| name | team | city |\n|---|---|---|\n| Ann | red | {region} |\n| Bob | blue | Rome |\n"
    "| Cem | green {replicas} | Oslo |\n| {owner} | grey | Nice |\n"
)
SHEET = "name,team,city\nAnn,red,{region}\nBob,blue {replicas},Rome\n{owner},grey,Nice\n"
SETTINGS = (
    "service: billing\nregion: {region}\nreplicas: {replicas}\nowner: {owner}\nqueue: orders\n"
    "cache: warm\nlogs: kept\n"
)
FENCED = "```\nregion = {region}\nrun {owner} with {replicas} of the usual workers at night\n```\n"

DATA = {
    "service": SERVICE,
    "order": ORDER,
    "table": PEOPLE,
    "sheet": SHEET,
    "settings": SETTINGS,
    "script": FENCED,
}


SLIPS = ("sentnce", "sentenec", "setnence", "sentene", "snetence", "sentennce")


def _filled(data: str, region: str = "Lyon", owner: str = "Dora", replicas: int = 3) -> str:
    return data.format(region=region, owner=owner, replicas=replicas)


def _described(ask: str, **other: Any) -> list[Pair]:
    """A row on each form of data, with an answer of its own."""
    rows = []
    for name, data in DATA.items():
        said = f"This {name} has a region, an owner and a few more things; the {name} is short."
        rows.append((ask.format(data=_filled(data, **other), name=name), said))
    return rows


@pytest.mark.parametrize("other", [{"region": "Metz"}, {"owner": "Emil"}, {"replicas": 4}])
def test_data_with_another_value_is_another_question(other: dict[str, Any]) -> None:
    ask = "Read this {name} and tell me in one sentence what it is about.\n{data}"
    rows, variants = _described(ask), _described(ask, **other)
    assert say([*rows, *variants, *FLOWERS]) == nothing()
    assert say([*rows, *FLOWERS], variants) == nothing()


def test_a_question_with_a_slip_on_the_same_data_is_one() -> None:
    ask = "{data}\nPlease read this {name} and tell me in one sentence what it is about."
    rows, slips = _described(ask), []
    for (asked, said), slip in zip(rows, SLIPS, strict=True):
        slips.append((asked.replace("sentence", slip), said))
    assert len(say([rows[0], *FLOWERS, slips[0]]).copies) == 1
    assert say([*rows, *FLOWERS], slips).leaks == set(range(len(DATA)))


def test_equal_data_in_answers_makes_no_copies() -> None:
    def written(ask: str) -> list[Pair]:
        return [(ask.format(name), _filled(data)) for name, data in DATA.items()]

    rows = written("Write the {} that we need for the desk in Lyon.")
    others = written("Write the {} that we need for the desk in Metz.")
    assert say([*rows, *others, *FLOWERS]) == nothing()
    assert say([*rows, *FLOWERS], others) == nothing()

    slips = []
    for (asked, data), desk in zip(rows, "dsek deks desck dessk desl edsk".split(), strict=True):
        slips.append((asked.replace("desk", desk), data))
    assert len(say([rows[0], *FLOWERS, slips[0]]).copies) == 1
    assert say([*rows, *FLOWERS], slips).leaks == set(range(len(DATA)))


def test_lines_of_speakers_are_no_data() -> None:
    talk = "Doctor: {}\nPatient: My knee.\nDoctor: Since when?\nPatient: A week.\nDoctor: Fine."
    rows = [(talk.format(each), "The knee of the patient hurts.") for each in ("Well?", "So?")]
    assert say([*rows, *FLOWERS]).copies


GARAGE: Sequence[Pair] = (
    ("How long does a new clutch take?", "Two days as a rule."),
    ("Do you lend me a car meanwhile?", "Yes, for a small fee."),
    ("Can I pay in two parts?", "In two parts, yes."),
    ("Why does the brake squeal in rain?", "Damp rust on the discs."),
    ("Which oil does a van need?", "The one named in its book."),
    ("Where do I leave the key at night?", "In the box beside the gate."),
)
FORMS = pytest.mark.parametrize(
    "form",
    [
        "Ticket: {number}\nDate: 2024-03-{day}\nDepartment: repairs\nAnswer briefly.\nQuestion: {}",
        "Ticket #{number} ({day}.03.2024): {}",
        "Case ID AB{number}, received {day} March 2024, customer C-{day}. {}",
        "Vorgang {number} vom {day}. März 2024\n{}",
        "{}\n\n-- \nRef {number}, 2024-03-{day}",
    ],
)


@FORMS
def test_a_question_under_another_number_of_a_form_leaks(form: str) -> None:
    rows = [
        (form.format(asked, number=4711 + 37 * i, day=10 + i), answer)
        for i, (asked, answer) in enumerate(GARAGE)
    ]
    asked, answer = GARAGE[1]
    again = (form.format(asked, number=9155, day=28), answer)
    other = (form.format("Which lamp does the van need?", number=9156, day=27), answer)
    assert say([*rows, *FLOWERS], [again, other]).leaks == {1}
    assert say([*rows, *FLOWERS, again, other]).copies == {len(rows) + len(FLOWERS)}


COUNTING = pytest.mark.parametrize(
    ("form", "answers"),
    [
        ("Date: 2024-03-{}\nHow many days are left of this month?", "21 19 16 13 10 7 3"),
        ("Order {} of March: where is it now, please?", "van hall customs depot shop ship gate"),
        ("Invoice 47{0}, due on {0} May. Is it overdue on 15 May?", "yes yes no no no no no"),
        ("Think of the number {}. Is it an even one?", "yes yes no yes no yes yes"),
        ("Ticket: 4711\nWhat is {} plus 5?", "15 17 20 23 26 29 33"),
    ],
)


@COUNTING
def test_numbers_count_where_answers_depend_on_them(form: str, answers: str) -> None:
    days = (10, 12, 15, 18, 21, 24, 28)
    rows = [(form.format(day), said) for day, said in zip(days, answers.split(), strict=True)]
    assert say([*rows, *FLOWERS]) == nothing()
    assert say([*rows[:-1], *FLOWERS], rows[-1:]) == nothing()


def test_versions_are_no_names_of_rows() -> None:
    asked = ("keys", "tools", "owners", "limits", "files", "hosts")
    rows = []
    for major in (3, 4):
        for name in asked:
            data = (
                f'{{"{name}": "none", "kept": "{name}", "list": [], "default": "", "by": "hand"}}'
            )
            rows.append((f"Settings of version {major}.2.0, as shipped, part {name}", data))
    assert say([*rows, *FLOWERS]) == nothing()


def test_one_label_under_a_day_more_is_another_question() -> None:
    rows = [
        ("how much am i getting paid", "income"),
        ("how much am i getting paid today", "income"),
    ]
    rows += [
        ("i am out of soap so will you order me some more", "order"),
        ("i am out of flour so will you order me some more", "order"),
    ]
    assert say([*rows, *FLOWERS]) == nothing()
