"""Every shape that the guide shows is read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.curate.reading.test_shapes import read_records

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "prepare-data.md"


def examples() -> list[tuple[str, str]]:
    """Name and example of each line of the table of shapes."""
    text = GUIDE.read_text(encoding="utf-8")
    table = text.split("### Shapes that are read")[1].split("Rendered chats are taken")[0]
    return re.findall(r"^\| ([^|]+) \| `(\{.+\})` \|$", table, re.MULTILINE)


def test_the_guide_shows_many_shapes() -> None:
    assert len(examples()) > 20


@pytest.mark.parametrize(("name", "example"), examples())
def test_a_shape_of_the_guide_is_read(tmp_path: Path, name: str, example: str) -> None:
    record = json.loads(example.replace("\\|", "|"))
    batch = read_records(tmp_path, record, record)
    assert batch.rejects == [], name
    assert len(batch.rows) == 2
    row = batch.rows[0].example()
    assert row.targets
    assert row.messages[-1].text
    assert batch.unused_keys == [] or {each.key for each in batch.unused_keys} == {"label"}
