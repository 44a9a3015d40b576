"""What is compared: the base model, the base model with its best prompt, and the tuned model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

from tunewell.errors import UserError
from tunewell.evaluate.lookup import ids_of
from tunewell.model.base import Model
from tunewell.model.speech.weights import is_speech_model
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.task import Contender, TaskSpec
from tunewell.types import Example, Message, ModelVersion, Split, Trained, digest

if TYPE_CHECKING:
    from tunewell.model.local import LocalModel
    from tunewell.model.speech.whisper import SpeechModel

Models = Callable[[ModelVersion | None], Model]
"""Opens the base model (None) or a tuned version."""

_POOL = 40
"""Shots are chosen among this many training rows for each shot."""


@dataclass(frozen=True)
class Arm:
    """One contender.

    Attributes:
        name: ``base``, ``prompted``, ``tuned`` …
        version: The tuned version behind it; None = the base model.
        instruction: System text that it gets; empty = what the row brings.
        shots: Solved examples that it is shown before the row.
        replaces: System text of the rows that ``instruction`` takes the place of.
        opens: Opens the model where it is neither the base nor a version of it (see `further`).
        digest: Of what ``opens`` opens, as far as it can be known beforehand.
        foreign: Whether it may have another tokenizer: its loss per token cannot be compared and is
            not measured.
    """

    name: str
    version: ModelVersion | None = None
    instruction: str = ""
    shots: tuple[Example, ...] = ()
    replaces: str = ""
    opens: Callable[[], Model] | None = None
    digest: str = ""
    foreign: bool = False

    def model(self, models: Models) -> Model:
        """The model behind it."""
        return self.opens() if self.opens else models(self.version)

    def prompt(self, example: Example) -> tuple[Message, ...]:
        """The turns that the model sees for a row."""
        if not self.instruction and not self.shots:
            return example.prompt
        return (*self._system(example), *self._solved(), *_without_system(example.prompt))

    def _system(self, example: Example) -> list[Message]:
        """The instruction, then what the row's own system turns say beside the one replaced."""
        texts = [self.instruction]
        for turn in example.prompt:
            if turn.role == "system" and turn.content.strip() != self.replaces.strip():
                texts.append(turn.content)
        system = _paragraphs(texts)
        return [Message(role="system", content=system)] if system else []

    def _solved(self) -> list[Message]:
        turns: list[Message] = []
        for shot in self.shots:
            turns += _without_system(shot.messages)
        return turns

    @property
    def shown(self) -> str:
        """What stands before the row, for reports."""
        solved = [f"{turn.role}: {turn.text}" for turn in self._solved()]
        return _paragraphs([self.instruction, *solved])


def _paragraphs(texts: Sequence[str]) -> str:
    """Those that are not empty, joined by blank lines."""
    return "\n\n".join(filter(None, texts))


def _without_system(turns: Sequence[Message]) -> list[Message]:
    return [turn for turn in turns if turn.role != "system"]


def instruction_of(task: TaskSpec) -> str:
    r"""The prompted arm's instruction: ``evaluate.prompt``, else the task's own words.

    Example:
        >>> from pathlib import Path
        >>> from tunewell.task import parse_task
        >>> section = "name: t, about: Answers questions., input: a question, output: an answer"
        >>> text = f"task: {{{section}, must: [the date]}}\ndata: [{{path: a}}]"
        >>> print(instruction_of(parse_task(text, path=Path("t.yaml"), environment={}).spec))
        Answers questions.
        You are given: a question.
        Answer with: an answer.
        The answer must contain: the date.
    """
    if task.evaluate.prompt:
        return task.evaluate.prompt

    section = task.task
    lines = [section.about, f"You are given: {section.input}.", f"Answer with: {section.output}."]
    if section.must:
        lines.append(f"The answer must contain: {'; '.join(section.must)}.")
    forbidden = [rule for rule in section.must_not if not _is_pattern(rule)]
    if forbidden:
        lines.append(f"It must never contain: {'; '.join(forbidden)}.")
    return "\n".join(line.replace("..", ".") for line in lines)


def _is_pattern(rule: str) -> bool:
    return rule.startswith("/") and rule.endswith("/")


def draw_shots(
    split: Split,
    store: Store,
    examples: str,
    *,
    count: int,
    seed: int,
) -> tuple[Example, ...]:
    """Solved examples for the prompted arm: drawn from the training rows, never from the test set.

    Among the rows drawn the shorter half is preferred: long ones cost the prompted arm its room.

    Args:
        split: Its folds are the training rows.
        store: Holds them.
        examples: Artifact digest of the dataset's Examples.
        count: How many.
        seed: Of the draw.
    """
    ids = sorted(split.all_folds)
    if not count or not ids:
        return ()
    drawn = random.Random(seed).sample(ids, min(len(ids), _POOL * count))
    rows = [e for e in store.examples(examples, ids=drawn) if e.target.strip()]
    if not rows:
        return ()

    rows.sort(key=lambda e: drawn.index(e.id))
    median = median_low(map(_length, rows))
    short_first = sorted(rows, key=lambda e: _length(e) > median)
    return tuple(short_first[:count])


