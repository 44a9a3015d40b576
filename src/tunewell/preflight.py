"""What a run needs and does not find: packages, room on the disk, keys. Asked before it begins."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tunewell.errors import UserError
from tunewell.task import TaskFile, TaskSpec
from tunewell.types import Value

KEY: Final = "OPENAI_API_KEY"
WANTS_KEY: Final = "api.openai.com"
"""Servers elsewhere are asked without a key unless the variable is set."""

EXTRA_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("torch", "transformers", "peft"),
    "trl": ("trl", "accelerate"),
    "endpoint": ("openai",),
    "text": ("pypdf",),
    "names": ("onnxruntime",),
    "ray": ("ray",),
}
"""What each optional part of the installation is recognised by."""


class Shortage(Value):
    """Something that the run needs and that is not there.

    Attributes:
        what: In one sentence.
        hint: What to do about it.
    """

    what: str
    hint: str


def find_shortages(file: TaskFile, disk_bytes: int, folder: Path) -> tuple[Shortage, ...]:
    """Everything that a run of this definition needs and that is not there.

    Args:
        file: The definition.
        disk_bytes: How much the run will write, about.
        folder: Where to.
    """
    spec = file.spec
    checks: Iterable[Callable[[], Iterator[Shortage]]] = (
        lambda: _of_extras(spec),
        lambda: _of_keys(spec),
        lambda: _of_disk(disk_bytes, folder),
    )
    return tuple(shortage for check in checks for shortage in check())


def check_shortages(found: Iterable[Shortage]) -> None:
    """Refuse to begin where something is missing.

    Raises:
        UserError: Names all of it together.
    """
    shortages = tuple(found)
    if not shortages:
        return
    whats = "; ".join(shortage.what for shortage in shortages)
    hints = "\n      ".join(dict.fromkeys(shortage.hint for shortage in shortages))
    raise UserError(whats, hint=hints)


def _of_extras(spec: TaskSpec) -> Iterator[Shortage]:
    for extra, purpose in _needed_extras(spec).items():
        missing = [name for name in EXTRA_MODULES[extra] if importlib.util.find_spec(name) is None]
        if missing:
            yield Shortage(
                what=f"{purpose} needs the optional part '{extra}', which is not installed "
                f"({', '.join(missing)})",
                hint=f"pip install 'tunewell[{extra}]'",
            )


def _needed_extras(spec: TaskSpec) -> dict[str, str]:
    """Parts of the installation, each with what needs it."""
    needed = {"train": "training"}
    if spec.train.backend == "trl":
        needed["trl"] = "train.backend: trl"
    urls = _urls(spec)
    if urls:
        needed["endpoint"] = f"asking {urls[0]}"
    if any(source.path.lower().endswith(".pdf") for source in spec.data):
        needed["text"] = "reading PDF files"
    if spec.rules.recogniser == "rampart":
        needed["names"] = "rules.recogniser: rampart"
    if spec.engine.startswith("ray"):
        needed["ray"] = f"engine: {spec.engine}"
    return needed


def _urls(spec: TaskSpec) -> list[str]:
    """Servers that the run will ask."""
    found = [arm.url for arm in spec.evaluate.arms if arm.url]
    found += [str(url) for metric in spec.metrics if (url := metric.options.get("url"))]
    return found


def _of_keys(spec: TaskSpec) -> Iterator[Shortage]:
    wanting = [url for url in _urls(spec) if WANTS_KEY in url]
    if wanting and not os.environ.get(KEY):
        yield Shortage(what=f"{wanting[0]} requires a key", hint=f"export {KEY}=…")


def _of_disk(needed: int, folder: Path) -> Iterator[Shortage]:
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        yield Shortage(
            what=f"the run writes about {needed / 2**20:,.0f} MiB and {place} has "
            f"{free / 2**20:,.0f} MiB free",
            hint="free some space, or lower train.max_train_tokens",
        )
