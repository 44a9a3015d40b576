"""What watching keeps between two looks never shows: the same bits as a look at everything."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tunewell import watching_traffic
from tunewell.gateway.keep import feedback_line, interaction_line
from tunewell.monitor import kept_traffic
from tunewell.monitor.found import Watched
from tunewell.monitor.kept_blocks import FOLDER, KeptBlocks, forget_kept
from tunewell.monitor.periods import EPOCH
from tunewell.monitor.traffic_days import day_counts
from tunewell.monitor.watch import look
from tunewell.project import Project
from tunewell.stats import steps
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.types import Feedback, Interaction
from tunewell.watching import look_at_traffic
from tunewell.watching_traffic import traffic_of

TASK = """\
version: 1
task: {name: desk, about: Answers of a desk., input: A question., output: An answer.}
data: [{path: rows.jsonl}]
"""
DAYS = 176
SERVICE = simulate(
    ServiceSettings(days=DAYS, daily=8, reviewed=0),
    [PlantedIncident(kind="behaviour", day=140, size=0.6)],
    seed=8,
)
INTERACTIONS = list(SERVICE.interactions())
FEEDBACK = list(SERVICE.feedback())
START = min(row.at for row in INTERACTIONS).replace(hour=0, minute=0, second=0, microsecond=0)


def _put(
    store: Store,
    rows: list[Interaction],
    said: list[Feedback],
) -> None:
    with store.connection(write=True) as connection:
        if rows:
            connection.execute(sa.insert(interactions), [interaction_line(row) for row in rows])
        if said:
            connection.execute(sa.insert(feedback), [feedback_line(each) for each in said])


def _put_days(
    store: Store,
    first: int,
    last: int,
) -> None:
    """The days from one until before another."""
    low, high = START + dt.timedelta(days=first), START + dt.timedelta(days=last)
    rows = [row for row in INTERACTIONS if low <= row.at < high]
    said = [each for each in FEEDBACK if low <= each.received < high]
    _put(store, rows, said)


def _look(project: Project) -> Watched:
    return look_at_traffic(project, traffic_of(project))


def _bits(watched: Watched) -> list[object]:
    """Everything in a look, numbers by their bits."""
    channels = [
        [
            each.channel.key,
            each.channel.total.tobytes(),
            each.channel.weight.tobytes(),
            each.expected.tobytes(),
            each.low.tobytes(),
            each.high.tobytes(),
            each.references,
        ]
        for each in watched.channels
    ]
    rest = dataclasses.replace(watched, channels=())
    return [channels, rest]


def _project(folder: Path) -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "tunewell.yaml").write_text(TASK, encoding="utf-8")
    return Project.open(folder)


@pytest.fixture(autouse=True, scope="module")
def _thresholds() -> Iterator[None]:
    """Thresholds without simulated years: that looks agree does not depend on their height."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_largest", lambda *_: np.linspace(2.5, 4.5, 400))
        yield


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """A look at everything by a project that never looked before."""
    with _project(tmp_path_factory.mktemp("once") / "p") as project:
        _put_days(project.store, 0, DAYS)
        return _bits(_look(project))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project that looked four days before the end."""
    with _project(tmp_path / "p") as opened:
        _put_days(opened.store, 0, DAYS - 4)
        _look(opened)
        yield opened


def test_day_by_day_gives_the_same_bits_as_everything_at_once(
    project: Project, at_once: list[object]
) -> None:
    days = [*range(DAYS - 4, DAYS), DAYS]
    for first, last in itertools.pairwise(days):
        _put_days(project.store, first, last)
        watched = _look(project)
    assert _bits(watched) == at_once
    assert _bits(_look(project)) == at_once


def test_what_is_kept_is_used(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _put_days(project.store, DAYS - 4, DAYS - 3)
    written: list[str] = []
    write = KeptBlocks.write

    def counted(
        files: KeptBlocks,
        name: str,
        arrays: dict[str, np.ndarray],
    ) -> None:
        written.append(name)
        write(files, name, arrays)

    monkeypatch.setattr(KeptBlocks, "write", counted)
    _look(project)
    # The new day, what the reference adds to it, and the feedback of its stretch.
    assert 1 <= len(written) <= 4


@pytest.mark.slow
def test_a_look_that_is_killed_leaves_nothing_wrong_behind(
    project: Project, at_once: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    _put_days(project.store, DAYS - 4, DAYS)
    write = KeptBlocks.write
    calls = itertools.count()

    def killed(
        files: KeptBlocks,
        name: str,
        arrays: dict[str, np.ndarray],
    ) -> None:
        if next(calls) == 3:
            (files.folder / "half.part").write_bytes(b"PK")
            raise KeyboardInterrupt
        write(files, name, arrays)

    monkeypatch.setattr(KeptBlocks, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        _look(project)
    monkeypatch.undo()
    assert _bits(_look(project)) == at_once
    assert not list((project.store.root / FOLDER).glob("*.part"))


def test_files_that_are_cut_off_or_gone_are_made_again(
    project: Project, at_once: list[object]
) -> None:
    _put_days(project.store, DAYS - 4, DAYS)
    files = sorted((project.store.root / FOLDER).glob("*.safetensors"))
    for path in files[::3]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    files[1].unlink()
    assert _bits(_look(project)) == at_once


@pytest.mark.slow
def test_rows_that_come_late_or_are_removed_are_seen(project: Project) -> None:
    _put_days(project.store, DAYS - 4, DAYS)
    gone = [row.id for row in INTERACTIONS if (row.at - START).days == 60][::2]
    with project.store.connection(write=True) as connection:
        connection.execute(sa.delete(interactions).where(interactions.c.id.in_(gone)))
    early = INTERACTIONS[40]
    late = Feedback(
        key="late",
        interaction=early.id,
        kind="thumb",
        value=1.0,
        at=early.at,
        received=INTERACTIONS[-1].at,
    )
    _put(project.store, [], [late])
    kept = _bits(_look(project))
    forget_kept(project.store)
    assert _bits(_look(project)) == kept


@pytest.mark.slow
def test_what_is_kept_says_the_same_as_reading_everything(project: Project) -> None:
    _put_days(project.store, DAYS - 4, DAYS)
    traffic = traffic_of(project)
    kept = look(
        [traffic.seen.records],
        kept={"traffic": traffic.seen.terms} if traffic.seen.terms else None,
    )
    anew = look([traffic.anew.records])
    assert traffic.seen.terms is not None
    said = {(alarm.channel, alarm.slice, alarm.since) for alarm in kept.alarms}
    assert said == {(alarm.channel, alarm.slice, alarm.since) for alarm in anew.alarms}
    ours = {str(each.channel.key): each.channel.total for each in kept.channels}
    theirs = {str(each.channel.key): each.channel.total for each in anew.channels}
    assert ours.keys() == theirs.keys()
    assert any("cluster" in name for name in ours)
    for key, total in ours.items():
        np.testing.assert_allclose(total, theirs[key], err_msg=str(key))


@pytest.mark.slow
def test_several_processes_give_the_same_bits(
    tmp_path: Path, at_once: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_traffic, "MANY_ROWS", 1)
    monkeypatch.setattr(watching_traffic, "processors", lambda: 2)
    written: list[str] = []
    monkeypatch.setattr(kept_traffic, "block_of", lambda *_: written.append("here"))
    with _project(tmp_path / "p") as other:
        _put_days(other.store, 0, DAYS)
        assert _bits(_look(other)) == at_once
    assert not written


def test_days_are_counted_as_they_are(project: Project) -> None:
    days = Counter((row.at - EPOCH).days for row in INTERACTIONS)
    gone = sorted(days)[50]
    with project.store.connection(write=True) as connection:
        day = (EPOCH + dt.timedelta(days=gone)).date().isoformat()
        connection.execute(sa.delete(interactions).where(interactions.c.at.startswith(day)))
    counts = day_counts(project.store, interactions)
    last = max(counts)
    assert counts == {day: (rows, 0) for day, rows in days.items() if day <= last and day != gone}


def test_erasing_a_person_removes_what_is_kept(project: Project) -> None:
    assert list((project.store.root / FOLDER).iterdir())
    forget_kept(project.store)
    assert not (project.store.root / FOLDER).exists()
