"""Fifty kills in the migrations of a new project, and three processes that open one at once.

`python -m bench web/migration_kills`; KILLS (50). Each time a process that opens a new project is
killed (SIGKILL) a little later than the time before; then the project has to open and hold.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.machine import keep
from tunewell.store import Store

KILLS = int(os.environ.get("KILLS", "50"))
OPEN = """
import sys
from pathlib import Path
from tunewell.store import Store
with Store(Path(sys.argv[1])) as store:
    store.say("opened", "x", author="bench")
"""


def _opening(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", OPEN, str(folder)], stderr=subprocess.DEVNULL)


def _killed_at(folder: Path, wait_s: float) -> bool:
    """Kill an opening so long after its database began; whether it was still under way."""
    process = _opening(folder)
    database = folder / ".tunewell" / "tunewell.db"
    while process.poll() is None and not database.exists():
        time.sleep(0.0002)
    time.sleep(wait_s)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _holds(folder: Path) -> bool:
    try:
        with Store(folder) as store:
            store.say("opened", "x", author="after")
            return not store.check_ledger().faults
    except Exception as error:
        print(f"{folder.name}: {error}")
        return False


def main() -> None:
    """Kill, open again, and write how many held."""
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        whole.mkdir()
        started = time.perf_counter()
        _opening(whole).wait()
        took_s = time.perf_counter() - started

        killed = held = 0
        for turn in range(KILLS):
            folder = Path(name) / f"kill-{turn}"
            folder.mkdir()
            killed += _killed_at(folder, 0.4 * took_s * turn / KILLS)
            held += _holds(folder)

        together = 0
        for turn in range(KILLS // 5):
            folder = Path(name) / f"together-{turn}"
            folder.mkdir()
            codes = [process.wait() for process in [_opening(folder) for _ in range(3)]]
            together += codes == [0, 0, 0] and _holds(folder)
    result = {
        "kills": KILLS,
        "killed_under_way": killed,
        "held_after": held,
        "three_at_once": KILLS // 5,
        "all_three_opened": together,
        "opening_s": round(took_s, 2),
    }
    print(result)
    keep("web_migration_kills", result)


if __name__ == "__main__":
    main()
