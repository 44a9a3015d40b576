"""Planted corpora: made-up rows with known defects.

With them every detector's recall and false flags can be measured.

Everything is drawn by seed; edit rates, lengths and counts are parameters. The text follows Zipf's
law (the word of rank r stands with a frequency of about 1 / r), as real language does, so detectors
that lean on rare words are at home.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

_SYLLABLES = (
    "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dri flo gru".split()
)


@dataclass(frozen=True)
class Plant:
    """A defect that was put in.

    Attributes:
        code: Pitfall, such as ``D04``; empty for a trap, which must not be flagged.
        kind: In words, with its rate where it has one: ``edited 20 %``.
        row: Id of the row.
        other: Id of the row that it copies, contradicts or leaks from.
        span: (turn, start, end) of planted personal data, if that is the defect.
    """

    code: str
    kind: str
    row: str
    other: str = ""
    span: tuple[int, int, int] | None = None


@dataclass
class Corpus:
    """Chat rows with defects, rows of an evaluation set, and the truth.

    Attributes:
        rows: ``{"id": …, "messages": […]}``.
        evaluation: The same, for the evaluation file.
        truth: What was planted.
        clean: Ids of rows without any defect (the sources of copies are among them).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    evaluation: list[dict[str, Any]] = field(default_factory=list)
    truth: list[Plant] = field(default_factory=list)
    clean: list[str] = field(default_factory=list)


