"""A merged model as GGUF, by llama.cpp's own converter where it is present."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal, get_args

from tunewell.errors import ModelError

CONVERTER: Final = "convert_hf_to_gguf.py"
FOLDER: Final = "LLAMA_CPP"
"""Environment variable that names llama.cpp's folder."""

GgufType = Literal["f32", "f16", "bf16", "q8_0", "auto"]
TYPES: Final = get_args(GgufType)


def find_converter() -> Path:
    """llama.cpp's converter: in the folder that LLAMA_CPP names, else on the PATH.

    Raises:
        ModelError: It is not there.
    """
    named = os.environ.get(FOLDER)
    if named:
        path = Path(named).expanduser()
        if path.is_dir():
            path = path / CONVERTER
        if path.is_file():
            return path
        raise ModelError(
            f"{FOLDER}={named} holds no {CONVERTER}.",
            hint=f"export {FOLDER}=folder of llama.cpp",
        )
    found = shutil.which(CONVERTER)
    if found:
        # It looks for its own packages beside itself, not beside a link to it.
        return Path(found).resolve()
    raise ModelError(
        f"GGUF is written by llama.cpp's {CONVERTER}, which was not found on this machine.",
        hint=f"clone llama.cpp and export {FOLDER}=its folder; or: tunewell export merged FOLDER",
    )


def to_gguf(
    folder: Path,
    target: Path,
    *,
    outtype: GgufType = "auto",
    name: str = "",
    timeout_s: float = 3600.0,
) -> Path:
    """Convert a merged model; the file appears whole or not at all.

    Tried with the converter of September 2026: the numbers read back bit for bit as they were
    merged, and llama.cpp cuts prompts into the same tokens.

    Args:
        folder: In Hugging Face layout, from `tunewell.train.merge`.
        target: File to make; it must not be there.
        outtype: Type of the numbers, as the converter names it; ``auto`` keeps 16 bits.
        name: What programs show as the model's name; the folder's if empty.
        timeout_s: For the converter.

    Raises:
        ModelError: The target is there, the converter is not, or it failed.
    """
    if target.exists():
        raise ModelError(f"'{target}' is there already.", hint="name another file")
    partial = target.with_name(target.name + ".partial")
    command = [
        sys.executable,
        str(find_converter()),
        str(folder),
        "--outfile",
        str(partial),
        "--outtype",
        outtype,
    ]
    if name:
        command += ["--model-name", name]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        if done.returncode or not partial.is_file():
            raise _failure(done, command)
        os.replace(partial, target)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{CONVERTER} took longer than {timeout_s:g} s.") from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _failure(done: subprocess.CompletedProcess[str], command: list[str]) -> ModelError:
    """What the converter's last line says, and what to do about it."""
    told = done.stderr.strip().splitlines() or ["no message"]
    missing = re.search(r"No module named '(\w+)", told[-1])
    hint = f"pip install {missing[1]}" if missing else " ".join(command)
    message = f"{CONVERTER} failed (exit {done.returncode}): {told[-1]}"
    return ModelError(message, hint=hint)
