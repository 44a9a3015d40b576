"""The tables of the room for people: who may enter, what is to be done, what was said.

See `tunewell.people`.
"""

from __future__ import annotations

import sqlalchemy as sa

from tunewell.store.tables import metadata

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False, unique=True),
    sa.Column("shown", sa.String(128), nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
    sa.Column("email", sa.String(320), nullable=False, server_default=""),
)
"""One row a person or machine; ``name`` is lower case, ``password`` a hash or empty (no password: links only)."""

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.String(200), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("account", sa.String(32), nullable=False, index=True),
)
"""Which account a subject of an OpenID Connect issuer opens."""

sso_attempts = sa.Table(
    "sso_attempts",
    metadata,
    sa.Column("state", sa.String(64), primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
"""Sign-ins that were sent to the issuer and have not come back; ``state`` hashed, each used once."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("account", sa.String(32), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
"""Who is signed in; ``token`` is the SHA-256 of the cookie, so that a copy of the database opens no door."""

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("batch", sa.String(32), nullable=False),
    sa.Column("author", sa.String(128), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("used_by", sa.String(32), nullable=False),
)
"""Links that make one account each; ``token`` hashed, ``used_by`` empty until used."""

machine_tokens = sa.Table(
    "machine_tokens",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("account", sa.String(32), nullable=False, index=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("revoked", sa.Boolean, nullable=False),
)
"""Tokens of the API (hashed); they can do what their account can."""

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(200), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
)
"""What is counted for rate limits (failed sign-ins); old rows are removed."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("account", sa.String(128), nullable=False, index=True),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""Append-only (the database refuses changes): every action of every person."""

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created", sa.String(40), nullable=False),
    sa.Column("author", sa.String(128), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""Pieces of work for people: a review or an annotation, with its rubric and guideline."""

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("batch", sa.String(32), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("example", sa.Text, nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""One thing to look at each; ids are random, so that they tell nothing of the arm."""

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("item", sa.String(32), primary_key=True),
    sa.Column("account", sa.String(32), primary_key=True),
    sa.Column("batch", sa.String(32), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Index("ix_assignments_queue", "account", "status", "batch", "position"),
    sa.Index("ix_assignments_batch", "batch"),
)
"""Who sees which item, in which order; ``status`` is ``open`` or ``done``."""

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("batch", sa.String(32), primary_key=True),
    sa.Column("account", sa.String(32), primary_key=True),
    sa.Column("open", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Index("ix_tallies_account", "account"),
)
"""How many seats of each person are open and done: kept in the transactions that change ``assignments``."""

readings = sa.Table(
    "readings",
    metadata,
    sa.Column("batch", sa.String(32), primary_key=True),
    sa.Column("upto", sa.Integer, nullable=False),
    sa.Column("made", sa.String(64), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""The results of a batch as last read, up to verdict ``upto``, by the code ``made``: may be made anew at any time."""

guidelines = sa.Table(
    "guidelines",
    metadata,
    sa.Column("version", sa.String(64), primary_key=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
)
"""What people were asked under each version that a verdict names, so that it can be read when it has changed since."""

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account", sa.String(32), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("item", sa.String(32), nullable=False, index=True),
    sa.Column("batch", sa.String(32), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.UniqueConstraint("account", "key", name="uq_verdicts_key"),
    sa.Index("ix_verdicts_own", "account", "batch", "number"),
    sa.Index("ix_verdicts_batch_number", "batch", "number"),
)
"""Append-only (the database refuses changes). ``key`` is chosen by the sender: what is sent twice counts once."""

APPEND_ONLY = ("audit", "verdicts")
"""Tables whose rows the database itself refuses to change or delete."""
