"""Questions to a service desk, and small talk."""

from __future__ import annotations

THINGS = "meter bill tariff deposit contract outage cable socket invoice payment".split()
ASKED = (
    ("please check", "of my flat"),
    ("why is", "so high this month"),
    ("when will you send", "to us"),
)
DESK = [f"{verb} the {thing} {tail}" for thing in THINGS for verb, tail in ASKED]
JOYS = "football pizza weekend movie holiday party birthday concert joke cat".split()
SAID = (
    ("i love the", "so much haha"),
    ("did you see the", "last night"),
    ("happy", "my dear friend"),
)
CHAT = [f"{verb} {thing} {tail}" for thing in JOYS for verb, tail in SAID]