@functools.lru_cache(maxsize=4)
def vocabulary(size: int = 20_000) -> tuple[str, ...]:
    """Made-up words, the first ones short.

    Example:
        >>> len(set(vocabulary(5_000))) == 5_000
        True
    """
    draw = random.Random(99)
    words: dict[str, None] = {}
    while len(words) < size:
        most = 1 + min(3, len(words) // 40)
        words.setdefault("".join(draw.choice(_SYLLABLES) for _ in range(draw.randint(1, most))))
        if len(words) < 40 and draw.random() < 0.02:
            words.setdefault("".join(draw.choice(_SYLLABLES) for _ in range(2)))
    return tuple(words)


def text(draw: random.Random, words: int, *, known: Sequence[str] | None = None) -> str:
    """Sentences of made-up words.

    Example:
        >>> len(text(random.Random(1), 30).split())
        30
    """
    known = vocabulary() if known is None else known
    out = []
    start = True
    for i in range(words):
        word = known[int(len(known) ** draw.random()) - 1]
        out.append(word.capitalize() if start else word)
        start = draw.random() < 1 / 12 and i < words - 1
        if start or i == words - 1:
            out[-1] += "."
    return " ".join(out)


def edit(
    original: str,
    share: float,
    draw: random.Random,
    *,
    known: Sequence[str] | None = None,
    fresh: Sequence[str] = (),
) -> str:
    """Edit a share of the words at random places: replace (60 %), delete (20 %) or insert (20 %).

    Args:
        original: The text.
        share: Of its words, in [0, 1].
        draw: Where chance comes from.
        known: Words to draw from.
        fresh: If given, drawn from instead (such as words of the language that the corpus never
            uses).

    Example:
        >>> a = text(random.Random(1), 60)
        >>> b = edit(a, 0.2, random.Random(2))
        >>> a != b and abs(len(b.split()) - 60) <= 12
        True
    """
    known = fresh or known or vocabulary()
    words = original.split()
    chosen = set(draw.sample(range(len(words)), round(share * len(words))))
    out: list[str] = []
    for i, word in enumerate(words):
        if i not in chosen:
            out.append(word)
            continue
        kind = draw.random()
        other = known[int(len(known) * draw.random())]
        if kind < 0.6:
            out.append(other)
        elif kind >= 0.8:
            out += [word, other]
    return " ".join(out)


def edit_blocks(
    original: str,
    share: float,
    draw: random.Random,
    *,
    blocks: int = 4,
    known: Sequence[str] | None = None,
) -> str:
    """Edit a share of the words in a few runs.

    Each block is replaced (60 %), deleted (20 %) or added to (20 %).

    Args:
        original: The text.
        share: Of its words, in [0, 1].
        draw: Where chance comes from.
        blocks: Most blocks; one is at least eight words long where the share allows it.
        known: Words to draw from.

    Example:
        >>> a = text(random.Random(1), 400)
        >>> b = edit_blocks(a, 0.2, random.Random(2)).split()
        >>> b != a.split() and 320 <= len(b) <= 480
        True
    """
    known = known or vocabulary()
    words = original.split()
    total = round(share * len(words))
    count = max(1, min(blocks, total // 8))
    length = total // count
    room = len(words) - length * count
    gaps = sorted(draw.randint(0, room) for _ in range(count))
    out: list[str] = []
    at = 0
    for k, gap in enumerate(gaps):
        start = gap + k * length
        kind = draw.random()
        other = [known[int(len(known) * draw.random())] for _ in range(length)]
        out += words[at:start]
        if kind < 0.6:
            out += other
        elif kind >= 0.8:
            out += [*words[start : start + length], *other]
        at = start + length
    return " ".join([*out, *words[at:]])


def chat(name: str, asked: str, answer: str) -> dict[str, Any]:
    """A row in the OpenAI format."""
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"id": name, "messages": turns}


Defect = Callable[[random.Random, str, str], tuple[str, str]]
"""Takes a question and an answer, gives both with the defect."""


def _personal(value: Callable[[random.Random], str]) -> Defect:
    return lambda draw, asked, answer: (f"{asked} {value(draw)} {text(draw, 4)}", answer)


def _digits(draw: random.Random, n: int, first: str = "0123456789") -> str:
    return draw.choice(first) + "".join(draw.choice("0123456789") for _ in range(n - 1))


def card(draw: random.Random, *, wrong: bool = False) -> str:
    """A card number with a right (or wrong) check digit (Luhn)."""
    body = "4" + _digits(draw, 14)
    total = sum(int(c) if i % 2 else sum(divmod(2 * int(c), 10)) for i, c in enumerate(body))
    last = (-total) % 10
    whole = f"{body}{(last + draw.randint(1, 9)) % 10 if wrong else last}"
    return draw.choice((" ", "-", "")).join(whole[i : i + 4] for i in range(0, 16, 4))


def iban(draw: random.Random, *, wrong: bool = False) -> str:
    """A German IBAN with right (or wrong) check digits (ISO 13616)."""
    account = _digits(draw, 18)
    check = 98 - int(f"{account}131400") % 97
    if wrong:
        check = check % 97 + 2 if check % 97 + 2 != check else 2 + (check + 1) % 95
    whole = f"DE{check:02d}{account}"
    return draw.choice((" ", "")).join(whole[i : i + 4] for i in range(0, 22, 4))


def _token(draw: random.Random, n: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(draw.choice(letters) for _ in range(n))


PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "email": lambda d: (
        f"{d.choice(vocabulary()[50:])}.{d.choice(vocabulary()[50:])}@{d.choice(vocabulary()[50:])}.com"
    ),
    "phone": lambda d: d.choice(
        (
            f"({_digits(d, 3, '23456789')}) {_digits(d, 3, '23456789')}-{_digits(d, 4)}",
            f"{_digits(d, 3, '23456789')}-{_digits(d, 3, '23456789')}-{_digits(d, 4)}",
            f"+1 {_digits(d, 3, '23456789')} {_digits(d, 3, '23456789')} {_digits(d, 4)}",
        )
    ),
    "international phone": lambda d: d.choice(
        (
            f"+44 20 {_digits(d, 4)} {_digits(d, 4)}",
            f"+49 {_digits(d, 3, '1')} {_digits(d, 7)}",
            " ".join(["+33", _digits(d, 1, "123456789"), *[_digits(d, 2) for _ in range(4)]]),
        )
    ),
    "ssn": lambda d: (
        f"{_digits(d, 3, '1234578')}-{_digits(d, 2, '123456789')}-{_digits(d, 4, '123456789')}"
    ),
    "card": card,
    "iban": iban,
    "ip": lambda d: ".".join(str(d.randint(33, 223)) for _ in range(4)),
    "secret": lambda d: d.choice(
        (
            f"AKIA{''.join(d.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567') for _ in range(16))}",
            f"ghp_{_token(d, 36)}",
            f"sk-{_token(d, 40)}",
            f"xoxb-{_digits(d, 11)}-{_token(d, 24)}",
            f"password: {_token(d, 9)}A1!x",
        )
    ),
}
"""Makers of personal data and secrets, by type."""

TRAPS: dict[str, Callable[[random.Random], str]] = {
    "card with a wrong check digit": lambda d: card(d, wrong=True),
    "IBAN with wrong check digits": lambda d: iban(d, wrong=True),
    "order number": lambda d: f"order {_digits(d, 10)}",
    "version": lambda d: (
        f"version {d.randint(1, 20)}.{d.randint(0, 30)}.{d.randint(0, 30)}.{d.randint(0, 99)}"
    ),
    "ISBN": lambda d: f"ISBN 978-{_digits(d, 1)}-{_digits(d, 3)}-{_digits(d, 5)}-{_digits(d, 1)}",
    "UUID": lambda d: "-".join(f"{d.getrandbits(4 * n):0{n}x}" for n in (8, 4, 4, 4, 12)),
    "hash": lambda d: f"{d.getrandbits(160):040x}",
    "offset": lambda d: f"0x{d.getrandbits(64):016x}",
    "time and date": lambda d: (
        f"2024-{d.randint(1, 12):02d}-{d.randint(1, 28):02d} {d.randint(10, 23)}:15:00"
    ),
    "amount": lambda d: f"{d.randint(1, 999)},{_digits(d, 3)},{_digits(d, 3)}.{_digits(d, 2)}",
}
"""Numbers that only look like personal data."""

BROKEN: dict[str, Defect] = {
    "empty answer": lambda d, asked, answer: (asked, d.choice(("", " ", "\n"))),
    "mojibake": lambda d, asked, answer: (
        asked + " " + "It’s the café – 5 € für Señora Núñez.".encode().decode("cp1252", "ignore"),
        answer,
    ),
    "cut-off answer": lambda d, asked, answer: (
        asked,
        answer[: int(len(answer) * 0.6)].rstrip(" .") + ",",
    ),
    "refusal": lambda d, asked, answer: (
        asked,
        d.choice(
            (
                "I'm sorry, but I can't help with that.",
                "As an AI language model, I cannot answer this question.",
                "I am unable to assist with that request.",
            )
        ),
    ),
    "repetition": lambda d, asked, answer: (asked, " ".join([" ".join(answer.split()[:4])] * 12)),
}
"""Makers of broken rows (D08)."""


def corpus(
    *,
    seed: int = 0,
    clean: int = 1_000,
    each: int = 40,
    words: int = 60,
    edits: Sequence[float] = (0.1, 0.2, 0.3),
    leaks: Sequence[float] = (0.1, 0.25),
    base: Sequence[str] = (),
) -> Corpus:
    """Clean rows with ``each`` of every defect, shuffled, and an evaluation set that leaks.

    Args:
        seed: Of everything.
        clean: How many clean rows.
        each: How many of each defect.
        words: Of a row, question and answer together; half of them each.
        edits: Shares of edited words of the near-duplicates.
        leaks: Shares of edited words of the edited leaks.
        base: Real texts to take the clean rows from instead of made-up ones (at least 2 × clean +
            12 × each of them).

    Example:
        >>> made = corpus(clean=50, each=2)
        >>> sorted({p.code for p in made.truth})
        ['', 'D03', 'D04', 'D05', 'D07', 'D08', 'D09', 'D11']
    """
    return _Maker(random.Random(seed), Corpus(), words, list(base)).make(clean, each, edits, leaks)


@dataclass
class _Maker:
    draw: random.Random
    made: Corpus
    words: int
    base: list[str]

    def fresh(self) -> tuple[str, str]:
        if self.base:
            parts = self.base.pop().split()
            middle = len(parts) // 2
            return " ".join(parts[:middle]), " ".join(parts[middle:])
        return text(self.draw, self.words // 2), text(self.draw, self.words - self.words // 2)

    def add(self, code: str, kind: str, asked: str, answer: str, *, other: str = "") -> str:
        name = f"r{len(self.made.rows):06d}"
        self.made.rows.append(chat(name, asked, answer))
        if code or kind:
            self.made.truth.append(Plant(code, kind, name, other))
        return name

    def make(self, clean: int, each: int, edits: Sequence[float], leaks: Sequence[float]) -> Corpus:
        draw = self.draw
        pairs = [self.fresh() for _ in range(clean)]
        names = [self.add("", "", *pair) for pair in pairs]
        self.made.clean = names
        pool = iter(
            draw.sample(range(clean), min(clean, each * (3 + len(edits)))) + [0] * each * 20
        )

        def source() -> tuple[str, str, str]:
            i = next(pool)
            return names[i], *pairs[i]

        for _ in range(each):
            name, asked, answer = source()
            self.add("D03", "exact copy", asked, answer, other=name)
            name, asked, answer = source()
            self.add("D03", "normalised copy", asked.upper(), f"  {answer}  ", other=name)
            for share in edits:
                name, asked, answer = source()
                self.add(
                    "D04",
                    f"edited {share:.0%}",
                    edit(asked, share, draw),
                    edit(answer, share, draw),
                    other=name,
                )
            name, asked, answer = source()
            self.add("D09", "another answer", asked, self.fresh()[1], other=name)
        self._by_themselves(each)
        self._families(each)
        self._leaks(each, leaks)
        draw.shuffle(self.made.rows)
        return self.made

    def _by_themselves(self, each: int) -> None:
        for _ in range(each):
            for kind, defect in BROKEN.items():
                self.add("D08", kind, *defect(self.draw, *self.fresh()))
            for kind, value in PERSONAL.items():
                self.add("D07", kind, *_personal(value)(self.draw, *self.fresh()))
            for kind, value in TRAPS.items():
                self.add("", f"trap: {kind}", *_personal(value)(self.draw, *self.fresh()))

    def _families(self, each: int) -> None:
        """A template family (other names and numbers in one text), a footer below many answers."""
        asked, answer = self.fresh()
        slots = sorted(self.draw.sample(range(len(asked.split())), max(2, len(asked.split()) // 8)))
        for _ in range(each):
            words = asked.split()
            for slot in slots:
                words[slot] = self.draw.choice(vocabulary()[500:])
            self.add(
                "D05",
                "template",
                " ".join(words),
                f"{answer} No. {_digits(self.draw, 5)} {answer.split()[0]}.",
            )
        footer = f"Kind regards, {text(self.draw, 10)} This message is confidential."
        for _ in range(each):
            asked, answer = self.fresh()
            self.add("D05", "footer", asked, f"{answer}\n\n{footer}")

    def _leaks(self, each: int, shares: Sequence[float]) -> None:
        for kind in ("exact", "normalised", *(f"edited {share:.0%}" for share in shares), "clean"):
            for _ in range(each):
                asked, answer = self.fresh()
                name = f"e{len(self.made.evaluation):06d}"
                self.made.evaluation.append(chat(name, asked, answer))
                if kind == "exact":
                    self.add("D11", kind, asked, answer, other=name)
                elif kind == "normalised":
                    self.add("D11", kind, asked.lower() + " !", answer, other=name)
                elif kind != "clean":
                    share = next(s for s in shares if kind == f"edited {s:.0%}")
                    edited = edit(asked, share, self.draw), edit(answer, share, self.draw)
                    self.add("D11", kind, *edited, other=name)
