"""Accounts: made once, found by id or by name and never by either, changed with their sessions."""

from __future__ import annotations

import pytest

from tunewell.errors import UserError
from tunewell.people import Accounts, Passwords, Sessions
from tunewell.store import Store

PASSWORD = "long enough words"


def test_a_name_is_taken_however_it_is_written(store: Store) -> None:
    accounts = Accounts(store)
    ann = accounts.create("Ann Müller", role="expert", password=PASSWORD)
    with pytest.raises(UserError, match="taken"):
        accounts.create("ANN  MÜLLER", role="guest")
    with pytest.raises(UserError, match="at least 10"):
        accounts.create("Bob", role="expert", password="short")
    with pytest.raises(UserError, match="must have 1 to 100 characters"):
        accounts.create(" \u202e ", role="expert")
    assert accounts.by_name("ann  MÜLLER") == ann
    assert accounts.all() == [ann]


def test_the_name_of_a_guest_is_never_taken_for_an_id(store: Store) -> None:
    """A guest who joins under the owner's id as name gets neither sign-in nor role nor lock-out."""
    accounts = Accounts(store)
    owner = accounts.create("Zoe", role="owner", password=PASSWORD)
    guest = accounts.create(owner.id, role="guest")
    assert accounts.by_id(owner.id) == owner
    assert accounts.by_name(owner.id) == guest
    assert accounts.by_id("zoe") is None
    assert Passwords(store).check("Zoe", PASSWORD) == owner
    accounts.set_role(guest.id, "expert")
    accounts.set_active(guest.id, False)
    assert accounts.by_id(owner.id) == owner


def test_whoever_is_locked_out_or_gets_another_role_is_signed_out(store: Store) -> None:
    accounts, sessions = Accounts(store), Sessions(store)
    ann = accounts.create("Ann", role="expert", password=PASSWORD)

    token = sessions.start(ann)
    accounts.set_role(ann.id, "engineer")
    assert sessions.find(token) is None
    changed = accounts.by_id(ann.id)
    assert changed is not None
    assert changed.role == "engineer"

    token = sessions.start(changed)
    accounts.set_active(ann.id, False)
    assert sessions.find(token) is None
    assert Passwords(store).check("Ann", PASSWORD) is None

    accounts.set_active(ann.id, True)
    token = sessions.start(changed)
    accounts.set_password(ann.id, "another pass phrase")
    assert sessions.find(token) is None
    assert Passwords(store).check("Ann", "another pass phrase") == changed


def test_addresses_are_those_of_active_accounts(store: Store) -> None:
    accounts = Accounts(store)
    ann, bob, eve = (accounts.create(name, role="expert") for name in ("Ann", "Bob", "Eve"))
    accounts.set_email(ann.id, "ann@example.org")
    accounts.set_email(bob.id, "bob@example.org")
    accounts.set_active(bob.id, False)
    assert accounts.emails() == {ann.id: "ann@example.org"}
    assert eve.id not in accounts.emails()
