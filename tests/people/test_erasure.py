"""A person is taken out of people's work, and the record of it still holds."""

from __future__ import annotations

import sqlalchemy as sa

from tests.people.test_work_store import GOOD, opened
from tunewell.people import Accounts, AuditLog
from tunewell.people.erasure import erase_from_work
from tunewell.people.row_changes import WrittenAnswer, freeze_gold, gold_registry
from tunewell.store import Store
from tunewell.store.tables import events


def mentions(text: str) -> bool:
    return "Jonas Okoro" in text


def test_what_names_a_person_is_blanked_and_the_chain_holds(store: Store) -> None:
    jonas = Accounts(store).create("Jonas Okoro", role="expert")
    audit = AuditLog(store)
    work, batch, items = opened(store, people=("ann",))
    for n, item in enumerate(items[:2]):
        comment = "as Jonas Okoro said" if n else "fine"
        said = GOOD.model_copy(update={"comment": comment})
        work.write(said, item=item, batch=batch, account="ann", key=f"k{n}", actor="ann")
    audit.add("jonas okoro", "sign-in", "Jonas Okoro")
    answers = [
        WrittenAnswer(example="1", target="Ask Jonas Okoro."),
        WrittenAnswer(example="2", target="Ask the desk."),
    ]
    freeze_gold(store, answers, author="owner")

    found = erase_from_work(store, mentions, author="dpo")

    assert found.kept_rows >= 3
    assert found.accounts == (jonas.id,)
    assert list(gold_registry(store).rows) == ["2"]
    assert [verdict.key for verdict in work.verdicts(batch.id)] == ["k0"]
    assert len(work.verdicts(batch.id, all_words=True)) == 2
    report = store.check_ledger()
    assert (report.faults, report.erased) == ((), found.kept_rows)
    kept = store.values(sa.select(events.c.record))
    assert not any(mentions(record) for record in kept)
    assert all(line.subject != "Jonas Okoro" for line in audit.lines())
