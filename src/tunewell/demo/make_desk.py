"""Makes a small realistic project: the service desk of Lumenta Energy, an invented supplier.

    tunewell demo OUT --data-only [--seed 7] [--rows 800]

writes ``OUT/tunewell.yaml``, the raw exports of five systems in five formats (``OUT/raw``), a clean
test set of the desk's own (``OUT/test/exam.jsonl``) and ``OUT/truth.json``, which says what was
planted where. The same arguments give the same bytes.

What is planted, as shares of the raw rows, stands in `SHARES`; together about 43 % of the rows are
spoiled. A fifth of that does not belong (small talk of a public chat set, memos, personal mail), a
sixth is older than the present handbook and teaches wrong forms and deadlines, some more contradict
it; the rest is copies, broken text, footers, personal data and rows of the test set. 70 % of all
rows come from one region, where 30 % of the customers live. Rows on a ruling of 2018 are old and
must be kept (``landmark``). Some clean rows carry numbers that only look like personal data (wrong
check digits, meter and order numbers) and must stay as they are.
"""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewell.demo.desk_rows import HERE, RAW_SHARES, TARGET_SHARES, Desk, DeskCase, between
from tunewell.demo.spoil import LANDMARK, RECENT, PlantedRow, Spoiler, trap
from tunewell.json_text import parse_json

SHARES: Mapping[str, float] = {
    "small_talk": 0.050,
    "memos": 0.025,
    "private_mail": 0.020,
    "stale": 0.070,
    "contradictions": 0.025,
    "exact_copies": 0.030,
    "edited_copies": 0.030,
    "leaks": 0.025,
    "footers": 0.040,
    "cut_off": 0.025,
    "mojibake": 0.0175,
    "refusals": 0.0125,
    "foreign": 0.0175,
    "empty": 0.0075,
    "repetition": 0.005,
    "personal": 0.025,
    "malformed": 0.010,
}
"""Share of each spoiling among the raw rows."""

POOLS = {"small_talk": 42, "memos": 22, "private_mail": 18, "foreign": 16}
"""Most rows that ``noise.yaml`` has for these."""

TEST_ROWS = 120
"""At 800 raw rows; fewer in smaller projects."""

FILES: Mapping[str, str] = {
    "chat": "raw/chat.jsonl",
    "tickets": "raw/tickets.csv",
    "mail": "raw/mail.jsonl",
    "book": "raw/handbook.json",
    "public": "raw/public_chat.json",
    "exam": "test/exam.jsonl",
}


@dataclass(frozen=True)
class DeskProject:
    """All rows before they are written; ids are final.

    Attributes:
        clean: Rows that must survive, traps and landmarks among them.
        plants: Spoiled rows.
        exam: The clean test set.
        traps: Ids of the clean rows with look-alikes of personal data.
        malformed: How many broken lines to write.
    """

    clean: tuple[DeskCase, ...]
    plants: tuple[PlantedRow, ...]
    exam: tuple[DeskCase, ...]
    traps: tuple[str, ...]
    malformed: int


