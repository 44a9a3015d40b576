"""Where the rows are, and how their columns are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from tunewell.types import Role, Value

Format = Literal[
    "auto",
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "preference",
    "choices",
    "rendered",
    "fields",
    "text",
]


class FieldMap(Value):
    """Which column of the user's rows is which of ours.

    Of several columns between bars (``group: urls | doc``) the first that is not empty counts; not
    for input, target, date, system and tags.

    Attributes:
        input: Column of the input text (or see ``DataSource.template``).
        target: Column of the answer.
        id: Column of the user's own id.
        system: Column of a system turn.
        kind: Column of the kind of document.
        date: Column of the date.
        source: Column that names the source.
        group: Column of the document, conversation or patient.
        parent: Column of the row it was made from.
        tags: Further columns to keep as tags.
        messages: Column of a list of turns.
        role: Key of a turn that says who speaks.
        content: Key of a turn that holds what was said.
        roles: Your name of a role to ours: ``{doctor: assistant, patient: user}``.
        context: Column that belongs to the question: the document that it is about.
        history: Column of earlier questions and answers.
        choices: Column of the options of a multiple-choice question.
        tools: Column of the definitions of tools.
        rejected: Column of the answer that people liked less; ``target`` is then the better one.
        label: Column that says whether people found the answer good or bad.
        shared: Which of ``id``, ``group`` and ``parent`` mean the same in all files of the source;
            the others belong to their file.
    """

    input: str = ""
    target: str = ""
    id: str = ""
    system: str = ""
    kind: str = ""
    date: str = ""
    source: str = ""
    group: str = ""
    parent: str = ""
    tags: tuple[str, ...] = ()
    messages: str = ""
    role: str = ""
    content: str = ""
    roles: Mapping[str, Role] = Field(default_factory=dict)
    context: str = ""
    history: str = ""
    choices: str = ""
    tools: str = ""
    rejected: str = ""
    label: str = ""
    shared: tuple[Literal["id", "group", "parent"], ...] = ()


class DataSource(Value):
    """Files of one system.

    Attributes:
        path: File, folder or glob, relative to tunewell.yaml; ``$NAME`` is taken from the
            environment.
        name: What to call it; the file's name if empty.
        role: ``train`` (curated, split) or ``test`` (the project's own test set: never trained on).
        format: How the rows look; ``auto`` looks for itself.
        fields: The user's own column names (format ``fields``, and to add dates, groups … to the
            others).
        template: How the input is made of several columns: ``"Question: {question}"``. Only plain
            names in braces.
        kind: Kind of every row that has none of its own.
        limit: Read at most this many rows (0 = all).
        audio: Folder of the recordings that the rows name, where it is not the file's own.
    """

    path: str = Field(min_length=1)
    name: str = ""
    role: Literal["train", "test"] = "train"
    format: Format = "auto"
    fields: FieldMap = FieldMap()
    template: str = ""
    kind: str = ""
    limit: int = Field(default=0, ge=0)
    audio: str = ""

    @field_validator("template")
    @classmethod
    def _plain_names(cls, value: str) -> str:
        for part in re.findall(r"\{([^{}]*)\}", value):
            if not re.fullmatch(r"[A-Za-z_][\w .-]*", part):
                raise ValueError(f"only plain column names are allowed in braces, got {{{part}}}")
        return value
