from __future__ import annotations

import pytest

from tests.similar.desk_and_chat import CHAT, DESK
from tunewell.similar.coverage import fit, missing_terms, width_of
from tunewell.similar.vectors import available

pytestmark = pytest.mark.skipif(not available(), reason="the part 'vectors' is not installed")


def test_sets_that_have_nothing_in_common_are_told_apart() -> None:
    assert fit(CHAT, DESK).told_apart.value > 0.95 > fit(DESK[::2], DESK[1::2]).told_apart.value
    assert "meter" in missing_terms(CHAT, DESK)


def test_kinds_that_training_has_too_few_of_are_listed_with_how_many_rows() -> None:
    lacking = fit([*DESK * 3, *CHAT[:1]], [*DESK, *CHAT])
    assert lacking.kinds
    assert "rows [" in lacking.kinds[0]
    assert fit([*DESK, *CHAT], [*DESK, *CHAT]).kinds == ()


def test_one_text_over_and_over_is_narrow() -> None:
    wide = width_of([*DESK, *CHAT])
    narrow = width_of([DESK[0]] * 55 + CHAT[:5])
    assert narrow.number.high < wide.number.low
    assert narrow.largest > 0.9
    assert narrow.typical == 0
