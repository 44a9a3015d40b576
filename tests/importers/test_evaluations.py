"""OpenAI Evals, graders and promptfoo: what was checked there is checked here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.importers.made import Made, ignored, made, write
from tunewell.errors import DataError, UserError

CAPITALS = [
    {"input": [{"role": "user", "content": "Capital of France?"}], "ideal": "Paris"},
    {"input": "Capital of Bolivia?", "ideal": ["Sucre", "La Paz"], "region": "Andes"},
]


def registry(folder: Path, kind: str, **arguments: Any) -> Path:
    """A registry with one evaluation, its samples where the registry has them."""
    write(folder / "registry" / "data" / "caps" / "samples.jsonl", CAPITALS)
    value = {
        "caps": {"id": "caps.dev.v0", "metrics": ["accuracy"], "description": "Knows capitals."},
        "caps.dev.v0": {
            "class": f"evals.elsuite.{kind}",
            "args": {"samples_jsonl": "caps/samples.jsonl", **arguments},
        },
    }
    return write(folder / "registry" / "evals" / "caps.yaml", value)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("basic.match:Match", "Paris, of course.", "It is Paris"),
        ("basic.includes:Includes", "It is Paris!", "it is paris!"),
        ("basic.fuzzy_match:FuzzyMatch", "the paris", "London"),
        ("basic.json_match:JsonMatch", "Paris", "London"),
    ],
)
def test_a_class_becomes_a_metric_that_scores_as_it_did(
    kind: str, right: str, wrong: str, tmp_path: Path
) -> None:
    if "Json" in kind:
        CAPITALS_JSON = [{"input": "As JSON?", "ideal": '{"a": 1}'}]
        source = registry(tmp_path, kind)
        write(tmp_path / "registry" / "data" / "caps" / "samples.jsonl", CAPITALS_JSON)
        right, wrong = '{ "a":1 }', '{"a": 2}'
    else:
        source = registry(tmp_path, kind)
    found = made(source, tmp_path / "p")
    (metric,) = found.metrics()
    row = found.rows()[0]
    assert found.value(metric, right, row) == 1.0
    assert found.value(metric, wrong, row) == 0.0
    assert ignored(source, found.result) == []


def test_rows_keep_every_answer_and_field(tmp_path: Path) -> None:
    found = made(registry(tmp_path, "basic.match:Match"), tmp_path / "p")
    second = found.rows()[1]
    assert second.references == ("Sucre", "La Paz")
    assert second.tags["region"] == "Andes"
    assert second.kind == "caps.dev.v0"
    assert found.file.spec.task.about == "Knows capitals."
    assert found.value("match", "La Paz", second) == 1.0


def test_case_is_ignored_where_it_was(tmp_path: Path) -> None:
    source = registry(tmp_path, "basic.includes:Includes", ignore_case=True)
    found = made(source, tmp_path / "p")
    assert found.value("includes", "IT IS PARIS", found.rows()[0]) == 1.0


def test_what_a_model_graded_is_asked_of_people_and_of_a_named_judge(tmp_path: Path) -> None:
    source = registry(tmp_path, "modelgraded.classify:ModelBasedClassify", modelgraded_spec="fact")
    found = made(source, tmp_path / "p")
    (criterion,) = found.file.spec.people.rubric
    assert criterion.question == "Does the answer agree with the reference answer in every fact?"
    assert found.file.spec.metrics == ()
    judged = made(source, tmp_path / "q", judge="judge-1", judge_url="http://localhost:1/v1")
    (metric,) = judged.file.spec.metrics
    assert metric.name == criterion.name
    assert (metric.options["model"], metric.options["url"]) == ("judge-1", "http://localhost:1/v1")

    prompt = {"fact": {"prompt": "Compare the facts.", "choice_strings": "ABCDE"}}
    write(tmp_path / "registry" / "modelgraded" / "fact.yaml", prompt)
    own = made(source, tmp_path / "r")
    assert own.file.spec.people.rubric[0].question == "Compare the facts."


def test_evaluations_that_measure_other_things_are_named(tmp_path: Path) -> None:
    value = {
        "a.v0": {"class": "evals.elsuite.basic.match:Match", "args": {"samples_jsonl": "a.jsonl"}},
        "b.v0": {"class": "evals.elsuite.basic.includes:Includes", "args": {}},
        "c.v0": {"class": "evals.elsuite.bluff.eval:BluffEval", "args": {"opponent": "x"}},
    }
    source = write(tmp_path / "evals" / "abc.yaml", value)
    found = made(source, tmp_path / "p")
    assert [metric.name for metric in found.file.spec.metrics] == ["match"]
    assert "--only b.v0" in found.why("b.v0")
    assert "played over several turns" in found.why("c.v0")
    assert any("get a.jsonl" in step for step in found.result.todo)
    other = made(source, tmp_path / "q", only="b.v0")
    assert [metric.name for metric in other.file.spec.metrics] == ["includes"]
    with pytest.raises(UserError, match=r"no evaluation 'z'.*a\.v0, b\.v0, c\.v0"):
        made(source, tmp_path / "r", only="z")
    with pytest.raises(DataError, match="BluffEval"):
        made(source, tmp_path / "s", only="c.v0")


def test_a_pointer_of_git_lfs_is_said_to_be_one(tmp_path: Path) -> None:
    source = registry(tmp_path, "basic.match:Match")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"
    write(tmp_path / "registry" / "data" / "caps" / "samples.jsonl", pointer)
    with pytest.raises(UserError, match="pointer of Git LFS"):
        made(source, tmp_path / "p")


def test_samples_outside_the_folder_of_data_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "secret.jsonl", CAPITALS)
    source = registry(tmp_path, "basic.match:Match", samples_jsonl="../../secret.jsonl")
    found = made(source, tmp_path / "p")
    assert not (tmp_path / "p" / "data").exists()
    assert found.line("caps.dev.v0.args.samples_jsonl")[0] == "changed"


# --- graders --------------------------------------------------------------------------------------

OUTPUT = "{{ sample.output_text }}"
ITEMS = [
    {"item": {"question": "Capital of France?", "answer": "Paris"}},
    {"item": {"question": "Capital of Peru?", "answer": "Lima"}},
]


def graded(tmp_path: Path, *graders: dict[str, Any], **options: Any) -> Made:
    value = {
        "object": "eval",
        "id": "eval_1",
        "name": "Capitals",
        "created_at": 1,
        "data_source_config": {"type": "custom", "schema": {"type": "object"}},
        "testing_criteria": list(graders),
        "metadata": {},
    }
    source = write(tmp_path / "eval.json", value)
    items = write(tmp_path / "items.jsonl", ITEMS)
    found = made(source, tmp_path / f"p{len(list(tmp_path.iterdir()))}", data=items, **options)
    assert ignored(source, found.result) == []
    return found


def check(operation: str, reference: str = "{{ item.answer }}") -> dict[str, Any]:
    return {
        "type": "string_check",
        "name": operation,
        "operation": operation,
        "input": OUTPUT,
        "reference": reference,
    }


@pytest.mark.parametrize(
    ("operation", "right", "wrong"),
    [
        ("eq", "Paris", "paris"),
        ("ne", "Lyon", "Paris"),
        ("like", "It is Paris.", "it is paris."),
        ("ilike", "it is PARIS.", "Lyon"),
    ],
)
def test_string_checks(operation: str, right: str, wrong: str, tmp_path: Path) -> None:
    found = graded(tmp_path, check(operation))
    row = found.rows()[0]
    assert (found.value(operation, right, row), found.value(operation, wrong, row)) == (1.0, 0.0)
    fixed = graded(tmp_path, check("eq", "Lyon"))
    assert fixed.value("eq", "Lyon", row) == 1.0


def test_text_similarity_with_its_threshold(tmp_path: Path) -> None:
    base = {"type": "text_similarity", "name": "sim", "input": OUTPUT}
    passes = {**base, "reference": "{{item.answer}}", "evaluation_metric": "fuzzy_match"}
    found = graded(tmp_path, {**passes, "pass_threshold": 0.8})
    row = found.rows()[0]
    assert found.value("sim", "Pariss", row) == 1.0
    assert found.value("sim", "Rome", row) == 0.0
    plain = graded(tmp_path, passes)
    assert 0 < plain.value("sim", "Parma", row) < 1
    for unlike in ("cosine", "meteor"):
        left = graded(tmp_path, {**passes, "evaluation_metric": unlike})
        assert left.file.spec.metrics == ()
        assert left.line("testing_criteria.0.evaluation_metric")[0] == "not carried over"


def test_graders_of_models_are_asked_of_people_and_of_their_model(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": f"Is this right? {OUTPUT}"}]
    score = {"type": "score_model", "name": "s", "model": "gpt-4o", "input": turns, "range": [1, 7]}
    label = {
        "type": "label_model",
        "name": "l",
        "model": "gpt-4o",
        "input": turns,
        "labels": ["good", "bad"],
        "passing_labels": ["good"],
    }
    found = graded(tmp_path, score, label)
    scales = {each.name: each.scale for each in found.file.spec.people.rubric}
    assert scales == {"s": "1-5", "l": "yes/no"}
    assert "does it deserve good?" in found.file.spec.people.rubric[1].question
    assert {metric.options["model"] for metric in found.file.spec.metrics} == {"gpt-4o"}
    other = graded(tmp_path, score, judge="mine")
    assert other.file.spec.metrics[0].options["model"] == "mine"


def test_code_is_kept_as_text_and_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    code = f"open({str(trap)!r}, 'w')\ndef grade(sample, item): return 1.0\n"
    found = graded(tmp_path, {"type": "python", "name": "../py", "source": code})
    (kept,) = (found.folder / "kept").iterdir()
    assert kept.name == "py.py.txt"
    assert kept.read_text(encoding="utf-8") == code
    assert not trap.exists()
    assert found.metrics() == {}


def test_the_parts_of_a_multi_grader_are_metrics(tmp_path: Path) -> None:
    value = {
        "type": "multi",
        "name": "both",
        "graders": {"a": check("eq"), "b": check("ilike")},
        "calculate_output": "0.5 * a + 0.5 * b",
    }
    source = write(tmp_path / "grader.json", value)
    found = made(source, tmp_path / "p")
    assert [metric.name for metric in found.file.spec.metrics] == ["eq", "ilike"]
    assert found.line("calculate_output")[0] == "not carried over"
    assert ignored(source, found.result) == []


# --- promptfoo ------------------------------------------------------------------------------------

PROMPTFOO: dict[str, Any] = {
    "description": "Answers about cities",
    "prompts": ["What is the capital of {{country}}? {{ style | upper }}", "Capital: {{country}}"],
    "providers": ["openai:gpt-4o-mini", {"id": "anthropic:claude", "config": {"temperature": 0}}],
    "defaultTest": {
        "vars": {"style": "brief"},
        "assert": [{"type": "latency", "threshold": 4000}],
    },
    "tests": [
        {
            "description": "France",
            "vars": {"country": "France"},
            "assert": [
                {"type": "equals", "value": "Paris"},
                {"type": "not-icontains", "value": "london"},
                {"type": "javascript", "value": "output.length < 5"},
            ],
        },
        {
            "vars": {"country": ["Peru", "Chile"]},
            "assert": [
                {"type": "contains-any", "value": "Lima, Santiago"},
                {"type": "regex", "value": r"^[A-Z]\w+$"},
                {"type": "llm-rubric", "value": "Names {{country}} only"},
            ],
        },
    ],
    "outputPath": "out.json",
    "custom": 1,
}


def test_a_promptfoo_configuration(tmp_path: Path) -> None:
    source = write(tmp_path / "promptfooconfig.yaml", PROMPTFOO)
    found = made(source, tmp_path / "p")
    rows = found.rows()
    assert [row.input for row in rows] == [
        "What is the capital of France? {{ style | upper }}",
        "What is the capital of Peru? {{ style | upper }}",
        "What is the capital of Chile? {{ style | upper }}",
    ]
    assert rows[0].target == "Paris"
    assert found.value("row_checks", "Paris", rows[0]) == 1.0
    assert found.value("row_checks", "Paris or London", rows[0]) == 0.0
    assert found.value("row_checks", "Lima", rows[1]) == 1.0
    assert found.value("row_checks", "lima", rows[1]) == 0.0
    assert rows[1].tags["rubric"] == "Names Peru only"
    (asked,) = found.file.spec.people.rubric
    assert (asked.name, asked.per_row) == ("meets_rubric", "tags.rubric")

    assert ignored(source, found.result) == []
    assert found.line("defaultTest.assert.0")[0] == "not carried over"
    assert found.line("tests.0.assert.2")[0] == "not carried over"
    assert found.why("custom") == "Tunewell does not know this key"
    assert "output.length" in (tmp_path / "p" / "kept" / "assertions.txt").read_text(
        encoding="utf-8"
    )
    assert any("more than plain variables" in note for note in found.result.notes)


def test_another_prompt_is_named_by_its_number(tmp_path: Path) -> None:
    source = write(tmp_path / "c.yaml", PROMPTFOO)
    found = made(source, tmp_path / "p", only="2")
    assert found.rows()[0].input == "Capital: France"
    with pytest.raises(UserError, match="one of the 2 prompts"):
        made(source, tmp_path / "q", only="3")


def test_tests_and_prompts_in_files(tmp_path: Path) -> None:
    table = "country,__expected,__description\nFrance,Paris,first\nPeru,contains: Lima,\n"
    write(tmp_path / "tests.csv", table)
    write(tmp_path / "prompt.txt", "Capital of {{country}}?")
    config = {
        "prompts": ["file://prompt.txt"],
        "providers": ["echo"],
        "tests": "file://tests.csv",
        "defaultTest": {"assert": [{"type": "llm-rubric", "value": "Is polite", "metric": "tone"}]},
    }
    found = made(write(tmp_path / "promptfooconfig.yaml", config), tmp_path / "p")
    rows = found.rows()
    assert [row.input for row in rows] == ["Capital of France?", "Capital of Peru?"]
    assert found.value("row_checks", "It is Lima", rows[1]) == 1.0
    assert [(each.name, each.question) for each in found.file.spec.people.rubric] == [
        ("tone", "Is polite")
    ]


def test_files_outside_and_code_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "secret.txt", "SECRET")
    config = {
        "prompts": ["prompts.py:make"],
        "providers": ["echo"],
        "tests": [{"vars": {"q": "file://../secret.txt"}}, "file://tests.py"],
    }
    found = made(write(tmp_path / "in" / "promptfooconfig.yaml", config), tmp_path / "p")
    assert "SECRET" not in (tmp_path / "p" / "data" / "tests.jsonl").read_text(encoding="utf-8")
    assert found.line("tests.1")[0] == "not carried over"
    assert any("is code" in note for note in found.result.notes)


def test_a_template_is_never_executed(tmp_path: Path) -> None:
    config = {
        "prompts": ["{{q}} {{ 7*7 }} {{ ''.__class__ }} {% for x in y %}"],
        "providers": ["echo"],
        "tests": [{"vars": {"q": "{{ secret }}"}, "assert": [{"type": "equals", "value": "49"}]}],
    }
    found = made(write(tmp_path / "c.yaml", config), tmp_path / "p")
    assert found.rows()[0].input.startswith("{{ secret }} {{ 7*7 }} {{ ''.__class__ }}")
