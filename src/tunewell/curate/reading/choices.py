"""Multiple-choice questions: the options, and which of them is the answer.

The answer stands as an index, a letter or the option itself; learned alone, an index says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunewell.curate.reading.columns import Columns, Misfit, has_value, structure
from tunewell.curate.reading.row_fields import as_text

_LISTS = ("choices", "options", "endings", "candidates", "answer_choices", "alternatives")
_SERIES = (
    ("a", "b", "c", "d", "e", "f"),
    ("opa", "opb", "opc", "opd", "ope"),
    ("option_a", "option_b", "option_c", "option_d", "option_e"),
    ("choice_a", "choice_b", "choice_c", "choice_d", "choice_e"),
    ("option1", "option2", "option3", "option4", "option5"),
    ("option_1", "option_2", "option_3", "option_4", "option_5"),
    ("choice1", "choice2", "choice3", "choice4", "choice5"),
    ("sol1", "sol2"),
    ("ending0", "ending1", "ending2", "ending3"),
    ("answer_a", "answer_b", "answer_c", "answer_d", "answer_e"),
)
"""Columns that hold an option each."""

_DISTRACTORS = ("distractor1", "distractor2", "distractor3", "distractor4")
_KEYS = (
    "answerkey",
    "answer_key",
    "answer_idx",
    "answer_index",
    "correct_answer",
    "correct_option",
    "correct_choice",
    "correct_index",
    "correct",
    "cop",
    "gold",
    "answer",
    "label",
    "target",
    "output",
)
"""Columns that say which option is right; the surest first."""

_COUNTED_FROM_ONE = re.compile(r"(?:option_?|choice_?|sol)1$")
_LETTER = re.compile(r"\(?([A-Za-z])[).:]?$")
_NUMBERED = re.compile(r"^\(?([A-Z]|\d)[).:]\s*(.+)$", re.DOTALL)


@dataclass(frozen=True)
class Options:
    """The options of a question.

    Attributes:
        texts: Of each.
        labels: What each is called: the letters of the alphabet where nothing else is said.
        first: The number of the first one.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    first: int = 0

    @property
    def lines(self) -> str:
        """The options, a line each."""
        pairs = zip(self.labels, self.texts, strict=True)
        return "\n".join(f"{label}. {text}" for label, text in pairs)

    def named(self, place: int) -> str:
        """The option at a place, with its letter."""
        return f"{self.labels[place]}. {self.texts[place]}"

    def place_of(self, key: Any) -> int | None:
        """The place of the option that a key names: by its text, its letter or its number."""
        text = as_text(key).strip()
        if text in self.texts:
            return self.texts.index(text)
        if text in self.labels:
            return self.labels.index(text)
        letter = _LETTER.match(text)
        if letter is not None and not text.isdigit():
            place = ord(letter[1].upper()) - ord("A")
            return place if place < len(self.texts) else None
        match = _NUMBERED.match(text)
        if match is not None and match[2].strip() in self.texts:
            return self.texts.index(match[2].strip())
        number = re.fullmatch(r"(\d+)(?:\.0)?", text)
        if number is not None:
            place = int(number[1]) - self.first
            return place if 0 <= place < len(self.texts) else None
        return None


