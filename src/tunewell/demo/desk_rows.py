"""Clean rows of the desk: what a customer writes, and what the desk wants to answer.

The answers follow a house style that can be learned (a label in front, the handbook's form and
deadline, ``Next step:`` at the end) and facts that no base model can know. Every row differs from
every other: see `Desk.fresh`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz.distance import Indel

HERE = Path(__file__).resolve().parent
REGIONS = ("north", "south", "east", "west", "coast")
TARGET_SHARES = {"north": 0.30, "south": 0.25, "east": 0.20, "west": 0.15, "coast": 0.10}
RAW_SHARES = {"north": 0.70, "south": 0.14, "east": 0.08, "west": 0.05, "coast": 0.03}
NEAR_INPUT = 0.62
NEAR_ROW = 0.72


@dataclass(frozen=True)
class DeskCase:
    """One raw row before it is written in some system's format.

    Attributes:
        id: Unique over all systems.
        text: What the customer wrote.
        answer: What was answered.
        topic: Key of ``phrases.yaml``; empty if it is not the desk's business.
        kind: What the system calls it: outage, billing, tariff, meter, moving, memo …
        region: Where the customer lives.
        date: ISO day, or empty.
        points: What a right answer must name, separated by `` | ``.
        landmark: Whether the row stays valid for ever.
        system: The system it comes from.
    """

    text: str
    answer: str
    id: str = ""
    topic: str = ""
    kind: str = ""
    region: str = ""
    date: str = ""
    points: str = ""
    landmark: bool = False
    system: str = ""


def load(name: str) -> dict[str, Any]:
    """One of the YAML files beside this one."""
    content: dict[str, Any] = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return content


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return re.findall(r"\w+", text.lower())


def sentence(text: str) -> str:
    """With a capital in front and a stop at the end."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".?!," else text + "."


def between(rng: random.Random, first: str, last: str) -> str:
    """A day from first to last, both ``YYYY-MM`` (days 1 to 28)."""
    (y0, m0), (y1, m1) = (map(int, part.split("-")) for part in (first, last))
    month = rng.randint(y0 * 12 + m0 - 1, y1 * 12 + m1 - 1)
    return f"{month // 12:04d}-{month % 12 + 1:02d}-{rng.randint(1, 28):02d}"


