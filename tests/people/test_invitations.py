"""Invitations: each makes one account, and stays valid when it could not."""

from __future__ import annotations

import pytest

from tunewell.errors import UserError
from tunewell.people import Invitations
from tunewell.store import Store


def test_an_invitation_makes_one_account(store: Store) -> None:
    invitations = Invitations(store)
    link = invitations.make("expert", author="owner")
    with pytest.raises(UserError, match="choose a password"):
        invitations.accept(link, "Ann")
    with pytest.raises(UserError, match="at least 10"):
        invitations.accept(link, "Ann", password="short")
    account, invitation = invitations.accept(link, "Ann", password="long enough words")
    assert (account.role, invitation.author) == ("expert", "owner")
    with pytest.raises(UserError, match="used or has expired"):
        invitations.accept(link, "Bob", password="long enough words")


def test_an_old_invitation_opens_nothing(store: Store) -> None:
    invitations = Invitations(store)
    assert invitations.find(invitations.make("guest", author="o", lasts_s=-1)) is None


def test_a_guest_needs_no_password_and_gets_a_clean_name(store: Store) -> None:
    invitations = Invitations(store)
    link = invitations.make("guest", author="o")
    guest, _ = invitations.accept(link, "A\u202e visitor\x00")
    assert guest.shown == "A visitor"
