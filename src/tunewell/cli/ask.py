"""``tunewell ask``: the same question to the base and to the tuned model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, out, project
from tunewell.errors import UserError
from tunewell.types import Message, Trained


def command(
    question: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    path: ProjectOption = Path(),
    max_new_tokens: Annotated[
        int, typer.Option(min=0, help="Longest answer in tokens (0 = as in tunewell.yaml).")
    ] = 0,
    json: JsonOption = False,
) -> None:
    """Put a question to the base model and to the tuned one, side by side."""
    text = typer.get_text_stream("stdin").read() if question == "-" else question
    if not text.strip():
        raise UserError("the question is empty")
    with project(path) as (file, store):
        from tunewell.model.base import GenerateOptions
        from tunewell.model.local import LocalModel
        from tunewell.model.weights import resolve

        last = store.last_run("train")
        trained = store.get_value(last.outputs["trained"], Trained) if last else None
        system = file.spec.task.instruction
        messages = ((Message(role="system", content=system),) if system else ()) + (
            Message(role="user", content=text),
        )
        options = GenerateOptions(
            max_new_tokens=max_new_tokens or file.spec.evaluate.max_new_tokens
        )
        base = LocalModel(resolve(file.spec.train.model))
        arms = [("base", base)]
        if trained:
            arms.append(
                (
                    f"tuned {trained.model.id}",
                    base.with_adapter(store.files.open(trained.model.adapter)),
                )
            )
        answers = []
        for name, model in arms:
            started = time.monotonic()
            answer = model.generate([messages], options=options)[0]
            answers.append(
                {
                    "arm": name,
                    "text": answer.text,
                    "tokens": answer.tokens,
                    "finish": answer.finish,
                    "seconds": round(time.monotonic() - started, 2),
                }
            )
    if json:
        emit("ask", {"question": text, "answers": answers})
        return
    panels = []
    for a in answers:
        cut = ", cut at the limit" if a["finish"] == "length" else ""
        subtitle = f"{a['tokens']} tokens, {a['seconds']} s{cut}"
        panels.append(
            Panel(
                Text(str(a["text"])),
                title=str(a["arm"]),
                subtitle=subtitle,
                width=max(30, out.width // 2 - 2),
            )
        )
    out.print(Columns(panels))
    if not trained:
        note("there is no tuned model yet\n\nhint: tunewell run")
