"""Where a project keeps things: rows in a database, files named by their content beside it."""

from tunewell.store.ledger import LedgerHead, LedgerReport
from tunewell.store.store import Event, Store, default_author

__all__ = ["Event", "LedgerHead", "LedgerReport", "Store", "default_author"]
