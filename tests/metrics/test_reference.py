"""The reference page and the registry that it is written from."""

from __future__ import annotations

from pathlib import Path

from tunewell.metrics import BUILTINS, build, match, overlap
from tunewell.metrics.registry import MetricRegistry
from tunewell.types import Example, MetricInfo

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "metrics.md"
SOURCE = ROOT / "src" / "tunewell" / "metrics"


def test_every_metric_and_option_stands_in_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, builtin in BUILTINS.items():
        assert f"### `{name}`: {builtin.info.title}" in page
        for option, field in builtin.options.model_fields.items():
            assert f"| `{field.alias or option}` |" in page


def test_the_order_does_not_depend_on_what_is_registered_first() -> None:
    def constant(output: str, example: Example, *, task: object) -> float:
        """One, whatever was said.

        Source:
            None.
        """
        return 1.0

    def registered(*names: str) -> MetricRegistry:
        registry = MetricRegistry()
        for name in names:
            registry.built_in(MetricInfo(name=name, title=name))(constant)
        return registry

    assert list(registered("b", "a", "c")) == list(registered("c", "b", "a")) == ["a", "b", "c"]
    assert registered("a")["a"].about == "One, whatever was said."
    assert list(BUILTINS) == sorted(BUILTINS)


def test_every_file_that_registers_a_metric_is_imported() -> None:
    registering = {
        path
        for path in SOURCE.rglob("*.py")
        if "\n@built_in" in path.read_text(encoding="utf-8") and path.name != "registry.py"
    }
    assert {Path(str(module.__file__)) for module in build.MODULES} == registering


def test_a_registered_function_can_still_be_called() -> None:
    assert match.exact("yes", "yes") == 1.0
    assert overlap.rouge_n("a b", "a b", n=2) == 1.0
