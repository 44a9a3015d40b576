"""Where the rows are, and how their columns are read."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from tunewell.types import Value

Format = Literal["auto", "messages", "sharegpt", "alpaca", "prompt_completion", "fields", "text"]


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
    """

    path: str = Field(min_length=1)
    name: str = ""
    role: Literal["train", "test"] = "train"
    format: Format = "auto"
    fields: FieldMap = FieldMap()
    template: str = ""
    kind: str = ""
    limit: int = Field(default=0, ge=0)

    @field_validator("template")
    @classmethod
    def _plain_names(cls, value: str) -> str:
        for part in re.findall(r"\{([^{}]*)\}", value):
            if not re.fullmatch(r"[A-Za-z_][\w .-]*", part):
                raise ValueError(f"only plain column names may stand in braces, got {{{part}}}")
        return value