@dataclass
class ChoiceReader:
    """Reads the options and the answer of multiple-choice rows.

    Attributes:
        column: The user's own column of options.
        key: The user's own column of the answer.
        first: The number of the first option in this file.
        seen: Numbers that stood for answers, so that the file shows how it counts.
    """

    column: str = ""
    key: str = ""
    first: int = 0
    seen: set[int] = field(default_factory=set)
    most: int = 0

    def options(self, record: Columns) -> Options | None:
        """The options of a record; None if it has none."""
        names = (self.column,) if self.column else _LISTS
        for name in names:
            if record.is_free(name):
                found = self._listed(structure(record[name]))
                if found is not None:
                    record.use(name, "choices")
                    return found
        return None if self.column else self._from_series(record)

    def _listed(self, value: Any) -> Options | None:
        if isinstance(value, Mapping):
            return self._of_object(value)
        if not isinstance(value, list) or len(value) < 2:
            return None
        if all(isinstance(each, Mapping) for each in value):
            texts = [each.get("text", each.get("content")) for each in value]
            labels = [each.get("label", each.get("key", each.get("id"))) for each in value]
            return self._of(texts, None if None in labels else labels)
        if all(isinstance(each, str | int | float) for each in value):
            return self._of(value, None)
        return None

    def _of_object(self, value: Mapping[str, Any]) -> Options | None:
        """Options under their labels, or lists of texts and labels."""
        texts, labels = value.get("text"), value.get("label")
        if isinstance(texts, list):
            return self._of(texts, labels if isinstance(labels, list) else None)
        return self._of(list(value.values()), list(value))

    def _of(self, texts: list[Any], labels: list[Any] | None) -> Options | None:
        found = [as_text(text).strip() for text in texts]
        if labels is None:
            labels, found = _own_labels(found)
        names = tuple(map(str, labels))
        kept = [(name, text) for name, text in zip(names, found, strict=False) if text]
        if len(kept) < 2:
            return None
        return Options(
            texts=tuple(text for _, text in kept),
            labels=tuple(name for name, _ in kept),
            first=self.first,
        )

    def _from_series(self, record: Columns) -> Options | None:
        """Options that have a column each."""
        for series in _SERIES:
            there = record.free(series)
            is_series = len(there) > 1 and there == list(series[: len(there)])
            if is_series and self._key(record) is not None:
                return self._of_series(record, there)
        return self._with_distractors(record)

    def _of_series(self, record: Columns, names: list[str]) -> Options | None:
        found = self._of([record.use(name, "choices") for name in names], None)
        if found is None or not _COUNTED_FROM_ONE.match(names[0]):
            return found
        return Options(found.texts, found.labels, 0 if record.is_free("label") else 1)

    def _with_distractors(self, record: Columns) -> Options | None:
        """The right answer among wrong ones, in the order of the alphabet."""
        wrong = record.free(_DISTRACTORS)
        if len(wrong) < 2 or not record.is_free("correct_answer"):
            return None
        texts = [record["correct_answer"], *(record.use(name, "choices") for name in wrong)]
        return self._of(sorted(map(as_text, texts)), None)

    def _key(self, record: Columns) -> str | None:
        names = (self.key,) if self.key else _KEYS
        return next(iter(record.free(names)), None)

    def answer(self, record: Columns, options: Options) -> str:
        """The option that is the answer.

        Raises:
            Misfit: What stands for the answer is none of the options.
        """
        name = self._key(record)
        if name is None:
            raise Misfit(
                f"nothing says which of the {len(options.texts)} choices is the answer",
                "name the column that does in data[].fields: target",
            )
        key = record.use(name, "answer")
        if isinstance(key, list) and len(key) == 1:
            key = key[0]
        self._note(key, options)
        place = options.place_of(key)
        if place is None:
            raise Misfit(
                f"the answer {as_text(key)[:40]!r} is none of the {len(options.texts)} choices "
                f"(numbers count from {options.first})",
                "give the number, the letter or the text of the right choice",
            )
        for other in record.free(_KEYS):
            if options.place_of(record[other]) == place:
                record.use(other, "answer")
        return options.named(place)

    def are_told(self, record: Columns, options: Options, question: str) -> bool:
        """Whether a question shows all of its options, and the answer is in words.

        A letter or a number says nothing without the options that it counts.
        """
        name = self._key(record)
        said = as_text(record[name]).strip() if name else ""
        in_words = len(said) > 1 and not said.isdigit() and said not in options.labels
        return in_words and all(text in question and len(text) > 1 for text in options.texts)

    def _note(self, key: Any, options: Options) -> None:
        text = as_text(key).strip()
        if text.isdigit() and text not in (*options.texts, *options.labels):
            self.seen.add(int(text))
            self.most = max(self.most, len(options.texts))

    @property
    def counts_from_one(self) -> bool:
        """Whether the file's numbers show that it counts from 1, and it was read from 0."""
        return self.first == 0 and 0 not in self.seen and self.most in self.seen


def _own_labels(texts: list[str]) -> tuple[list[str], list[str]]:
    """Letters of options, and their texts: those that they say of themselves if all do."""
    letters = [chr(ord("A") + n) for n in range(len(texts))]
    matches = [_NUMBERED.match(text) for text in texts]
    said = [match[1] if match else "" for match in matches]
    if said == letters:
        return letters, [match[2].strip() for match in matches if match]
    return letters, texts


def is_choice(record: Columns) -> bool:
    """Whether a record has options and something that says which is right."""
    if any(has_value(record.get(name)) for name in _LISTS if name in record):
        return True
    if len(record.free(_DISTRACTORS)) >= 2:
        return record.is_free("correct_answer")
    return any(len(record.free(series[:2])) == 2 for series in _SERIES)
