"""What of rows is compared: what each asks beyond what many ask, and what it answers."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Indel, Levenshtein

from tunewell.checks.verbatim import is_structured
from tunewell.similar.arrays import Bools
from tunewell.similar.conversations import ComparedRow, targets_of, what_is_asked
from tunewell.similar.data_beside import DataBeside
from tunewell.similar.edited_copies import SHORT, alike, value_changes
from tunewell.similar.exact_keys import exact_key, key, normalise
from tunewell.similar.frames import cut
from tunewell.similar.near_duplicates import Pairs, similarities
from tunewell.similar.opposites import are_opposed
from tunewell.similar.same_wording import SMALL_WORDS, Wordings, same_wording, tokens_of
from tunewell.similar.slots import (
    NumbersOfFrames,
    frames_with_slots,
    only_names_differ,
    with_slots,
    without_numbers,
)
from tunewell.similar.two_facts import ONE_SENTENCE, ChangedText, are_two_facts
from tunewell.similar.union_find import by_key
from tunewell.similar.word_table import WordTable, split_words

_LABEL_WORDS = 3
"""An answer of at most so many words says too little to make rows alike …"""

_RECURS = 3
"""… nor does one that so many different questions have."""

_ONE_TEXT = 0.5
"""Two rows with this share of their words in lines that are equal speak of one text …"""

_OTHER_QUESTION = 0.7
"""… and ask the same only if what is left of them is so similar …"""

_SHORT_QUESTION = 12
"""… and, below so many words, is the same but for slips."""

_COMMON = 0.1
"""Share of the texts, and …"""

_FEWEST_COMMON = 20
"""… texts from which a word is common."""

_PLACES = 2
"""A longer text differs in so many places at most from another fact in its form."""

_SEVERAL = 2
"""Words that one of two rows has in its question and in its answer, and the other in neither."""

_TWO_TASKS = 100
"""In rows of so many words, edits may fall on one word in the question and in the answer."""

_LEAST_QUESTION = 4
"""A question on a text has so many words, and a turn of a conversation may have fewer."""

_DAYS = frozenset(
    "today tonight tomorrow yesterday heute gestern demain hoy mañana ayer oggi".split()
)
"""Words that may stand in addition, and ask for something else."""

_TELLING_LEFT = 2
"""So many other words must be left of each."""

_FEW_WORDS = 8
"""In a question of fewer words every value counts, whatever is answered."""

_RESEMBLE = 0.6
"""Similarity of two answers that are not those of different questions on one text."""

_LONG_ROW = 40
"""In a row of so many words an edit may fall on a value and change nothing that counts."""

_ALL_BUT_FEW = 0.75
"""Share of their values in which two questions must agree where the answers say too little."""

_ANSWERED_ALIKE = 0.8
"""Similarity of two answers to one question on two tickets."""

_QUESTION = re.compile("[?？؟]")
_PART = re.compile(r"(?:\n|\\n)+|(?<=[.!?:])\s+")


@dataclass(frozen=True)
class ComparedTexts:
    """The texts of some rows.

    Attributes:
        asked: All that each row asks.
        said: The answers.
        gists: Words of that without the frames that many rows share.
        frames: A digest of each row's frame, whatever its numbers; empty without one.
        ends: Words of each frame at the beginning and at the end, shape (n, 2).
        answers: Words of the answers.
        recurring: Whether the answer is a label or stands under many questions, shape (n,).
    """

    asked: Sequence[str]
    said: Sequence[str]
    gists: WordTable
    frames: Sequence[bytes]
    ends: Sequence[tuple[int, int]]
    answers: WordTable
    recurring: Bools

    @classmethod
    def of(cls, rows: Sequence[ComparedRow]) -> ComparedTexts:
        """Find the frames of some rows, and which answers recur."""
        said = targets_of(rows)
        asked = [what_is_asked(row) for row in rows]
        words = split_words(asked)
        masked = with_slots(words)
        ends = frames_with_slots(words, masked)
        digests = []
        for i, (begin, end) in enumerate(ends):
            text = masked.text(i)
            tail = text[len(text) - end :]
            digests.append(exact_key(text[:begin], tail) if begin or end else b"")
        return cls(
            asked=asked,
            said=said,
            gists=cut(words, ends),
            frames=digests,
            ends=ends,
            answers=split_words(said),
            recurring=_recurring(said, asked),
        )

    @functools.cached_property
    def asked_words(self) -> WordTable:
        """Words of all that each row asks, frames too."""
        return split_words(self.asked)

    @functools.cached_property
    def whole(self) -> WordTable:
        """Words of what each row asks beyond its frame, then of its answer."""
        return joined(self.gists, self.answers)

    @functools.cached_property
    def spoken(self) -> Wordings:
        """All that each row asks, as words that are compared letter by letter."""
        return Wordings.of([tokens_of(text) for text in self.asked])

    @functools.cached_property
    def wordings(self) -> Wordings:
        """What each row asks beyond its frame, as words that are compared letter by letter."""
        texts = []
        for tokens, (begin, end), left in zip(
            self.spoken.tokens, self.ends, self.gists.lengths.tolist(), strict=True
        ):
            fits = len(tokens) == begin + left + end
            texts.append(tokens[begin : len(tokens) - end] if fits else tokens)
        return Wordings.of(texts, self.spoken.counts)

    def same_wording(self, *, across: int = 0) -> Pairs:
        """Pairs of rows that ask the same but for slips and polite words.

        A slip, or a greeting, may also stand in what many rows share: then one of the two has
        another frame, or none, and they are compared as a whole.
        """
        pairs = same_wording(self.wordings, across=across)
        if any(self.frames):
            apart = [self.of_two_frames(i, j) for i, j in pairs.positions()]
            pairs = pairs.where(~np.array(apart, dtype=np.bool_))
            whole = same_wording(self.spoken, across=across)
            pairs = pairs.followed_by(whole).once(len(self.asked))
        keep = [not self.asks_differ(i, j) for i, j in pairs.positions()]
        return pairs.where(np.array(keep, dtype=np.bool_))

    def courtesy(self, i: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The polite words before and behind what a row asks."""
        words, core = list(self.spoken.tokens[i]), list(self.spoken.cores[i])
        first = 0
        while words[first : first + len(core)] != core:
            first += 1
        return tuple(words[:first]), tuple(words[first + len(core) :])

    def answers_agree(self, pairs: Pairs, *, edited: bool = False) -> Bools:
        """Which pairs have answers that say the same, shape (pairs,).

        Args:
            pairs: The pairs.
            edited: Whether edits may have fallen on the values of a long row.
        """
        agree = alike(self.answers, pairs.left, pairs.right)
        is_long = self.whole.shorter(pairs.left, pairs.right) >= _LONG_ROW
        for k in np.flatnonzero(agree):
            i, j = int(pairs.left[k]), int(pairs.right[k])
            short = _FEW_WORDS if edited and is_long[k] else SHORT
            agree[k] = not value_changes(self.answers, i, j, short=short)
        return agree & self.may_answer_alike(pairs)

    def may_answer_alike(self, pairs: Pairs) -> Bools:
        """Which pairs do not have two different answers in code, shape (pairs,).

        Two queries that share most of their words differ in the column or the name that counts.
        """
        keep = np.ones(len(pairs), dtype=np.bool_)
        for k, (i, j) in enumerate(pairs.positions()):
            if self.said_keys[i] != self.said_keys[j]:
                keep[k] = not (self._is_code(i) or self._is_code(j))
        return keep

    def answers_tell_nothing(self, i: int, j: int) -> bool:
        """Whether the answers are data, and what is asked is not the same by itself.

        A query is equal where what it asks is; settings and lists are equal in many files.
        """
        words = min(len(self.gists.of(i)), len(self.gists.of(j)))
        if words >= _LONG_ROW or not (self._data.is_said(i) or self._data.is_said(j)):
            return False
        if self.spoken.same(i, j):
            return False
        apart = self._numbers.differ(i, j) or self.of_two_frames(i, j)
        return apart or not self.wordings.same(i, j)

    def tells_apart(self, i: int, j: int) -> bool:
        """Whether what tells two short questions apart tells their answers apart too.

        Edits that fall on both are rarer than two facts in one form.
        """
        if self.said_keys[i] == self.said_keys[j]:
            return False
        asked = self.changed_question(i, j)
        answers = tokens_of(self.said[i]), tokens_of(self.said[j])
        said = ChangedText.of(*answers, self.wordings.plain_slip, self._common)
        if not asked.changes:
            return False
        return are_two_facts(asked, said) or self._replaced_in_few(i, j)

    def _replaced_in_few(self, i: int, j: int) -> bool:
        """Whether another word stands in one or two places of the question, and of the answer."""
        asked, said = self._edits(self.gists, i, j), self._edits(self.answers, i, j)
        if not ("replace" in asked and "replace" in said) or max(len(asked), len(said)) > _PLACES:
            return False
        if self.wordings.same(i, j):
            return False
        return not self.wordings_of([tokens_of(self.said[k]) for k in (i, j)]).same(0, 1)

    def _edits(self, table: WordTable, i: int, j: int) -> list[str]:
        """What turns one text that states one fact into another, run by run."""
        if min(len(table.of(i)), len(table.of(j))) >= ONE_SENTENCE:
            return []
        edits = Levenshtein.opcodes(table.text(i), table.text(j))
        return [edit.tag for edit in edits if edit.tag != "equal"]

    def changed_question(self, i: int, j: int) -> ChangedText:
        """What turns what one row asks into what another asks, beside a text that they share.

        An edit inside a frame leaves one of two rows without it: then both are compared with it.
        """
        texts = self.wordings if self.frames[i] == self.frames[j] else self.spoken
        one, other = self.beside_one_text(i, j) or (texts.cores[i], texts.cores[j])
        return ChangedText.of(one, other, self.wordings.plain_slip, self._common)

    @functools.cached_property
    def _common(self) -> frozenset[str]:
        """Words that many of the texts have."""
        least = max(_FEWEST_COMMON, _COMMON * len(self.asked))
        return frozenset(word for word, times in self.spoken.counts.items() if times >= least)

    def answer_in_code(self, i: int, j: int) -> bool:
        """Whether one of two rows answers in code or with data."""
        return (
            self._is_code(i) or self._is_code(j) or self._data.is_said(i) or self._data.is_said(j)
        )

    def are_two_tasks(self, i: int, j: int) -> bool:
        """Whether what tells two questions apart tells their answers apart too, in short rows.

        "The ship sails at dawn" and "the train departs at noon" under one instruction are two
        tasks where each answer has the word of its own question, and an edit of a copy falls on
        the question or on the answer.
        """
        words = min(len(self.whole.of(i)), len(self.whole.of(j)))
        if words >= _TWO_TASKS or self.said_keys[i] == self.said_keys[j]:
            return False
        first, second = self._of_its_own(i, j), self._of_its_own(j, i)
        slip = self.spoken.slip
        own = [word for word in first if not any(slip(word, other) for other in second)]
        others = [word for word in second if not any(slip(word, other) for other in first)]
        return bool(own and others) or max(len(own), len(others)) >= _SEVERAL

    def answers_echo(self, i: int, j: int) -> bool:
        """Whether each of two answers takes up a word that its question alone has, slips too.

        "When is the mantel clock ready?" and "When is the cuckoo clock ready?" are two questions.
        """
        return bool(self._of_its_own(i, j) and self._of_its_own(j, i))

    def _of_its_own(self, i: int, j: int) -> set[str]:
        """Words that the question and the answer of a row have, and neither of another row's."""
        asked = set(self.spoken.tokens[i]) - set(self.spoken.tokens[j])
        said = set(tokens_of(self.said[i])) - set(tokens_of(self.said[j]))
        return (asked & said) - SMALL_WORDS

    @functools.cached_property
    def _data(self) -> DataBeside:
        return DataBeside(self.asked, self.said)

    @functools.cached_property
    def said_keys(self) -> Sequence[bytes]:
        """A key of each answer: equal where the answers are, but for case and layout."""
        return [key(text) for text in self.said]

    @functools.cached_property
    def _code(self) -> dict[int, bool]:
        return {}

    def _is_code(self, i: int) -> bool:
        """Whether an answer follows the grammar of a machine."""
        if i not in self._code:
            long_enough = len(self.answers.of(i)) >= _FEW_WORDS
            self._code[i] = long_enough and is_structured(self.said[i])
        return self._code[i]

    def answers_resemble(self, pairs: Pairs) -> Bools:
        """Which pairs have long answers of mostly the same words, shape (pairs,)."""
        is_long = self.answers.shorter(pairs.left, pairs.right) >= _FEW_WORDS
        resemble = similarities(self.answers, pairs.left, pairs.right) >= _RESEMBLE
        return is_long & resemble & self.may_answer_alike(pairs)

    def asks_differ(self, i: int, j: int) -> bool:
        """Whether two rows that are alike ask for different things.

        They do if their values differ, if one asks for the opposite of the other, or if they share
        a text and ask different things of it.
        """
        if self.values_differ(i, j) or self.asks_opposite(i, j):
            return True
        return self._other_question_on_one_text(i, j)

    def asks_opposite(self, i: int, j: int) -> bool:
        """Whether one of two rows asks with a word where the other has its opposite."""
        return are_opposed(self.spoken.tokens[i], self.spoken.tokens[j])

    def of_two_frames(self, i: int, j: int) -> bool:
        """Whether two rows begin, or end, with a frame each, and not with the same one."""
        if self.frames[i] == self.frames[j]:
            return False
        first, second = self.asked_words.text(i), self.asked_words.text(j)
        (begin, end), (other_begin, other_end) = self.ends[i], self.ends[j]
        heads = first[:begin], second[:other_begin]
        tails = first[len(first) - end :], second[len(second) - other_end :]
        return any(one and other and one != other for one, other in (heads, tails))

    def one_word_more(self, i: int, j: int) -> bool:
        """Whether one of two rows asks what the other asks with one word more."""
        first, second = (len(self.asked_words.of(k)) for k in (i, j))
        if abs(first - second) != 1:
            return False
        distance = Indel.distance(self.asked_words.text(i), self.asked_words.text(j))
        return bool(distance == 1)

    def values_differ(self, i: int, j: int, *, answered_alike: bool = False) -> bool:
        """Whether the numbers, signs or negations of what two rows ask differ.

        Args:
            i: A row.
            j: Another.
            answered_alike: Whether they have one long answer. Then only a value in place of
                another one counts, not one that an edit put in.
        """
        if self.asks_of_other_data(i, j):
            return True
        if answered_alike:
            return value_changes(self.gists, i, j, short=_FEW_WORDS)
        if self.recurring[i] and self.recurring[j]:
            return value_changes(self.gists, i, j, spared=_ALL_BUT_FEW)
        return value_changes(self.gists, i, j)

    def asks_of_other_data(self, i: int, j: int) -> bool:
        """Whether two rows are asked about other data, or other numbers in one form that count."""
        if self._numbers_of_frame_count(i, j):
            return True
        return self._data.differ(i, j, self._numbers.differ(i, j))

    def _numbers_of_frame_count(self, i: int, j: int) -> bool:
        """Whether what two rows are asked may depend on numbers in the frame that they share."""
        if not self._numbers.differ(i, j):
            return False
        if self._numbers.tell(i) or not self._say_the_same(i, j):
            return True
        return not (self._numbers.is_rare(i) or self._only_names_differ(i, j))

    def may_be_of_two_versions(self, i: int, j: int) -> bool:
        """Whether two rows share a frame with other numbers that name neither a row nor a day."""
        return self._numbers.differ(i, j) and not self._only_names_differ(i, j, days=True)

    def _only_names_differ(self, i: int, j: int, *, days: bool = False) -> bool:
        one, other = self.spoken.tokens[i], self.spoken.tokens[j]
        if len(one) != len(self.asked_words.of(i)) or len(other) != len(self.asked_words.of(j)):
            return False
        return only_names_differ(one, other, self.ends[i], days=days)

    def _say_the_same(self, i: int, j: int) -> bool:
        if self.said_keys[i] == self.said_keys[j]:
            return True
        similarity = similarities(self.answers, np.array([i]), np.array([j]))
        if float(similarity[0]) < _ANSWERED_ALIKE:
            return False
        return not value_changes(self.answers, i, j)

    @functools.cached_property
    def _numbers(self) -> NumbersOfFrames:
        return NumbersOfFrames(
            words=self.asked_words,
            gists=self.gists,
            frames=self.frames,
            ends=self.ends,
            answers=self.said_keys,
        )

    def beside_one_text(self, i: int, j: int) -> tuple[list[str], list[str]] | None:
        """What two rows ask beside the text that they share, as words; None if they share little.

        Args:
            i: A row.
            j: Another.
        """
        left, right = _apart(self.asked[i], self.asked[j])
        rest = tokens_of(left), tokens_of(right)
        words = max(len(self.asked[i].split()), len(self.asked[j].split()))
        if not min(map(len, rest)) or words - max(map(len, rest)) < _ONE_TEXT * words:
            return None
        return rest

    def another_word(self, i: int, j: int, *, below: int = _SHORT_QUESTION) -> bool:
        """Whether two short questions differ in a word that stands in the place of another one.

        "How do I cancel it?" and "How do I renew it?" share all but the word that counts, "am I
        paid" and "am I paid today" too; a slip is no other word.

        Args:
            i: A row.
            j: Another.
            below: Words from which a question is not short.
        """
        if min(len(self.gists.of(i)), len(self.gists.of(j))) >= below:
            return False
        first, second = map(set, (self.wordings.tokens[i], self.wordings.tokens[j]))
        if not _DAYS.isdisjoint(first ^ second):
            return True
        changes = Levenshtein.opcodes(self.gists.text(i), self.gists.text(j))
        if all(change.tag != "replace" for change in changes):
            return False
        return not self.wordings.same(i, j)

    def puts_another_question(self, i: int, j: int, *, least: float = _OTHER_QUESTION) -> bool:
        """Whether two rows share a text and put questions to it that are not alike.

        Args:
            i: A row.
            j: Another.
            least: Similarity from which two questions are alike.
        """
        rest = self.beside_one_text(i, j)
        if rest is None or min(map(len, rest)) < _LEAST_QUESTION:
            return False
        if not all(map(_QUESTION.search, _apart(self.asked[i], self.asked[j]))):
            return False
        return self._similarity(rest) < least and not self.wordings_of(rest).same(0, 1)

    def _other_question_on_one_text(self, i: int, j: int) -> bool:
        rest = self.beside_one_text(i, j)
        if rest is None:
            return False
        if self._numbers.differ(i, j) and without_numbers(rest[0]) == without_numbers(rest[1]):
            return False
        if self.wordings_of(rest).same(0, 1) or self._same_but_for_small_words(rest):
            return False
        is_other = self._similarity(rest) < _OTHER_QUESTION
        return is_other or min(map(len, rest)) < _SHORT_QUESTION

    def _similarity(self, rest: Sequence[Sequence[str]]) -> float:
        table = split_words([" ".join(words) for words in rest])
        return float(similarities(table, np.array([0]), np.array([1]))[0])

    def _same_but_for_small_words(self, rest: Sequence[Sequence[str]]) -> bool:
        telling = [[word for word in words if word not in SMALL_WORDS] for words in rest]
        return min(map(len, telling)) >= _TELLING_LEFT and self.wordings_of(telling).same(0, 1)

    def wordings_of(self, tokens: Sequence[Sequence[str]]) -> Wordings:
        """Other texts, with the counts of these."""
        return Wordings.of(tokens, self.spoken.counts)


