"""How far a piece of work is: a bar in a terminal, lines elsewhere, a note for other processes.

Whatever takes longer than two seconds says what it does, how far it is and how long it still takes.
``tunewell status`` reads the note while another process works.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from tunewell.cli.common import Step, err, note
from tunewell.plurals import per_cent

SHOW_AFTER_S: Final = 2.0
"""What takes longer than this shows its progress."""

TICK_S: Final = 0.5

LINES_AFTER_S: Final = (2.0, 10.0, 30.0, 60.0)
"""Where there is no terminal, the first lines come so long after the start, then one a minute."""

NOTE: Final = "progress.json"
"""Kept in the project's ``.tunewell`` while something works."""

FEWEST_FOR_ESTIMATE: Final = 0.02
"""Share of the work that must be done before the rest is estimated from it."""


class Work:
    """A piece of work in progress.

    Args:
        label: What is under way.
        clock: Gives seconds.
    """

    def __init__(self, label: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.label = label
        self.done = 0
        self.total = 0
        self._clock = clock
        self._began = clock()

    def step(self, done: int, total: int) -> None:
        """Take down how far it is."""
        self.done, self.total = done, total

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._began

    @property
    def left_s(self) -> float | None:
        """How long it still takes at the speed so far; None while nothing tells."""
        share = self.done / self.total if self.total else 0.0
        if share < FEWEST_FOR_ESTIMATE:
            return None
        return self.seconds * (1 - share) / share

    def line(self) -> str:
        """All of it in one line.

        Example:
            >>> seconds = iter([0.0, 30.0, 30.0])
            >>> work = Work("train", clock=lambda: next(seconds))
            >>> work.step(1, 4)
            >>> work.line()
            'train: 25 % (1 of 4), 30 s so far, about 90 s left'
        """
        passed = f"{in_time(self.seconds)} so far"
        if not self.total:
            return f"{self.label}: {passed}"
        share = per_cent(self.done / self.total)
        text = f"{self.label}: {share} ({self.done:,} of {self.total:,}), {passed}"
        left = self.left_s
        return text if left is None else f"{text}, about {in_time(left)} left"

    def as_json(self) -> dict[str, Any]:
        """What the note holds."""
        return {
            "process": os.getpid(),
            "label": self.label,
            "done": self.done,
            "total": self.total,
            "seconds": round(self.seconds, 1),
            "left_s": self.left_s,
        }


def in_time(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> in_time(89), in_time(600), in_time(9000)
        ('89 s', '10 min', '2.5 h')
    """
    if seconds < MINUTES_FROM_S:
        return f"{seconds:.0f} s"
    if seconds < HOURS_FROM_S:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


MINUTES_FROM_S: Final = 91
HOURS_FROM_S: Final = 5400
"""Durations are shown in minutes from a minute and a half, in hours from an hour and a half."""


class _Left(ProgressColumn):
    """How long it still takes."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def render(self, task: Task) -> Text:
        left = self._work.left_s
        return Text("" if left is None else f"about {in_time(left)} left", style="dim")


class _Counts(ProgressColumn):
    """How many of how many, where that is known."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}" if task.total else "")


class _Bar(Progress):
    """A progress bar with something under it."""

    below: Callable[[], RenderableType] | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.below:
            yield self.below()


class _Display:
    """Shows a piece of work from time to time, in a thread of its own.

    Args:
        work: What is shown.
        quiet: Show nothing, whatever the time; the note is kept all the same.
        below: Gives what is shown under the bar.
        kept_in: Folder of the note; None = nowhere.
    """

    def __init__(
        self,
        work: Work,
        *,
        quiet: bool,
        below: Callable[[], RenderableType] | None,
        kept_in: Path | None,
    ) -> None:
        self._work = work
        self._quiet = quiet
        self._note = kept_in / NOTE if kept_in else None
        self._over = threading.Event()
        self._lines = 0
        self._bar = _Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            _Counts(),
            TimeElapsedColumn(),
            _Left(work),
            console=err,
            transient=True,
        )
        self._bar.below = below
        self._task = self._bar.add_task(work.label, total=None)
        self._shown = False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to look at the work."""
        self._thread.start()

    def stop(self) -> None:
        """Take away what is shown, and the note."""
        self._over.set()
        self._thread.join()
        if self._shown:
            self._bar.stop()
        if self._note:
            self._note.unlink(missing_ok=True)

    def _watch(self) -> None:
        while not self._over.wait(TICK_S):
            self._keep_note()
            if self._quiet or self._work.seconds < SHOW_AFTER_S:
                continue
            if err.is_terminal:
                self._draw()
            else:
                self._say()

    def _draw(self) -> None:
        if not self._shown:
            self._bar.start()
            self._shown = True
        self._bar.update(self._task, completed=self._work.done, total=self._work.total or None)

    def _say(self) -> None:
        """A line, at growing distances."""
        last = LINES_AFTER_S[-1]
        if self._lines < len(LINES_AFTER_S):
            due = LINES_AFTER_S[self._lines]
        else:
            due = last * (self._lines - len(LINES_AFTER_S) + 2)
        if self._work.seconds >= due:
            self._lines += 1
            note(f"  {self._work.line()}")

    def _keep_note(self) -> None:
        """For other processes. A disk that is full must not end the work."""
        if self._note is None:
            return
        partial = self._note.with_suffix(".partial")
        with contextlib.suppress(OSError):
            partial.write_text(json.dumps(self._work.as_json()), encoding="utf-8")
            os.replace(partial, self._note)


@contextlib.contextmanager
def watched(
    label: str,
    *,
    quiet: bool = False,
    below: Callable[[], RenderableType] | None = None,
    kept_in: Path | None = None,
) -> Iterator[Step]:
    """As `tunewell.cli.common.progress`, which every verb uses."""
    work = Work(label)
    display = _Display(work, quiet=quiet, below=below, kept_in=kept_in)
    display.start()
    try:
        yield work.step
    finally:
        display.stop()


def noted_in(folder: Path) -> dict[str, Any]:
    """How far the work is that another process does, from its note; empty without one."""
    try:
        found = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
