"""Sessions and tokens of the API: they end, and their secrets are not in the database."""

from __future__ import annotations

import sqlalchemy as sa

from tunewell.people import Accounts, ApiTokens, Sessions
from tunewell.store import Store
from tunewell.store.people_tables import machine_tokens, sessions


def test_a_session_ends_by_itself_or_by_hand(store: Store) -> None:
    sessions = Sessions(store)
    ann = Accounts(store).create("Ann", role="owner")
    token = sessions.start(ann)
    session = sessions.find(token)
    assert session is not None
    assert session.account == ann
    assert sessions.find("x" + token) is None
    assert sessions.find(sessions.start(ann, lasts_s=-1)) is None
    sessions.end(token)
    assert sessions.find(token) is None


def test_a_token_holds_until_it_is_revoked_or_its_account_locked_out(store: Store) -> None:
    accounts, tokens = Accounts(store), ApiTokens(store)
    ann = accounts.create("Ann", role="owner")
    first, second = (tokens.make(ann, name=name) for name in ("script", "nightly"))
    found = tokens.find(first)
    assert found is not None
    assert (found.account, found.csrf) == (ann, "")
    assert sorted(tokens.names(ann.id)) == ["nightly", "script"]
    assert tokens.revoke(ann.id, "script") == 1
    assert tokens.find(first) is None
    assert tokens.names(ann.id) == ["nightly"]
    assert tokens.find(tokens.make(ann, name="old", lasts_s=-1)) is None
    accounts.set_active(ann.id, False)
    assert tokens.find(second) is None


def test_secrets_are_not_in_the_database(store: Store) -> None:
    ann = Accounts(store).create("Ann", role="owner")
    session = Sessions(store).start(ann)
    token = ApiTokens(store).make(ann, name="script")
    digests = [
        *store.values(sa.select(sessions.c.token)),
        *store.values(sa.select(machine_tokens.c.token)),
    ]
    assert len(digests) == 2
    assert not {session, token} & set(digests)
    store.close()
    raw = b"".join(path.read_bytes() for path in store.root.glob("tunewell.db*"))
    assert session.encode() not in raw
    assert token.encode() not in raw
