"""The API does what its description says, whatever is sent to it (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import World
from tests.web.world import make_project
from tunewell.project import Project
from tunewell.web import create_app

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install schemathesis"
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file, store = make_project(tmp_path_factory.mktemp("schema"))
    world = World(file, store, create_app(Project(file, store)))
    world.review(["ann", "owner"], rows=3)
    yield world
    store.close()


def test_every_operation_answers_as_described(served: World) -> None:
    """No crash, no undescribed status, no undescribed body, no answer without rights."""
    token = served.tokens.make(served.account("owner", "owner"), name="schema")
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", served.app)
    headers = {"authorization": f"Bearer {token}"}
    served.app.state.context.too_fast = lambda _account: (
        False
    )  # hundreds of calls a minute are what this test is
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        cases = _ask(operation, headers)
        asked += len(cases)
        assert cases, operation.label
    assert asked > 100


def _ask(operation: Any, headers: dict[str, str]) -> list[int]:
    """Twenty-five drawn calls of an operation; the statuses they got."""
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks

    wanted = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.response_schema_conformance,
        checks.content_type_conformance,
    ]
    statuses: list[int] = []

    def run(case: Any) -> None:
        response = case.call(headers=headers)
        case.validate_response(response, checks=wanted)
        statuses.append(response.status_code)

    few = settings(
        max_examples=25,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    few(given(case=operation.as_strategy())(run))()
    return statuses


def test_the_description_can_be_read_as_openapi(served: World, tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", served.app)
    names = {r.ok().label for r in schema.get_all_operations()}
    assert {
        "POST /api/v1/verdicts",
        "GET /api/v1/queues",
        "GET /api/v1/batches/{batch}/sign-offs",
    } <= names
