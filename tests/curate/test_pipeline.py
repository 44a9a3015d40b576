from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.curate.conftest import HEAD, MakeDefinition, pair
from tunewell.curate import curate
from tunewell.curate.pipeline import Curated, apply_rules, read
from tunewell.errors import DataError
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import parse_task
from tunewell.types import Receipt

LONG = (
    "please tell me how i can move my contract to the new flat in the river street "
    "before the end of next month"
)
ANSWER = (
    "Fill in the form for moving house and send it to us two weeks before the day "
    "on which you get the keys."
)


def run(project: MakeDefinition, rows: list[dict[str, object]], rest: str = "") -> Curated:
    file = project({"a.jsonl": rows}, rest)
    return apply_rules(file, read(file))


def fates(done: Curated) -> dict[str, tuple[str, str]]:
    """Last action and code of every row."""
    last: dict[str, tuple[str, str]] = {}
    for line in done.ledger.table().to_pylist():
        last[line["row"]] = (line["action"], line["code"])
    return last


def test_each_rule_drops_what_it_is_for_and_cites_its_line(project: MakeDefinition) -> None:
    rows = [
        pair(LONG, ANSWER, id="good", kind="moving", date="2026-05-01"),
        pair(
            "Lunch on Friday?",
            "Pizza again, I think, at the usual place.",
            id="chat",
            kind="smalltalk",
        ),
        pair(
            "What is the tariff for the night?",
            "It is 21 cents a kilowatt hour.",
            id="old",
            date="2020-01-01",
        ),
        pair(
            "What did the court say on the tariff?",
            "The clause was void.",
            id="landmark",
            date="2018-01-01",
            landmark="true",
        ),
        pair("Why is the bill so high?", "", id="empty"),
        pair(
            "What is wrong with my meter here?",
            "I'm sorry, but I can't help with that.",
            id="refusal",
        ),
        pair(
            "Wo finde ich die Nummer von meinem Zähler und wie lese ich ihn ab?",
            "Die Nummer steht auf dem Zähler und auf der Rechnung, die wir Ihnen geschickt haben.",
            id="german",
        ),
        pair(
            "Call me back please",
            "We will call jo@okoro.net or +49 170 1234567 back.",
            id="personal",
        ),
    ]
    rest = """\
    rules:
      kinds: {drop: [smalltalk]}
      max_age:
        days: 730
        except: [{field: landmark, is: true}]
      languages: [en]
    """
    data = "data:\n  - path: a.jsonl\n    fields: {tags: [landmark]}\n"
    file = project({"a.jsonl": rows}, rest, data)
    done = apply_rules(file, read(file))
    got = fates(done)
    assert got == {
        "good": ("kept", ""),
        "chat": ("dropped", "D01"),
        "old": ("dropped", "D06"),
        "landmark": ("kept", ""),
        "empty": ("dropped", "D08"),
        "refusal": ("dropped", "D08"),
        "german": ("dropped", "D08"),
        "personal": ("kept", ""),
    }
    cites = {
        line["row"]: line["cites"]
        for line in done.ledger.table().to_pylist()
        if line["action"] == "dropped"
    }
    assert cites["chat"] == "tunewell.yaml:10"
    assert cites["old"] == "tunewell.yaml:12"
    assert cites["german"] == "tunewell.yaml:14"
    masked = next(row for row in done.rows if row.id == "personal").target
    assert "@" not in masked
    assert "1234567" not in masked


def test_repeats_and_contradictions(project: MakeDefinition) -> None:
    edited = LONG.replace("tell", "say to").replace("river", "mill")
    rows = [
        pair(LONG, ANSWER, id="first", date="2024-01-01"),
        pair(LONG.upper() + "!!", ANSWER, id="exact", date="2025-01-01"),
        pair(edited, ANSWER.replace("two", "three"), id="near"),
        pair(
            "Who pays for the new meter in the cellar of the house?",
            "The operator of the grid does.",
            id="yes",
        ),
        pair(
            "Who pays for the new meter in the cellar of the house?",
            "You do, as far as I know.",
            id="no",
        ),
        pair(
            "My bill number 4711 of May 2024 is wrong, please check the sum.",
            "We check bill 4711 today.",
            id="n1",
        ),
        pair(
            "My bill number 5822 of May 2023 is wrong, please check the sum.",
            "We check bill 5822 today.",
            id="n2",
        ),
    ]
    done = run(project, rows)
    got = fates(done)
    assert got["first"] == ("kept", "")
    assert got["exact"] == ("dropped", "D03")
    assert got["near"] == ("dropped", "D04")
    assert got["n1"] == got["n2"] == ("kept", "")  # two facts in one template
    assert sorted(done.ledger.rows["D09"]) == ["no", "yes"]
    newest = run(project, rows, "rules: {exact_duplicates: newest}")
    assert fates(newest)["first"] == ("dropped", "D03")


