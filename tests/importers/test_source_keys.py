"""Every key has a line, and the line says what became of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewell.importers.blueprint import Blueprint, file_name, metric_name, slug
from tunewell.importers.source_keys import SourceKeys, is_covered, leaves

NAMES = st.text(alphabet="ab.c0", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(NAMES, max_size=4))
def test_no_key_is_ignored_whatever_is_taken(value: dict[str, object], taken: list[str]) -> None:
    keys = SourceKeys(value)
    for name in taken:
        keys.carry(name, "train.epochs")
    noted = [line.key for line in keys.finish({"a*": "because"})]
    assert all(is_covered(key, noted) for key, _ in leaves(value))


def test_what_is_empty_is_said_to_be() -> None:
    keys = SourceKeys({"a": None, "b": None, "c": 1})
    keys.carry("a", "train.epochs")
    lines = {line.key: (line.fate, line.why) for line in keys.finish({})}
    assert lines["a"] == lines["b"] == ("not carried over", "it is empty in your file")
    assert lines["c"] == ("not carried over", "Tunewell does not know this key")


def test_a_value_that_does_not_fit_is_not_carried_over() -> None:
    plan, keys = Blueprint(), SourceKeys({"rate": "fast", "rank": "8", "drop": 2})
    assert plan.fit(keys, "rate", "train.rate") is None
    assert plan.fit(keys, "rank", "train.rank") == 8
    assert plan.fit(keys, "drop", "train.dropout") is None
    assert plan.fit(keys, "absent", "train.noise") is None
    assert plan.sections == {"train": {"rank": 8}}
    assert [line.fate for line in keys.lines] == [
        "not carried over",
        "carried over",
        "not carried over",
    ]


@given(st.text(max_size=200))
def test_names_are_names_and_never_paths(text: str) -> None:
    for name in (slug(text), metric_name(text), file_name(text)):
        assert name
        assert "/" not in name
        assert "\\" not in name
        assert name not in {".", ".."}
    assert Blueprint(name=slug(text)).name == slug(text)


def test_two_metrics_never_have_one_name() -> None:
    plan = Blueprint(rubric=[{"name": "a"}])
    assert [plan.add_metric({"name": "a"}), plan.add_metric({"name": "a"})] == ["a_2", "a_3"]
