"""Contradictions (D09): rows with one input and several answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import combinations
from typing import TypeVar

import numpy as np
from rapidfuzz.distance import OSA

from tunewell.similar.arrays import Bools
from tunewell.similar.compared_texts import ComparedTexts
from tunewell.similar.conversations import ComparedRow, targets_of
from tunewell.similar.edited_copies import alike, value_changes
from tunewell.similar.exact_keys import key
from tunewell.similar.near_duplicates import Pairs, near_pairs, similarities
from tunewell.similar.same_wording import LOGOGRAMS, tokens_of
from tunewell.similar.translations import of_two_languages
from tunewell.similar.two_facts import ChangedText
from tunewell.similar.union_find import Links, by_key
from tunewell.similar.word_table import NEGATIONS

SAME = 0.85
"""Similarity of two inputs from which different answers contradict each other."""

_TELLING = 0.9
"""Agreement of their telling words from which two such inputs are one."""

_ONE_QUESTION = 0.95
"""Two questions on one text are one from this similarity on: the text says nothing of them."""

_LONG_TEXT = 60
"""Words from which what two rows share is a text, and not the question itself."""

_SHORTEST = 3
"""Letters of a word in which a slip can be told from another word."""

_MOST_SLIPS = 4
_RARE = 2
"""A writing in more texts than this is no slip."""

_POLITE = frozenset(
    "please kindly really very just quite actually simply also perhaps maybe hello hi hey dear "
    "good morning afternoon evening thanks thank you many kind regards cheers best wishes advise "
    "help me urgently sorry bitte danke vielen dank hallo guten tag gerne mal eben is now the a an "
    "this that our my will would can could about on".split()
)
"""Words that may differ between two ways to ask one thing."""

_FEW = 3
"""A question of fewer words ("hi", "ok thanks") may have many answers."""

_MANY_ANSWERS = 3
"""So many different answers to one question, none of which most rows give, show it to be open."""

_FEWEST_OF_A_FORUM = 20
_USUAL = 0.15
"""Where so many rows, and so large a share, have a question with several answers, that is usual."""

_FEW_ALIKE = 0.5
"""… and so few of which are alike."""

_LONG_ANSWER = 20
"""An answer of so many words, and one that is unlike, are two ways to help, as far as one can see
…"""

_RESEMBLE = 0.5
"""… below this similarity."""

_SHORT_ANSWER = 8
"""An answer of fewer words changes with every word of its question."""

_LABEL_WORDS = 3
_ROWS_A_LABEL = 3
"""Short answers are labels if each stands in so many rows on average."""

_MOST_OF_ONE = 40
"""Rows of one question that are held against each other."""

_OPEN = re.compile(
    r"(?im)^\W*(?:(?:please|can you|could you|bitte|kannst du|können sie)\W+)*"
    r"(?:write|compose|draft|create|generate|invent|make up|suggest|propose|recommend|give me|"
    r"provide (?:an?|some|two|three|\d)|define|tell me (?:a|an|about|some)|describe|explain|"
    r"discuss|summari[sz]e|paraphrase|rewrite|"
    r"rephrase|translate|brainstorm|imagine|list|think of|share|"
    r"name (?:a|an|one|some|two|three|\d)|"
    r"continue|complete|reply|respond|comment|say something|"
    r"schreib\w*|verfass\w*|erzähl\w*|erfind\w*|beschreib\w*|erklär\w*|übersetz\w*|fass\w*|nenn\w*|"
    r"schlag\w*|formulier\w*|écri\w*|rédige\w*|raconte\w*|décri\w*|propose\w*|traduis\w*|résume\w*|"
    r"escrib\w*|redact\w*|cuént\w*|describ\w*|traduc\w*|resum\w*|sugier\w*)\b"
    r"|\b(?:synonym|antonym|opposite of|synonyme|antonyme|gegenteil|sinónimo|antónimo)\b"
)
"""Requests that many different answers fulfil."""

_VALUE = re.compile(r"\b(?:[A-Z]{1,3}-?\d+[\w-]*|(?:\d[\d.,:/-]*\d|\d)(?:st|nd|rd|th)?)\b")
_WORD = re.compile(r"\w+")

RowT = TypeVar("RowT", bound=ComparedRow)


def contradictory(
    rows: Sequence[RowT],
    *,
    copies: Sequence[Sequence[RowT]] = (),
) -> list[list[RowT]]:
    """Families of rows with one input and several answers.

    Inputs are one when they are equal after normalisation, alike in all words that tell (see
    `tunewell.similar.edited_copies`), or differ only in typing slips and polite words. Answers
    differ when they are not alike, or when each has a number or code, known from other answers too,
    that the other has not.

    Args:
        rows: The rows.
        copies: Families of copies of which one is among the rows: what contradicts another copy
            contradicts that one.
    """
    here = {id(row) for row in rows}
    stands_for = _representatives(copies, here)
    others = [row for family in copies for row in family if id(row) not in here]
    every = [*rows, *others]

    links = Links(len(every))
    links.join_pairs(_conflicts(every))
    found = []
    for group in links.groups():
        kept: dict[int, RowT] = {}
        for i in group:
            row = stands_for.get(id(every[i]), every[i])
            if id(row) in here:
                kept[id(row)] = row
        if len(kept) > 1:
            found.append(list(kept.values()))
    return found


def _representatives(
    copies: Sequence[Sequence[RowT]],
    here: set[int],
) -> Mapping[int, RowT]:
    """The row that was kept for every other copy.

    Later families first, for what they kept may be a copy too.
    """
    found: dict[int, RowT] = {}
    for family in reversed(copies):
        still_there = [row for row in family if id(row) in here]
        stand_ins = [found[id(row)] for row in family if id(row) in found]
        kept = [*still_there, *stand_ins]
        if kept:
            others = [row for row in family if id(row) not in here]
            found.update((id(row), kept[0]) for row in others)
    return found


def _conflicts(rows: Sequence[ComparedRow]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that ask one thing and have answers that cannot both be right."""
    texts = ComparedTexts.of(rows)
    answers = _Answers(targets_of(rows), texts)
    yield from _with_equal_inputs(texts, answers)

    pairs, telling = _with_like_inputs(texts)
    words = _counts(texts.asked)
    for k, (i, j) in enumerate(pairs.positions()):
        if not _may_be_one(texts, i, j):
            continue
        is_one_question = slips_only(texts.asked[i], texts.asked[j], words)
        if texts.answers_echo(i, j) or _are_two_questions(texts, i, j):
            continue
        if not answers.clash(i, j) and not (is_one_question and answers.state_one_fact(i, j)):
            continue
        if texts.asks_differ(i, j) and not _only_lost_a_word(texts, answers, i, j):
            continue
        if telling[k] or is_one_question:
            yield i, j