def _length(example: Example) -> int:
    return sum(len(turn.text) for turn in _without_system(example.messages))


def contenders(
    task: TaskSpec, model: ModelVersion | None, shots: Sequence[Example]
) -> tuple[Arm, ...]:
    """The arms of an evaluation, in order: base, prompted and, where there is one, tuned.

    A model that hears takes no prompt.
    """
    arms = [Arm(name="base")]
    if not is_speech_model(base_of(model, task)):
        arms.append(_prompted("prompted", task, shots))
    if model is not None:
        arms.append(candidate(model))
    return tuple(arms)


def candidate(model: ModelVersion | None) -> Arm:
    """The tuned version by itself, or the base model where there is none."""
    return Arm(name="tuned" if model else "base", version=model)


def base_of(model: ModelVersion | None, task: TaskSpec) -> str:
    """Name of the base model that is evaluated, with or without a tuned version of it."""
    return model.base if model else task.train.model


def _prompted(name: str, task: TaskSpec, shots: Sequence[Example]) -> Arm:
    return Arm(
        name=name,
        instruction=instruction_of(task),
        shots=tuple(shots),
        replaces=task.task.instruction.strip(),
    )


def further(project: Project, shots: Sequence[Example]) -> tuple[Arm, ...]:
    """The arms of ``evaluate.arms``: the model in production, and candidates.

    Args:
        project: The project.
        shots: Solved examples, for arms with ``prompt``.

    Raises:
        UserError: There is no such version or adapter.
    """
    file = project.file
    made = []
    for i, spec in enumerate(file.spec.evaluate.arms):
        arm = Arm(name=spec.name)
        if spec.prompt:
            arm = _prompted(spec.name, file.spec, shots)
        made.append(_opened_by(arm, spec, project, place=file.where(f"evaluate.arms.{i}")))
    return tuple(made)


def _opened_by(
    arm: Arm,
    spec: Contender,
    project: Project,
    *,
    place: str,
) -> Arm:
    file, store = project.file, project.store
    language = file.spec.task.language
    if spec.version:
        version = _version(store, spec.version, place)
        return replace(arm, version=version, digest=version.adapter)
    if spec.adapter:
        folder = (file.root / spec.adapter).resolve()
        base = partial(open_base, file.spec.train.model, store, language)
        return _with_adapter(arm, folder, base, place)
    opens = _opener(spec.model, spec.url, partial(open_base, spec.model, store, language))
    return replace(
        arm,
        opens=opens,
        digest=digest([spec.model, spec.url]),
        foreign=True,
    )


def _version(store: Store, name: str, place: str) -> ModelVersion:
    runs = store.runs(stage="train", status="finished")
    known = [store.get_value(r.outputs["trained"], Trained).model for r in runs]
    found = [v for v in known if v.id.startswith(name)]
    if not found:
        ids = ", ".join(ids_of(known)) or "none yet"
        raise UserError(
            f"there is no model version {name!r}; there are: {ids}",
            place=place,
            hint="tunewell model",
        )
    return found[-1]


def _with_adapter(
    arm: Arm,
    folder: Path,
    base: Callable[[], LocalModel | SpeechModel],
    place: str,
) -> Arm:
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise UserError(
            f"{folder} holds no adapter_model.safetensors",
            place=place,
            hint="name a folder in PEFT format",
        )

    def opens() -> Model:
        return base().with_adapter(folder)

    return replace(arm, opens=opens, digest=file_digest(weights))


def _opener(model: str, url: str, here: Callable[[], Model]) -> Callable[[], Model]:
    def opens() -> Model:
        if url:
            from tunewell.model.endpoint import EndpointModel

            return EndpointModel(model, base_url=url)
        return here()

    return opens


def open_base(name: str, store: Store, language: str = "en") -> LocalModel | SpeechModel:
    """A model on this machine by its name, one that reads or one that hears.

    Args:
        name: As in ``train.model``.
        store: Holds the recordings, and keeps what the encoder makes of them.
        language: That is spoken, ISO 639-1.
    """
    if is_speech_model(name):
        from tunewell.model.speech.whisper import SpeechModel

        cache = store.root / "cache"
        return SpeechModel(name, clips=store.files.open, language=language, cache=cache)
    from tunewell.model.local import LocalModel
    from tunewell.model.weights import resolve

    return LocalModel(resolve(name))


def local_models(base: str, store: Store, language: str = "en") -> Models:
    """Opens models on this machine: the base once, tuned versions as adapters on it.

    Args:
        base: Name of the base model's weights.
        store: Holds the adapters.
        language: That is spoken, for models that hear.
    """
    opened: dict[str, LocalModel | SpeechModel] = {}

    def open_model(version: ModelVersion | None) -> Model:
        name = version.base if version else base
        if name not in opened:
            opened[name] = open_base(name, store, language)
        model = opened[name]
        if version is None:
            return model
        return model.with_adapter(store.files.open(version.adapter))

    return open_model
