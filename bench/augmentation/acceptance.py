"""What gets in: planted bad candidates of every kind, planted leaks, good candidates, and speed.

Good are the published back-translations of `mts_dialog` and, of all data sets, real rows that were
held back, as children of the row that is most like them or, where answers are labels, of a row
with theirs. Nobody made any of them for this benchmark. The peer's
parts: the same decisions by hand with rapidfuzz over every pair, fastText and regular expressions::

    python -m bench.augmentation.acceptance                   # all
    python -m bench.augmentation.acceptance "notes: planted"  # this one, kept beside the others
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from bench.augmentation.data import (
    RealRows,
    back_translations,
    banking,
    intents,
    legal,
    notes,
    row,
)
from bench.machine import RESULTS, keep
from tunewell.augment.accept import RowAcceptance, Written
from tunewell.augment.accept.likeness import RowLikeness
from tunewell.augment.accept.words import text_of
from tunewell.augment.nouns import Candidate, Decided
from tunewell.metrics.facts import Facts
from tunewell.similar.closest import KeptTexts, SplitTexts
from tunewell.similar.conversations import conversations_of
from tunewell.similar.row_copies import find_copies
from tunewell.task import AugmentCell, CellCondition
from tunewell.testing.planted import edit, vocabulary
from tunewell.types import Example, by_id

EACH = 100
GERMAN = (
    "Die Patientin klagt seit drei Wochen über Schmerzen im linken Knie. ",
    "Der Anbieter darf den Vertrag jederzeit ändern und muss Sie nicht benachrichtigen. ",
    "Wir speichern Ihre Angaben so lange, wie es das Gesetz verlangt, und löschen sie dann. ",
)
FACTS = Facts.model_validate(
    {
        "facts": [
            {"entity": "Basic plan", "attribute": "monthly fee", "value": "10 euros"},
        ]
    }
)
CELL = AugmentCell(
    name="any",
    rows=1_000_000,
    about="More rows.",
    holds=(CellCondition.model_validate({"in": "both", "has_not": ("lorem ipsum",)}),),
)

Plant = Callable[[Example, Example, random.Random], Example]


def remade(parent: Example, asked: str, answer: str, tag: str) -> Example:
    """A child of a parent."""
    made = row(f"{parent.id}~{tag}", asked, answer, kind=parent.kind)
    return made.model_copy(update={"parent": parent.id, "origin": "augmentation"})


def _edited(text: str, share: float, luck: random.Random, words: Sequence[str]) -> str:
    return edit(text, share, luck, known=words)


def plants(words: Sequence[str]) -> dict[str, Plant]:
    """Reason to what spoils a good child (child, parent, luck)."""

    def shuffled(child: Example, parent: Example, luck: random.Random) -> Example:
        pieces = re.findall(r"[^.!?\n]+[.!?\n]*\s*", parent.input) or [parent.input]
        luck.shuffle(pieces)
        return remade(parent, "".join(pieces), parent.target, "shuffled")

    def cut(child: Example, parent: Example, luck: random.Random) -> Example:
        said = child.target.split()
        return remade(parent, child.input, " ".join(said[: len(said) // 2]) + " and the", "cut")

    def babble(child: Example, parent: Example, luck: random.Random) -> Example:
        made_up = [word for word in vocabulary() if len(word) > 6]
        parts = [edit(text, 0.5, luck, fresh=made_up) for text in (child.input, child.target)]
        return remade(parent, parts[0], parts[1], "babble")

    return {
        "structure": lambda c, p, _: remade(p, c.input, "  ", "blank"),
        "condition": lambda c, p, _: remade(p, c.input + " Lorem ipsum.", c.target, "lorem"),
        "language": lambda c, p, k: remade(p, c.input, k.choice(GERMAN) * 2, "german"),
        "broken (cut off)": cut,
        "broken (refusal)": lambda c, p, _: remade(
            p, c.input, "I'm sorry, but I cannot help with that request.", "refusal"
        ),
        "personal data": lambda c, p, k: remade(
            p, f"{c.input} Write to j.doe{k.randrange(99)}@gmail.com.", c.target, "mail"
        ),
        "terms (glossary)": lambda c, p, _: remade(
            p, c.input, f"{c.target} This is for the clientele.", "glossary"
        ),
        "terms (unknown words)": babble,
        "copy": lambda c, p, k: remade(p, _edited(p.input, 0.02, k, words), p.target, "copy"),
        "elsewhere": lambda c, p, k: remade(
            p,
            " ".join(k.choices(words, k=len(p.input.split()))),
            " ".join(k.choices(words, k=len(p.target.split()))) + ".",
            "elsewhere",
        ),
        "unsupported": lambda c, p, k: remade(
            p,
            c.input,
            f"{c.target} The amount is {k.randrange(2000, 9000)}.{k.randrange(10, 99)} euros, due "
            f"{k.randrange(1, 28)} March 2031.",
            "unsupported",
        ),
        "facts": lambda c, p, k: remade(
            p,
            f"{c.input} They spoke of 14 euros.",
            f"{c.target} The monthly fee of the Basic plan is 14 euros.",
            "facts",
        ),
        "nothing new": shuffled,
    }


class Judged:
    """One acceptance over one data set."""

    def __init__(self, rows: RealRows, training: Sequence[Example]) -> None:
        self.rows = rows
        self.training = list(training)
        self.words = sorted({word for r in training for word in r.target.split() if len(word) > 3})
        self._number = 0

    def acceptance(self, pairs: Sequence[tuple[Example, Example]]) -> RowAcceptance:
        """An acceptance that has seen nothing yet."""
        return RowAcceptance(
            self.rows.file,
            self.training,
            self.rows.evaluation,
            cells={"any": CELL},
            parents=by_id([parent for parent, _ in pairs]),
            facts=FACTS,
        )

    def decide(self, pairs: Sequence[tuple[Example, Example]]) -> list[Decided]:
        """Decide on (parent, child) pairs, anew."""
        return self.acceptance(pairs).decide(written(pairs))


def written(pairs: Sequence[tuple[Example, Example]]) -> list[Written]:
    """Candidates of (parent, child) pairs, in order."""
    found = []
    for number, (parent, child) in enumerate(pairs):
        child = child.model_copy(update={"id": f"{number}-{child.id}"})
        candidate = Candidate(number=number, cell="any", place=number, parent=parent.id)
        found.append(Written(candidate, child, "bench"))
    return found


def share(decided: Sequence[Decided], reason: str) -> float:
    """Of the decisions that are for this reason."""
    return sum(each.reason == reason for each in decided) / len(decided)


def planted(judged: Judged, good: Sequence[tuple[Example, Example]]) -> dict[str, Any]:
    """Right reasons among bad candidates of every kind, each made of a row that is taken."""
    luck = random.Random(5)
    as_they_are = judged.decide(good)
    good = [p for p, each in zip(good, as_they_are, strict=True) if each.fate == "accepted"]
    found: dict[str, Any] = {}
    for name, plant in plants(judged.words).items():
        drawn = luck.choices(good, k=EACH)
        bad = [(parent, plant(child, parent, luck)) for parent, child in drawn]
        decided = judged.decide(bad)
        reason = name.split(" (")[0]
        right = share(decided, reason)
        if name == "nothing new":
            # A text of a sentence or two, in another order, is a copy too.
            right += share(decided, "copy")
        found[name] = {
            "rejected": 1 - share(decided, ""),
            "for the right reason": right,
            "as": dict(Counter(each.reason or "accepted" for each in decided)),
        }
    repeated = []
    drawn = luck.sample(good, min(2 * EACH, len(good)))
    again = [
        remade(parent, _edited(child.input, 0.08, luck, judged.words), child.target, "again")
        for parent, child in drawn
    ]
    alone = judged.decide([(pair[0], edited) for pair, edited in zip(drawn, again, strict=True)])
    for (parent, child), edited, by_itself in zip(drawn, again, alone, strict=True):
        # An edit that takes away what bears the answer out is rejected for that.
        if by_itself.fate == "accepted" and len(repeated) < 2 * EACH:
            repeated += [(parent, child), (parent, edited)]
    decided = judged.decide(repeated)
    pairs = [
        (first, second)
        for first, second in zip(decided[::2], decided[1::2], strict=True)
        if first.fate == "accepted"
    ]
    found["near-duplicate"] = {
        "rejected": sum(b.fate == "rejected" for _, b in pairs) / len(pairs),
        "for the right reason": sum(b.reason == "near-duplicate" for _, b in pairs) / len(pairs),
        "as": dict(Counter(b.reason or "accepted" for _, b in pairs)),
    }
    return found


def leaks(judged: Judged, count: int = 300) -> dict[str, Any]:
    """Evaluation rows, exact and edited, as children of training rows: none may get in."""
    luck = random.Random(6)
    found: dict[str, Any] = {}
    for rate in (0.0, 0.1, 0.25):
        pairs = []
        for _ in range(count // 3):
            test = luck.choice(judged.rows.evaluation)
            parent = luck.choice(judged.training)
            asked = _edited(test.input, rate, luck, judged.words)
            answer = _edited(test.target, rate, luck, judged.words)
            pairs.append((parent, remade(parent, asked, answer, "leak")))
        decided = judged.decide(pairs)
        # A leak as the child of any parent is elsewhere too; what counts is the check itself.
        alone = judged_leaks(judged, pairs)
        found[f"{rate:.0%} edited"] = {
            "accepted": sum(each.fate == "accepted" for each in decided),
            "seen by D11 alone": alone,
            "of": len(pairs),
        }
    return found


def judged_leaks(judged: Judged, pairs: Sequence[tuple[Example, Example]]) -> int:
    """How many leaks the distance from evaluation sees without the other checks."""
    from tunewell.augment.accept.against_others import DistanceFromEvaluation

    limits = judged.rows.file.spec.augment.limits
    check = DistanceFromEvaluation(judged.rows.evaluation, limits, RowLikeness(SplitTexts()))
    children = [
        child.model_copy(update={"id": f"{number}"}) for number, (_, child) in enumerate(pairs)
    ]
    return len(check.check(children, [parent for parent, _ in pairs]))


def of_one_label(rows: RealRows) -> tuple[Judged, list[tuple[Example, Example]]]:
    """A third of the training rows, each as the child of a row with its label."""
    luck = random.Random(7)
    shuffled = luck.sample(rows.training, len(rows.training))
    third = len(shuffled) // 3
    of_label: dict[str, list[Example]] = defaultdict(list)
    for each in shuffled[third:]:
        of_label[each.kind].append(each)
    pairs = []
    for child in shuffled[:third]:
        if of_label[child.kind]:
            parent = luck.choice(of_label[child.kind])
            pairs.append((parent, child.model_copy(update={"parent": parent.id})))
    return Judged(rows, shuffled[third:]), pairs


def held_back(rows: RealRows) -> tuple[Judged, list[tuple[Example, Example]]]:
    """A third of the training rows as children of the row that is most like each."""
    luck = random.Random(7)
    shuffled = luck.sample(rows.training, len(rows.training))
    third = len(shuffled) // 3
    children, training = shuffled[:third], shuffled[third:]
    kept = KeptTexts([text_of(each) for each in training])
    nearest = kept.closest([text_of(each) for each in children], threshold=0.05)
    pairs = []
    for child, place in zip(children, nearest.place.tolist(), strict=True):
        parent = training[place]
        pairs.append((parent, child.model_copy(update={"parent": parent.id})))
    return Judged(rows, training), pairs


def good_ones(judged: Judged, pairs: Sequence[tuple[Example, Example]]) -> dict[str, Any]:
    """What becomes of good candidates."""
    decided = judged.decide(pairs)
    examples: dict[str, list[str]] = defaultdict(list)
    for each in decided:
        if each.reason and len(examples[each.reason]) < 4:
            examples[each.reason].append(each.evidence[:90])
    taken = [each.row for each in decided if each.fate == "accepted" and each.row]
    return {
        "of": len(decided),
        "rejected": 1 - share(decided, ""),
        "as": dict(Counter(each.reason or "accepted" for each in decided)),
        "evidence": dict(examples),
        "edited copies among the accepted (D04)": len(find_copies(conversations_of(taken)).pairs),
    }


def speed(judged: Judged, pairs: Sequence[tuple[Example, Example]]) -> dict[str, float]:
    """Candidates a second of processor time, ours and by hand with a peer's parts."""
    acceptance = judged.acceptance(pairs)
    candidates = written(pairs)
    acceptance.decide(candidates[:8])
    began = time.process_time()
    acceptance.decide(candidates[8:])
    ours = time.process_time() - began
    began = time.process_time()
    by_hand(judged, pairs)
    peer = time.process_time() - began
    return {
        "candidates": len(pairs),
        "words each": sum(len(text_of(c).split()) for _, c in pairs) / len(pairs),
        "ours, per processor second": len(pairs) / ours,
        "by hand with rapidfuzz, per processor second": len(pairs) / peer,
    }