def _parts(text: str) -> list[str]:
    """The lines and sentences of a text."""
    return [part for part in _PART.split(text) if part.strip()]


def _apart(a: str, b: str) -> tuple[str, str]:
    """What two texts have beside the lines and sentences that are equal in both."""
    first, second = _parts(a), _parts(b)
    common = {key(part) for part in first} & {key(part) for part in second}
    left = [part for part in first if key(part) not in common]
    right = [part for part in second if key(part) not in common]
    return " ".join(left), " ".join(right)


def _recurring(said: Sequence[str], asked: Sequence[str]) -> Bools:
    """Which answers are labels or stand under many different questions, shape (n,)."""
    result = np.zeros(len(said), dtype=np.bool_)
    for i, answer in enumerate(said):
        result[i] = 0 < len(answer.split()) <= _LABEL_WORDS
    for members in by_key([key(answer) for answer in said]):
        if len({normalise(asked[i]) for i in members}) >= _RECURS:
            result[members] = True
    return result


def joined(first: WordTable, second: WordTable) -> WordTable:
    """The words of each text of one table, then those of the same text of another.

    Example:
        >>> table = joined(split_words(["a b", "c"]), split_words(["d", ""]))
        >>> table.lengths.tolist() == [3, 1]
        True
    """
    codes = np.empty(len(first.codes) + len(second.codes), dtype=np.uint32)
    before = np.repeat(second.starts[:-1], first.lengths)
    codes[np.arange(len(first.codes)) + before] = first.codes
    after = np.repeat(first.starts[1:], second.lengths)
    codes[np.arange(len(second.codes)) + after] = second.codes
    return WordTable(codes, first.starts + second.starts)
