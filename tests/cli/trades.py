"""Six files as people of six trades have them, written for these tests."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Mapping
from typing import Final

Rows = list[dict[str, str]]


def _csv(rows: Rows, *, delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _jsonl(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


# --- templated: a workshop answers by code --------------------------------------------------------

_WORKS: Final = {
    "BRK-1": ("squeals when braking", "fit new pads and true the rim", "2"),
    "GRS-2": ("skips on the small sprocket", "change chain and cassette", "3"),
    "WHL-3": ("wobbles at the back", "true the rear wheel", "1"),
    "LGT-4": ("has no light at night", "check dynamo and cable", "1"),
    "TYR-5": ("loses air within hours", "fit a new inner tube", "1"),
    "BRG-6": ("creaks under load", "replace the bottom bracket", "4"),
}
_BIKES: Final = (
    "city bike",
    "mountain bike",
    "tandem",
    "folding bike",
    "cargo bike",
    "racing bike",
    "trike",
    "touring bike",
    "child's bike",
    "gravel bike",
    "recumbent",
    "e-bike",
)
_OPENINGS: Final = (
    "Hello, my {bike} {fault}.",
    "Good morning, the {bike} of my daughter {fault}, can you look at it?",
    "We have a {bike} that {fault} since last week.",
    "Since Monday our {bike} {fault}. How long would a repair take?",
)


def templated() -> str:
    """Requests to a bicycle workshop and its answers: a few templates, filled in."""
    draw = random.Random(1)
    rows: Rows = []
    for number in range(140):
        code = draw.choice([*_WORKS])
        fault, work, days = _WORKS[code]
        bike = draw.choice(_BIKES)
        rows.append(
            {
                "job": f"J{number:04}",
                "received": f"2026-0{1 + number % 9}-{10 + number % 18}",
                "branch": draw.choice(["river", "station", "old town"]),
                "request": draw.choice(_OPENINGS).format(bike=bike, fault=fault),
                "reply": f"[{code}] We will {work} of your {bike}; it takes {days} working days.",
            }
        )
    return _csv(rows)


# --- short labels: a garden centre sorts its messages ---------------------------------------------

_LABELLED: Final = {
    "delivery": (
        "Where are the {p} I ordered",
        "When will the van bring my {p}",
        "My {p} never came",
    ),
    "plant health": (
        "The leaves of my {p} turn yellow",
        "There are spots on the {p}",
        "My {p} wilt",
    ),
    "opening hours": ("Are you open on {d}", "Until when can I collect my {p} on {d}"),
    "complaint": ("The {p} I bought on {d} were dead", "I want my money back for the {p}"),
}
_PLANTS: Final = (
    "roses",
    "tomatoes",
    "box hedges",
    "olive trees",
    "dahlias",
    "ferns",
    "peonies",
    "lemon trees",
    "lavender plants",
    "hydrangeas",
    "apple trees",
    "orchids",
    "bamboo canes",
    "strawberry plants",
)
_DAYS: Final = ("Monday", "Tuesday", "Friday", "Saturday", "Easter Sunday", "the bank holiday")
_TAILS: Final = (
    "",
    " please",
    ", I have asked twice",
    " and nobody answers the phone",
    ", thank you",
    "? My number has changed",
    ", it is urgent",
    " as your leaflet says",
    ", says my neighbour",
)


def labels() -> str:
    """Messages to a garden centre, each with one of four labels."""
    draw = random.Random(2)
    rows: list[dict[str, object]] = []
    for number in range(160):
        label = draw.choice([*_LABELLED])
        text = draw.choice(_LABELLED[label]).format(p=draw.choice(_PLANTS), d=draw.choice(_DAYS))
        rows.append({"nr": number + 1, "text": text + draw.choice(_TAILS), "label": label})
    return _jsonl(rows)


# --- long documents: a surveyor's findings and their summary --------------------------------------

_PARTS: Final = (
    "roof",
    "chimney",
    "gutters",
    "cellar",
    "staircase",
    "north wall",
    "windows",
    "boiler",
    "wiring",
    "drains",
    "attic floor",
    "balcony",
    "garage door",
    "terrace",
    "water pipes",
)
_STATES: Final = (
    "shows cracks of up to {n} mm along the joints",
    "was renewed {n} years ago and needs no work",
    "is damp up to a height of {n} cm",
    "has {n} loose fastenings, which should be tightened before winter",
    "was not accessible on the day of the visit; {n} photographs by the owner were studied",
    "is worn over about {n} square metres and should be coated again",
)
_REMARKS: Final = (
    "The owner reports no earlier damage.",
    "A neighbour mentions a burst pipe some years back.",
    "Measurements were taken twice and agree within the tolerance of the instrument.",
    "The weather on the day was dry with light wind from the west.",
    "Access was by ladder, secured at both ends.",
    "A second visit is advised once the scaffolding has been removed.",
)


def documents() -> str:
    """Reports of a building surveyor with the summary for the buyer."""
    draw = random.Random(3)
    rows: list[dict[str, object]] = []
    for number in range(60):
        parts = draw.sample(_PARTS, 7)
        sentences = []
        for part in parts:
            size = draw.randint(2, 60)
            sentences.append(f"The {part} {draw.choice(_STATES).format(n=size)}.")
            sentences += draw.sample(_REMARKS, 2)
        worst = draw.sample(parts, 2)
        rows.append(
            {
                "report_id": f"S-{number:03}",
                "visited": f"{1 + number % 28:02}.{1 + number % 12:02}.2025",
                "document": f"Survey of house {number} in Mill Lane. " + " ".join(sentences),
                "summary": f"House {number}: look at the {worst[0]} and the {worst[1]} first.",
            }
        )
    return _jsonl(rows)


# --- two languages: a museum answers visitors -----------------------------------------------------

_ASKED: Final = {
    "en": (
        "When may {who} visit the {room}?",
        "Is there a guided tour of the {room} for {who}?",
        "What does the {room} cost for {who}?",
    ),
    "de": (
        "Wann können {who} den Raum {room} besuchen?",
        "Gibt es eine Führung durch den Raum {room} für {who}?",
        "Was kostet der Besuch im Raum {room} für {who}?",
    ),
}
_ANSWERED: Final = {
    "en": "Please book the {room} for {who} two weeks ahead; the desk opens at {n} o'clock.",
    "de": "Bitte melden Sie {who} für den Raum {room} zwei Wochen vorher an, täglich ab {n} Uhr.",
}
_WHO: Final = {
    "en": (
        "families",
        "a school class",
        "visitors in wheelchairs",
        "members",
        "two pensioners",
        "a group of students",
        "photographers",
    ),
    "de": (
        "Familien",
        "eine Schulklasse",
        "Gäste im Rollstuhl",
        "Mitglieder",
        "zwei Rentner",
        "eine Gruppe Studierender",
        "Fotografinnen",
    ),
}
_ROOMS: Final = (
    "Bernstein",
    "Kepler",
    "Aurora",
    "Atlas",
    "Sirius",
    "Humboldt",
    "Merian",
    "Polaris",
    "Orion",
)


def two_languages() -> str:
    """Visitors' questions to a museum, in English and in German."""
    draw = random.Random(4)
    rows: Rows = []
    for number in range(150):
        language = draw.choice(["en", "de"])
        told = {
            "who": draw.choice(_WHO[language]),
            "room": draw.choice(_ROOMS),
            "n": str(draw.randint(8, 12)),
        }
        rows.append(
            {
                "Nr": str(number + 1),
                "Sprache": language,
                "Anfrage": draw.choice(_ASKED[language]).format(**told),
                "Antwort": _ANSWERED[language].format(**told),
            }
        )
    return _csv(rows, delimiter=";")


