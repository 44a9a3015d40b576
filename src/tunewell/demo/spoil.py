"""What spoils such data in real life.

Each function gives spoiled rows, with what was done to them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunewell.demo.desk_rows import RAW_SHARES, Desk, DeskCase, between, edit, load, sentence

RECENT = ("2025-07", "2026-10")
BEFORE_HANDBOOK = ("2024-12", "2025-06")
OLD = ("2021-01", "2023-12")
LANDMARK = ("2018-02", "2020-11")


@dataclass(frozen=True)
class PlantedRow:
    """A spoiled row.

    Attributes:
        row: As it stands in the data.
        code: Pitfall.
        what: In words.
        expected: ``dropped``, ``changed`` or ``rejected``.
        other: The row that it copies, contradicts or leaks from.
        hard: No rule of the definition names it: only reading would find it.
    """

    row: DeskCase
    code: str
    what: str
    expected: str
    other: str = ""
    hard: bool = False


@dataclass
class Spoiler:
    """Makes spoiled rows out of fresh ones and out of clean ones."""

    desk: Desk
    rng: random.Random
    noise: Mapping[str, Any]

    @classmethod
    def of(cls, desk: Desk) -> Spoiler:
        """With the phrases of ``noise.yaml``."""
        return cls(desk=desk, rng=desk.rng, noise=load("noise.yaml"))

    def _fresh(self, count: int, handbook: str = "now") -> list[DeskCase]:
        topics = self.desk.topics
        rows = [
            self.desk.fresh(topics[i % len(topics)], shares=RAW_SHARES, handbook=handbook)
            for i in range(count)
        ]
        return [replace(row, date=between(self.rng, *RECENT)) for row in rows]

    def _region(self) -> str:
        return self.rng.choices(list(RAW_SHARES), list(RAW_SHARES.values()))[0]

    def _foreign_body(self, pair: Sequence[str], kind: str, system: str) -> DeskCase:
        return DeskCase(
            text=pair[0],
            answer=pair[1],
            kind=kind,
            region=self._region(),
            system=system,
            date=between(self.rng, *RECENT),
        )

    def small_talk(self, count: int) -> list[PlantedRow]:
        """Pairs of a public chat set.

        About one in ten stands in the desk's own chat, without any kind.
        """
        pairs = self.rng.sample(self.noise["small_talk"], count)
        hard = max(1, count // 10)
        own = [
            PlantedRow(
                self._foreign_body(p, "", "chat"),
                "D01",
                "small talk without a kind",
                "dropped",
                hard=True,
            )
            for p in pairs[:hard]
        ]
        return own + [
            PlantedRow(self._foreign_body(p, "smalltalk", "public"), "D01", "small talk", "dropped")
            for p in pairs[hard:]
        ]

    def memos(self, count: int) -> list[PlantedRow]:
        """Internal memos that the ticket system and the handbook hold too."""
        pairs = self.rng.sample(self.noise["memos"], count)
        return [
            PlantedRow(
                self._foreign_body(p, "memo", self.rng.choice(("tickets", "book"))),
                "D01",
                "internal memo",
                "dropped",
            )
            for p in pairs
        ]

    def private_mail(self, count: int) -> list[PlantedRow]:
        """Personal mail in the shared mailbox."""
        pairs = self.rng.sample(self.noise["private_mail"], count)
        return [
            PlantedRow(self._foreign_body(p, "private", "mail"), "D01", "personal mail", "dropped")
            for p in pairs
        ]

    def stale(self, count: int) -> list[PlantedRow]:
        """Answers after an old handbook: form, deadline and tariff have changed since.

        A third promises money back.
        """
        plants = []
        for row in self._fresh(count, "old"):
            answer = row.answer
            if self.rng.random() < 0.33:
                answer = answer.replace("Next step:", "We will refund the difference. Next step:")
            row = replace(row, date=between(self.rng, *OLD), answer=answer)
            plants.append(PlantedRow(row, "D06", "old handbook", "dropped"))
        return plants

    def contradictions(self, rows: Sequence[DeskCase]) -> list[PlantedRow]:
        """The same question, answered some months earlier by the handbook then in force."""
        plants = []
        for i, row in enumerate(rows):
            text = row.text if i % 2 else edit(row.text, 0.06, self.noise["words"], self.rng)
            wrong = replace(
                row,
                id="",
                text=text,
                answer=self.desk.answer(row.topic, "old"),
                system="",
                date=between(self.rng, *BEFORE_HANDBOOK),
            )
            plants.append(
                PlantedRow(wrong, "D09", "contradicts a newer answer", "dropped", other=row.id)
            )
        return plants

    def exact_copies(self, rows: Sequence[DeskCase]) -> list[PlantedRow]:
        """Copies that differ at most in case and white space."""
        styles: tuple[Callable[[str], str], ...] = (
            str,
            str,
            str.upper,
            lambda t: t.replace(" ", "  ", 3),
            lambda t: f" {t}\u00a0",
        )
        plants = []
        for i, row in enumerate(rows):
            copy = replace(
                row, id="", text=styles[i % len(styles)](row.text), system="", region=row.region
            )
            plants.append(PlantedRow(copy, "D03", "exact copy", "dropped", other=row.id))
        return plants

    def _edited(self, row: DeskCase, share: float) -> DeskCase:
        keep = row.points.split(" | ")
        swaps = self.noise["words"]
        return replace(
            row,
            id="",
            system="",
            text=edit(row.text, share, swaps, self.rng, keep),
            answer=edit(row.answer, share, swaps, self.rng, [*keep, "next step"]),
        )

    def edited_copies(self, rows: Sequence[DeskCase]) -> list[PlantedRow]:
        """Copies with 10 to 25 % of their words edited; the facts stay."""
        return [
            PlantedRow(
                self._edited(row, self.rng.uniform(0.10, 0.25)),
                "D04",
                "edited copy",
                "dropped",
                other=row.id,
            )
            for row in rows
        ]

    def leaks(self, rows: Sequence[DeskCase]) -> list[PlantedRow]:
        """Rows of the test set that came into the raw data.

        Every other one has a tenth of its words edited.
        """
        plants = []
        for i, row in enumerate(rows):
            copy = self._edited(row, 0.10) if i % 2 else replace(row, id="", system="")
            what = "test row, edited" if i % 2 else "test row, copied"
            plants.append(PlantedRow(copy, "D11", what, "dropped", other=row.id))
        return plants

    def footers(self, count: int) -> list[PlantedRow]:
        """Signature and legal footer under the answer."""
        plants = []
        for row in self._fresh(count):
            footer = self.rng.choice(self.noise["footers"]).format(
                agent=self.rng.choice(self.noise["agents"])
            )
            row = replace(row, answer=f"{row.answer}\n\n{footer}", system="mail")
            plants.append(PlantedRow(row, "D05", "signature or legal footer", "changed"))
        return plants

    def cut_off(self, count: int) -> list[PlantedRow]:
        """Answers that end in the middle of a sentence."""
        plants = []
        for row in self._fresh(count):
            parts = row.answer.split()
            kept = " ".join(
                parts[: self.rng.randint(len(parts) * 2 // 5, len(parts) * 3 // 4)]
            ).rstrip(".,;:!")
            plants.append(PlantedRow(replace(row, answer=kept), "D08", "cut-off answer", "dropped"))
        return plants

    def mojibake(self, count: int) -> list[PlantedRow]:
        """UTF-8 read as Windows-1252 somewhere on the way."""
        marks = (
            "It’s about the café next door.",
            "My last bill was 84 €.",
            "I live at Señora Núñez’s.",
            "That’s in the Überland quarter.",
            "We pay 120 € – too much.",
        )
        plants = []
        for row in self._fresh(count):
            text = f"{sentence(row.text)} {self.rng.choice(marks)}"
            answer = row.answer.replace("Next step:", "We’re glad to help. Next step:")
            garbled = [t.encode("utf-8").decode("cp1252") for t in (text, answer)]
            plants.append(
                PlantedRow(
                    replace(row, text=garbled[0], answer=garbled[1]), "D08", "mojibake", "changed"
                )
            )
        return plants

    def refusals(self, count: int) -> list[PlantedRow]:
        """A model that was asked before has refused."""
        rows = self._fresh(count)
        return [
            PlantedRow(
                replace(row, answer=self.rng.choice(self.noise["refusals"])),
                "D08",
                "refusal",
                "dropped",
            )
            for row in rows
        ]

    def foreign(self, count: int) -> list[PlantedRow]:
        """Questions and answers in other languages."""
        chosen = self.rng.sample(self.noise["foreign"], count)
        return [
            PlantedRow(
                self._foreign_body(p, self.rng.choice(("outage", "billing", "moving")), ""),
                "D08",
                "wrong language",
                "dropped",
            )
            for p in chosen
        ]

    def empty(self, count: int) -> list[PlantedRow]:
        """Questions that nobody answered."""
        return [
            PlantedRow(
                replace(row, answer=self.rng.choice(("", " ", "-"))),
                "D08",
                "empty answer",
                "dropped",
            )
            for row in self._fresh(count)
        ]

    def repetition(self, count: int) -> list[PlantedRow]:
        """A stuck key or a stuck model."""
        plants = []
        for row in self._fresh(count):
            label, bit = row.answer.split(" ", 1)[0], " ".join(row.answer.split()[1:5])
            plants.append(
                PlantedRow(
                    replace(row, answer=f"{label} {' '.join([bit] * 7)}"),
                    "D08",
                    "repetition",
                    "dropped",
                )
            )
        return plants

    def personal(self, count: int) -> list[PlantedRow]:
        """IBAN, card, e-mail and phone, with right check digits.

        In every third row the answer repeats it.
        """
        plants = []
        for i, row in enumerate(self._fresh(count)):
            name, item = self._secret(i)
            text = f"{sentence(row.text)} My {name} is {item}."
            answer = row.answer
            if i % 3 == 0:
                answer = answer.replace("Next step:", f"We have noted {item}. Next step:")
            plants.append(
                PlantedRow(replace(row, text=text, answer=answer), "D07", name, "changed")
            )
        return plants

    def _secret(self, i: int) -> tuple[str, str]:
        rng = self.rng
        digits = "".join(str(rng.randrange(10)) for _ in range(18))
        first = rng.choice(("lena", "omar", "petra", "jun"))
        last = rng.choice(("weiss", "haddad", "okoro"))
        name = f"{first}.{last}"
        return (
            ("IBAN", iban("DE", digits)),
            ("card", card("4" + digits[:14])),
            ("mail address", f"{name}{digits[:2]}@mail.lumenta.net"),
            ("phone", f"+44 20 7946 0{digits[:3]}"),
        )[i % 4]


def iban(country: str, account: str, *, wrong: bool = False) -> str:
    """An IBAN with right (or wrong) check digits, ISO 13616.

    Example:
        >>> iban("DE", "370400440532013000")
        'DE89 3704 0044 0532 0130 00'
    """
    letters = "".join(str(ord(c) - 55) for c in country)
    check = 98 - int(f"{account}{letters}00") % 97
    if wrong:
        check = (check + 10) % 97 + 2 if (check + 10) % 97 + 2 != check else check - 1
    whole = f"{country}{check:02d}{account}"
    return " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))


def card(first15: str, *, wrong: bool = False) -> str:
    """A card number of 16 digits with a right (or wrong) last digit, ISO/IEC 7812.

    Example:
        >>> card("453914880343646")
        '4539 1488 0343 6467'
    """
    total = sum(
        d if i % 2 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(map(int, first15))
    )
    last = (10 - total % 10 + (3 if wrong else 0)) % 10
    whole = f"{first15}{last}"
    return " ".join(whole[i : i + 4] for i in range(0, 16, 4))


def trap(row: DeskCase, i: int, rng: random.Random) -> DeskCase:
    """A clean row with a number that only looks like personal data.

    Its check digit is wrong, or there is no such number.
    """
    digits = "".join(str(rng.randrange(10)) for _ in range(18))
    number = (
        f"Meter number {card('4' + digits[:14], wrong=True)}.",
        f"Order {iban('DE', digits, wrong=True)}.",
        f"Contract {digits[:4]}-{digits[4:8]}.",
        f"Counter reads {digits[:5]}.{digits[5]} kWh.",
    )[i % 4]
    return replace(row, text=f"{sentence(row.text)} {number}")
