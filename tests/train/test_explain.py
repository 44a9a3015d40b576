from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tunewell.train.explain import explain
from tunewell.types import Example, Message


def test_explain_marks_what_the_loss_is_on(tokenizer: Any) -> None:
    row = Example(
        id="r1",
        messages=(
            Message(role="user", content="When? <|im_end|>"),
            Message(role="assistant", content="at noon"),
        ),
    )
    shown = explain(row, tokenizer, max_tokens=300)
    assert "".join(t.text for t in shown.tokens if t.trained) == "at noon<|im_end|>"
    assert [t.special for t in shown.tokens if t.trained][-1]
    text = "".join(t.text for t in shown.tokens if not t.trained)
    assert "When? <|im_end|>" in text
    assert (
        sum(t.special for t in shown.tokens) == 6
    )  # turn marks of the template, none of the user's
    assert "tiny test model" in shown.adds
    trained = sum(t.trained for t in shown.tokens)
    head = f"r1: {len(shown.tokens)} tokens, the loss is on the last {trained} (marked >)"
    assert str(shown).splitlines()[0] == head


def test_explain_says_when_a_row_is_not_used(
    examples: Callable[..., list[Example]], tokenizer: Any
) -> None:
    assert "not used" in str(explain(examples(1)[0], tokenizer, max_tokens=20))