def test_leaks_are_dropped_from_training_and_test_rows_stay(project: MakeDefinition) -> None:
    test = [
        pair(LONG, ANSWER, id="t1"),
        pair("How do I read the meter in the dark cellar?", "With a lamp.", id="t2"),
    ]
    train = [
        pair(LONG, "Another answer.", id="exact"),
        pair(LONG.title() + "?", ANSWER, id="normalised"),
        pair(LONG.replace("tell", "show").replace("street", "road"), ANSWER, id="edited"),
        pair("Where is the office of the town in winter?", "At the market.", id="clean"),
    ]
    data = "data:\n  - path: train.jsonl\n  - {path: test.jsonl, role: test}\n"
    file = project({"train.jsonl": train, "test.jsonl": test}, "", data)
    done = apply_rules(file, read(file))
    assert {k.train.id: (k.test.id, k.kind) for k in done.related.leaks} == {
        "exact": ("t1", "exact"),
        "normalised": ("t1", "normalised"),
        "edited": ("t1", "edited"),
    }
    assert [row.id for row in done.training] == ["clean"]
    assert [row.id for row in done.tests] == ["t1", "t2"]


def test_recurring_footers_are_stripped_but_formats_are_not(project: MakeDefinition) -> None:
    topics = [
        "the bill",
        "the meter",
        "the move",
        "a tariff",
        "an outage",
        "the heat",
        "a deposit",
        "the grid",
    ]
    footer = (
        "\n\nKind regards, the desk. Northwind Ltd, registered in Hexley. "
        "This message is confidential."
    )
    rows = [
        pair(
            f"Question number one on {t}?",
            f"About {t} we can say this and that." + footer * (i < 5),
            id=f"r{i}",
        )
        for i, t in enumerate(topics * 2)
        if i < 16
    ]
    rows = [{**row, "prompt": row["prompt"] + f" {i}"} for i, row in enumerate(rows)]
    done = run(project, rows, "rules: {near_duplicates: report, exact_duplicates: report}")
    assert not any("confidential" in row.target for row in done.rows)
    assert len(done.ledger.rows["D05"]) == 5
    every = [{**row, "completion": f"The answer is this.\n\n{ANSWER}"} for row in rows]
    assert (
        "D05" not in run(project, every).ledger.rows
    )  # what ends every answer is the task's own format


SUBJECTS = "bill meter move tariff outage deposit grid pump lift stair roof gate".split()


def test_the_close_of_a_letter_that_was_asked_for_stays(project: MakeDefinition) -> None:
    close = "Yours sincerely,\nThe desk at Hexley"
    rows = []
    for i, subject in enumerate(SUBJECTS):
        said = f"Dear tenant, about your {subject} there is this to say: {i} days."
        if i % 2:
            asked = f"Write a letter to a tenant about the {subject} of flat {i}."
            rows.append(pair(asked, f"{said}\n\n{close}", id=f"r{i}"))
        else:
            rows.append(pair(f"And the {subject}?", said, id=f"r{i}"))
    done = run(project, rows, "rules: {near_duplicates: report}")
    assert sum(row.target.endswith(close) for row in done.rows) == 6


def test_links_below_an_answer_are_still_stripped(project: MakeDefinition) -> None:
    footer = (
        "Kind regards, the desk at Hexley\nwww.hexley.example\nUnsubscribe: https://a.org/u?id=1"
    )
    rows = [
        pair(
            f"And the {subject}?", f"It takes {i} days for your {subject}.\n\n{footer}", id=f"r{i}"
        )
        for i, subject in enumerate(SUBJECTS[:5])
    ]
    rows += [pair(f"Why the {each}?", f"For the {each} of old.", id=each) for each in SUBJECTS]
    done = run(project, rows, "rules: {near_duplicates: report}")
    assert not any("Unsubscribe" in row.target for row in done.rows)


