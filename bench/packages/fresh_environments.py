"""Install the wheel into fresh environments: python -m bench.packages.fresh_environments [NAME …].

Without names: the wheel without extras, timed from the first line of `pip install` to the first
finding. A name is an extra, which is installed alone beside what the wheel needs, or a version of
Python such as `3.13`, whose interpreter is on the path as `python3.13`. For each environment: size
on disk, whether `tunewell self-check` passes, what `tunewell doctor` finds in a spoiled file, and
what came of using the extra (`extra_uses.py`); without extras, what each use says is missing.

The wheel is built from the sdist, and so is what the sdist holds.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, keep
from bench.packages.extra_uses import USES

ROOT = Path(__file__).parents[2]
NAME = "packages-fresh-environments"
PLAIN = "without extras"
ALL = "all"
USE = str(Path(__file__).with_name("extra_uses.py"))
ROWS = "\n".join(
    json.dumps({"prompt": f"What of a {case}?", "completion": answer})
    for case, answer in [
        *[(case, f"Use the form for a {case}.") for case in ("move", "sale", "birth", "loss")],
        *[("repair", "Ask the desk."), ("repair", "Ask the desk."), ("visit", "N/A")],
    ]
)


def run(*command: str, place: Path = ROOT) -> str:
    """What a command prints, or the last line of its error; it may take ten minutes."""
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=600, check=False
    )
    return done.stdout or done.stderr.strip().rpartition("\n")[-1]


def size_mb(folder: Path) -> int:
    """What the files of a folder take, in units of 1,000,000 bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return round(sum(path.stat().st_size for path in files) / 1e6)


def measure(wheel: Path, name: str) -> dict[str, Any]:
    """One environment, from nothing to the first finding."""
    is_version = bool(re.fullmatch(r"3\.\d+", name))
    interpreter = f"python{name}" if is_version else sys.executable
    extra = name if name in (*USES, ALL) else ""
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        run(interpreter, "-m", "venv", "--without-pip", str(folder / "env"))
        python = str(folder / "env" / "bin" / "python")
        rows = folder / "rows.jsonl"
        rows.write_text(ROWS, encoding="utf-8")

        started = time.monotonic()
        what = f"{wheel}[{extra}]" if extra else str(wheel)
        constraints = str(ROOT / "constraints.txt")
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
        said = run(*pip, "--constraint", constraints, what)
        installed = time.monotonic()
        found = run(python, "-m", "tunewell", "doctor", str(rows), place=folder)
        ended = time.monotonic()
        checked = run(python, "-m", "tunewell", "self-check", "--json", place=folder)
        size = size_mb(folder / "env")
        uses = {each: used(python, each, folder) for each in ([extra] if extra in USES else USES)}

    if not checked.startswith("{"):
        return {"python": name if is_version else "", "fails": [said or checked]}
    states = {check["name"]: check["state"] for check in json.loads(checked)["result"]}
    return {
        "size_mb": size,
        "install_s": round(installed - started, 1),
        "first_finding_s": round(ended - started, 1),
        "findings": sorted(set(re.findall(r"\bD\d\d\b", found))),
        "fails": [check for check, state in states.items() if state == "fails"],
        "works": [check for check, state in states.items() if state == "works"],
        "uses": uses,
    }


def used(python: str, extra: str, folder: Path) -> str:
    """What the use of an extra says, in a folder of its own."""
    place = folder / f"use-{extra}"
    place.mkdir()
    return run(python, "-I", USE, extra, place=place).strip()


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it alone."""
    build_one = (sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t")
    run(*build_one, "sdist")
    sdist = next(folder.glob("*.tar.gz"))
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    run(*build_one, "wheel", place=unpacked)
    return sdist, next(folder.glob("*.whl"))


def describe(sdist: Path, wheel: Path) -> dict[str, Any]:
    """How large both are, and whether the tests of the unpacked sdist can be collected."""
    unpacked = sdist.parent / sdist.name.removesuffix(".tar.gz")
    tests = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    collected = run(*tests, "tests", place=unpacked).strip().splitlines()
    sizes = {"sdist_mb": round(sdist.stat().st_size / 1e6, 1)}
    wheel_mb = round(wheel.stat().st_size / 1e6, 1)
    return {**sizes, "wheel_mb": wheel_mb, "tests_in_the_sdist": collected[-1]}


def main() -> None:
    """Measure and keep the result, beside what was measured before."""
    path = RESULTS / f"{NAME}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    result = known.get("environments", {})
    with tempfile.TemporaryDirectory() as folder:
        sdist, wheel = build(Path(folder))
        built = known.get("built", {}) if sys.argv[1:] else describe(sdist, wheel)
        for name in sys.argv[1:] or [PLAIN]:
            result[name] = measure(wheel, name)
            keep(NAME, {"built": built, "environments": result})
            print(name, json.dumps(result[name], ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
