"""Where a project keeps things: rows in SQLite or PostgreSQL, content-addressed files beside them."""

from tunewell.store.store import Event, Store, default_author

__all__ = ["Event", "Store", "default_author"]
