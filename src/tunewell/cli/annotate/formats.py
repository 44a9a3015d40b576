"""The formats in which annotations leave Tunewell and come in."""

from __future__ import annotations

from typing import Literal

Format = Literal["label-studio", "argilla", "csv"]
"""Out and in."""
ImportFormat = Literal["label-studio", "argilla", "prodigy", "doccano", "csv"]
"""In."""