def _may_be_one(texts: ComparedTexts, i: int, j: int) -> bool:
    """Whether two rows ask anything, and nothing in their form tells what they ask apart."""
    if not texts.asked[i].strip() or texts.of_two_frames(i, j):
        return False
    words = min(len(texts.asked_words.of(i)), len(texts.asked_words.of(j)))
    if words >= _LONG_TEXT and texts.puts_another_question(i, j, least=_ONE_QUESTION):
        return False
    return not _in_other_capitals(texts.asked[i], texts.asked[j])


def _are_two_questions(texts: ComparedTexts, i: int, j: int) -> bool:
    """Whether two questions differ in another word that looks like a slip: "million", "billion".

    Where a few words, code or data are the answer, no other word at all may stand in the question.
    """
    is_short = min(len(texts.answers.of(i)), len(texts.answers.of(j))) < _SHORT_ANSWER
    if not (is_short or texts.answer_in_code(i, j) or texts.wordings.same(i, j)):
        return False
    return bool(texts.changed_question(i, j).changes)


def _only_lost_a_word(texts: ComparedTexts, answers: _Answers, i: int, j: int) -> bool:
    """Whether the answers give two known facts and one question merely lacks a word."""
    if texts.values_differ(i, j):
        return False
    return answers.state_other_facts(i, j) and texts.one_word_more(i, j)


