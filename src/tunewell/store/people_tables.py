"""The tables of people's work: who may sign in, what is to be done, what was said.

See `tunewell.people`.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from tunewell.store.columns import DIGEST, ID, NAME, TIME, filled
from tunewell.store.tables import metadata

EMAIL = String(320)
STATUS = String(16)

accounts = Table(
    "accounts",
    metadata,
    Column("id", ID, primary_key=True),
    filled("name", NAME, unique=True),
    filled("shown", NAME),
    filled("password", Text),
    filled("role", String(16)),
    filled("active", Boolean),
    filled("created", TIME),
    filled("email", EMAIL, server_default=""),
)
"""One row for each person or machine.

``name`` is lower case; ``password`` is a hash, or empty where only links and tokens open the
account.
"""

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(200), primary_key=True),
    Column("subject", String(255), primary_key=True),
    filled("account", ID, index=True),
)
"""Which account a subject of an OpenID Connect issuer opens."""

sso_attempts = Table(
    "sso_attempts",
    metadata,
    Column("state", DIGEST, primary_key=True),
    filled("record", Text),
    filled("expires", Float),
)
"""Sign-ins that were sent to the issuer and have not come back; each is used once."""

sessions = Table(
    "sessions",
    metadata,
    Column("token", DIGEST, primary_key=True),
    filled("account", ID, index=True),
    filled("csrf", String(64)),
    filled("created", Float),
    filled("expires", Float),
)
"""Who is signed in; only the cookie's digest is kept, so a copy of the database signs nobody in."""

invitations = Table(
    "invitations",
    metadata,
    Column("token", DIGEST, primary_key=True),
    filled("role", String(16)),
    filled("batch", ID),
    filled("author", NAME),
    filled("created", Float),
    filled("expires", Float),
    filled("used_by", ID),
    filled("id", ID, unique=True, index=True),
    filled("account", ID, index=True),
)
"""Links that make one account each; ``used_by`` is empty until then.

``account`` is the id of the author, with whose rights the link ends; empty where the command line
made it.
"""

machine_tokens = Table(
    "machine_tokens",
    metadata,
    Column("token", DIGEST, primary_key=True),
    filled("account", ID, index=True),
    filled("name", NAME),
    filled("created", Float),
    filled("expires", Float),
    filled("revoked", Boolean),
)
"""Tokens of the API; they can do what their account can."""

attempts = Table(
    "attempts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    filled("key", String(200), index=True),
    filled("at", Float),
)
"""Failed sign-ins, for rate limits; old rows are removed."""

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    filled("at", TIME),
    filled("account", NAME, index=True),
    filled("action", String(64)),
    filled("subject", Text),
    filled("record", Text),
)
"""Append-only (the database refuses changes): every action of every person."""

batches = Table(
    "batches",
    metadata,
    Column("id", ID, primary_key=True),
    filled("kind", String(16)),
    filled("title", Text),
    filled("status", STATUS),
    filled("created", TIME),
    filled("author", NAME),
    filled("record", Text),
    filled("number", Integer, index=True),
)
"""Reviews and annotations, each with its rubric and guideline."""

items = Table(
    "items",
    metadata,
    Column("id", ID, primary_key=True),
    filled("batch", ID, index=True),
    filled("number", Integer),
    filled("example", Text),
    filled("record", Text),
    Index("ix_items_batch_number", "batch", "number"),
)
"""One output or text to look at each; ids are random, so that they tell nothing of the arm."""

LONGEST_BEGINNING = 64
EXAMPLE_BEGINS: ColumnElement[str] = literal_column(
    f"substr(items.example, 1, {LONGEST_BEGINNING})", Text
)
"""Of a row's id, which may be of any length, as much as is in the index ``ix_items_example``."""

assignments = Table(
    "assignments",
    metadata,
    Column("item", ID, primary_key=True),
    Column("account", ID, primary_key=True),
    filled("batch", ID),
    filled("position", Integer),
    filled("status", STATUS),
    Index("ix_assignments_queue", "account", "status", "batch", "position"),
    Index("ix_assignments_batch", "batch"),
)
"""Who sees which item, in which order; ``status`` is ``open`` or ``done``."""

tallies = Table(
    "tallies",
    metadata,
    Column("batch", ID, primary_key=True),
    Column("account", ID, primary_key=True),
    filled("open", Integer),
    filled("done", Integer),
    Index("ix_tallies_account", "account"),
)
"""Open and done seats of each person, kept in the transactions that change ``assignments``."""

readings = Table(
    "readings",
    metadata,
    Column("batch", ID, primary_key=True),
    filled("upto", Integer),
    filled("made", String(64)),
    filled("at", TIME),
    filled("record", Text),
)
"""Results of a batch as last computed: up to verdict ``upto``, by the code ``made``.

They may be deleted and computed anew at any time.
"""

guidelines = Table(
    "guidelines",
    metadata,
    Column("version", String(64), primary_key=True),
    filled("at", TIME),
    filled("record", Text),
)
"""What people were asked under each version that a verdict names, readable after it has changed."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    filled("account", ID),
    filled("key", String(64)),
    filled("item", ID, index=True),
    filled("batch", ID),
    filled("at", TIME),
    filled("seconds", Float),
    filled("version", String(64)),
    filled("record", Text),
    UniqueConstraint("account", "key", name="uq_verdicts_key"),
    Index("ix_verdicts_own", "account", "batch", "number"),
    Index("ix_verdicts_batch_number", "batch", "number"),
)
"""Append-only (the database refuses changes).

``key`` is chosen by the sender: what is sent twice counts once.
"""

APPEND_ONLY = ("audit", "events", "verdicts", "guidelines", "ledger", "ratings")
"""Tables whose rows the database itself refuses to change or delete."""
