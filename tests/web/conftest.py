"""The application on a small project, and people of every role signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.web.world import make_project
from tunewell.annotate import AnnotationPlan, open_annotation, rows_of
from tunewell.people import (
    ROLES,
    Account,
    AccountRole,
    Accounts,
    ApiTokens,
    AuditLog,
    Batch,
    Invitations,
    Sessions,
    WorkStore,
)
from tunewell.project import Project
from tunewell.review import ReviewPlan, newest_evaluation, open_review
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.web import create_app

ROLE_NAMES: tuple[AccountRole, ...] = tuple(ROLES)


@dataclass
class Person:
    """Somebody who is signed in."""

    client: TestClient
    csrf: str

    def post(self, path: str, **fields: Any) -> Any:
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def items(self, batch: str) -> list[dict[str, str]]:
        return list(self.client.get(f"/api/v1/queues/{batch}/items").json())

    def say(self, item: str, key: str, **said: Any) -> Any:
        body = {"key": key, "item": item, "seconds": 3, "said": said}
        return self.client.post("/api/v1/verdicts", json=body, headers={"x-csrf": self.csrf})


@dataclass
class World:
    """A project, its application and its people."""

    file: TaskFile
    store: Store
    app: FastAPI
    people: dict[str, Account] = field(default_factory=dict)

    @property
    def work_store(self) -> WorkStore:
        return WorkStore(self.store)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.store)

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.store)

    @property
    def invitations(self) -> Invitations:
        return Invitations(self.store)

    @property
    def tokens(self) -> ApiTokens:
        return ApiTokens(self.store)

    @property
    def audit(self) -> AuditLog:
        return AuditLog(self.store)

    def account(self, name: str, role: AccountRole) -> Account:
        if name not in self.people:
            self.people[name] = self.accounts.create(name, role=role)
        return self.people[name]

    def client(self, name: str, role: AccountRole = "expert") -> Person:
        token = self.sessions.start(self.account(name, role))
        session = self.sessions.find(token)
        assert session is not None
        client = TestClient(self.app, follow_redirects=False)
        client.cookies.set("tunewell", token)
        return Person(client, session.csrf)

    def review(self, people: Sequence[str], *, rows: int = 6, raters: int = 2) -> Batch:
        evaluation, examples = newest_evaluation(self.store)
        plan = ReviewPlan(
            author="owner",
            arms=("prompted", "tuned"),
            rows=rows,
            raters=raters,
            title="Answers of the desk",
        )
        batch = open_review(Project(self.file, self.store), evaluation, examples, plan)
        self.work_store.share(batch, [self.account(p, "expert").id for p in people])
        return batch

    def annotation(
        self, people: Sequence[str], *, rows: int = 6, adjudicators: Sequence[str] = ()
    ) -> Batch:
        examples, families = rows_of(self.store, "review")
        plan = AnnotationPlan(
            author="owner",
            rows=rows,
            part="review",
            adjudicators=[self.account(a, "expert").id for a in adjudicators],
            title="Marks for the desk",
        )
        batch = open_annotation(Project(self.file, self.store), examples, plan, families=families)
        self.work_store.share(batch, [self.account(p, "expert").id for p in people])
        return batch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    file, store = make_project(tmp_path / "desk")
    yield World(file, store, create_app(Project(file, store)))
    store.close()


def texts(html: str) -> str:
    """A page without its tags, white space squeezed."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
