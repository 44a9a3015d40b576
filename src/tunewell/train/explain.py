"""One row as the trainer sees it: every token, and whether the loss is on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewell.model.chat import chat_format
from tunewell.types import Example, Value
from tunewell.types.turns import Turns, learned_places

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Token(Value):
    """One token of a row.

    Attributes:
        id: In the tokenizer's vocabulary.
        text: What it spells.
        trained: Whether the loss is on it.
        special: Whether it is the template's own (turn marks), which no text of a user can become.
    """

    id: int
    text: str
    trained: bool
    special: bool = False

    def __str__(self) -> str:
        mark = ">" if self.trained else " "
        note = "  (turn mark)" if self.special else ""
        return f"{mark} {self.id:>7}  {self.text!r}{note}"


class Explained(Value):
    """A row, token by token.

    Attributes:
        id: Of the Example.
        tokens: In order.
        fits: Whether it is within ``max_tokens``; a row that is not is left out, never cut.
        max_tokens: The limit.
        adds: The system text that the template puts in on its own; empty if it does not.
        answers: How many answers of the row are learned.
    """

    id: str
    tokens: tuple[Token, ...]
    fits: bool
    max_tokens: int
    adds: str = ""
    answers: int = 1

    def __str__(self) -> str:
        trained = sum(token.trained for token in self.tokens)
        where = f"the last {trained}"
        if self.answers > 1:
            where = f"{trained} of {self.answers} answers"
        lines = [f"{self.id}: {len(self.tokens)} tokens, the loss is on {where} (marked >)"]
        if not self.fits:
            lines.append(f"  longer than train.max_tokens = {self.max_tokens}: not used")
        if self.adds:
            lines.append(f"  the template adds a system turn of its own: {self.adds!r}")
        lines += [str(token) for token in self.tokens]
        return "\n".join(lines)


def explain(
    example: Example,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int,
    turns: Turns = "all",
) -> Explained:
    """A row as it is trained on (T07): the template's text, the tokens, the places of the loss.

    Args:
        example: The row.
        tokenizer: From `tunewell.model.chat.load_tokenizer`.
        max_tokens: ``train.max_tokens``.
        turns: ``train.turns``.
    """
    chat = chat_format(tokenizer)
    coded = chat.encode_turns(
        example.messages,
        learned_places(example, turns),
        max_tokens=max_tokens,
        tools=example.tools,
    )
    special = {int(i) for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    tokens = []
    for part in coded:
        trained = {place for start, end in part.spans for place in range(start, end)}
        for place, i in enumerate(part.ids):
            token = Token(
                id=i,
                text=str(tokenizer.decode([i], clean_up_tokenization_spaces=False)),
                trained=place in trained,
                special=i in special,
            )
            tokens.append(token)
    has_system = any(m.role == "system" for m in example.prompt)
    return Explained(
        id=example.id,
        tokens=tuple(tokens),
        fits=all(part.fits for part in coded),
        max_tokens=max_tokens,
        adds="" if has_system else chat.adds,
        answers=sum(len(part.spans) for part in coded),
    )
