from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunewell.train.lora.rows import draw, encode_rows
from tunewell.types import Example

Make = Callable[..., list[Example]]


def test_a_draw_keeps_the_cap_and_the_order(examples: Make, tokenizer: Any) -> None:
    coded = encode_rows(examples(40), tokenizer, max_tokens=300)
    drawn = draw(coded, max_tokens=800, seed=1)
    assert drawn.tokens <= 800
    ids = [r.id for r in drawn.rows]
    assert ids == sorted(ids)
    assert ids != [r.id for r in draw(coded, max_tokens=800, seed=2).rows]
    assert draw(coded, max_tokens=0, seed=1) is coded
