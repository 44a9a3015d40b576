"""The tables of blind comparisons: designs, pairs of answers, questions to people, ratings.

See `tunewell.compare`.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from tunewell.store.columns import ID, NAME, TIME, filled
from tunewell.store.tables import metadata

STATUS = String(16)

experiments = Table(
    "experiments",
    metadata,
    Column("id", ID, primary_key=True),
    filled("name", NAME, unique=True),
    filled("status", STATUS),
    filled("created", TIME),
    filled("author", NAME),
    filled("record", Text),
    filled("number", Integer, index=True),
)
"""Comparisons with their designs; what was signed is an event, which the ledger holds."""

pairs = Table(
    "pairs",
    metadata,
    Column("id", ID, primary_key=True),
    filled("experiment", ID),
    filled("account", ID),
    filled("position", Integer),
    filled("question", ID),
    filled("status", STATUS),
    filled("record", Text),
    Index("ix_pairs_queue", "experiment", "account", "position"),
    Index("ix_pairs_question", "question"),
)
"""Two answers to one question for one rater; ids are random, so that they tell nothing."""

requests = Table(
    "requests",
    metadata,
    Column("id", ID, primary_key=True),
    filled("experiment", ID, index=True),
    filled("question", ID, unique=True),
    filled("account", ID),
    filled("due", Float),
    filled("created", TIME),
    filled("status", STATUS),
    filled("record", Text),
    Index("ix_requests_inbox", "account", "status"),
)
"""Questions that a human agent was asked to answer, each once whoever rates the answer."""

ratings = Table(
    "ratings",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    filled("account", ID),
    filled("key", String(64)),
    filled("experiment", ID),
    filled("kind", STATUS),
    filled("subject", ID),
    filled("at", TIME),
    filled("seconds", Float),
    filled("record", Text),
    UniqueConstraint("account", "key", name="uq_ratings_key"),
    Index("ix_ratings_experiment", "experiment", "number"),
)
"""Append-only (the database refuses changes): ratings, guesses, human answers, what expired.

``key`` is chosen by the sender: what is sent twice counts once.
"""
