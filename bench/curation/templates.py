"""Boilerplate and template families (D05): planted recall and false flags, by family size.

python -m bench curation/templates
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.curation.corpus import dissimilar, paragraphs, share
from bench.machine import keep
from tunewell.curate import duplicates
from tunewell.curate.rows import InputRow
from tunewell.engine import Engine
from tunewell.similar import boilerplate
from tunewell.similar.in_parts import Workplace
from tunewell.testing.planted import corpus

SIZES, SEEDS, CLEAN = (5, 10, 20, 40), 5, 600


def measure(size: int, seeds: int, base: list[str]) -> dict[str, Any]:
    """Families of so many rows, and footers below so many answers, among clean rows."""
    counts: dict[str, int] = defaultdict(int)
    for seed in range(seeds):
        texts = base[seed * 200 :] + base[: seed * 200]
        made = corpus(seed=seed, clean=CLEAN, each=size, base=texts)
        wanted = {p.row: p.kind for p in made.truth if p.code == "D05"}
        clean = set(made.clean)
        rows = [
            InputRow(r["id"], "", [(m["role"], m["content"]) for m in r["messages"]])
            for r in made.rows
            if r["id"] in wanted or r["id"] in clean
        ]
        common = boilerplate.recurring(rows)
        for row in rows:
            kept, ending = boilerplate.split_ending(row.target, common)
            if wanted.get(row.id) == "footer":
                counts["footers"] += 1
                counts["footers found"] += bool(ending)
                counts["footers taken off to the word"] += kept == row.target.split("\n\n")[0]
            elif row.id in clean:
                counts["clean"] += 1
                counts["clean with an ending"] += boilerplate.ends_in(row, common)
        like = duplicates.likeness(rows, Workplace(Engine(), Path()))
        of_templates = {row.id for family in like.templates for row in family}
        of_copies = {row.id for family in like.copies for row in family}
        counts["template rows"] += size
        counts["template rows found"] += sum(wanted.get(i) == "template" for i in of_templates)
        counts["template rows taken for copies"] += sum(
            wanted.get(i) == "template" for i in of_copies
        )
        counts["clean in a template"] += len(of_templates & clean)
    return {
        "rows_of_a_family": size,
        "seeds": seeds,
        "clean_rows": counts["clean"],
        "footers_found": share(counts["footers found"], counts["footers"]),
        "footers_taken_off_to_the_word": share(
            counts["footers taken off to the word"], counts["footers"]
        ),
        "clean_rows_with_an_ending": share(counts["clean with an ending"], counts["clean"]),
        "template_rows_found": share(counts["template rows found"], counts["template rows"]),
        "template_rows_taken_for_copies": share(
            counts["template rows taken for copies"], counts["template rows"]
        ),
        "clean_rows_in_a_template": share(counts["clean in a template"], counts["clean"]),
    }


def main() -> None:
    """Measure and keep."""
    base = dissimilar(paragraphs(3_400, low=40, high=90), most=0.3)
    results = []
    for size in SIZES:
        results.append(measure(size, SEEDS, base))
        sys.stderr.write(f"{results[-1]}\n")
    keep("curation-templates", {"results": results})


if __name__ == "__main__":
    main()
