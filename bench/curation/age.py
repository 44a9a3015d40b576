"""Age (D06): which planted stale rows are found, and which sound rows are taken for stale.

python -m bench curation/age

Two ways: with the facts file, and without it (older values against newer rows alone).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.curate.pipeline import apply_rules, read
from tunewell.curate.reading.read import ReadResult, read_source
from tunewell.curate.superseded import against_newer
from tunewell.stats.proportions import proportion
from tunewell.task import DataSource, parse_task
from tunewell.testing.planted_age import MAX_AGE_DAYS, TODAY, Aged, aged

SEEDS = range(8)
TASK = f"""
task: {{name: aged, about: rows of every age, input: a question, output: an answer}}
data:
  - path: rows.jsonl
    format: prompt_completion
    fields: {{id: id, date: date, tags: [landmark]}}
  - path: pages
rules:
  max_age: {{days: {MAX_AGE_DAYS}, as_of: {TODAY}, except: [{{field: landmark, is: "true"}}]}}
  near_duplicates: report
  boilerplate: report
  superseded: drop
"""


def write(made: Aged, folder: Path, *, facts: bool) -> None:
    """The files of a project."""
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    lines = []
    for row in made.rows:
        if row.page:
            head = f'<meta property="article:published_time" content="{row.date}T08:00:00Z">'
            (folder / "pages" / f"{row.id}.html").write_text(
                f"<html><head>{head}</head><body><p>{row.answer}</p></body></html>"
            )
            continue
        lines.append(
            {
                "id": row.id,
                "prompt": row.asked,
                "completion": row.answer,
                "date": row.date or None,
                "landmark": str(row.landmark).lower(),
            }
        )
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if facts:
        (folder / "facts.yaml").write_text(json.dumps({"facts": made.facts}))


def measure(made: Aged, *, facts: bool) -> tuple[Counter[str], Counter[str], float]:
    """Rows of each kind, those taken for stale, and processor seconds of curation."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(made, folder, facts=facts)
        text = TASK + ("  facts: facts.yaml\n" if facts else "")
        file = parse_task(text, path=folder / "tunewell.yaml", environment={})
        batch = read(file)
        clock = time.process_time()
        done = apply_rules(file, batch)
        seconds = time.process_time() - clock
    table = done.ledger.table().to_pylist()
    stale = {
        r["row"].removeprefix("pages/").removesuffix(".html:1")
        for r in table
        if r["code"] == "D06" and r["action"] == "dropped"
    }
    return (
        Counter(r.kind for r in made.rows),
        Counter(r.kind for r in made.rows if r.id in stale),
        seconds,
    )


WAYS = {
    "with the facts file": (True, 24),
    "from newer rows alone": (False, 24),
    "from newer rows alone, 60 topics": (False, 60),
    "from newer rows alone, 240 topics": (False, 240),
}
"""Whether there is a facts file, and over how many topics the same rows are spread.

240 superseded ones and 480 current ones.
"""


def by_chance(data: Path) -> dict[str, Any]:
    """Real rows with dates drawn at random: nothing is superseded, so every flag is false."""
    result = {}
    for name, path in {"gpteacher": "gpteacher", "mts_dialog": "mts_dialog/Main-Dataset"}.items():
        batch = ReadResult()
        read_source(DataSource(path=str(data / path)), root=data, batch=batch)
        flagged = 0
        for seed in SEEDS:
            draw = random.Random(seed)
            for row in batch.rows:
                row.date = TODAY - dt.timedelta(days=draw.randrange(MAX_AGE_DAYS))
            flagged += len({case.row.id for case in against_newer(batch.rows)})
        result[name] = _share(flagged, len(batch.rows) * len(SEEDS))
    return result


def main() -> None:
    """Measure and keep."""
    result: dict[str, Any] = {"seeds": len(SEEDS), "max_age_days": MAX_AGE_DAYS}
    data = Path(os.environ.get("TUNEWELL_DATA", "") or "absent")
    if data.is_dir():
        result["random dates on real rows"] = by_chance(data)
    for name, (facts, topics) in WAYS.items():
        total: Counter[str] = Counter()
        found: Counter[str] = Counter()
        stale: set[str] = set()
        for seed in SEEDS:
            made = aged(seed=seed, topics=topics)
            stale |= {row.kind for row in made.rows if row.stale}
            n, hit, _ = measure(made, facts=facts)
            total += n
            found += hit
        kinds = {kind: _share(found[kind], total[kind]) for kind in sorted(total)}
        result[name] = {
            "recall": _share(sum(found[k] for k in stale), sum(total[k] for k in stale)),
            "false": _share(
                sum(found[k] for k in total if k not in stale),
                sum(total[k] for k in total if k not in stale),
            ),
            "kinds": {
                ("stale: " if kind in stale else "sound: ") + kind: share
                for kind, share in kinds.items()
            },
        }
    print(json.dumps(result, indent=1))
    keep("curation-age", result)


def _share(hits: int, n: int) -> dict[str, Any]:
    estimate = proportion(hits, n)
    return {
        "found": hits,
        "of": n,
        "share": round(estimate.value, 4),
        "interval": [round(estimate.low, 4), round(estimate.high, 4)],
    }


if __name__ == "__main__":
    main()
