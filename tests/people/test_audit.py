"""The audit log: newest first, and it can only grow."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tunewell.errors import StoreError
from tunewell.people import AuditLog
from tunewell.store import Store
from tunewell.store.people_tables import audit


def test_the_audit_log_can_only_grow(store: Store) -> None:
    log = AuditLog(store)
    log.add("ann", "sign-in", "x", address="::1")
    log.add("bob", "verdict")
    assert [line.action for line in log.lines()] == ["verdict", "sign-in"]
    assert log.lines()[1].record == {"address": "::1"}
    assert [line.account for line in log.lines(before=log.lines()[0].number)] == ["ann"]
    with pytest.raises(StoreError, match="append-only"):
        store.change(sa.delete(audit))