def _with_like_inputs(texts: ComparedTexts) -> tuple[Pairs, Bools]:
    """Pairs of rows that ask nearly the same, and which of them agree in all words that tell.

    An edit may stand in what many rows share: rows are compared with their frames too.
    """
    found = texts.same_wording()
    telling = np.ones(len(found), np.bool_)
    tables = [texts.gists]
    if any(texts.frames):
        tables.append(texts.asked_words)
    for words in tables:
        pairs = near_pairs(words, threshold=SAME)
        agree = alike(words, pairs.left, pairs.right, least=SAME, telling=_TELLING)
        found = found.followed_by(pairs)
        telling = np.concatenate([telling, agree])
    return found, telling


def contradict(
    rows: Sequence[ComparedRow],
    texts: ComparedTexts,
    pairs: Pairs,
) -> Bools:
    """Which pairs of copies ask one thing and give other facts in answer, shape (pairs,).

    They are no copies: which of them is right is for people to say.
    """
    answers = _Answers(targets_of(rows), texts)
    one_question = alike(texts.gists, pairs.left, pairs.right, least=SAME, telling=_TELLING)
    found = np.zeros(len(pairs), dtype=np.bool_)
    for k, (i, j) in enumerate(pairs.positions()):
        if one_question[k] and answers.state_other_facts(i, j, known=False):
            found[k] = not texts.asks_differ(i, j) and not texts.answers_echo(i, j)
    return found


def _with_equal_inputs(texts: ComparedTexts, answers: _Answers) -> Iterator[tuple[int, int]]:
    """Pairs of rows that ask the very same and whose answers clash."""
    keys: list[bytes | str] = []
    for i, text in enumerate(texts.asked):
        keys.append(key(text) if text.strip() else f"row {i}")
    for members in by_key(keys):
        for i, j in combinations(members[:_MOST_OF_ONE], 2):
            if _in_other_capitals(texts.asked[i], texts.asked[j]):
                continue
            if answers.clash(i, j, equally_asked=True):
                yield i, j


def _in_other_capitals(a: str, b: str) -> bool:
    """Whether capitals inside a word tell two questions apart: "CO" and "Co"."""
    if a.isupper() or b.isupper() or a.islower() or b.islower():
        return False
    first, second = _WORD.findall(a), _WORD.findall(b)
    if len(first) != len(second):
        return False
    pairs = zip(first, second, strict=True)
    return any(one[1:] != other[1:] and _equal_letters(one, other) for one, other in pairs)


