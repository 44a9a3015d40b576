"""The sample of a stress test in the review app: two questions, one answer, yes or no."""

from __future__ import annotations

from tests.web.conftest import World, texts
from tunewell.annotate import rows_of
from tunewell.evaluate.stress import PERTURBATIONS, AnswerCheck, open_preserved
from tunewell.lineage import record
from tunewell.people import judgements
from tunewell.project import Project


def test_people_answer_would_the_same_answer_do(world: World) -> None:
    rows, families = rows_of(world.store, "test")
    with record(world.store, "stress", inputs={}, parameters={}) as run:
        made = [PERTURBATIONS["upper_case"](row) for row in rows]
        run.outputs["perturbed"] = world.store.put_examples([e for e in made if e is not None])
    check = AnswerCheck(author="o", count=4, raters=1)
    batch = open_preserved(Project(world.file, world.store), rows, check, families=families)
    ann, owner = world.client("Ann"), world.client("Olga", "owner")
    world.work_store.share(batch, [world.account("Ann", "expert").id])
    page = texts(ann.client.get(f"/work/{batch.id}").text)
    assert "Would the answer below still do for the changed question?" in page
    first = ann.items(batch.id)[0]
    assert first["output"].startswith(first["source"].split("\n\n— Answer —")[0].upper())
    assert ann.say(first["id"], "k1", scores={"same-answer": 1}).status_code == 200
    (word,) = judgements(world.store)
    assert (word.criterion, word.value, word.example.endswith("~upper_case")) == (
        "same-answer",
        1,
        True,
    )
    assert owner.client.get(f"/batches/{batch.id}").status_code == 200
