from __future__ import annotations

from pathlib import Path

from tunewell.metrics import BUILTINS
from tunewell.metrics.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "python -m tunewell.metrics.reference > docs/reference/metrics.md"
    )


def test_every_metric_and_option_stands_in_it() -> None:
    page = reference()
    for name, builtin in BUILTINS.items():
        assert f"### `{name}`" in page
        for option, field in builtin.options.model_fields.items():
            assert f"| `{field.alias or option}` |" in page
