"""Install the wheel into fresh environments: python -m bench.packages.fresh_environments [EXTRA …].

Without names: the wheel without extras, timed from the first line of `pip install` to the first
finding. With names: each extra alone, beside what the wheel needs. For each environment: size on
disk, whether `tunewell self-check` passes, and what `tunewell doctor` finds in a spoiled file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, keep

ROOT = Path(__file__).parents[2]
NAME = "packages-fresh-environments"
ROWS = "\n".join(
    json.dumps({"prompt": f"What of a {case}?", "completion": answer})
    for case, answer in [
        *[(case, f"Use the form for a {case}.") for case in ("move", "sale", "birth", "loss")],
        *[("repair", "Ask the desk."), ("repair", "Ask the desk."), ("visit", "N/A")],
    ]
)


def run(*command: str) -> str:
    """What a command prints on its standard output; it may take ten minutes."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return done.stdout


def size_mb(folder: Path) -> int:
    """What the files of a folder take, in units of 1,000,000 bytes."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return round(sum(path.stat().st_size for path in files) / 1e6)


def measure(wheel: Path, extra: str) -> dict[str, Any]:
    """One environment, from nothing to the first finding."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "env", with_pip=False)
        python = str(folder / "env" / "bin" / "python")
        rows = folder / "rows.jsonl"
        rows.write_text(ROWS, encoding="utf-8")

        started = time.monotonic()
        what = f"{wheel}[{extra}]" if extra else str(wheel)
        constraints = str(ROOT / "constraints.txt")
        pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
        run(*pip, "--constraint", constraints, what)
        installed = time.monotonic()
        found = run(python, "-m", "tunewell", "doctor", str(rows))
        ended = time.monotonic()
        checked = run(python, "-m", "tunewell", "self-check", "--json")
        size = size_mb(folder / "env")

    states = {check["name"]: check["state"] for check in json.loads(checked)["result"]}
    return {
        "size_mb": size,
        "install_s": round(installed - started, 1),
        "first_finding_s": round(ended - started, 1),
        "findings": sorted(set(re.findall(r"\bD\d\d\b", found))),
        "fails": [name for name, state in states.items() if state == "fails"],
        "works": [name for name, state in states.items() if state == "works"],
    }


def main() -> None:
    """Measure and keep the result, beside what was measured before."""
    path = RESULTS / f"{NAME}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    result = known.get("environments", {})
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
        wheel = next(Path(folder).glob("*.whl"))
        for extra in sys.argv[1:] or [""]:
            result[extra or "without extras"] = measure(wheel, extra)
    print(keep(NAME, {"environments": result}).name)


if __name__ == "__main__":
    main()