def test_data_and_links_in_a_question_are_not_stripped(project: MakeDefinition) -> None:
    data = '{"subject": "Hexley", "body": "It is done. Regards, the desk"}'
    link = "Could you read the notice on www.hexley.example for me?"
    rows = []
    for i, subject in enumerate(SUBJECTS):
        asked = f"About the {subject} number {i}.\n{link if i % 2 else data}"
        rows.append(pair(asked, f"Read: {i}.", id=f"r{i}"))
    done = run(project, rows, "rules: {near_duplicates: report, personal: report}")
    asked_of_all = [row.input for row in done.rows]
    assert sum(text.endswith((data, link)) for text in asked_of_all) == len(SUBJECTS)


def test_what_is_asked_at_the_end_of_many_rows_is_never_stripped(project: MakeDefinition) -> None:
    subjects = "bill meter move tariff outage deposit grid pump lift stair roof gate".split()
    asked = [
        "Which form do I have to send you for that?",
        "Please answer in one short sentence of plain English.",
    ]
    rows = []
    for i, subject in enumerate(subjects * 4):
        lead = f"I had the {subject} looked at in week {i}, as number {i * 3} told me."
        answer = f"For the {subject} of week {i} none."
        rows.append(pair(f"{lead} {asked[i % 2]}", answer, id=f"r{i}"))
    done = run(project, rows, "rules: {near_duplicates: report}")
    assert all(row.input.endswith(tuple(asked)) for row in done.rows)
    assert set(done.ledger.rows["D05"]) == {f"r{i}" for i in range(len(rows))}


def test_the_instruction_becomes_a_system_turn(tmp_path: Path) -> None:
    file = parse_task(
        HEAD + "  instruction: Be kind.\ndata: [{path: a.jsonl}]",
        path=tmp_path / "tunewell.yaml",
        environment={},
    )
    (file.root / "a.jsonl").write_text(json.dumps(pair(LONG, ANSWER)) + "\n")
    done = apply_rules(file, read(file))
    assert done.rows[0].turns[0] == ("system", "Be kind.")


def test_a_dataset_is_stored_with_its_run_and_repeats_to_the_byte(
    project: MakeDefinition, tmp_path: Path
) -> None:
    rows = [
        pair(f"{LONG} {word}", f"{word} {ANSWER}", id=f"r{i}")
        for i, word in enumerate(["one", "blue", "seven"])
    ]
    file = project({"a.jsonl": rows})
    ids = []
    for name in ("s1", "s2"):
        (tmp_path / name).mkdir()
        with Store(tmp_path / name) as store:
            dataset = curate(Project(file, store))
            run_ = store.last_run("curate")
            assert run_ is not None
            assert run_.counts["read"] == dataset.read == 3
            ids.append((dataset.id, dataset.examples, dataset.receipts))
    assert ids[0] == ids[1]


def test_nothing_readable_is_an_error_with_a_hint(project: MakeDefinition, store: Store) -> None:
    with pytest.raises(DataError, match="none of 2 input rows can be read"):
        curate(Project(project({"a.jsonl": "x\ny\n"}), store))
    run_ = store.runs(stage="curate")[-1]
    assert run_.status == "failed"


TEXTS = st.text(alphabet=st.sampled_from("ab \n.é@1"), max_size=40)
ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"prompt": TEXTS, "completion": TEXTS}, optional={"id": st.sampled_from("xyz")}
        ),
        st.just({"odd": 1}),
        st.fixed_dictionaries(
            {
                "messages": st.lists(
                    st.fixed_dictionaries(
                        {
                            "role": st.sampled_from(["user", "assistant", "system", "alien"]),
                            "content": TEXTS,
                        }
                    ),
                    max_size=4,
                )
            }
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_every_input_row_is_accounted_for(
    project: MakeDefinition, rows: list[dict[str, object]]
) -> None:
    file = project(
        {"a.jsonl": [*rows, pair(LONG, ANSWER)]}, "rules: {max_reject_share: 1.0, languages: [en]}"
    )
    done = apply_rules(file, read(file))
    lines: dict[str, list[Receipt]] = defaultdict(list)
    for values in done.ledger.table().to_pylist():
        lines[values["row"]].append(Receipt(**values))
    assert len(lines) == len(rows) + 1
    for row, receipts in lines.items():
        last = Counter(r.action for r in receipts)
        assert [r.order for r in receipts] == list(range(len(receipts)))
        assert last["kept"] + last["dropped"] == 1, row
        assert receipts[-1].action in {"kept", "dropped"}
        assert all(r.cites for r in receipts if r.action != "kept")
    kept = {row.id for row in done.rows if not row.dropped}
    assert kept == {row for row, receipts in lines.items() if receipts[-1].action == "kept"}
