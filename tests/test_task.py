"""tunewell.yaml: every fault at once, with its line; every value with where it came from."""

from pathlib import Path

import pytest

from tunewell.errors import TaskError, UserError
from tunewell.task import TaskFile, load_task, parse_task

GOOD = """\
task:
  name: desk
  about: Answers customers of an energy supplier.
  input: a question
  output: an answer
  must_not: ["refund", "/\\\\bguarantee\\\\w*/"]
data:
  - {path: raw/*.jsonl, format: fields, fields: {input: q, target: a}}
rules:
  max_age:
    days: 700
    except: [{field: landmark, is: true}]
metrics:
  - {name: key_points}
gates:
  - {metric: key_points, kind: gain, at_least: 0.05}
"""


def parse(text: str, *overrides: str, environment: dict[str, str] | None = None) -> TaskFile:
    return parse_task(
        text, path=Path("p/tunewell.yaml"), overrides=overrides, environment=environment or {}
    )


def test_good_file_and_where() -> None:
    file = parse(GOOD)
    assert file.spec.rules.max_age is not None
    assert file.spec.rules.max_age.exceptions[0].values == ("true",)
    assert file.where("rules.max_age.days") == "tunewell.yaml:11"
    assert file.where("rules.max_age.undated") == "tunewell.yaml:10"
    assert file.where("rules.personal") == "tunewell.yaml:9"
    assert file.exactly("rules.personal") == "default"
    assert file.where("split.folds") == "default"
    assert file.root == Path("p")


def test_all_faults_together_with_their_lines() -> None:
    bad = (
        GOOD.replace("name: desk", "name: Desk!")
        .replace("days: 700", "days: 0")
        .replace("kind: gain", "kind: gian")
    )
    bad += "colour: red\nsplit: {folds: 1}\n"
    with pytest.raises(TaskError) as caught:
        parse(bad)
    places = {place for place, _ in caught.value.faults}
    assert places == {
        "tunewell.yaml:2",
        "tunewell.yaml:11",
        "tunewell.yaml:16",
        "tunewell.yaml:17",
        "tunewell.yaml:18",
    }
    assert "Got 'Desk!'" in str(caught.value)
    assert "hint:" in str(caught.value)


def test_a_gate_on_an_unknown_metric_is_a_fault_at_the_gate() -> None:
    with pytest.raises(TaskError) as caught:
        parse(GOOD.replace("metric: key_points", "metric: keypoints"))
    assert caught.value.faults[0][0] == "tunewell.yaml:16"
    assert "known: key_points, nats" in caught.value.faults[0][1]


def test_all_bad_gates_are_reported_together_beside_the_faults_of_fields() -> None:
    bad = GOOD.replace("days: 700", "days: 0").replace("metric: key_points", "metric: keypoints")
    bad += "  - {metric: useful, kind: level, at_least: 0.8, slices: town}\n"
    bad += "  - {metric: nats, kind: no_worse, margin: -1, against: base}\n"
    with pytest.raises(TaskError) as caught:
        parse(bad)
    faults = dict(caught.value.faults)
    assert set(faults) == {f"tunewell.yaml:{line}" for line in (11, 16, 17, 18)}
    assert [why for place, why in caught.value.faults if place == "tunewell.yaml:17"] == [
        "gates[1]: no metric or criterion 'useful'; known: key_points, nats.",
        "gates[1]: 'town' is not among the slices (none).",
    ]


def test_a_bad_gate_of_a_flag_names_the_flag() -> None:
    with pytest.raises(TaskError, match=r"flag --set gates: gates\[0\]: no metric"):
        parse(GOOD.split("gates:")[0], "gates=[{metric: rouge, at_least: 0.1}]")
    with pytest.raises(TaskError, match="gates: Input should be a valid tuple"):
        parse(GOOD, "gates=none")


def test_a_key_that_stands_twice_is_a_fault() -> None:
    with pytest.raises(TaskError, match="is there twice"):
        parse(GOOD + "data: []\n")


def test_a_gate_needs_one_threshold() -> None:
    with pytest.raises(TaskError, match="exactly one of at_least and at_most"):
        parse(GOOD.replace("at_least: 0.05", "at_least: 0.05, at_most: 1"))


def test_a_broken_pattern_and_a_template_with_code_are_faults() -> None:
    with pytest.raises(TaskError, match="not a valid pattern"):
        parse(GOOD.replace('"refund"', '"/(/"'))
    with pytest.raises(TaskError, match="only plain column names"):
        parse(GOOD.replace("format: fields", 'format: fields, template: "{q.__class__!r}"'))


def test_flag_beats_environment_beats_file_beats_default() -> None:
    environment = {"TUNEWELL__TRAIN__EPOCHS": "7", "TUNEWELL__SPLIT__FOLDS": "4", "UNRELATED": "1"}
    file = parse(GOOD, "train.epochs=2", "gates.0.at_least=0.1", environment=environment)
    assert (file.spec.train.epochs, file.spec.split.folds, file.spec.gates[0].at_least) == (
        2,
        4,
        0.1,
    )
    assert file.where("train.epochs") == "flag --set train.epochs"
    assert file.where("split.folds") == "environment TUNEWELL__SPLIT__FOLDS"


def test_a_wrong_override_names_the_flag() -> None:
    with pytest.raises(TaskError, match=r"flag --set train\.epochs: train\.epochs: .* Got 0"):
        parse(GOOD, "train.epochs=0")
    with pytest.raises(UserError, match="leads nowhere"):
        parse(GOOD, "task.name.first=x")
    with pytest.raises(UserError, match="is not a YAML value"):
        parse(GOOD, "task.name=[a")
    with pytest.raises(UserError, match="name=value"):
        parse(GOOD, "train.epochs")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_what_is_not_a_mapping_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="empty or not a mapping"):
        parse(text)


def test_yaml_that_does_not_parse_names_its_line() -> None:
    with pytest.raises(UserError) as caught:
        parse("task:\n  name: [a\n")
    assert caught.value.place.startswith("tunewell.yaml:")


def test_no_file_and_wrong_encoding(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no"):
        load_task(tmp_path)
    (tmp_path / "tunewell.yaml").write_bytes(b"task: {name: caf\xe9}")
    with pytest.raises(UserError, match="not UTF-8"):
        load_task(tmp_path)


def test_definition_changes_with_what_has_to_be_approved_and_with_nothing_else() -> None:
    base = parse(GOOD).definition
    assert parse(GOOD.replace("days: 700", "days: 701")).definition != base
    assert parse(GOOD.replace("an answer", "a short answer")).definition != base
    assert parse(GOOD, "train.epochs=2", "split.folds=3").definition == base


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ruls: {}", "ruls: there is no such key; did you mean 'rules'?"),
        ("train: {epoch: 3}", "train.epoch: there is no such key; did you mean 'epochs'?"),
        ("rules: {max_age: {day: 3}}", "did you mean 'days'?"),
        ("gates: [{metrik: label, kind: level, at_least: 1}]", "did you mean 'metric'?"),
        ("split: {zebra: 3}", "this section has: test, review, folds"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_one(line: str, said: str) -> None:
    text = (
        "task: {name: desk, about: Answers customers., input: a question, output: an answer}\n"
        f"data: [{{path: rows.jsonl}}]\n{line}\n"
    )
    with pytest.raises(TaskError) as error:
        parse_task(text, path=Path("tunewell.yaml"), environment={})
    assert said in str(error.value)
    assert "tunewell.yaml:3" in str(error.value)