def build_desk(*, seed: int = 7, rows: int = 800) -> DeskProject:
    """All rows of a project.

    Args:
        seed: Of everything random.
        rows: Raw rows, the test set not counted; 60 to 1,000.

    Raises:
        ValueError: The number of rows is out of range.
    """
    if not 60 <= rows <= 1000:
        raise ValueError(
            f"rows must be from 60 to 1,000 (the phrases do not carry more). Got {rows}."
        )
    rng = random.Random(seed)
    desk = Desk(rng=rng)
    counts = {name: max(1, round(share * rows)) for name, share in SHARES.items()}
    counts = {name: min(n, POOLS.get(name, n)) for name, n in counts.items()}
    exam = _exam(desk, max(20, TEST_ROWS * rows // 800) if rows < 800 else TEST_ROWS)
    clean, traps = _clean(desk, rows - sum(counts.values()))
    plants = _plants(Spoiler.of(desk), counts, clean, exam)
    clean = [replace(row, system=row.system or _system(rng)) for row in clean]
    plants = [replace(p, row=replace(p.row, system=p.row.system or _system(rng))) for p in plants]
    return _name(clean, plants, exam, traps, counts["malformed"], rng)


def _exam(desk: Desk, count: int) -> list[DeskCase]:
    topics = (*desk.topics, *desk.landmarks)
    made = [desk.fresh(topics[i % len(topics)], shares=TARGET_SHARES) for i in range(count)]
    return [
        replace(row, id=f"exam:{i}", date=between(desk.rng, "2026-08", "2026-10"), system="exam")
        for i, row in enumerate(made)
    ]


def _clean(desk: Desk, count: int) -> tuple[list[DeskCase], list[str]]:
    landmarks = max(2, count // 28)
    rows = []
    for i in range(count - landmarks):
        row = desk.fresh(desk.topics[i % len(desk.topics)], shares=RAW_SHARES)
        undated = i % 40 == 39
        rows.append(
            replace(row, id=f"clean:{i}", date="" if undated else between(desk.rng, *RECENT))
        )
    for i in range(landmarks):
        row = desk.fresh(desk.landmarks[i % len(desk.landmarks)], shares=RAW_SHARES)
        rows.append(
            replace(
                row,
                id=f"landmark:{i}",
                date=between(desk.rng, *LANDMARK),
                landmark=True,
                system=("tickets", "chat")[i % 2],
            )
        )
    chosen = sorted(desk.rng.sample(range(count - landmarks), max(4, count // 20)))
    for i, at in enumerate(chosen):
        rows[at] = trap(rows[at], i, desk.rng)
    return rows, [rows[at].id for at in chosen]


def _plants(
    spoiler: Spoiler, counts: Mapping[str, int], clean: Sequence[DeskCase], exam: Sequence[DeskCase]
) -> list[PlantedRow]:
    ordinary = [row for row in clean if not row.landmark and row.date]
    bases = spoiler.rng.sample(
        ordinary, counts["exact_copies"] + counts["edited_copies"] + counts["contradictions"]
    )
    a, b = counts["exact_copies"], counts["exact_copies"] + counts["edited_copies"]
    plants = (
        spoiler.exact_copies(bases[:a])
        + spoiler.edited_copies(bases[a:b])
        + spoiler.contradictions(bases[b:])
        + spoiler.leaks(spoiler.rng.sample(list(exam), counts["leaks"]))
    )
    for name in (
        "small_talk",
        "memos",
        "private_mail",
        "stale",
        "footers",
        "cut_off",
        "mojibake",
        "refusals",
        "foreign",
        "empty",
        "repetition",
        "personal",
    ):
        plants += getattr(spoiler, name)(counts[name])
    return plants


def _system(rng: random.Random) -> str:
    return rng.choices(("chat", "tickets", "mail", "book"), (35, 35, 20, 10))[0]


def _name(
    clean: Sequence[DeskCase],
    plants: Sequence[PlantedRow],
    exam: Sequence[DeskCase],
    traps: Sequence[str],
    malformed: int,
    rng: random.Random,
) -> DeskProject:
    """Give every row the id that its system would give, in random order.

    References are kept right.
    """
    plants = [replace(p, row=replace(p.row, id=f"plant:{i}")) for i, p in enumerate(plants)]
    everything = [*clean, *(p.row for p in plants), *exam]
    rng.shuffle(everything)
    numbers: Counter[str] = Counter()
    final = {}
    for row in everything:
        numbers[row.system] += 1
        final[row.id] = f"{row.system}-{numbers[row.system]:04d}"
    named = [replace(row, id=final[row.id]) for row in clean]
    spoiled = [
        replace(p, row=replace(p.row, id=final[p.row.id]), other=final.get(p.other, ""))
        for p in plants
    ]
    return DeskProject(
        clean=tuple(sorted(named, key=lambda r: r.id)),
        plants=tuple(sorted(spoiled, key=lambda p: p.row.id)),
        exam=tuple(sorted((replace(row, id=final[row.id]) for row in exam), key=lambda r: r.id)),
        traps=tuple(sorted(final[t] for t in traps)),
        malformed=malformed,
    )


# --- the formats of the systems -------------------------------------------------------------------


def _messages(row: DeskCase) -> dict[str, Any]:
    turns = [{"role": "user", "content": row.text}, {"role": "assistant", "content": row.answer}]
    return {
        "id": row.id,
        "created": f"{row.date}T08:30:00Z" if row.date else None,
        "topic": row.kind,
        "region": row.region,
        "landmark": row.landmark,
        "points": row.points,
        "messages": turns,
    }


def _mail(row: DeskCase) -> dict[str, Any]:
    return {
        "mail_id": row.id,
        "received": row.date,
        "folder": row.kind,
        "region": row.region,
        "points": row.points,
        "prompt": row.text,
        "completion": row.answer,
    }


def _alpaca(row: DeskCase) -> dict[str, Any]:
    return {
        "nr": row.id,
        "instruction": row.text,
        "input": "",
        "output": row.answer,
        "chapter": row.kind,
        "edition": row.date,
        "region": row.region,
        "points": row.points,
    }


def _sharegpt(row: DeskCase) -> dict[str, Any]:
    turns = [{"from": "human", "value": row.text}, {"from": "gpt", "value": row.answer}]
    return {"id": row.id, "conversations": turns}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tickets(rows: Sequence[DeskCase]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "ticket_no",
            "opened",
            "category",
            "region",
            "landmark",
            "customer_text",
            "agent_reply",
            "points",
        ]
    )
    for row in rows:
        opened = f"{row.date} 09:15" if row.date else ""
        writer.writerow(
            [
                row.id,
                opened,
                row.kind,
                row.region,
                "yes" if row.landmark else "no",
                row.text,
                row.answer,
                row.points,
            ]
        )
    return out.getvalue()


def _json_lines(
    lines: Sequence[str], malformed: int, rng: random.Random
) -> tuple[list[str], list[int]]:
    """The lines with broken ones between them, and the numbers of those (from 1)."""
    result = list(lines)
    for i in range(malformed):
        at = rng.randrange(1, len(result))
        line = result[at]
        broken = (
            line[: len(line) * 2 // 3],
            line.replace('": "', '" "', 1),
            f"{line[:-1]},,}}",
            "<html>502</html>",
        )
        result.insert(at, broken[i % 4])
    numbers = [n for n, line in enumerate(result, 1) if not _parses(line)]
    return result, numbers


def _parses(line: str) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True


def _json_array(items: Sequence[Mapping[str, Any]]) -> str:
    return "[\n" + ",\n".join(_json(item) for item in items) + "\n]\n"


def files_of(
    project: DeskProject, *, seed: int
) -> tuple[dict[str, str], dict[str, tuple[str, int]], list[tuple[str, int]]]:
    """The files of the systems.

    Returns:
        Text by file name; (file, line) by row id; (file, line) of the malformed lines.
    """
    rng = random.Random(seed + 1)
    rows: dict[str, list[DeskCase]] = {system: [] for system in FILES}
    for row in sorted(
        [*project.clean, *(p.row for p in project.plants), *project.exam], key=lambda r: r.id
    ):
        rows[row.system].append(row)
    texts: dict[str, str] = {}
    bad: list[tuple[str, int]] = []
    half = project.malformed // 2
    for system, make_item, count in (
        ("chat", _messages, project.malformed - half),
        ("mail", _mail, half),
        ("exam", _messages, 0),
    ):
        lines, numbers = _json_lines([_json(make_item(row)) for row in rows[system]], count, rng)
        texts[FILES[system]] = "".join(f"{line}\n" for line in lines)
        bad += [(FILES[system], n) for n in numbers]
    texts[FILES["tickets"]] = _tickets(rows["tickets"])
    texts[FILES["book"]] = _json_array([_alpaca(row) for row in rows["book"]])
    texts[FILES["public"]] = _json_array([_sharegpt(row) for row in rows["public"]])
    return texts, dict(_places(rows, texts, set(bad))), bad


def _places(
    rows: Mapping[str, Sequence[DeskCase]], texts: Mapping[str, str], bad: set[tuple[str, int]]
) -> Iterator[tuple[str, tuple[str, int]]]:
    for system, name in FILES.items():
        if system == "tickets":
            reader = csv.reader(io.StringIO(texts[name]))
            before = 0
            for record in reader:
                if record[0] != "ticket_no":
                    yield record[0], (name, before + 1)
                before = reader.line_num
            continue
        first = 2 if name.endswith(".json") else 1
        last = len(texts[name].splitlines())
        numbers = (n for n in range(first, last + 1) if (name, n) not in bad)
        for row, number in zip(rows[system], numbers, strict=False):
            yield row.id, (name, number)


def truth_of(
    project: DeskProject,
    places: Mapping[str, tuple[str, int]],
    bad: Sequence[tuple[str, int]],
    *,
    seed: int,
    rows: int,
) -> dict[str, Any]:
    """What was planted where, and what must survive."""
    planted = [
        {
            "id": p.row.id,
            "file": places[p.row.id][0],
            "line": places[p.row.id][1],
            "code": p.code,
            "what": p.what,
            "expected": p.expected,
            "other": p.other,
            "hard": p.hard,
        }
        for p in project.plants
    ]
    planted += [
        {
            "id": "",
            "file": name,
            "line": line,
            "code": "D08",
            "what": "malformed line",
            "expected": "rejected",
            "other": "",
            "hard": False,
        }
        for name, line in bad
    ]
    raw = [*project.clean, *(p.row for p in project.plants)]
    regions = Counter(row.region for row in raw)
    return {
        "seed": seed,
        "rows": rows,
        "planted": planted,
        "clean": [row.id for row in project.clean],
        "landmarks": [row.id for row in project.clean if row.landmark],
        "undated": [row.id for row in project.clean if not row.date],
        "traps": list(project.traps),
        "exam": [row.id for row in project.exam],
        "skew": {
            "code": "D14",
            "field": "region",
            "rows": dict(sorted(regions.items())),
            "target": TARGET_SHARES,
        },
    }


def make_desk(out: Path, *, seed: int = 7, rows: int = 800) -> dict[str, Any]:
    """Write the project into a folder and give its truth.

    Args:
        out: The folder; made if it is not there, its project files are replaced.
        seed: Of everything random.
        rows: Raw rows, the test set not counted.
    """
    project = build_desk(seed=seed, rows=rows)
    texts, places, bad = files_of(project, seed=seed)
    truth = truth_of(project, places, bad, seed=seed, rows=rows)
    texts["truth.json"] = json.dumps(truth, indent=1, ensure_ascii=False) + "\n"
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    for name in ("tunewell.yaml", "guideline.md"):
        shutil.copyfile(HERE / name, out / name)
    return truth
