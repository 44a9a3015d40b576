"""Faults of the server and kills of the process change nothing in what is accepted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tunewell.augment import Augmented, Decided, Wanted
from tunewell.store import Store
from tunewell.testing.faulty_endpoint import FAULTS, FaultyEndpoint
from tunewell.testing.made_up import augment_made_up, cells_of_rows, made_up_rows, writer_at

ROWS = 60
WANTED = (26, 14)


def undisturbed(folder: Path) -> Augmented:
    with FaultyEndpoint().serving() as url:
        wanted = Wanted(cells_of_rows(*WANTED), [writer_at(url)])
        return augment_made_up(folder, made_up_rows(ROWS), wanted)


def test_faults_change_nothing_and_everything_is_accounted_for(tmp_path: Path) -> None:
    calm = undisturbed(tmp_path / "calm")
    endpoint = FaultyEndpoint(share=0.4, hang_s=1.1, seed=4)
    with endpoint.serving() as url:
        wanted = Wanted(cells_of_rows(*WANTED), [writer_at(url)])
        made = augment_made_up(tmp_path / "faulty", made_up_rows(ROWS), wanted)
    assert set(endpoint.faults) == set(FAULTS), "every kind of fault was met"
    assert made.content == calm.content
    assert [cell.accepted for cell in made.cells] == list(WANTED)
    assert all(cell.balances and not cell.stopped for cell in made.cells)
    assert not endpoint.state()["paid_twice"]

    with Store(tmp_path / "faulty") as store:
        decided = store.get_value(made.decided, list[Decided])
        rows = store.examples(made.accepted)
    assert [each.number for each in decided] == list(range(made.asked))
    assert Counter(each.fate for each in decided)["accepted"] == made.rows == len(rows)
    assert all(each.reason and each.evidence for each in decided if each.fate == "rejected")
    assert {row.origin for row in rows} == {"augmentation"}
    assert all(row.id.startswith(f"{row.parent}~") for row in rows)


def test_killed_twice_it_goes_on_and_pays_for_no_more_than_was_in_flight(
    tmp_path: Path,
) -> None:
    calm = undisturbed(tmp_path / "calm")
    endpoint = FaultyEndpoint(share=0.2, hang_s=1.3, seed=9)
    folder = tmp_path / "killed"
    folder.mkdir()
    with endpoint.serving() as url:
        command = [sys.executable, "-m", "tunewell.testing.made_up", str(folder), url]
        command += map(str, (1.0, ROWS, *WANTED))
        for kill in range(1, 3):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            wait_for_paid(endpoint, 12 * kill, process)
            process.kill()
            process.wait()
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == calm.content
    assert endpoint.state()["paid_twice"] <= 2 * 16


def wait_for_paid(endpoint: FaultyEndpoint, count: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while endpoint.state()["paid"] < count and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_torn_line_at_the_end_of_the_journal_is_cut_off(tmp_path: Path) -> None:
    from tunewell.augment.journal import Journal, JournalLine
    from tunewell.model.base import Generation

    path = tmp_path / "work" / "journal.jsonl"
    reply = Generation(text="ü", prompt_tokens=3, tokens=1, finish="stop")
    with Journal(path) as journal:
        journal.write(JournalLine(ref="a", attempt=0, generator="w", reply=reply, price=0.5))
    with path.open("ab") as file:
        file.write(b'{"ref": "b", "att')
    with Journal(path) as journal:
        assert [(line.ref, line.price) for line in journal.lines] == [("a", 0.5)]
        journal.write(JournalLine(ref="b", attempt=0, generator="w", reply=reply))
    with Journal(path) as journal:
        assert [line.ref for line in journal.lines] == ["a", "b"]
