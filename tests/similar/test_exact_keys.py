"""The form in which texts are compared, by two ways of which one is fast."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewell.similar.exact_keys import normalise


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_text_in_ascii_is_normalised_as_any_other(text: str) -> None:
    other = normalise(f"{text} é")
    own = normalise(text)
    if any(sign.isalnum() for sign in text):
        assert other == f"{own} é"
    else:
        assert other == "é"
