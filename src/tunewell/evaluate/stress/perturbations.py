"""What a perturbation is: a change to a row with a stated effect on the right answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tunewell.types import Example, Message

Effect = Literal["same", "changed"]
"""Whether the right answer stays the same, or changes as the perturbed row's target and tags say.
"""

Perturb = Callable[[Example, random.Random], Example | None]
"""From a row and a source of chance to the perturbed row; None where it does not apply."""


@dataclass(frozen=True)
class Perturbation:
    """One kind of stress.

    Attributes:
        name: ``typos``, ``recogniser`` …
        about: What it does, one sentence.
        effect: On the right answer.
        change: Makes the perturbed row.
        guards: Text that an answer must not hold: it shows that an injected order was obeyed.
        is_heard: Whether it changes recordings, not texts; it applies to such rows alone.
    """

    name: str
    about: str
    effect: Effect
    change: Perturb
    guards: tuple[str, ...] = ()
    is_heard: bool = False

    def __call__(self, example: Example, *, seed: int = 0) -> Example | None:
        """The perturbed row; the same seed gives the same row. None where nothing changed.

        Its id is the row's with ``~name``, its parent the row's id, its origin ``augmentation``: a
        failure can be taken into the training set as it is, once a person has agreed.
        """
        if bool(example.audio) != self.is_heard:
            return None
        chance = random.Random(f"{seed}:{self.name}:{example.id}")
        changed = self.change(example, chance)
        if changed is None or changed.messages == example.messages:
            return None

        name = f"{example.id}~{self.name}"
        return changed.model_copy(
            update={
                "id": f"{name}~{seed}" if seed else name,
                "parent": example.id,
                "origin": "augmentation",
                "tags": {**changed.tags, "perturbation": self.name},
            }
        )


PERTURBATIONS: Final[dict[str, Perturbation]] = {}
"""Every registered perturbation by name."""


def perturbation(
    about: str,
    *,
    name: str = "",
    effect: Effect = "same",
    guards: tuple[str, ...] = (),
) -> Callable[[Perturb], Perturb]:
    """Register a function ``(example, chance)`` as a perturbation under its own name.

    Example:
        >>> from tunewell.types import Message
        >>> @perturbation("Shouts.", name="shout")
        ... def shout(example, chance):
        ...     return with_input(example, example.messages[-2].content.upper())
        >>> turns = (Message(role="user", content="hi"), Message(role="assistant", content="yes"))
        >>> PERTURBATIONS.pop("shout")(Example(id="1", messages=turns)).messages[0].content
        'HI'
    """

    def register(change: Perturb) -> Perturb:
        own = name or str(getattr(change, "__name__", ""))
        PERTURBATIONS[own] = Perturbation(
            name=own,
            about=about,
            effect=effect,
            change=change,
            guards=guards,
        )
        return change

    return register


def question(example: Example) -> str:
    """The last user turn before the answer: what perturbations change; empty if there is none."""
    place = _last_user_turn(example)
    return "" if place is None else example.prompt[place].content


def _last_user_turn(example: Example) -> int | None:
    places = [i for i, turn in enumerate(example.prompt) if turn.role == "user"]
    return places[-1] if places else None


def with_input(
    example: Example,
    text: str,
    *,
    target: str | None = None,
    **tags: str,
) -> Example:
    """The row with another last user turn and, if given, another target and tags."""
    turns = list(example.messages)
    place = _last_user_turn(example)
    if place is not None:
        turns[place] = Message(role="user", content=text)
    has_target = example.prompt != example.messages
    if target is not None and has_target:
        turns[-1] = Message(role="assistant", content=target)
    return example.model_copy(update={"messages": tuple(turns), "tags": {**example.tags, **tags}})


def protected(word: str, example: Example) -> bool:
    """Whether a word carries the answer, so that damage to it would change what is right.

    These are numbers, addresses, and names that stand in the target.

    Example:
        >>> row = Example(id="1", messages=(Message(role="assistant", content="Dear Mrs Okafor"),))
        >>> [protected(w, row) for w in ("84.20", "Okafor,", "please")]
        [True, True, False]
    """
    if any(map(str.isdigit, word)) or "@" in word or "//" in word:
        return True
    core = word.strip(".,;:!?()[]\"'")
    return core[:1].isupper() and core in example.target
