"""A speech model learns dictations: better on new voices, and what it forgets.

``python -m tunewell.demo.speech_demo FOLDER`` trains twice on the recordings that come with the
package, without and with replay of general speech, and compares both with the base model. How many
epochs fit into ten minutes is measured first. What is finished is reused.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tunewell.demo.speech_figures import Figure, HeardArm, HeardTest, shown_figure
from tunewell.demo.speech_page import write_page
from tunewell.demo.speech_sizing import epochs_in, measured_encoding_s, seconds_of
from tunewell.demo.whole_demo import approve_all
from tunewell.errors import EXIT_OK, EXIT_USER, UserError
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.run import Result, run
from tunewell.store import Store
from tunewell.task import load_task
from tunewell.types import Prediction

Say = Callable[[str], None]

SECONDS: Final = 600
"""How long the whole may take, about."""

SIZE: Final = "epochs"
"""File of a project that keeps how many epochs were chosen, so that what is finished is reused."""

SOURCE: Final = Path(__file__).parent / "speech"
REPLAY: Final = 0.3
"""Share of the training that is general speech and recordings without speech."""

RECIPES: Final = {
    "tuned": ("on the dictations alone", 0.0),
    "tuned with replay": ("and on general speech and recordings without speech", REPLAY),
}
"""Name of a model to how it was made, and its share of replay."""


@dataclass(frozen=True)
class SpeechDemo:
    """Where the demo works.

    Attributes:
        folder: Of the project.
        say: Told what is done.
    """

    folder: Path
    say: Say

    def prepare(self) -> None:
        """Lay the project down, unless it is there."""
        if not (self.folder / "tunewell.yaml").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(SOURCE, self.folder, dirs_exist_ok=True)

    def epochs(self) -> int:
        """How many epochs fit on this machine, measured at the first call."""
        kept = self.folder / SIZE
        if kept.exists():
            return int(kept.read_text(encoding="utf-8"))

        self.say("measuring this machine …")
        encoding = measured_encoding_s(self.folder / "recordings" / "test")
        epochs = epochs_in(SECONDS, encoding)
        minutes = seconds_of(epochs, encoding) / 60
        self.say(
            f"{encoding:.2f} s to encode a recording: {plural(epochs, 'epoch')}, "
            f"about {minutes:.0f} min for everything"
        )
        kept.write_text(str(epochs), encoding="utf-8")
        return epochs

    def trained(self, overrides: Sequence[str]) -> tuple[Result, Project]:
        """Curate, split, train, evaluate and judge, with some values of the definition changed."""
        file = load_task(self.folder, overrides=overrides)
        project = Project(file, Store(self.folder))
        approve_all(file, project.store)
        with project.store.lock("the speech demo"):
            return run(project, say=self.say), project

    def run(self) -> Path:
        """The whole demo; gives the page."""
        began = time.monotonic()
        self.prepare()
        epochs = self.epochs()
        arms: list[HeardArm] = []
        why: list[str] = []
        for name, (about, replay) in RECIPES.items():
            self.say(f"\n{name}: {about}")
            overrides = [f"train.replay={replay}", f"train.epochs={epochs}"]
            result, project = self.trained(overrides)
            test = self.test_of(result, project)
            predictions = project.store.get_value(result.evaluation.predictions, list[Prediction])
            factors = real_time_factors_of(project.store)
            by_arm = {arm: [p for p in predictions if p.arm == arm] for arm in ("base", "tuned")}
            if not arms:
                base = factors.get("base")
                arms.append(test.arm("base", "as it is", by_arm["base"], real_time_factor=base))
            tuned = test.arm(
                name,
                about,
                by_arm["tuned"],
                verdict=result.verdict.outcome,
                real_time_factor=factors.get("tuned"),
            )
            arms.append(tuned)
            why.append(f"Verdict on '{name}': {result.verdict.outcome}. {result.verdict.why}")
        self._tell(arms)
        why.append(f"The whole took {time.monotonic() - began:.0f} s on this machine.")
        return write_page(self.folder, test, arms, why, project.store)

    def test_of(self, result: Result, project: Project) -> HeardTest:
        """The recordings of the test, and what was trained on."""
        store = project.store
        held_out = set(result.evaluation.rows)
        rows = list(store.examples(result.dataset))
        trained = [row.target for row in rows if row.id not in held_out]
        options = [metric.options for metric in project.spec.metrics if metric.name == "terms"]
        terms = options[0]["terms"] if options else ()
        return HeardTest([row for row in rows if row.id in held_out], trained, list(terms))

    def _tell(self, arms: list[HeardArm]) -> None:
        for title in arms[0].figures:
            self.say(f"\n{title}")
            for arm in arms:
                self.say(f"  {arm.name:18} {shown_figure(arm.figures[title])}")
        self.say("")
        for arm in arms[1:]:
            self.say(f"{arm.name}: {arm.verdict} (why: the page)")


def real_time_factors_of(store: Store) -> dict[str, Figure]:
    """Arm to the real-time factor that the last evaluation measured."""
    run = store.last_run("evaluate")
    return {speed.arm: speed.real_time_factor for speed in run.speeds} if run else {}


def main() -> int:
    """Run the demo in a folder; says what came of it and where the page is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo-speech")

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    began = time.monotonic()
    try:
        page = SpeechDemo(folder, say).run()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n\nhint: {error.hint}\n")
        return EXIT_USER
    say(f"\npage: {page.resolve()}\ntook {time.monotonic() - began:.0f} s")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
