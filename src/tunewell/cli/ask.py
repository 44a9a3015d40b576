"""``tunewell ask``: the same question to the base and to the tuned model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, open_project, out, progress
from tunewell.curate.reading.media_columns import is_recording
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.task import TaskSpec
from tunewell.types import Message, ModelVersion, Trained, Value

if TYPE_CHECKING:
    from tunewell.model.base import GenerateOptions, Model
    from tunewell.model.local import LocalModel
    from tunewell.model.speech.whisper import SpeechModel

NARROWEST_PANEL = 30
_LONGEST_PATH = 1000


class ArmAnswer(Value):
    """What one model answered.

    Attributes:
        arm: ``base``, or ``tuned`` with its version.
        text: The answer.
        tokens: Its length.
        finish: Why it ended: ``stop``, or ``length`` at the limit.
        seconds: How long it took.
    """

    arm: str
    text: str
    tokens: int
    finish: str
    seconds: float


def command(
    question: Annotated[
        str, typer.Argument(help="What to ask, or a recording; - reads standard input.")
    ],
    path: ProjectOption = Path(),
    max_new_tokens: Annotated[
        int,
        typer.Option(min=0, help="Longest answer in tokens; 0 = as in tunewell.yaml."),
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Ask the base model and the tuned one the same question.

    A model that hears is given the path of a recording, and writes down what is said in it.
    """
    text = typer.get_text_stream("stdin").read() if question == "-" else question
    if not text.strip():
        raise UserError("the question is empty")

    with open_project(path) as project:
        store = project.store
        version = _newest_version(store)
        with progress("ask: loading the weights and answering", quiet=json):
            answers = _answers(project, version, text, max_new_tokens)
    if json:
        emit("ask", {"question": text, "answers": answers})
        return
    out.print(Columns([_panel(answer) for answer in answers]))
    if version is None:
        note("there is no tuned model yet\n\nhint: tunewell run")


def _newest_version(store: Store) -> ModelVersion | None:
    run = store.last_run("train")
    return store.get_value(run.outputs["trained"], Trained).model if run else None


def _answers(
    project: Project,
    version: ModelVersion | None,
    question: str,
    max_new_tokens: int,
) -> list[ArmAnswer]:
    file, store = project.file, project.store
    from tunewell.model.base import GenerateOptions

    base, messages = _base(file.spec, question)
    longest = max_new_tokens or file.spec.evaluate.max_new_tokens
    options = GenerateOptions(max_new_tokens=longest)

    answers = [_answer("base", base, messages, options)]
    if version:
        tuned = base.with_adapter(store.files.open(version.adapter))
        answers.append(_answer(f"tuned {version.id}", tuned, messages, options))
    return answers


def _base(spec: TaskSpec, question: str) -> tuple[LocalModel | SpeechModel, list[Message]]:
    """The base model, one that reads or one that hears, and what it is given."""
    from tunewell.model.speech.weights import is_speech_model

    name = spec.train.model
    path = Path(question.strip()) if "\n" not in question.strip() else None
    is_file = path is not None and len(question) < _LONGEST_PATH and path.is_file()
    if is_speech_model(name):
        if path is None or not is_file:
            raise UserError(
                f"{name} hears, and there is no recording {question.strip()[:80]!r}",
                hint="tunewell ask RECORDING.wav",
            )
        from tunewell.model.speech.whisper import SpeechModel

        recording = path
        model = SpeechModel(name, clips=lambda _: recording, language=spec.task.language)
        return model, [Message(role="user", content="", audio=file_digest(recording))]
    if path is not None and is_file and is_recording(path.name):
        raise UserError(
            f"{name} reads text, and '{path}' is a recording",
            hint="ask in words, or set train.model to a model that hears, such as whisper-tiny-en",
        )
    from tunewell.model.local import LocalModel
    from tunewell.model.weights import resolve

    messages = [Message(role="user", content=question)]
    if spec.task.instruction:
        messages.insert(0, Message(role="system", content=spec.task.instruction))
    return LocalModel(resolve(name)), messages


def _answer(
    arm: str,
    model: Model,
    messages: Sequence[Message],
    options: GenerateOptions,
) -> ArmAnswer:
    began = time.monotonic()
    answer = model.generate([tuple(messages)], options=options)[0]
    if answer.finish == "error":
        raise UserError(f"{arm}: {answer.reason}")
    return ArmAnswer(
        arm=arm,
        text=answer.text,
        tokens=answer.tokens,
        finish=answer.finish,
        seconds=round(time.monotonic() - began, 2),
    )


def _panel(answer: ArmAnswer) -> Panel:
    cut = ", cut off at the limit" if answer.finish == "length" else ""
    return Panel(
        Text(answer.text),
        title=answer.arm,
        subtitle=f"{answer.tokens} tokens, {answer.seconds} s{cut}",
        width=max(NARROWEST_PANEL, out.width // 2 - 2),
    )
