"""Run benchmarks.

`python -m bench` lists them, `python -m bench lineage` runs one, `python -m bench all` every one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SKIP = {"__init__", "__main__", "machine"}


def names() -> list[str]:
    """Every benchmark: a module under bench/ with a ``main``."""
    found = [
        p.relative_to(HERE).with_suffix("").as_posix()
        for p in HERE.rglob("*.py")
        if p.stem not in SKIP
    ]
    return sorted(n for n in found if "def main" in (HERE / f"{n}.py").read_text(encoding="utf-8"))


def main() -> None:
    """Run what the arguments name; list what there is without any."""
    wanted = sys.argv[1:]
    known = names()
    if not wanted:
        print("benchmarks (python -m bench NAME …, or all):")
        print("\n".join(f"  {n}" for n in known))
        return
    unknown = [n for n in wanted if n not in known and n != "all"]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    failed = []
    for name in known if "all" in wanted else wanted:
        print(f"== {name}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"bench.{name.replace('/', '.')}"], check=False
        ).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