@dataclass
class Desk:
    """Makes rows, each unlike all that it made before."""

    rng: random.Random
    phrases: Mapping[str, Any] = field(default_factory=lambda: load("phrases.yaml"))
    made: list[tuple[list[str], list[str]]] = field(default_factory=list)

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that every handbook has (the landmark apart)."""
        return tuple(
            name for name, topic in self.phrases["topics"].items() if not topic.get("landmark")
        )

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Topics whose old rows stay valid."""
        return tuple(
            name for name, topic in self.phrases["topics"].items() if topic.get("landmark")
        )

    def fresh(
        self, topic: str, *, shares: Mapping[str, float], handbook: str = "now", tries: int = 400
    ) -> DeskCase:
        """A row of this topic that is no near-duplicate of any made before.

        Args:
            topic: Key of ``phrases.yaml``.
            shares: How often each region occurs.
            handbook: ``now``, or ``old`` for the values before July 2025.
            tries: After so many failures the phrases are used up.

        Raises:
            RuntimeError: No new row could be made.
        """
        for _ in range(tries):
            region = self.rng.choices(REGIONS, [shares[name] for name in REGIONS])[0]
            text = self._ask(topic, region)
            row = DeskCase(
                text=text,
                answer=self.answer(topic, handbook),
                topic=topic,
                region=region,
                kind=self.phrases["topics"][topic]["kind"],
                points=self.points(topic),
            )
            if self._is_new(row):
                return row
        raise RuntimeError(
            f"no new row for {topic!r} after {tries} tries: phrases.yaml needs more phrases"
        )

    def points(self, topic: str) -> str:
        """What a right answer must name."""
        now = self.phrases["topics"][topic]["now"]
        return " | ".join((now["a"], now["b"], now["c"]))

    def answer(self, topic: str, handbook: str = "now") -> str:
        """An answer in the house style."""
        spec, rng = self.phrases["topics"][topic], self.rng
        values = spec[handbook]
        fact = rng.choice(spec["facts"]).format(**values)
        step = rng.choice(spec["next"]).format(**values)
        parts = [
            f"[{spec['kind']}]",
            rng.choice(self.phrases["acks"]),
            sentence(fact),
            f"Next step: {step}",
        ]
        return " ".join(part for part in parts if part)

    def _ask(self, topic: str, region: str) -> str:
        spec, rng = self.phrases["topics"][topic], self.rng
        slots = {name: rng.choice(values) for name, values in self.phrases["slots"].items()}
        slots["town"] = rng.choice(self.phrases["towns"][region])
        situation, question = rng.choice(spec["situations"]), rng.choice(spec["questions"])
        aside = rng.choice(self.phrases["asides"])
        parts = [situation, question]
        if rng.random() < 0.5:
            parts.insert(rng.randrange(3), aside)
        if rng.random() < 0.2:
            parts[0], parts[1] = parts[1], parts[0]
        opener, closer = rng.choice(self.phrases["openers"]), rng.choice(self.phrases["closers"])
        body = " ".join(sentence(part.format(**slots)) for part in parts)
        text = f"{opener}, {body}" if opener else body
        text = f"{text} {sentence(closer)}" if closer else text
        return self._hasty(text)

    def _hasty(self, text: str) -> str:
        """People type: small letters, missing stops, slips of the finger."""
        rng = self.rng
        if rng.random() < 0.18:
            text = text.lower()
        if rng.random() < 0.12:
            text = text.replace(".", "").replace(",", "")
        if rng.random() < 0.25:
            text = slip(text, rng)
        return text

    def _is_new(self, row: DeskCase) -> bool:
        text, whole = words(row.text), words(row.text) + words(row.answer)
        for other_text, other_whole in self.made:
            if Indel.normalized_similarity(text, other_text, score_cutoff=NEAR_INPUT) > 0:
                return False
            if Indel.normalized_similarity(whole, other_whole, score_cutoff=NEAR_ROW) > 0:
                return False
        self.made.append((text, whole))
        return True


def slip(text: str, rng: random.Random) -> str:
    """One slip of the finger: two neighbouring letters swapped, doubled or lost."""
    places = [m.start() for m in re.finditer(r"[a-z]{4,}", text)]
    if not places:
        return text
    at = rng.choice(places) + 1
    change = rng.choice(("swap", "double", "lose"))
    if change == "swap":
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + (text[at] * 2 if change == "double" else "") + text[at + 1 :]


def edit(
    text: str, share: float, swaps: Mapping[str, str], rng: random.Random, keep: Sequence[str] = ()
) -> str:
    """A copy with about this share of its words changed: swapped, dropped, added or misspelt.

    Args:
        text: The original.
        share: Of the words, in (0, 1).
        swaps: Words and what may stand for them.
        rng: Where chance comes from.
        keep: Words that stay as they are (the facts).
    """
    parts = text.split(" ")
    held = {w for k in keep for w in k.lower().split()}
    free = [
        i
        for i, w in enumerate(parts)
        if w.lower().strip(".,?!") not in held and not w.startswith("[")
    ]
    chosen = sorted(rng.sample(free, min(len(free), max(1, round(share * len(parts))))))
    for i in chosen:
        word = parts[i]
        swap = swaps.get(word.lower())
        if swap:
            parts[i] = swap
        elif len(word) > 4 and rng.random() < 0.5:
            parts[i] = slip(word, rng)
        elif rng.random() < 0.5:
            parts[i] = f"{rng.choice(('really', 'just', 'also', 'now', 'maybe'))} {word}"
        else:
            parts[i] = ""
    return " ".join(part for part in parts if part)
