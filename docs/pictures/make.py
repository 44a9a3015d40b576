"""Takes the pictures of the README and of the guides, in light and dark.

The owner's page of a report and its map::

    python docs/pictures/make.py            of an invented project, in seconds and without a model
    python docs/pictures/make.py PROJECT    of a project that has been run, such as .demo

Needs Chromium on the path (``apt-get install chromium``) and the extra ``dev``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tunewell.project import Project
from tunewell.report import render
from tunewell.store import Store
from tunewell.task import load_task

HERE = Path(__file__).parent
WIDTH = 1200
LARGEST_BYTES = 400_000


def take(report: Path, folder: Path) -> list[Path]:
    """Write ``report-*.png`` (the owner's page to its end) and ``map-*.png``, 1200 pixels wide."""
    from playwright.sync_api import sync_playwright

    made: list[Path] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=scheme)
            page.goto(report.resolve().as_uri())
            bottom = page.evaluate(
                "document.querySelector('.owner').getBoundingClientRect().bottom"
            )
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": int(bottom) + 24}
            made.append(_shoot(page, folder / f"report-{scheme}.png", clip))
            top, end = page.evaluate(
                """[...document.querySelectorAll('#map, ol.islands')]
                .map(e => e.getBoundingClientRect())
                .map((r, i) => Math.round((i ? r.bottom : r.top) + scrollY))"""
            )
            clip = {"x": 0, "y": top - 16, "width": WIDTH, "height": end - top + 32}
            made.append(_shoot(page, folder / f"map-{scheme}.png", clip))
        browser.close()
    return made


def _shoot(page: Any, path: Path, clip: dict[str, int]) -> Path:
    page.screenshot(path=path, full_page=True, clip=clip)
    if path.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{path} is larger than {LARGEST_BYTES:,} bytes")
    return path


def main() -> None:
    """Of the project named on the command line, else of an invented one."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            file = load_task(Path(sys.argv[1]))
            store = Store(file.root)
        else:
            from tunewell.testing.factories import sample_project

            made = sample_project(Path(folder), rows=1200, versions=2)
            file, store = made.file, made.store
        report = render(Project(file, store))
        store.close()
        for path in take(report, HERE):
            sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
