"""Ten thousand requests to a faulty server, with three kills, against the undisturbed run.

A fifth of the requests goes wrong: timeouts, 429, 500, malformed JSON, cut-off replies, refusals,
answers to another request, slow drips. The process is killed (SIGKILL) at a quarter, a half and
three quarters of the way, and started again::

    python -m bench.augmentation.kills                   # seven cells of 1,000 rows each
    python -m bench.augmentation.kills 100               # of 100
    python -m bench.augmentation.kills 1000 undisturbed  # one half, kept for the other
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, keep
from tunewell.augment import Augmented, Decided
from tunewell.similar.near_duplicates import near_pairs
from tunewell.store import Store
from tunewell.testing.faulty_endpoint import FaultyEndpoint

PARENTS = 1_500
CELLS = 7
ROWS = 1_000
IN_FLIGHT = 16
KILLS = 3
TIMEOUT_S = 8.0
"""Longer than a busy machine needs to answer: what is paid twice is then a kill's doing."""

CALM = "undisturbed"
KILLED = "a fifth goes wrong, three kills"


def run(folder: Path, endpoint: FaultyEndpoint, rows: int, *, kills: int) -> dict[str, Any]:
    """Augment in a folder, killed so many times on the way."""
    folder.mkdir()
    began = time.monotonic()
    with endpoint.serving() as url:
        command = [sys.executable, "-m", "tunewell.testing.made_up", str(folder), url]
        command += map(str, (TIMEOUT_S, PARENTS, *[rows] * CELLS))
        for kill in range(kills):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            wanted = rows * CELLS * (kill + 1) // (kills + 1)
            while endpoint.state()["paid"] < wanted and process.poll() is None:
                time.sleep(0.02)
            process.kill()
            process.wait()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        "sha256": done.stdout.strip(),
        "seconds": round(time.monotonic() - began, 1),
        **endpoint.state(),
        **account(folder, rows),
    }


def account(folder: Path, wanted: int) -> dict[str, Any]:
    """Whether the books balance."""
    with Store(folder) as store:
        last = store.last_run("augment")
        assert last is not None
        made = store.get_value(last.outputs["augmented"], Augmented)
        decided = store.get_value(made.decided, list[Decided])
        rows = store.examples(made.accepted)
    texts = [f"{row.input}\n{row.target}" for row in rows]
    return {
        "candidates": made.asked,
        "accepted": made.rows,
        "exact in every cell": all(cell.accepted == wanted for cell in made.cells),
        "asked = accepted + rejected + failed": all(cell.balances for cell in made.cells),
        "decisions": len(decided),
        "failed": sum(each.fate == "failed" for each in decided),
        "near-duplicates among the accepted": len(near_pairs(texts)),
    }


def half(name: str, rows: int) -> dict[str, Any]:
    """One of the two runs."""
    with tempfile.TemporaryDirectory() as folder:
        if name == CALM:
            return run(Path(folder) / "calm", FaultyEndpoint(), rows, kills=0)
        faulty = FaultyEndpoint(share=0.2, hang_s=TIMEOUT_S + 1, seed=1)
        return run(Path(folder) / "killed", faulty, rows, kills=KILLS)


def main() -> None:
    """Run both or one, and keep the result."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    wanted = {"undisturbed": [CALM], "killed": [KILLED]}.get(sys.argv[-1], [CALM, KILLED])
    path = RESULTS / "augmentation-kills.json"
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    found = {name: kept[name] for name in (CALM, KILLED) if name in kept}
    for name in wanted:
        found[name] = {"rows wanted": rows * CELLS, **half(name, rows)}
        print(name, found[name], flush=True)
    if len({found[name].get("rows wanted") for name in found}) == 1 and len(found) == 2:
        found["same rows"] = found[CALM]["sha256"] == found[KILLED]["sha256"]
        found["paid twice"] = found[KILLED]["paid_twice"]
        found["in flight at the kills"] = IN_FLIGHT * KILLS
    print(keep("augmentation-kills", found))


if __name__ == "__main__":
    main()
