"""Contradictions (D09): planted ones found and sound rows accused, over seeds of the desk's data.

python -m bench curation/contradictions
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.curate.pipeline import apply_rules, read
from tunewell.demo.make_desk import make_desk
from tunewell.demo.plant_audit import audit_plants
from tunewell.stats.proportions import proportion
from tunewell.task import load_task
from tunewell.types import Receipt

SEEDS = range(20, 36)


def one(seed: int) -> tuple[int, int, int, int]:
    """Planted, found, sound rows, sound rows of a family without a planted row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_desk(folder, seed=seed)
        file = load_task(folder, environment={})
        done = apply_rules(file, read(file))
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    receipts = [Receipt.model_validate(r) for r in done.ledger.table().to_pylist()]
    lines = [line for line in audit_plants(truth, receipts).lines if line.code == "D09"]
    planted, sound = {p["id"] for p in truth["planted"]}, set(truth["clean"])
    accused = {
        row.id
        for family in done.related.families["D09"]
        if not planted & {r.id for r in family}
        for row in family
    }
    return (
        sum(x.planted for x in lines),
        sum(x.caught for x in lines),
        len(sound),
        len(accused & sound),
    )


def main() -> None:
    """Measure and keep."""
    planted, caught, sound, accused = (sum(column) for column in zip(*map(one, SEEDS), strict=True))
    result: dict[str, Any] = {"seeds": len(SEEDS)}
    for name, hits, n in (("recall", caught, planted), ("false", accused, sound)):
        estimate = proportion(hits, n)
        result[name] = {
            "found": hits,
            "of": n,
            "share": round(estimate.value, 5),
            "interval": [round(estimate.low, 5), round(estimate.high, 5)],
        }
    print(json.dumps(result, indent=1))
    keep("curation-contradictions", result)


if __name__ == "__main__":
    main()
