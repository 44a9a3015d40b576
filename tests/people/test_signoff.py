"""A sign-off names its place in the source, and is open again when the guideline changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.world import TASK, make_project
from tunewell.errors import UserError
from tunewell.people import (
    Accounts,
    Batch,
    MarkedSpan,
    Said,
    WorkStore,
    asked_under,
    judgements,
    reopen_sign_offs,
    sign_offs,
)
from tunewell.people.signoff import sign_offs_csv
from tunewell.project import Project
from tunewell.review import ReviewPlan, newest_evaluation, open_review
from tunewell.store import Store
from tunewell.task import TaskFile, load_task

SIGNED = TASK.replace(
    'nothing else?", scale: yes/no}', 'nothing else?", scale: yes/no, signed: true}'
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[TaskFile, Store, Batch, str]]:
    _, store = make_project(tmp_path)
    (tmp_path / "tunewell.yaml").write_text(SIGNED, encoding="utf-8")
    file = load_task(tmp_path)
    evaluation, examples = newest_evaluation(store)
    plan = ReviewPlan(author="o", arms=("tuned",), rows=6)
    batch = open_review(Project(file, store), evaluation, examples, plan)
    ann = Accounts(store).create("Ann Okafor", role="expert").id
    WorkStore(store).share(batch, [ann])
    yield file, store, batch, ann
    store.close()


def yes(start: int = 0, end: int = 12) -> Said:
    return Said(
        scores={"faithful": 1, "helpful": 4},
        evidence=(MarkedSpan(start=start, end=end, label="faithful"),),
    )


def test_a_yes_names_its_place_and_a_no_need_not(desk: tuple[TaskFile, Store, Batch, str]) -> None:
    _, store, batch, ann = desk
    work_store = WorkStore(store)
    first, second = work_store.next_items(batch.id, ann)[:2]
    bare = Said(scores={"faithful": 1, "helpful": 4})
    with pytest.raises(UserError, match="faithful: mark the place"):
        work_store.write(bare, item=first, batch=batch, account=ann, key="1")
    with pytest.raises(UserError, match="not a place in the text"):
        work_store.write(yes(0, 100_000), item=first, batch=batch, account=ann, key="2")
    other = yes().model_copy(
        update={"evidence": (*yes().evidence, MarkedSpan(start=0, end=3, label="helpful"))}
    )
    with pytest.raises(UserError, match="no such sign-off"):
        work_store.write(other, item=first, batch=batch, account=ann, key="3")
    work_store.write(yes(), item=first, batch=batch, account=ann, key="4")
    work_store.write(
        Said(scores={"faithful": 0, "helpful": 1}), item=second, batch=batch, account=ann, key="5"
    )
    found = sign_offs(work_store, batch)
    assert [(s.value, s.quotes, s.signer, s.holds) for s in found] == [
        (1.0, (first.source[:12],), "Ann Okafor", True),
        (0.0, (), "Ann Okafor", True),
    ]
    assert found[0].version == batch.version


def test_it_is_open_again_when_the_guideline_changes(
    desk: tuple[TaskFile, Store, Batch, str],
) -> None:
    file, store, batch, ann = desk
    work_store = WorkStore(store)
    for n, item in enumerate(work_store.next_items(batch.id, ann, limit=6)):
        work_store.write(yes(), item=item, batch=batch, account=ann, key=str(n))
    work_store.set_status(batch.id, "closed")
    assert reopen_sign_offs(Project(file, store)) == {}
    assert len([j for j in judgements(store) if j.criterion == "faithful"]) == 6
    (file.root / "guideline.md").write_text(
        "# New\n- Amounts of November 2025.\n", encoding="utf-8"
    )
    assert reopen_sign_offs(Project(file, store)) == {batch.id: 6}
    now = work_store.batch(batch.id)
    assert now is not None
    assert (now.status, now.version == batch.version) == ("open", False)
    assert work_store.seats(batch.id)[ann] == {"open": 6, "done": 0}
    assert [j.criterion for j in judgements(store)] == [
        "helpful"
    ] * 6  # what is not signed still counts
    assert not any(s.holds for s in sign_offs(work_store, now))
    asked = asked_under(store, batch.version)
    assert asked is not None
    assert "July 2025" in str(asked["guideline"])
    item = work_store.next_items(batch.id, ann)[0]
    assert work_store.said_before([item.id], ann)[item.id] == yes()
    work_store.write(yes(), item=item, batch=now, account=ann, key="again")
    assert len([j for j in judgements(store) if j.criterion == "faithful"]) == 1
    assert reopen_sign_offs(Project(file, store)) == {}
    assert "open again" in sign_offs_csv(sign_offs(work_store, now))


def test_only_what_is_signed_is_opened_again(tmp_path: Path) -> None:
    file, store = make_project(tmp_path)
    evaluation, examples = newest_evaluation(store)
    plan = ReviewPlan(author="o", arms=("tuned",), rows=3)
    open_review(Project(file, store), evaluation, examples, plan)
    (tmp_path / "guideline.md").write_text("# New\n", encoding="utf-8")
    assert reopen_sign_offs(Project(file, store)) == {}
    store.close()
