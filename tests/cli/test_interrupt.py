"""Ctrl-C, in a real terminal too: one line that says what became of the work."""

from __future__ import annotations

import contextlib
import importlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminals import read_rest, read_until
from tunewell.cli.main import main


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("run", "interrupted: finished work is kept, and the next run resumes from there"),
        ("curate", "interrupted: finished work is kept, and the next run resumes from there"),
        ("why", "interrupted"),
        ("status", "interrupted"),
    ],
)
def test_an_interrupt_says_what_became_of_the_work(
    verb: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    module = importlib.import_module(f"tunewell.cli.{verb}")
    opens = "open_stages" if hasattr(module, "open_stages") else "open_project"
    monkeypatch.setattr(module, opens, interrupted)
    assert main([verb, "ROW-1"] if verb == "why" else [verb]) == 130
    assert capsys.readouterr().err.strip() == says


AT_A_TERMINAL = """
import fcntl, os, signal, sys, termios
# In the background of a script Ctrl-C is ignored or held back, and that is inherited.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "tunewell", *sys.argv[1:]])
"""
"""Takes standard input as its own terminal, as a shell would, and becomes our program."""


def press_ctrl_c(terminal: int, process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, and again where nothing happens, as a person does.

    Python misses a signal that comes after it wrote a prompt and before it waits for the answer.
    """
    for _ in range(12):
        os.write(terminal, b"\x03")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return


def test_ctrl_c_at_a_prompt_of_a_real_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text("question,answer\nWhy?,So.\n", encoding="utf-8")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "init", str(tmp_path)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # A session of its own whose terminal this is, so that Ctrl-C reaches it and nobody else.
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = read_until(ours, "[faq.csv]: ")
        press_ctrl_c(ours, process)
        shown += read_rest(ours)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait(60)
        os.close(ours)
    assert "nothing was written" in shown
    assert not re.search("Traceback|resumes", shown)
    assert [path.name for path in tmp_path.iterdir()] == ["faq.csv"]
