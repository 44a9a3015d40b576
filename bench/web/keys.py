"""Keys and seconds for one verdict: ours measured, Label Studio's counted from its documentation.

`python -m bench web/keys`. The task: one yes/no question and one on a scale of five, then on to the
next item. Ours are pressed in a real browser on a served project; the seconds are those from the
first key until the next item can be judged, without anybody thinking. Label Studio's keys are
*counted*, not measured: choices with a hotkey each (``<Choice hotkey="…">``) and its default key
for submitting, Ctrl+Enter (labelstud.io/guide/hotkeys).
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.web.conftest import World
from tests.web.test_browser import CHROMIUM, serve
from tests.web.world import make_project

from bench.machine import keep
from tunewell.project import Project
from tunewell.web import create_app

VERDICTS = 20
OURS = ("y", "4", "Enter")
THEIRS = ("y", "4", "Control+Enter")


def measure(folder: Path) -> list[float]:
    """Seconds of each verdict, from the first key until another item is shown."""
    from playwright.sync_api import sync_playwright

    file, store = make_project(folder / "desk")
    world = World(file, store, create_app(Project(file, store)))
    batch = world.review(["ann"], rows=VERDICTS, raters=1)
    server, thread, url = serve(world)
    seconds = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context()
        token = world.sessions.start(world.account("ann", "expert"))
        context.add_cookies([{"name": "tunewell", "value": token, "url": url}])
        page = context.new_page()
        page.goto(f"{url}/work/{batch.id}")
        for _ in range(VERDICTS):
            item = page.locator(".item:not([hidden])").get_attribute("data-item")
            started = time.perf_counter()
            for key in OURS:
                page.keyboard.press(key)
            page.wait_for_function(
                "id => document.querySelector('.item:not([hidden])')?.dataset.item !== id", arg=item
            )
            seconds.append(time.perf_counter() - started)
        page.locator("[data-state]", has_text="All saved").wait_for()
        said = world.work_store.verdicts(batch.id)
        browser.close()
    server.should_exit = True
    thread.join(10)
    store.close()
    if len(said) != VERDICTS:
        raise SystemExit(f"{len(said)} of {VERDICTS} verdicts arrived")
    return seconds


def main() -> None:
    """Press the keys and write both."""
    with tempfile.TemporaryDirectory() as name:
        seconds = measure(Path(name))

    def presses(keys: tuple[str, ...]) -> int:
        return sum(key.count("+") + 1 for key in keys)

    result: dict[str, Any] = {
        "tunewell": {
            "how": "measured in Chromium",
            "strokes": len(OURS),
            "keys_pressed": presses(OURS),
            "median_s": round(statistics.median(seconds), 3),
            "slowest_s": round(max(seconds), 3),
            "next_item": "is on the page already: no round trip",
        },
        "label_studio": {
            "how": "counted from its documentation, not measured",
            "strokes": len(THEIRS),
            "keys_pressed": presses(THEIRS),
            "next_item": "fetched from the server after submitting",
        },
    }
    print(json.dumps(result, indent=2))
    keep("web_keys", result)


if __name__ == "__main__":
    main()
