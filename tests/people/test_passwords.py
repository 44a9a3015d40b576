"""Passwords: hashed, compared, and refused for a while after too many failures."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from tunewell.errors import UserError
from tunewell.people import Accounts, Passwords
from tunewell.store import Store
from tunewell.store.people_tables import accounts

PASSWORD = "long enough words"


def test_a_password_opens_its_account_alone(store: Store) -> None:
    passwords = Passwords(store)
    ann = Accounts(store).create("Ann Müller", role="expert", password=PASSWORD)
    Accounts(store).create("Bob", role="guest")
    assert passwords.check("ann müller", PASSWORD) == ann
    assert passwords.check("Ann Müller", "wrong") is None
    assert passwords.check("nobody", "wrong") is None
    assert passwords.check("Bob", "") is None


def test_too_many_failures_from_one_address_wait_and_others_do_not(store: Store) -> None:
    passwords = Passwords(store)
    ann = Accounts(store).create("Ann Müller", role="expert", password=PASSWORD)
    for _ in range(8):
        assert passwords.check("ann müller", "wrong", address="1.2.3.4") is None
    with pytest.raises(UserError, match="too many"):
        passwords.check("Ann  Müller", PASSWORD, address="1.2.3.4")
    assert passwords.check("Ann Müller", PASSWORD, address="5.6.7.8") == ann


def test_only_hashes_are_kept(store: Store) -> None:
    Accounts(store).create("Ann", role="expert", password=PASSWORD)
    kept = store.values(sa.select(accounts.c.password))
    assert kept
    assert all(password.startswith("$argon2id$") for password in kept)


def test_outside_of_tests_a_hash_costs_what_the_standard_asks() -> None:
    """RFC 9106, section 4, second recommendation: 64 MiB, three passes."""
    code = (
        "from tunewell.people.password_hash import hash_password; "
        "print(hash_password('long enough words'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "$m=65536,t=3,p=1$" in done.stdout
