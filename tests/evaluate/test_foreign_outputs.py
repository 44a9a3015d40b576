"""Outputs made elsewhere, judged: every held-out row counts, trivial answers get no GO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.evaluate.conftest import EvaluatedProject
from tunewell.cli.main import app
from tunewell.evaluate import decide, evaluate, evaluate_outputs
from tunewell.evaluate.baselines import nearest_answers
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile, parse_task
from tunewell.types import Evaluation, Example, Finding, Message, Verdict

runner = CliRunner()

TASK = """
task: {name: tone, about: Names the tone of a review., input: a review, output: a tone}
data: [{path: test.jsonl, role: test}]
metrics: [{name: label}]
gates: [{metric: label, kind: GATE}]
people: {approve: [owner]}
"""
LEVEL = "level, at_least: 0.4"
GAIN = "gain, at_least: 0.05, against: base"


def tone(i: int) -> str:
    """50 neutral, 27 good, 23 bad of a hundred."""
    place = i % 100
    return "neutral" if place < 50 else "good" if place < 77 else "bad"


def a_test_set_alone(
    root: Path, *, gate: str = LEVEL, rows: int = 100, extra: str = ""
) -> TaskFile:
    """A project that has a test set and nothing else."""
    text = TASK.replace("GATE", gate) + extra
    (root / "tunewell.yaml").write_text(text, encoding="utf-8")
    lines = []
    for i in range(rows):
        turns = [
            {"role": "user", "content": f"Review number {i} of the shop, word {i * 7919 % 97}."},
            {"role": "assistant", "content": tone(i)},
        ]
        lines.append(json.dumps({"id": f"r{i}", "messages": turns}))
    (root / "test.jsonl").write_text("\n".join(lines), encoding="utf-8")
    file = parse_task(text, path=root / "tunewell.yaml", environment={})
    with Store(root) as store:
        store.say("approval", file.definition, author="owner")
    return file


def outputs(root: Path, name: str, texts: list[Any]) -> str:
    rows = [{"id": f"r{i}", "output": text} for i, text in enumerate(texts)]
    path = root / f"{name}.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return f"--predictions={name}={path}"


def judged(root: Path, *options: str) -> tuple[int, dict[str, Any]]:
    found = runner.invoke(app, ["evaluate", str(root), "--json", *options])
    assert found.exit_code in {0, 3, 4}, found.output
    return found.exit_code, json.loads(found.stdout)["result"]


def codes(verdict: dict[str, Any], status: str = "found") -> set[str]:
    return {f["code"] for f in verdict["findings"] if f["status"] == status}


def good(share: float, count: int = 100) -> list[Any]:
    """Right on the given share of the rows, spread over all tones."""
    wrong = {"neutral": "bad", "good": "neutral", "bad": "good"}
    return [tone(i) if (i * 37) % 100 < share * 100 else wrong[tone(i)] for i in range(count)]


# --- a test set alone ----------------------------------------------------------------------------


def test_a_test_set_alone_is_a_project(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path)
    code, said = judged(tmp_path, outputs(tmp_path, "tuned", good(0.9)))
    assert (code, said["verdict"]["outcome"]) == (0, "GO")
    assert len(said["evaluation"]["rows"]) == 100
    unknown = {f["code"]: f["why"] for f in said["findings"] if f["status"] == "unchecked"}
    assert "T05" in unknown
    assert not any("no tuned model" in why for why in unknown.values())
    assert not (tmp_path / ".tunewell" / "work").exists()


@pytest.mark.parametrize(
    ("share", "code"),
    [(0.9, 0), (0.6, 4), (0.3, 3)],
)
def test_exit_codes_are_those_of_our_own_verdicts(tmp_path: Path, share: float, code: int) -> None:
    a_test_set_alone(tmp_path, gate="level, at_least: 0.65")
    assert judged(tmp_path, outputs(tmp_path, "tuned", good(share)))[0] == code


def test_a_panel_reviews_outputs_made_elsewhere(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path)
    text = (tmp_path / "tunewell.yaml").read_text(encoding="utf-8")
    people = "people: {approve: [owner], rubric: [{name: fits, question: 'Does it fit?'}]}"
    text = text.replace("people: {approve: [owner]}", people)
    (tmp_path / "tunewell.yaml").write_text(text, encoding="utf-8")
    judged(tmp_path, outputs(tmp_path, "tuned", good(0.9)), outputs(tmp_path, "base", good(0.5)))
    project = ["--project", str(tmp_path), "--json"]
    plan = runner.invoke(app, ["review", "plan", *project])
    assert plan.exit_code == 0, plan.output
    opened = runner.invoke(app, ["review", "open", "--rows", "12", *project])
    assert opened.exit_code == 0, (opened.output, opened.exception)


# --- the denominator -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ({"id": "r1", "output": None}, "null"),
        ({"id": "r1"}, "missing"),
        ({"id": "r1", "output": ""}, "empty"),
        ({"id": "r1", "output": "good", "finish_reason": "length"}, "cut off"),
        ({"id": "r1", "output": "good", "finish_reason": "content_filter"}, "refused"),
        ({"id": "r1", "output": "", "error": "timeout"}, "failed"),
        ({"id": "somebody else", "output": "good"}, "missing"),
        ('{"id": "r1", "output": "go', "missing"),
        (None, "missing"),
    ],
)
def test_whatever_a_file_says_of_a_row_it_counts(tmp_path: Path, broken: Any, kind: str) -> None:
    a_test_set_alone(tmp_path)
    rows: list[Any] = [{"id": f"r{i}", "output": text} for i, text in enumerate(good(1.0))]
    rows[1] = broken
    path = tmp_path / "t.jsonl"
    written = [row if isinstance(row, str) else json.dumps(row) for row in rows if row is not None]
    path.write_text("\n".join(written), encoding="utf-8")
    _, said = judged(tmp_path, f"--predictions=tuned={path}")
    (level,) = [x for x in said["evaluation"]["levels"] if x["arm"] == "tuned"]
    assert (level["missing"], level["estimate"]["n"]) == (1, 100)
    (finding,) = [f for f in said["findings"] if f["code"] == "E11"]
    assert (finding["status"], finding["rows"]) == ("found", ["r1"])
    assert f"1 {kind}" in finding["why"]
    assert not finding["blocking"]  # one in a hundred is below the limit


@pytest.mark.parametrize(("gaps", "outcome"), [(0, "GO"), (5, "GO"), (6, "INCONCLUSIVE")])
def test_more_than_one_in_twenty_without_an_answer_decides_nothing(
    tmp_path: Path, gaps: int, outcome: str
) -> None:
    a_test_set_alone(tmp_path)
    texts: list[Any] = good(1.0)
    for i in range(gaps):
        texts[i * 3] = None
    _, said = judged(tmp_path, outputs(tmp_path, "tuned", texts))
    assert said["verdict"]["outcome"] == outcome
    assert ("E11" in codes(said["verdict"])) == bool(gaps)


def test_gaps_of_an_arm_that_no_gate_compares_with_block_nothing(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path)
    gaps: list[Any] = [None] * 100
    gaps[0] = "neutral"
    options = outputs(tmp_path, "tuned", good(1.0)), outputs(tmp_path, "base", gaps)
    assert judged(tmp_path, *options)[1]["verdict"]["outcome"] == "GO"
    other = tmp_path / "gain"
    other.mkdir()
    a_test_set_alone(other, gate=GAIN)
    options = outputs(other, "tuned", good(1.0)), outputs(other, "base", gaps)
    _, said = judged(other, *options)
    assert said["verdict"]["outcome"] == "INCONCLUSIVE"


def test_max_rows_never_drops_an_output_that_was_given(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, extra="evaluate: {max_rows: 33}\n")
    _, said = judged(tmp_path, outputs(tmp_path, "tuned", good(0.9)))
    assert len(said["evaluation"]["rows"]) == 100
    drawn = runner.invoke(app, ["evaluate", str(tmp_path), "--json"])
    assert drawn.exit_code != 0  # nothing to train on


def test_rows_of_other_people_are_told(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, rows=60)
    _, said = judged(tmp_path, outputs(tmp_path, "tuned", good(0.9)))
    assert len(said["evaluation"]["rows"]) == 60
    assert "40 rows are not held-out rows" in " ".join(said["files"][0]["notes"])


def test_ids_of_other_rows_are_suspected_by_their_gold(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, rows=10)
    rows = [{"doc_id": f"r{i}", "doc": {"question": "q"}, "target": "4"} for i in range(10)]
    path = tmp_path / "samples_x.jsonl"
    path.write_text("\n".join(json.dumps({**r, "filtered_resps": ["4"]}) for r in rows), "utf-8")
    _, said = judged(tmp_path, f"--predictions=tuned={path}")
    assert "gold answers are not the project's on 10 rows" in said["files"][0]["notes"][0]


def test_keys_and_texts_that_cannot_be_stored_are_mended(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, rows=2)
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "r0", "output": "x\\ud800", "k\\udfff": "\\ud800"}\n', encoding="utf-8")
    _, said = judged(tmp_path, f"--predictions=tuned={path}")
    assert said["files"][0]["unused"] == ["k\ufffd"]


def test_repeats_score_as_their_mean(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, rows=10)
    samples = []
    for epoch, right in ((1, True), (2, False)):
        for i in range(10):
            message = {"content": tone(i) if right or i < 5 else "bad"}
            output = {"choices": [{"message": message, "stop_reason": "stop"}]}
            samples.append({"id": f"r{i}", "epoch": epoch, "input": "q", "output": output})
    path = tmp_path / "log.json"
    log = {"version": 2, "status": "success", "eval": {"model": "m"}, "samples": samples}
    path.write_text(json.dumps(log), encoding="utf-8")
    _, said = judged(tmp_path, f"--predictions=tuned={path}")
    (level,) = [x for x in said["evaluation"]["levels"] if x["arm"] == "tuned"]
    assert level["estimate"]["value"] == 0.75


def test_outputs_of_ours_that_hit_the_token_limit_are_counted(project: EvaluatedProject) -> None:
    project.tuned._say = lambda text: text
    file = project.file()
    original = project.tuned.generate

    def cut(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        return [g.model_copy(update={"finish": "length"}) for g in made]

    project.tuned.generate = cut  # type: ignore[method-assign]
    evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(file, project.store),
        models=project.models,
    )
    last = project.store.last_run("evaluate")
    assert last is not None
    (finding,) = [f for f in last.findings if f.code == "E11"]
    assert finding.blocking
    assert "'tuned' (120 cut off)" in finding.why
    assert "max_new_tokens" in finding.remedy


# --- trivial answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        (["neutral"] * 100, "INCONCLUSIVE"),
        (["Neutral."] * 97 + ["good"] * 3, "INCONCLUSIVE"),
        (["bad"] * 100, "NO-GO"),
        (["neutral" if i % 8 else tone(i) for i in range(100)], "INCONCLUSIVE"),
        ([f"Review number {i}" for i in range(100)], "NO-GO"),
        (good(0.9), "GO"),
    ],
)
def test_trivial_answers_get_no_go(tmp_path: Path, texts: list[Any], outcome: str) -> None:
    a_test_set_alone(tmp_path)
    _, said = judged(tmp_path, outputs(tmp_path, "tuned", texts))
    assert said["verdict"]["outcome"] == outcome
    assert ("E10" in codes(said["verdict"])) == (outcome != "GO")


def test_a_gain_over_a_base_that_fails_to_format_is_none(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, gate=GAIN)
    prose = ["It reads rather neutral to me, all told, one would say."] * 100
    options = outputs(tmp_path, "tuned", ["neutral"] * 100), outputs(tmp_path, "base", prose)
    code, said = judged(tmp_path, *options)
    assert code != 0
    (criterion,) = said["verdict"]["criteria"]
    assert "not shown to beat the commonest answer" in criterion["why"]


def test_worse_than_production_is_found_even_where_it_beats_the_base(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path, gate=GAIN)
    options = (
        outputs(tmp_path, "tuned", good(0.75)),
        outputs(tmp_path, "base", good(0.2)),
        outputs(tmp_path, "production", good(1.0)),
    )
    code, said = judged(tmp_path, *options)
    assert code == 3
    assert "worse than the model in production" in said["verdict"]["why"]


def test_a_label_that_no_row_is_of_was_not_measured(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path)
    text = (tmp_path / "tunewell.yaml").read_text(encoding="utf-8")
    labels = "{name: label, options: {labels: [neutral, good, bad, mixed]}}"
    (tmp_path / "tunewell.yaml").write_text(text.replace("{name: label}", labels), "utf-8")
    runner.invoke(app, ["approve", str(tmp_path), "--as", "owner"])
    _, said = judged(tmp_path, outputs(tmp_path, "tuned", good(0.9)))
    assert said["verdict"]["outcome"] == "INCONCLUSIVE"
    assert "No held-out row is of the class mixed" in said["verdict"]["why"]


def test_the_nearest_training_row_is_found_by_its_rare_words() -> None:
    def row(name: str, asked: str, answer: str) -> Example:
        turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
        return Example(id=name, messages=turns)

    train = [
        row("1", "please tell me about the invoice", "billing"),
        row("2", "please tell me about the outage", "outage"),
        row("3", "please tell me about the weather", ""),
    ]
    asked = [row("a", "the outage, please", "?"), row("b", "my invoice", "?"), row("c", "", "?")]
    assert nearest_answers(asked, train)[:2] == ["outage", "billing"]
    assert nearest_answers(asked, []) == ["", "", ""]


def test_baselines_stand_beside_the_arms(project: EvaluatedProject) -> None:
    made = evaluate(
        project.dataset,
        project.split,
        project.version,
        Project(project.file(), project.store),
        models=project.models,
    )
    level = {(x.arm, x.metric): x.estimate.value for x in made.levels}
    assert level["commonest answer", "label"] == 0.25
    assert level["copied input", "label"] == 0
    assert ("nearest training row", "label") in level
    assert ("copied input", "support") not in level  # copying is no feat by that measure
    assert made.arms == ("base", "prompted", "tuned")


def test_no_candidate_is_told_as_what_it_is(project: EvaluatedProject) -> None:
    rows = project.store.examples(project.dataset, ids=project.split.ids("test"))
    path = project.root / "p.jsonl"
    path.write_text(json.dumps({"id": rows[0].id, "output": "x"}), encoding="utf-8")
    file = project.file()
    made: Evaluation = evaluate_outputs({"": path}, Project(file, project.store), rows=rows)
    last = project.store.last_run("outputs")
    assert last is not None
    findings: tuple[Finding, ...] = last.findings
    assert any("tuned=FILE" in f.why for f in findings if f.code == "T05")
    verdict: Verdict = decide(made, Project(file, project.store), findings)
    assert "neither a tuned model nor outputs of one" in verdict.why


# --- the ground ----------------------------------------------------------------------------------


def test_a_test_set_that_contradicts_itself_gives_no_go_until_somebody_accepts_it(
    tmp_path: Path,
) -> None:
    file = a_test_set_alone(tmp_path)
    path = tmp_path / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for i in range(3):
        # The same review once more, with another tone.
        rows[60 + i]["messages"][0] = rows[i]["messages"][0]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    given = outputs(tmp_path, "tuned", good(1.0))
    code, said = judged(tmp_path, given)
    assert code == 4
    assert "D09" in codes(said["verdict"])
    assert "D09" in said["verdict"]["why"]
    (finding,) = [f for f in said["findings"] if f["code"] == "D09"]
    assert set(finding["rows"]) == {"r0", "r1", "r2", "r60", "r61", "r62"}
    with Store(tmp_path) as store:
        record = {"reason": "three reviews of a hundred", "until": "2999-01-01"}
        store.say("acceptance", "D09", author="owner", record=record)
    assert file.definition
    code, said = judged(tmp_path, given)
    assert code == 0
    assert "D09" in codes(said["verdict"], "accepted")


def test_rows_that_bring_no_question_are_not_accused(tmp_path: Path) -> None:
    a_test_set_alone(tmp_path)
    path = tmp_path / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["messages"][0]["content"] = "Which tone is it?"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, said = judged(tmp_path, outputs(tmp_path, "tuned", good(1.0)))
    assert code == 0
    assert {"D03", "D09"} <= codes(said["verdict"], "unchecked")
