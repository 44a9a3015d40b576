"""The output folder of a trainer: what its files say of the fine-tune."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tunewell.types import Finding

STAGE: Final = "autopsy"


def unchecked(code: str, why: str) -> Finding:
    """A pitfall that could not be measured, with the reason."""
    return Finding(
        code=code,
        status="unchecked",
        stage=STAGE,
        why=why,
    )


def newest(folder: Path, file: str) -> Path | None:
    """A file of the folder, else of its last checkpoint; None if there is none."""
    return next((p / file for p in places(folder) if (p / file).is_file()), None)


def places(folder: Path) -> list[Path]:
    """The folder itself, then its checkpoints, the last one first."""
    numbered = []
    for path in folder.glob("checkpoint-*"):
        match = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if match:
            numbered.append((int(match[1]), path))
    return [folder, *(path for _, path in sorted(numbered, reverse=True))]
