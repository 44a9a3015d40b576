"""What people are shown beside an item: the conversation it answers and the guideline."""

from __future__ import annotations

from pathlib import Path

from tunewell.errors import UserError
from tunewell.safe_text import shown
from tunewell.task import TaskFile
from tunewell.types import Example
from tunewell.types.transcripts import transcript


def conversation(example: Example) -> str:
    """What the target answers: a single turn as it is, several with who speaks.

    Calls, their results and the tools that could be called are shown; system turns are left out.

    Example:
        >>> from tunewell.types import Message
        >>> conversation(Example(id="1", messages=(Message(role="user", content="When?"),
        ...                                        Message(role="assistant", content="Today."))))
        'When?'
    """
    turns = [turn for turn in example.prompt if turn.role != "system"]
    if len(turns) == 1 and not example.tools:
        return turns[0].text
    return transcript(turns, example.tools)


def guideline_path(file: TaskFile) -> Path | None:
    """The file of the text that people work by; None if the definition names none.

    Raises:
        UserError: It is outside the project (links are followed).
    """
    name = file.spec.people.guideline
    if not name:
        return None
    path = (file.root / name).resolve()
    if not path.is_relative_to(file.root.resolve()):
        raise UserError(
            f"the guideline must be inside the project folder; got {name!r}",
            place=file.where("people.guideline"),
        )
    return path


def read_guideline(file: TaskFile) -> str:
    """The text that people work by; empty if the definition names none.

    Raises:
        UserError: The file cannot be read, or is outside the project (links are followed).
    """
    path = guideline_path(file)
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        name = file.spec.people.guideline
        raise UserError(
            f"the guideline {name} cannot be read: {error}",
            place=file.where("people.guideline"),
        ) from None
    return shown(text)