# --- FAQ: few rows, none like another -------------------------------------------------------------

_FAQ: Final = (
    ("How do I renew my library card", "Bring the old card and an ID to any branch; it is free."),
    ("Can I borrow games", "Yes, up to three at a time for two weeks."),
    ("What happens if I lose a book", "You pay its price, or bring the same edition yourself."),
    ("Is there a reading room", "On the second floor, open until nine in the evening."),
    ("May children come alone", "From the age of eight; younger ones need an adult with them."),
    ("Do you lend e-books", "Through the app Onleihe, with the number of your card."),
    ("How many books may I take", "Twenty, of which five may be new ones."),
    ("Where do I return books on Sunday", "Drop them into the box beside the main entrance."),
    ("Can I order a book you do not have", "Fill in the green form; we decide within a month."),
    ("Is there wireless internet", "Yes, the password is on the notice at the desk."),
    ("Do you print documents", "Black and white for ten cents a page, colour for fifty."),
    ("Are there courses for beginners", "Every first Tuesday: computers; every third: languages."),
    ("Can I reserve a study cabin", "For four hours a day, at the desk or by telephone."),
    ("Do you take gifts of books", "Clean ones not older than ten years, on Thursdays."),
    ("How do I change my address", "Tell the desk, or write to us with your card's number."),
)
_SITUATIONS: Final = (
    "for my mother",
    "from abroad",
    "without an account",
    "as a student",
    "during the holidays",
    "after a move",
    "in a wheelchair",
    "with a small child",
)


