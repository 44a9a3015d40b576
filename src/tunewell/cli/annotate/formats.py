"""The formats in which annotations leave Tunewell and come in."""

from __future__ import annotations

from tunewell.annotate.whole_files import ExportFormat as Format
from tunewell.annotate.whole_files import ImportFormat

__all__ = ["Format", "ImportFormat"]