def by_hand(judged: Judged, pairs: Sequence[tuple[Example, Example]]) -> int:
    """Copies, leaks, near-duplicates and language with rapidfuzz over every pair; no E07, no terms.

    Less than ours checks: no support of the answer, no facts, no vocabulary, no personal data, no
    broken rows.
    """
    from rapidfuzz import fuzz
    from rapidfuzz.process import extractOne

    from tunewell.checks.language import language

    tests = [text_of(each) for each in judged.rows.evaluation]
    training = [text_of(each) for each in judged.training]
    taken: list[str] = []
    for parent, child in pairs:
        text = text_of(child)
        if language(child.target) not in ("", "en"):
            continue
        if fuzz.token_sort_ratio(text, text_of(parent)) >= 90:
            continue
        if any(
            extractOne(text, known, scorer=fuzz.ratio, score_cutoff=least)
            for known, least in ((tests, 65), (training, 90), (taken, 65))
        ):
            continue
        taken.append(text)
    return len(taken)


def _notes() -> Judged:
    medical = notes()
    return Judged(medical, medical.training)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "notes: back-translations through French": lambda: good_ones(_notes(), back_translations("FR")),
    "notes: back-translations through Spanish": lambda: good_ones(
        _notes(), back_translations("ES")
    ),
    "notes: planted": lambda: planted(_notes(), back_translations("FR")),
    "notes: leaks": lambda: leaks(_notes()),
    "notes: speed": lambda: speed(_notes(), back_translations("FR")),
    "notes: held-back real rows": lambda: good_ones(*held_back(notes())),
    "legal: held-back real rows": lambda: good_ones(*held_back(legal())),
    "banking77: real rows of one label": lambda: good_ones(*of_one_label(banking())),
    "clinc150: real rows of one label": lambda: good_ones(*of_one_label(intents())),
    "legal: planted": lambda: planted(*held_back(legal())),
    "legal: leaks": lambda: leaks(held_back(legal())[0]),
}


def main() -> None:
    """Run the parts that are named, or all; each is kept beside the others."""
    path = RESULTS / "augmentation-acceptance.json"
    for name in sys.argv[1:] or PARTS:
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        kept.pop("machine", None)
        kept[name] = PARTS[name]()
        print(name, flush=True)
        keep("augmentation-acceptance", kept)


if __name__ == "__main__":
    main()
