"""Days as files, the end of what is old, and a person who is taken out."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tunewell.cli.main import main
from tunewell.gateway.archive import archive_days, day_file, remove_old, write_day
from tunewell.gateway.draw import Hasher
from tunewell.gateway.keep import feedback_line, interaction_line, traffic_ledger
from tunewell.gateway.places import gateway_folder, salt
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Feedback, Interaction

FIRST = dt.datetime(2026, 11, 1, 23, 59, tzinfo=dt.UTC)
YAML = """
version: 1
task:
  name: desk
  about: answers questions of customers
  input: a question
  output: an answer
data: [{path: rows.jsonl}]
"""


def fill(store: Store, *, days: int = 3, **more: Any) -> None:
    for day in range(days):
        at = FIRST + dt.timedelta(days=day)
        row = Interaction(id=f"i{day}", at=at, assigned="a", response=f"answer {day}", **more)
        said = Feedback(
            key=f"k{day}",
            interaction=row.id,
            kind="correction",
            text="ask Jonas Okoro",
            at=at,
            received=at,
        )
        store.change(
            interactions.insert().values(**interaction_line(row)),
            feedback.insert().values(**feedback_line(said)),
        )


def test_a_file_for_each_day_that_is_over(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        written = archive_days(store, today=dt.date(2026, 11, 3))
        assert [path.stem[-2:] for path in written] == ["01", "02"]
        assert archive_days(store, today=dt.date(2026, 11, 3)) == []
        table = pq.read_table(written[0])
        assert table["response"].to_pylist() == ["answer 0"]
        before = written[0].read_bytes()
        write_day(store, dt.date(2026, 11, 1))
        assert written[0].read_bytes() == before


def test_what_is_older_than_it_may_be_is_removed_with_its_files(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        archive_days(store, today=dt.date(2026, 11, 9))
        assert remove_old(store, before=dt.date(2026, 11, 3)) == 2
        ledger = traffic_ledger(store)
        assert (ledger.recorded, ledger.removed) == (1, 2)
        assert [row.id for row in read_interactions(store)] == ["i2"]
        assert [said.key for said in read_feedback(store)] == ["k2"]
        assert not day_file(store, dt.date(2026, 11, 1)).exists()
        assert day_file(store, dt.date(2026, 11, 3)).exists()


def test_pages_of_interactions_are_in_order_and_whole(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        lines = []
        for number in range(2_500):
            at = FIRST + dt.timedelta(seconds=number // 7)
            lines.append(interaction_line(Interaction(id=f"{number:05d}", at=at, assigned="a")))
        with store.connection(write=True) as connection:
            connection.execute(interactions.insert(), lines)
        ids = [row.id for row in read_interactions(store)]
        assert ids == [f"{number:05d}" for number in range(2_500)]
        late = list(read_interactions(store, since=FIRST + dt.timedelta(seconds=300)))
        assert len(late) == 2_500 - 300 * 7


def test_a_person_is_taken_out_and_the_rows_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    (tmp_path / "tunewell.yaml").write_text(YAML, encoding="utf-8")
    user = Hasher(salt(gateway_folder(tmp_path))).user("Jonas Okoro")
    with Store(tmp_path) as store:
        fill(store, days=2, request={"messages": [{"content": "I am Jonas Okoro"}]})
        theirs = Interaction(id="own", at=FIRST, assigned="a", user=user, response="private")
        others = Interaction(id="other", at=FIRST, assigned="a", response="for all")
        for row in (theirs, others):
            store.change(interactions.insert().values(**interaction_line(row)))
        archive_days(store, today=dt.date(2026, 12, 1))
    assert main(["erase", "--person", "Jonas Okoro", "--json", "-p", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)["result"]["traffic"]
    assert found == {"interactions": 3, "feedback": 2}
    with Store(tmp_path) as store:
        rows = {row.id: row for row in read_interactions(store)}
        assert len(rows) == 4
        assert rows["other"].response == "for all"
        assert (rows["own"].response, rows["own"].user) == ("", "")
        assert traffic_ledger(store).recorded == 4
        written = "".join(row.model_dump_json() for row in rows.values())
        written += "".join(said.model_dump_json() for said in read_feedback(store))
        assert "Okoro" not in written
        table = pq.read_table(day_file(store, FIRST.date()))
        assert "private" not in str(table.to_pydict())
