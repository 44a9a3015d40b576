"""Rows of an invented energy supplier's service desk, by seed.

For stores that look real without a model.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Final

REGIONS: Final = ("north", "south", "coast", "hills")
KINDS: Final = ("outage", "bill", "tariff", "meter", "move")
TODAY: Final = dt.date(2026, 11, 20)

_QUESTIONS: Final = {
    "outage": (
        "The power in {street} has been gone since {time}. When will it be back?",
        "No electricity at number {n}, {street}, since {time}. Is somebody working on it?",
    ),
    "bill": (
        "My bill for {month} is {amount} euros, twice the usual. Why is that?",
        "I do not understand the {amount} euros on my {month} bill for {street} {n}.",
    ),
    "tariff": (
        "What does a kilowatt-hour cost in the tariff {tariff} from {month} on?",
        "Can I change to {tariff} before {month}, and what would it cost me?",
    ),
    "meter": (
        "I read {reading} on my meter today. Where do I send that?",
        "The fitter is coming to {street} {n} to change the meter. What do I have to prepare?",
    ),
    "move": (
        "I am moving to {street} {n} on {date}. What do you need from me?",
        "We leave {street} on {date}. How do I end the contract?",
    ),
}
_POINTS: Final = {
    "outage": ("crew on site", "back by {time2}", "updates on 0800 300 {n}"),
    "bill": ("estimated reading", "corrected within {days} days", "instalments on request"),
    "tariff": ("{cents} cents per kWh", "valid from {date}", "notice of {days} days"),
    "meter": ("send it by {date}", "photo of the meter", "free of charge"),
    "move": ("final reading on {date}", "new address", "reply within {days} days"),
}
_GOLD: Final = {
    "outage": (
        "A cable is damaged in your area and there is a {0}. Supply should be {1}. You get {2}."
    ),
    "bill": "This bill rests on an {0}. Send us the true one and it is {1}. You can pay in {2}.",
    "tariff": "You pay {0}, {1}. A change needs {2}.",
    "meter": "Please {0}, with a {1}. It is {2}.",
    "move": "Please tell us the {0} and your {1}. You have a {2}.",
}
_VAGUE: Final = (
    "Thank you for contacting us! We are sorry for any inconvenience this may have caused. "
    "Please note that many factors can play a role here, and that the situation may be different "
    "for each customer.",
    "I understand your concern. In general, energy suppliers offer several ways of solving such "
    "questions. You may wish to look at your contract or to call the customer service line for "
    "more information.",
)


@dataclass(frozen=True)
class DeskRow:
    """One question with the answer that the desk wants.

    Attributes:
        id: Its own id.
        kind: One of `KINDS`.
        region: One of `REGIONS`.
        date: The day it was asked.
        question: What the customer wrote.
        answer: What the desk answered.
        points: What a good answer names.
    """

    id: str
    kind: str
    region: str
    date: dt.date
    question: str
    answer: str
    points: tuple[str, ...] = field(default=())


def desk_row(number: int, *, seed: int = 0) -> DeskRow:
    """Row ``number`` of the desk.

    Example:
        >>> desk_row(3).id, desk_row(3) == desk_row(3)
        ('desk-00003', True)
    """
    draw = random.Random(f"{seed}-{number}")
    kind = KINDS[number % len(KINDS)]
    date = TODAY - dt.timedelta(days=draw.randrange(700))
    slots = {
        "street": draw.choice(
            ("Mill Lane", "Harbour Road", "Elm Street", "Station Square", "Fair View", "Old Wharf")
        ),
        "time": f"{draw.randrange(5, 12)}:{draw.choice(('00', '20', '45'))}",
        "time2": f"{draw.randrange(13, 22)}:30",
        "n": str(draw.randrange(100, 999)),
        "month": draw.choice(("January", "March", "June", "September", "October")),
        "amount": str(draw.randrange(90, 480)),
        "tariff": draw.choice(("Green Basic", "Night Owl", "Family Fix", "Sun & Save")),
        "reading": str(draw.randrange(10_000, 99_999)),
        "date": f"{draw.randrange(1, 28)} {draw.choice(('March', 'May', 'August', 'December'))}",
        "days": str(draw.choice((7, 10, 14, 21, 28))),
        "cents": f"{draw.randrange(24, 39)}.{draw.randrange(10)}",
    }
    points = tuple(p.format(**slots) for p in _POINTS[kind])
    region = REGIONS[min(int(draw.random() ** 1.7 * 4), 3)]
    question = draw.choice(_QUESTIONS[kind]).format(**slots)
    return DeskRow(
        f"desk-{number:05}", kind, region, date, question, _GOLD[kind].format(*points), points
    )


def desk_answer(row: DeskRow, *, skill: float, seed: int = 0) -> tuple[str, tuple[str, ...]]:
    """An answer that names each key point with probability ``skill``.

    Gives it with the points named.

    Args:
        row: What was asked.
        skill: In [0, 1].
        seed: Of the draw.
    """
    draw = random.Random(f"{seed}-{row.id}-{skill}")
    named = tuple(p for p in row.points if draw.random() < skill)
    if not named:
        return draw.choice(_VAGUE), ()
    if len(named) == len(row.points) and draw.random() < 0.8:
        return row.answer, named
    listed = ", ".join(named[:-1]) + (" and " if len(named) > 1 else "") + named[-1]
    lead = draw.choice(
        ("Thank you for your message. We can tell you this: ", "Good morning, in short: ", "")
    )
    return f"{lead}{listed}.", named
