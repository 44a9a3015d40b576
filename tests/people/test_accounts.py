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


def test_no_name_is_taken_for_an_id(store: Store) -> None:
    """A guest who asks for the owner's id as name is refused, however the id is written."""
    accounts = Accounts(store)
    owner = accounts.create("Zoe", role="owner", password=PASSWORD)
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in owner.id)
    for name in (owner.id, owner.id.upper(), f" {owner.id[:16]}-{owner.id[16:]}", full_width):
        with pytest.raises(UserError, match="looks like an id"):
            accounts.create(name, role="guest")
    assert accounts.by_id(owner.id) == owner
    assert accounts.by_name(owner.id) is None
    assert accounts.by_id("zoe") is None
    assert Passwords(store).check("Zoe", PASSWORD) == owner


@pytest.mark.parametrize(
    "other",
    [
        "ANN  OLSEN",
        "Ａｎｎ Ｏｌｓｅｎ",
        "𝐀𝐧𝐧 𝐎𝐥𝐬𝐞𝐧",
        "Ann 0lsen",
        "Ann OIsen",
        "Ann O1sen",
        "An\u200bn Ol\u00adsen",
        "Ann\u00a0Olsen",
        "Ann\u3164Olsen",
        "AnnOlsen",
        "Ann O\u01c0sen",
    ],
)
def test_a_name_that_looks_like_another_is_refused(store: Store, other: str) -> None:
    accounts = Accounts(store)
    accounts.create("Ann Olsen", role="expert")
    with pytest.raises(UserError):
        accounts.create(other, role="guest")
    assert len(accounts.all()) == 1


def test_a_whole_word_of_another_script_does_not_pass_for_one(store: Store) -> None:
    accounts = Accounts(store)
    accounts.create("coco", role="expert")
    with pytest.raises(UserError, match="taken"):
        accounts.create("сосо", role="guest")  # Cyrillic throughout
    with pytest.raises(UserError, match="one script"):
        accounts.create("Оlga", role="guest")  # Cyrillic and Latin
    assert accounts.create("Наташа", role="expert").shown == "Наташа"
    assert accounts.create("山田 太郎", role="expert").shown == "山田 太郎"
    assert accounts.create("José O’Neill", role="expert").shown == "José O’Neill"


BLANK = [
    "",
    " ",
    "\u3164",
    "\u2800\u2800",
    "\u200b\u200d",
    "\u115f",
    "\ufe0f",
    "...",
    "\u034f",
    "\u17b4",
]


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_name_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UserError, match="name"):
        Accounts(store).create(name, role="guest")


@pytest.mark.parametrize(
    "password", [" " * 10, "\u3164" * 20, "\u00a0" * 12, "a         ", "a" * 30, "\u200b" * 12]
)
def test_a_password_that_protects_nothing_is_refused(store: Store, password: str) -> None:
    with pytest.raises(UserError, match="password"):
        Accounts(store).create("Ann", role="expert", password=password)


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