def faq() -> str:
    """Sixty questions to a library: a short list, asked from different situations."""
    draw = random.Random(5)
    rows: Rows = []
    for question, answer in _FAQ:
        for situation in draw.sample(_SITUATIONS, 4):
            asked = f"{question} {situation}?"
            rows.append({"question": asked, "answer": f"{answer[:-1]}, also {situation}."})
    draw.shuffle(rows)
    return _csv(rows)


# --- chat: conversations of several turns ---------------------------------------------------------

_GOODS: Final = (
    "hiking boots",
    "rain jacket",
    "rucksack",
    "tent",
    "sleeping bag",
    "head torch",
    "cooker",
    "water filter",
    "climbing rope",
    "poles",
    "gloves",
    "map case",
)
_TROUBLES: Final = (
    "arrived in the wrong size",
    "has a broken zip",
    "is missing from the parcel",
    "does not fit my brother",
    "leaks after one night",
    "came in another colour",
)
_REMEDIES: Final = (
    "send a new one today",
    "refund it to your card",
    "have it mended in our workshop",
    "take it back in the shop",
    "give you a voucher",
)


def chat() -> str:
    """Conversations with an outdoor shop, two questions each."""
    draw = random.Random(6)
    rows: list[dict[str, object]] = []
    for number in range(100):
        goods, trouble = draw.choice(_GOODS), draw.choice(_TROUBLES)
        remedy, days = draw.choice(_REMEDIES), draw.randint(2, 14)
        order = 1000 + 7 * number
        turns = [
            ("user", f"The {goods} of order {order} {trouble}."),
            ("assistant", f"I am sorry about the {goods}. Shall we {remedy}?"),
            ("user", f"{draw.choice(['Yes', 'All right', 'Please do'])}, how long will that take?"),
            ("assistant", f"We {remedy} within {days} days; order {order} is noted."),
        ]
        messages = [{"role": role, "content": text} for role, text in turns]
        rows.append({"conversation_id": f"c{number}", "messages": messages})
    return _jsonl(rows)


TRADES: Final[Mapping[str, tuple[str, Callable[[], str]]]] = {
    "templated": ("jobs.csv", templated),
    "labels": ("inbox.jsonl", labels),
    "documents": ("surveys.jsonl", documents),
    "two languages": ("anfragen.csv", two_languages),
    "faq": ("faq.csv", faq),
    "chat": ("chats.jsonl", chat),
}
"""File name and content by trade."""
