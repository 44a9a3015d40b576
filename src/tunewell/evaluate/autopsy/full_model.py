"""T07 of a full fine-tune: the weights themselves, where there is no adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tunewell.evaluate.autopsy.output_folder import STAGE, places
from tunewell.evaluate.autopsy.tensors import TensorFile
from tunewell.plurals import plural
from tunewell.types import Finding

WEIGHTS: Final = "model*.safetensors"


def full_model_in(folder: Path) -> list[Path]:
    """The weight files of the folder, else of its last checkpoint; empty if there are none."""
    for place in places(folder):
        found = sorted(place.glob(WEIGHTS))
        if found:
            return found
    return []


def full_plumbing(files: list[Path]) -> Iterator[Finding]:
    """T07: weights that cannot be read or are not finite; whether they were trained is unknown."""
    names: list[str] = []
    broken: list[str] = []
    for path in files:
        try:
            for summary in TensorFile.open(path).summaries():
                names.append(summary.name)
                if summary.bad:
                    broken.append(summary.name)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            yield _found(f"{path.name} cannot be read: {error}")
    if broken:
        count = plural(len(broken), "tensor holds", "tensors hold")
        yield _found(f"{count} NaN or infinity, such as {broken[0]}.")
    else:
        why = (
            f"A full fine-tune: its {plural(len(names), 'tensor')} are finite; how far they are "
            "from its base is not in these files."
        )
        yield Finding(code="T07", status="unchecked", stage=STAGE, why=why)


def _found(why: str) -> Finding:
    return Finding(
        code="T07",
        status="found",
        stage=STAGE,
        why=why,
        remedy="save the model again (save_pretrained), or take an earlier checkpoint",
        blocking=True,
    )
