"""Review and annotate through the command line: pool, sign-offs, similar rows, import, freeze."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.web.world import TASK, make_project
from tunewell.annotate import rows_of
from tunewell.cli.main import app, main
from tunewell.errors import UserError
from tunewell.iterate.pool_answers import pool_evaluation
from tunewell.lineage import record
from tunewell.model.fake import FakeModel
from tunewell.people import Accounts, MarkedSpan, Said, WorkStore
from tunewell.people.row_changes import words_for
from tunewell.project import Project
from tunewell.review import ReviewPlan, open_review
from tunewell.store import Store
from tunewell.task import TaskFile, load_task
from tunewell.types import Estimate, ModelVersion, Recipe, Trained


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TaskFile, Store]]:
    _, store = make_project(tmp_path)
    (tmp_path / "tunewell.yaml").write_text(
        TASK.replace("scale: yes/no}", "scale: yes/no, signed: true}")
    )
    monkeypatch.chdir(tmp_path)
    yield load_task(tmp_path), store
    store.close()


def ask(*words: str) -> dict[str, Any]:
    found = CliRunner().invoke(app, [*words, "--json"])
    assert found.exit_code == 0, (found.output, found.exception)
    return dict(json.loads(found.stdout))


def trained(store: Store) -> None:
    """A training run as the stage leaves it."""
    one = Estimate(value=1.0, low=1.0, high=1.0, n=1, method="exact")
    model = ModelVersion(
        id="v1",
        base="fake",
        adapter="a" * 64,
        recipe=Recipe(),
        dataset="d",
        split="s",
        trained_on=1,
    )
    with record(store, "train", inputs={}, parameters={}) as run:
        run.outputs["trained"] = store.put_value(
            Trained(model=model, trace="", best_epoch=1, held_out_loss=one, train_loss=one)
        )


def test_the_pool_is_answered_by_the_newest_model_and_its_corrections_train(
    project: tuple[TaskFile, Store],
) -> None:
    file, store = project
    examples, families = rows_of(store, "review")
    with pytest.raises(UserError, match="nothing has been trained"):
        pool_evaluation(Project(file, store), examples[:4], families)
    trained(store)
    model = FakeModel(lambda prompt: "Pay 999.99 EUR.")
    found = pool_evaluation(
        Project(file, store), examples[:4], families, models=lambda _version: model
    )
    assert found.arms == ("tuned",)
    assert len(model.calls) == 4
    plan = ReviewPlan(author="o", arms=found.arms, rows=4, part="review")
    batch = open_review(Project(file, store), found, examples[:4], plan)
    ann = Accounts(store).create("Ann", role="expert").id
    book = WorkStore(store)
    book.share(batch, [ann])
    item = book.items(batch.id)[0]
    assert (item.part, item.output, item.marks[0].kind) == (
        "review",
        "Pay 999.99 EUR.",
        "unsupported",
    )
    said = Said(scores={"faithful": 0, "helpful": 1}, correction="Pay what the bill says.")
    book.write(said, item=item, batch=batch, account=ann, key="k")
    (word,) = words_for(store).corrections
    assert (word.example, word.target) == (item.example, "Pay what the bill says.")


def test_sign_offs_are_listed_and_written(project: tuple[TaskFile, Store], tmp_path: Path) -> None:
    _, store = project
    ann = Accounts(store).create("Ann", role="expert").id
    batch = ask("review", "open", "--rows", "4", "--raters", "1", "--to", "ann")["result"]["batch"]
    book, known = WorkStore(store), WorkStore(store).batch(batch)
    assert known is not None
    item = book.next_items(batch, ann)[0]
    said = Said(
        scores={"faithful": 1, "helpful": 4},
        evidence=(MarkedSpan(start=0, end=9, label="faithful"),),
    )
    book.write(said, item=item, batch=known, account=ann, key="k")
    (one,) = ask("review", "signoffs", "--out", "signed.csv")["result"]
    assert (one["signer"], one["holds"], one["quotes"]) == ("Ann", True, [item.source[:9]])
    assert "Ann" in (tmp_path / "signed.csv").read_text()
    (tmp_path / "guideline.md").write_text("# New\n")
    text = CliRunner().invoke(app, ["review", "signoffs"]).output
    assert "1 sign-off, 0 valid" in text
    assert "1 are open again" in text


def test_annotations_come_in_and_are_frozen(
    project: tuple[TaskFile, Store], tmp_path: Path
) -> None:
    _, store = project
    name = rows_of(store, "review")[0][0].id
    values = {"label": {"value": "billing"}, "answer": {"value": "The right answer."}}
    records = [
        {
            "id": name,
            "responses": [{"user_id": u, "status": "submitted", "values": values} for u in "ab"],
        }
    ]
    (tmp_path / "argilla.json").write_text(json.dumps(records))
    command = ("annotate", "import", "--format", "argilla", "--in", "argilla.json")
    assert ask(*command)["result"]["new"] == 2
    assert ask(*command)["result"]["known"] == 2
    frozen = ask("annotate", "freeze")["result"]
    assert list(frozen["rows"]) == [name]
    assert frozen["rows"][name]["target"] == "The right answer."
    opened = ask("annotate", "open", "--rows", "6", "--novel", "0.5", "--blind", "0.5")["result"]
    assert opened["items"] == 6
    assert opened["coverage"]["groups"] == 2
    hidden = [i for i in WorkStore(store).items(opened["batch"]) if not i.output]
    assert len(hidden) == 3
    assert CliRunner().invoke(app, ["annotate", "import", "--in", "gone.json"]).exit_code == 1


def test_nothing_near_is_said(project: tuple[TaskFile, Store]) -> None:
    ask("review", "open", "--rows", "4", "--raters", "1")
    assert ask("review", "nearest")["result"] == {"batch": "", "items": 0, "seats": 0}


def test_the_rows_of_a_stress_test_are_laid_before_people(project: tuple[TaskFile, Store]) -> None:
    from tunewell.evaluate.stress import PERTURBATIONS

    _, store = project
    Accounts(store).create("Ann", role="expert")
    refused = CliRunner().invoke(app, ["annotate", "open", "--from", "stress"])
    assert "there is no stress test" in str(refused.exception) + refused.output
    ask("review", "open", "--rows", "4", "--raters", "1", "--to", "ann")
    rows = rows_of(store, "test")[0]
    made = [
        e
        for k in ("typos", "upper_case")
        for row in rows
        if (e := PERTURBATIONS[k](row)) is not None
    ]
    with record(store, "stress", inputs={}, parameters={}) as run:
        run.outputs["perturbed"] = store.put_examples(made)
    words = ("annotate", "open", "--from", "stress", "--rows", "10", "--raters", "1", "--to", "ann")
    found = ask(*words)["result"]
    assert (found["items"], found["seats"]) == (10, 10)
    batch = WorkStore(store).batch(found["batch"])
    assert batch is not None
    assert [(c.name, c.scale) for c in batch.rubric] == [("same-answer", "yes/no")]
    items = WorkStore(store).items(batch.id)
    assert sorted(i.example.split("~")[1] for i in items) == ["typos"] * 5 + ["upper_case"] * 5
    assert {i.family for i in items} <= {f"f{row.id}" for row in rows}
    assert ask("review", "results")["result"]["batch"]["id"] != batch.id


def test_every_verb_for_people_takes_json(project: tuple[TaskFile, Store]) -> None:
    from tunewell.cli.annotate import VERBS as ANNOTATE
    from tunewell.cli.review import VERBS as REVIEW

    for group, verbs in (("annotate", ANNOTATE), ("review", REVIEW)):
        for verb in verbs:
            shown = CliRunner().invoke(app, [group, verb, "--help"]).output
            assert "--json" in shown, f"{group} {verb}"


@pytest.mark.parametrize("form", ["label-studio", "argilla", "csv"])
def test_an_export_goes_to_stdout_to_a_file_or_into_the_envelope(
    form: str, project: tuple[TaskFile, Store], tmp_path: Path
) -> None:
    ask("annotate", "open", "--rows", "3")
    plain = CliRunner().invoke(app, ["annotate", "export", "--format", form])
    assert plain.exit_code == 0
    result = ask("annotate", "export", "--format", form)["result"]
    assert (result["rows"], result["annotations"], result["text"]) == (3, 0, plain.stdout)
    written = ask("annotate", "export", "--format", form, "--out", "words")["result"]
    assert written["path"] == "words"
    assert (tmp_path / "words").read_text() == plain.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["annotate", "import"],
        ["annotate", "alt-test"],
        ["annotate", "results", "--rows", "5"],
        ["review", "open", "--rows", "-1"],
        ["review", "open", "--from", "train"],
    ],
)
def test_what_a_verb_does_not_take_is_misuse(
    words: list[str], project: tuple[TaskFile, Store], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert f"hint: tunewell {words[0]} {words[1]} --help" in capsys.readouterr().err


def test_a_panel_is_planned_and_its_power_is_checked(
    project: tuple[TaskFile, Store], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "plan"]) == 0
    assert "hours in total" in capsys.readouterr().out
    assert main(["review", "plan", "--power", "1.5"]) == 1
    assert "--power must be between 0 and 1, got 1.5" in capsys.readouterr().err


def test_who_is_recorded_is_named_or_taken_from_the_environment(
    project: tuple[TaskFile, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store = project
    monkeypatch.setenv("TUNEWELL_AUTHOR", "olga")
    for words, author in ((["--as", "ann"], "ann"), ([], "olga"), (["--as", ""], "olga")):
        batch = WorkStore(store).batch(
            ask("annotate", "open", "--rows", "1", *words)["result"]["batch"]
        )
        assert batch is not None
        assert batch.author == author


def test_corrected_errors_that_come_back_are_counted(
    project: tuple[TaskFile, Store],
) -> None:
    from tunewell.iterate.recurrence import measure_recurrence
    from tunewell.review.human_changes import human_changes

    file, store = project
    opened = Project(file, store)
    with pytest.raises(UserError, match="no answer had been corrected"):
        measure_recurrence(opened)
    examples, families = rows_of(store, "review")
    trained(store)
    wrong = FakeModel(lambda prompt: "Pay 999.99 EUR.")
    found = pool_evaluation(opened, examples[:4], families, models=lambda _version: wrong)
    plan = ReviewPlan(author="o", arms=found.arms, rows=4, part="review")
    batch = open_review(opened, found, examples[:4], plan)
    ann = Accounts(store).create("Ann", role="expert").id
    book = WorkStore(store)
    book.share(batch, [ann])
    for number, item in enumerate(book.items(batch.id)[:2]):
        said = Said(scores={"faithful": 0, "helpful": 1}, correction="Pay 12.50 EUR.")
        book.write(said, item=item, batch=batch, account=ann, key=f"k{number}")
    assert [change.kinds for change in human_changes(store)] == [("other values",)] * 2
    with pytest.raises(UserError, match="no answer had been corrected"):
        measure_recurrence(opened)

    trained(store)  # again, after the corrections
    answers = iter(["Pay 999.99 EUR.", "Pay 12.50 EUR."])
    later = FakeModel(lambda prompt: next(answers))
    measured = measure_recurrence(opened, models=lambda _version: later)
    assert measured.rate is not None
    assert (measured.rate.value, measured.rate.n) == (0.5, 2)
    assert (measured.trained_on, measured.unanswered) == (2, 0)


def test_batches_are_named_by_title_or_id_in_every_verb(project: tuple[TaskFile, Store]) -> None:
    _, store = project
    for name, role in (("ann", "expert"), ("judy", "expert")):
        Accounts(store).create(name, role=role)  # type: ignore[arg-type]
    first = ask("annotate", "open", "--rows", "2", "--title", "June", "--to", "ann")["result"]
    second = ask("annotate", "open", "--rows", "3", "--title", "July", "--to", "ann")["result"]
    assert ask("annotate", "export", "--batch", "june")["result"]["rows"] == 2
    assert ask("annotate", "export", "--batch", first["batch"][:8])["result"]["rows"] == 2
    assert ask("annotate", "export")["result"]["rows"] == 3, "the newest if none is named"
    named = ("annotate", "adjudicators", "--to", "judy", "--batch", "June")
    assert ask(*named)["result"]["adjudicators"] == ["judy"]
    assert ask("annotate", "close", "--batch", "July")["result"]["status"] == "closed"
    closed = WorkStore(store).batch(second["batch"])
    assert closed is not None
    assert closed.status == "closed"
    assert ask("annotate", "reopen", "--batch", "July")["result"]["status"] == "open"

    for wrong, hint in (("May", "June"), ("zz", "July")):
        refused = CliRunner().invoke(app, ["annotate", "gold", "--batch", wrong])
        assert isinstance(refused.exception, UserError)
        assert hint in refused.exception.hint
    ask("annotate", "open", "--rows", "2", "--title", "june", "--to", "ann")
    refused = CliRunner().invoke(app, ["annotate", "gold", "--batch", "June"])
    assert isinstance(refused.exception, UserError)
    assert "2 annotate batches are called" in refused.exception.message
    annotator = CliRunner().invoke(app, ["annotate", "adjudicators", "--to", "ann"])
    assert isinstance(annotator.exception, UserError)
    assert "annotates this batch" in annotator.exception.message


def test_an_annotation_without_an_adjudicator_says_how_to_name_one(
    project: tuple[TaskFile, Store],
) -> None:
    said = CliRunner().invoke(app, ["annotate", "open", "--rows", "2"]).stdout
    assert "tunewell annotate adjudicators --to NAME" in said


def test_the_plan_says_when_no_gate_needs_people(
    project: tuple[TaskFile, Store], tmp_path: Path
) -> None:
    text = TASK[: TASK.index("gates:")] + TASK[TASK.index("\npeople:") + 1 :]
    (tmp_path / "tunewell.yaml").write_text(text)
    assert "no gate needs people" in CliRunner().invoke(app, ["review", "plan"]).stdout