def _equal_letters(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


class _Answers:
    """The answers of rows, and whether two of them can both be right."""

    def __init__(self, said: Sequence[str], texts: ComparedTexts) -> None:
        self._said = said
        self._texts = texts
        self._values_differ = _differing_values(said)
        keys = list(map(key, said))
        times = Counter(keys)
        self._stands_again = [times[each] > 1 for each in keys]
        self._is_label = _labels(texts, keys)
        self._is_open = _open_questions(texts, keys, self._is_label)
        self._several_usual = _several_answers_usual(texts, keys)
        self._is_translation = of_two_languages(texts.asked, said)

    def clash(self, i: int, j: int, *, equally_asked: bool = False) -> bool:
        """Whether the answers of two rows that ask one thing cannot both be right.

        Args:
            i: A row.
            j: Another.
            equally_asked: Whether they ask it in the very same words. Else a number that stands in
                no other answer is taken for an instance (a ticket's), not a fact.
        """
        a, b = self._said[i], self._said[j]
        if key(a) == key(b) or self._is_open[i] or self._is_open[j]:
            return False
        pair = (np.array([i]), np.array([j]))
        is_alike = bool(alike(self._texts.answers, *pair)[0])
        if not is_alike and self._may_both_help(i, j):
            return False
        values = self.state_other_facts(i, j)
        if equally_asked:
            values = values or self.state_other_facts(i, j, known=False)
            values = values or value_changes(self._texts.answers, i, j)
        if self._is_translation or self._are_one_wording(i, j) or self._stand_in_text(i, j):
            return values
        if is_alike and not values:
            return bool(self._are_labels(i, j) and not _contained(a, b))
        if _OPEN.search(self._texts.asked[i]):
            # Many stories are right, and many names; one deadline is, and one class.
            return is_alike or (self._stands_again[i] and self._stands_again[j])
        return values or not _contained(a, b)

    def _are_one_wording(self, i: int, j: int) -> bool:
        """Whether two answers differ in slips and small words alone; two labels never do."""
        if self._are_labels(i, j):
            return False
        first, second = tokens_of(self._said[i]), tokens_of(self._said[j])
        return not ChangedText.of(first, second, self._texts.wordings.plain_slip).changes

    def _stand_in_text(self, i: int, j: int) -> bool:
        """Whether two short answers are passages of the text that their rows are asked about.

        It may name several: "Who works with them?" is answered by each.
        """
        return all(map(self._stands_in_its_text, (i, j)))

    def _stands_in_its_text(self, i: int) -> bool:
        said, asked = tokens_of(self._said[i]), self._texts.spoken.tokens[i]
        if not said or len(asked) < _LONG_TEXT:
            return False
        return f" {' '.join(said)} " in f" {' '.join(asked)} "

    def _may_both_help(self, i: int, j: int) -> bool:
        """Whether two unlike answers may both be right, for the question or they are such.

        One class of two is right; two greetings may both be, and two long pieces of advice where
        several answers to a question are usual, as in a forum.
        """
        if self._are_labels(i, j):
            return False
        pair = (np.array([i]), np.array([j]))
        if int(self._texts.asked_words.shorter(*pair)[0]) < _FEW:
            return True
        answers = self._texts.answers
        longest = max(len(answers.of(i)), len(answers.of(j)))
        if not self._several_usual or longest < _LONG_ANSWER:
            return False
        return float(similarities(answers, *pair)[0]) < _RESEMBLE

    def state_other_facts(self, i: int, j: int, *, known: bool = True) -> bool:
        """Whether each of two answers has a value of its own, or one negates more often.

        Args:
            i: A row.
            j: Another.
            known: Whether a value counts only if it stands in another answer too: else it is an
                instance, not a fact.
        """
        least = 2 if known else 1
        return self._values_differ(i, j, least) or _turned(self._said[i], self._said[j])

    def state_one_fact(self, i: int, j: int) -> bool:
        """Whether two answers to a closed question say one thing with other values."""
        is_open = self._is_open[i] or self._is_open[j] or _OPEN.search(self._texts.asked[i])
        if is_open or not self.state_other_facts(i, j, known=False):
            return False
        return bool(alike(self._texts.answers, np.array([i]), np.array([j]))[0])

    def _are_labels(self, i: int, j: int) -> bool:
        return bool(self._is_label[i] and self._is_label[j])


def _labels(texts: ComparedTexts, answers: Sequence[bytes]) -> Bools:
    """Which answers are labels: short ones, of which the rows have few different ones, shape (n,).

    Args:
        texts: The rows.
        answers: A key of each answer.
    """
    found: Bools = texts.answers.lengths <= _LABEL_WORDS
    short = [answers[i] for i in np.flatnonzero(found).tolist()]
    if _ROWS_A_LABEL * len(set(short)) > len(short):
        found[:] = False
    return found


def _several_answers_usual(texts: ComparedTexts, answers: Sequence[bytes]) -> bool:
    """Whether many of the rows share their question with a row of another, unlike answer.

    Args:
        texts: What is asked.
        answers: A key of each answer.
    """
    rows = 0
    for members in by_key([key(text) for text in texts.asked]):
        if len({answers[i] for i in members}) < len(members) or not texts.asked[members[0]]:
            continue
        shown = np.array(members[:_MOST_OF_ONE])
        if np.mean(alike(texts.answers, shown[:-1], shown[1:])) <= _FEW_ALIKE:
            rows += len(members)
    return rows >= max(_FEWEST_OF_A_FORUM, _USUAL * len(answers))


def _open_questions(
    texts: ComparedTexts,
    answers: Sequence[bytes],
    is_label: Bools,
) -> Bools:
    """Which rows ask what has many answers, as its other rows show, shape (n,).

    Args:
        texts: What is asked.
        answers: A key of each answer.
        is_label: Which answers are labels.
    """
    found = np.zeros(len(answers), dtype=np.bool_)
    for members in by_key([key(text) for text in texts.asked]):
        times = Counter(answers[i] for i in members)
        labels = int(is_label[members].sum())
        is_settled = 2 * max(times.values()) > len(members) or 2 * labels > len(members)
        if len(times) < _MANY_ANSWERS or is_settled:
            continue
        shown = np.array(members[:_MOST_OF_ONE])
        # One sentence with other values, again and again, is no open question.
        if np.mean(alike(texts.answers, shown[:-1], shown[1:])) <= _FEW_ALIKE:
            found[members] = True
    return found


def _turned(a: str, b: str) -> bool:
    """Whether one of two answers negates more often than the other: may, may not."""
    first, second = tokens_of(a), tokens_of(b)
    return sum(word in NEGATIONS for word in first) != sum(word in NEGATIONS for word in second)


def _contained(a: str, b: str) -> bool:
    """Whether one answer says all that the other says: "Goethe", "Johann Wolfgang von Goethe"."""
    first, second = set(tokens_of(a)), set(tokens_of(b))
    if not first or not second:
        return False
    return first <= second or second <= first


def _differing_values(said: Sequence[str]) -> Callable[[int, int, int], bool]:
    """A test whether each of two answers has a value that the other has not.

    Its third argument says in how many answers, these among them, such a value stands at least.
    """
    counts: Counter[str] = Counter()
    for text in said:
        counts.update(_values(text))

    def has_own(one: set[str], other: set[str], least: int) -> bool:
        return any(counts[value] >= least for value in one - other)

    def differ(i: int, j: int, least: int) -> bool:
        a = _values(said[i])
        b = _values(said[j])
        return has_own(a, b, least) and has_own(b, a, least)

    return differ


def _values(text: str) -> set[str]:
    return set(_VALUE.findall(text))


def _counts(texts: Sequence[str]) -> Counter[str]:
    """In how many different texts each word stands."""
    counts: Counter[str] = Counter()
    for text in set(texts):
        counts.update(set(_WORD.findall(text.casefold())))
    return counts


def slips_only(
    a: str,
    b: str,
    counts: Counter[str],
) -> bool:
    """Whether two texts differ only in typing slips and in polite words.

    A slip is one letter more, less, other or swapped, in a word of three letters or more of which
    one writing is rare.

    Args:
        a: A text.
        b: Another.
        counts: In how many texts each word stands.

    Example:
        >>> from collections import Counter
        >>> slips_only("I pay by card", "I pay by cash", Counter({"card": 9, "cash": 9}))
        False
        >>> counts = Counter({"damage": 9, "damgae": 1})
        >>> slips_only("Please, who covers the damage?", "who covers the damgae?", counts)
        True
    """
    first = _telling_words(a)
    second = _telling_words(b)
    left = sorted((first - second).elements())
    right = sorted((second - first).elements())
    if len(left) != len(right) or len(left) > _MOST_SLIPS:
        return False
    for word in left:
        matches = [other for other in right if _slip(word, other, counts)]
        if not matches:
            return False
        right.remove(matches[0])
    return True


def _telling_words(text: str) -> Counter[str]:
    words = Counter(_WORD.findall(text.casefold()))
    for word in _POLITE.intersection(words):
        del words[word]
    return words


def _slip(
    a: str,
    b: str,
    counts: Counter[str],
) -> bool:
    """Whether one word is the other with a slip."""
    if min(len(a), len(b)) < _SHORTEST or not (a + b).isalpha() or LOGOGRAMS.search(a + b):
        return False
    if min(counts[a], counts[b]) > _RARE:
        return False
    return bool(OSA.distance(a, b, score_cutoff=1) <= 1)
