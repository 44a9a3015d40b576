"""The tables of what was asked and answered in use, and of what came of it."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from tunewell.store.columns import NAME, TIME, filled
from tunewell.store.tables import metadata

SHORT = String(64)

interactions = Table(
    "interactions",
    metadata,
    Column("id", String(36), primary_key=True),
    filled("at", TIME, index=True),
    filled("conversation", SHORT, index=True),
    filled("person", SHORT, index=True),
    filled("arm", SHORT, index=True),
    filled("state", String(16), index=True),
    filled("origin", SHORT),
    filled("record", Text),
)
"""One row per `tunewell.types.Interaction`; ``record`` is the whole of it as JSON."""

feedback = Table(
    "feedback",
    metadata,
    Column("key", NAME, primary_key=True),
    filled("interaction", NAME, index=True),
    filled("kind", String(16)),
    filled("at", TIME, index=True),
    filled("received", TIME),
    filled("record", Text),
)
"""One row per `tunewell.types.Feedback`, whether or not its interaction is there yet."""

spool_files = Table(
    "spool_files",
    metadata,
    Column("name", SHORT, primary_key=True),
    filled("opened", Integer),
    filled("refused", Integer),
    filled("lost_bytes", Integer),
    filled("at", TIME),
)
"""One row per file of a gateway's spool that was taken up: a file is taken up once."""
