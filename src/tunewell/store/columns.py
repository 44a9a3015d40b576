"""Kinds of columns that several tables share."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Column, String
from sqlalchemy.types import TypeEngine

T = TypeVar("T")

ID = String(32)
"""32 random hex characters."""

DIGEST = String(64)
"""SHA-256, hex: of an artifact, or of a secret that is itself kept nowhere."""

NAME = String(128)

TIME = String(40)
"""ISO 8601 with its offset; always UTC."""


def filled(name: str, kind: TypeEngine[T] | type[TypeEngine[T]], **options: Any) -> Column[T]:
    """A column that holds a value in every row."""
    return Column(name, kind, nullable=False, **options)
