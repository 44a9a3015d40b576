from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.errors import UserError
from tunewell.releases import history, release, roll_back, serving
from tunewell.store import Store


def test_the_last_release_of_a_place_serves_there(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert serving(store, "production") is None
        release(store, "production", "v1", signed_by="ana", evidence=("verdict-1",))
        release(store, "desk", "v9", signed_by="ana")
        second = release(store, "production", "v2", signed_by="bo", reason="new forms")
        assert serving(store, "production") == second
        assert (second.version, second.replaces, second.signed_by) == ("v2", "v1", "bo")
        assert [r.version for r in history(store, "production")] == ["v1", "v2"]
        assert [r.version for r in history(store)] == ["v1", "v9", "v2"]


def test_a_rollback_returns_to_the_version_before_and_is_itself_a_release(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        release(store, "production", "v1", signed_by="ana")
        release(store, "production", "v2", signed_by="ana")
        back = roll_back(store, "production", signed_by="bo", reason="complaints")
        assert (back.version, back.replaces, back.rollback) == ("v1", "v2", True)
        forth = roll_back(store, "production", signed_by="bo", reason="it was the network")
        assert forth.version == "v2"
        assert len(history(store, "production")) == 4


def test_what_cannot_be_released_says_why(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with pytest.raises(UserError, match="no earlier version"):
            roll_back(store, "production", signed_by="bo", reason="")
        release(store, "production", "v1", signed_by="ana")
        with pytest.raises(UserError, match="no earlier version"):
            roll_back(store, "production", signed_by="bo", reason="")
        with pytest.raises(UserError, match="already serves"):
            release(store, "production", "v1", signed_by="ana")
        with pytest.raises(UserError, match="needs a signed_by"):
            release(store, "production", "v2", signed_by=" ")
