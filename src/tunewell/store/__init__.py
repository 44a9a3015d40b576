"""Where a project keeps things: rows in a database, files named by their content beside it."""

from tunewell.store.store import Event, Store, default_author

__all__ = ["Event", "Store", "default_author"]
