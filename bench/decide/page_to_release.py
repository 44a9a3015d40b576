"""From a correction on a page to the version that serves: how long it takes with the real model.

180 rows of `banking77` (six intents), sixty of them held out; the embedded model is
trained, promoted with an owner's signature, and answers rows of the review pool. An expert opens
the batch in the app and corrects one answer; the clock starts with that form. ``tunewell iterate``
runs as a process, the owner reads the verdict and signs on the page *Release*; the clock stops when
the new version serves. Nothing else is done by hand::

    TUNEWELL_DATA=… python -m bench.decide.page_to_release FOLDER

A folder in which a version serves already is measured from there.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from bench.machine import keep
from tunewell.iterate.versions import trained_versions
from tunewell.people import Accounts, Sessions, WorkStore
from tunewell.project import Project
from tunewell.releases import serving
from tunewell.types import Split
from tunewell.web import create_app

DATA = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "banking77"
ROWS = 180
PLACE = "production"
INTENTS = (
    "card_arrival",
    "exchange_rate",
    "lost_or_stolen_card",
    "pin_blocked",
    "cash_withdrawal_charge",
    "age_limit",
)

DEFINITION = """\
task:
  name: intents
  about: Names the intent of a bank customer's question.
  input: a question
  output: one of six intents
data: [{path: rows.jsonl, format: prompt_completion}]
metrics: [{name: label}]
gates: [{metric: label, kind: level, at_least: 0.3}]
split: {test: 0.34, review: 0.1, folds: 2}
people:
  approve: [owner]
  rubric: [{name: right, question: "Is the intent right?"}]
train: {epochs: 2, rate: 0.002, tokens_per_batch: 192, layers: 0.5, fold_layers: 0.5}
evaluate: {shots: 0, max_new_tokens: 12}
"""


def write_project(folder: Path) -> None:
    """The project's files."""
    with (DATA / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["category"] in INTENTS]
    taken = []
    for number in range(ROWS):
        own = [row for row in rows if row["category"] == INTENTS[number % len(INTENTS)]]
        row = own[number // len(INTENTS)]
        said = {"id": f"b{number}", "prompt": row["text"], "completion": row["category"]}
        taken.append(json.dumps(said))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tunewell.yaml").write_text(DEFINITION, encoding="utf-8")
    (folder / "rows.jsonl").write_text("\n".join(taken) + "\n", encoding="utf-8")


def typed(*words: str) -> dict[str, Any]:
    """What a verb says in its envelope; verbs may end with a verdict that is not GO."""
    done = subprocess.run(
        [sys.executable, "-m", "tunewell", *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=3_000,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"{words}: {done.returncode}\n{done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Browser:
    """Somebody who is signed in, on the app's pages."""

    def __init__(self, project: Project, name: str) -> None:
        account = Accounts(project.store).by_name(name)
        assert account is not None
        sessions = Sessions(project.store)
        token = sessions.start(account)
        session = sessions.find(token)
        assert session is not None
        self._csrf = session.csrf
        self._client = TestClient(create_app(project), follow_redirects=False)
        self._client.cookies.set("tunewell", token)

    def read(self, path: str) -> str:
        """A page."""
        found = self._client.get(path)
        found.raise_for_status()
        return found.text

    def send(self, path: str, **fields: str) -> None:
        """A form."""
        found = self._client.post(path, data={"csrf": self._csrf, **fields})
        if found.status_code != 303:
            raise SystemExit(f"{path}: {found.status_code}\n{found.text[-2_000:]}")


def let_through(project: Project, owner: Browser) -> list[str]:
    """Accept what blocks, in writing and on the page; gives the codes."""
    run = project.store.last_run("verdict")
    assert run is not None
    codes = sorted({f.code for f in run.findings if f.status == "found" and f.blocking})
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date().isoformat()
    for code in codes:
        owner.send("/release/accept", code=code, reason="This is a measurement only.", until=until)
    return codes


def sign(owner: Browser) -> None:
    """The owner reads the verdict on the page and signs it for production."""
    page = owner.read("/release")
    read = re.search(r'name="verdict" value="(\w+)"', page)
    if read is None:
        raise SystemExit("the page Release has no verdict to sign")
    fields = {"verdict": read.group(1), "place": PLACE, "reason": "It has its GO."}
    owner.send("/release/sign", **fields)


def prepared_correction(folder: Path, project: Project) -> Callable[[], None]:
    """An expert opens a batch of the review pool; gives what sends the correction of one answer.

    What is written differs from the row's own answer, so that the data changes.
    """
    typed("review", "open", "-p", str(folder), "--from", "review", "--rows", "8", "--raters", "1")
    work = WorkStore(project.store)
    batch = work.batches(kind="review")[0]
    eve = Accounts(project.store).by_name("eve")
    assert eve is not None
    work.share(batch, [eve.id])
    item = work.items(batch.id)[0]
    own = int(item.example[1:]) % len(INTENTS)
    otherwise = INTENTS[(own + 1) % len(INTENTS)]
    browser = Browser(project, "eve")
    assert "Correct the answer" in browser.read(f"/work/{batch.id}")
    fields = {"item": item.id, "score.right": "0", "correction": otherwise}
    return lambda: browser.send(f"/work/{batch.id}", **fields)


def main() -> None:
    """Measure once and keep what came out."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "intents"
    if not folder.exists():
        write_project(folder)
    with Project.open(folder) as project:
        if serving(project.store, PLACE) is None:
            begin(folder, project)
        if "--begin" not in sys.argv:
            keep("decide-page-to-release", measure(folder, project))


def begin(folder: Path, project: Project) -> None:
    """Train, judge and sign the version that serves before anybody corrects anything."""
    accounts = Accounts(project.store)
    if accounts.by_name("ann") is None:
        accounts.create("ann", role="owner")
        accounts.create("eve", role="expert")
    owner = Browser(project, "ann")
    typed("iterate", str(folder), "--as", "cron")
    owner.send("/definition/approve", definition=project.file.definition)
    let_through(project, owner)
    owner.send("/release/decide")
    sign(owner)


def measure(folder: Path, project: Project) -> dict[str, Any]:
    """From the form that holds the correction to the release that serves it."""
    owner = Browser(project, "ann")
    first = serving(project.store, PLACE)
    form = prepared_correction(folder, project)

    begun, spent = time.monotonic(), children_s()
    form()
    made = typed("iterate", str(folder), "--as", "cron")["result"]
    accepted = let_through(project, owner)
    owner.send("/release/decide")
    sign(owner)
    seconds = time.monotonic() - begun

    now, split = serving(project.store, PLACE), project.store.last_run("split")
    assert first is not None
    assert now is not None
    assert split is not None
    held_out = project.store.get_value(split.outputs["split"], Split).ids("test")
    return {
        "rows": ROWS,
        "held out": len(held_out),
        "serves the new version": now.version == made["version"] != first.version,
        "difference": made["difference"],
        "versions": len(trained_versions(project.store)),
        "signed by an account": bool(now.account),
        "outcome before acceptance": made["outcome"],
        "accepted by the owner": accepted,
        "wall seconds": round(seconds),
        "processor seconds": round(children_s() - spent),
        "load": os.getloadavg(),
        "steps": [[each["name"], each["state"], each["why"]] for each in made["steps"]],
    }


def children_s() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
