"""The page of the speech demo: figures of every model, and samples to listen to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tunewell.demo.live_picture import STYLE
from tunewell.demo.speech_figures import DICTATION, HeardArm, HeardTest, shown_figure
from tunewell.report.html_page import write_atomically
from tunewell.report.svg import element, joined
from tunewell.store import Store
from tunewell.types import Example

SAMPLES = 8
"""Recordings on the page."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'"

INTRODUCTION = (
    "Every dictation is invented and the voices are synthetic: what is learned here says nothing "
    "about real doctors. Voices of the test are in no training row. General speech is read by five "
    "real people (LibriSpeech, CC BY 4.0)."
)
INTERVALS = (
    "In brackets 95 % intervals; n is how many speakers, or recordings where nobody speaks; of "
    "seconds per second, how many recordings were timed one at a time on this machine."
)
TABLE_STYLE = """
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem;
  border-bottom: 1px solid var(--faint); vertical-align: top; } audio { width: 14rem; }
"""


def write_page(
    folder: Path, test: HeardTest, arms: Sequence[HeardArm], notes: Sequence[str], store: Store
) -> Path:
    """Write ``speech.html`` with its samples beside it, and give its path.

    Args:
        folder: Where the page lies.
        test: The recordings.
        arms: The models, the base first.
        notes: What else is to be said, a paragraph each.
        store: Holds the recordings.
    """
    chosen = _samples(test, arms)
    samples = folder / "samples"
    samples.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(chosen):
        shutil.copyfile(store.files.open(row.audio[-1]), samples / f"{number}.ogg")
    path = folder / "speech.html"
    write_atomically(path, _page(chosen, arms, notes).encode("utf-8", "replace"))
    return path


def _samples(test: HeardTest, arms: Sequence[HeardArm]) -> list[Example]:
    """Dictations that the last model hears otherwise than the first, one speaker after another."""
    first, last = arms[0].heard, arms[-1].heard
    dictated = [row for row in test.rows if row.kind == DICTATION]
    dictated.sort(key=lambda row: (first.get(row.id) == last.get(row.id), row.id[-8:]))
    return dictated[:SAMPLES]


def _page(chosen: Sequence[Example], arms: Sequence[HeardArm], notes: Sequence[str]) -> str:
    head = joined(
        [
            element("meta", charset="utf-8"),
            _policy(),
            element("title", "Speech demo"),
            element("style", STYLE + TABLE_STYLE),
        ]
    )
    body = [
        element("h1", "Dictations by new voices"),
        element("p", INTRODUCTION),
        _figures(arms),
        element("p", INTERVALS),
        *(element("p", note) for note in notes),
        element("h2", "Samples"),
        _heard(chosen, arms),
    ]
    whole = element("html", element("head", head), element("body", *body), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _policy() -> str:
    return element("meta", content=POLICY, **{"http-equiv": "Content-Security-Policy"})


def _figures(arms: Sequence[HeardArm]) -> str:
    titles = ["model", *arms[0].figures, "verdict"]
    lines = [element("tr", *(element("th", title) for title in titles))]
    for arm in arms:
        figures = [shown_figure(figure) for figure in arm.figures.values()]
        cells = [f"{arm.name}: {arm.about}", *figures, arm.verdict]
        lines.append(element("tr", *(element("td", cell) for cell in cells)))
    return element("table", *lines)


def _heard(chosen: Sequence[Example], arms: Sequence[HeardArm]) -> str:
    titles = ["recording", "said", *(arm.name for arm in arms)]
    lines = [element("tr", *(element("th", title) for title in titles))]
    for number, row in enumerate(chosen):
        player = element("audio", "", controls="", preload="none", src=f"samples/{number}.ogg")
        words = [row.target, *(arm.heard.get(row.id, "") for arm in arms)]
        cells = [element("td", player), *(element("td", each) for each in words)]
        lines.append(element("tr", *cells))
    return element("table", *lines)
