"""Rows that are edited copies of each other, and rows from one template, which are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.similar.arrays import Bools
from tunewell.similar.compared_texts import ComparedTexts
from tunewell.similar.contradictions import contradict
from tunewell.similar.conversations import ComparedRow, whole_texts
from tunewell.similar.edited_copies import alike, copies
from tunewell.similar.near_duplicates import THRESHOLD, Pairs, near_pairs
from tunewell.similar.same_meaning import likely_copies
from tunewell.similar.templates import template_families, without
from tunewell.similar.union_find import families_of
from tunewell.similar.word_table import WordTable, split_words

_INSTRUCTION = 20
"""Words of a frame that is an instruction, not a text with slots."""

_GREETED = 0.1
"""Share of the rows of a template with one greeting, from which it is a value of a slot …"""

_FEWEST_GREETED = 3
"""… if there are so many of them."""

_BELOW = 15
"""Words from which a question with a label may have another word in the place of one."""

FEWEST_SAID = 8
"""Shorter answers are labels, not templates."""


@dataclass(frozen=True)
class RowCopies:
    """What rows have to do with each other; all are positions.

    Attributes:
        pairs: Edited copies (see `tunewell.similar.copies`).
        families: The pairs, closed transitively.
        templates: Families of rows from one template.
        likely: Pairs that may say the same in other words (see `tunewell.similar.same_meaning`).
    """

    pairs: Pairs
    families: list[list[int]]
    templates: list[list[int]]
    likely: Pairs

    def nearest(self) -> dict[int, tuple[float, int]]:
        """For each row of a pair, its highest similarity and the first row that it has it with."""
        best: dict[int, tuple[float, int]] = {}
        for (i, j), similarity in zip(
            self.pairs.positions(), self.pairs.similarity.tolist(), strict=True
        ):
            for one, other in ((j, i), (i, j)):
                if similarity > best.get(one, (0.0, 0))[0]:
                    best[one] = (similarity, other)
        return best


def find_copies(rows: Sequence[ComparedRow], *, in_other_words: bool = True) -> RowCopies:
    """Edited copies and template families among rows.

    Args:
        rows: The rows.
        in_other_words: Whether to look for rows that may say the same in other words, too: each is
            held against every other one.

    Example:
        >>> from tunewell.similar.conversations import Conversation
        >>> answer = ("assistant", "Send us the form for moving house two weeks before the day.")
        >>> asked = ["How do I move my contract to the new flat?",
        ...          "Now how do I move my contract to the new flat?",
        ...          "Why is my bill so high since the winter began?"]
        >>> rows = [Conversation(text, (("user", text), answer)) for text in asked]
        >>> find_copies(rows).families
        [[0, 1]]
    """
    texts = ComparedTexts.of(rows)
    whole = split_words(whole_texts(rows))
    alike_rows = near_pairs(whole)
    families = template_families(whole, alike_rows)
    templates = [family for family in families if not _behind_an_instruction(texts, family)]
    templates += _of_answers(rows, texts.answers, templates)

    edited, doubtful = _edited(texts)
    outside = edited.where(without(edited, templates, len(rows)))
    respelt = texts.same_wording()
    respelt = respelt.where(texts.answers_agree(respelt))
    respelt = respelt.where(~_of_greetings(texts, respelt, templates))
    pairs = outside.followed_by(respelt).once(len(rows))
    pairs = pairs.where(~contradict(rows, texts, pairs))
    versions = [texts.may_be_of_two_versions(i, j) for i, j in pairs.positions()]
    doubtful = doubtful.followed_by(pairs.where(np.array(versions, dtype=np.bool_)))
    pairs = pairs.where(~np.array(versions, dtype=np.bool_))
    likely = doubtful
    if in_other_words:
        likely = likely.followed_by(likely_copies(texts, pairs))
    likely = likely.once(len(rows))
    # Rows of one template are alike by intent; where answers are labels, families are loose.
    says_little = texts.answers.lengths[likely.left] < FEWEST_SAID
    likely = likely.where(says_little | without(likely, templates, len(rows)))
    return RowCopies(pairs, families_of(pairs.positions(), len(rows)), templates, likely)


def _of_greetings(
    texts: ComparedTexts,
    pairs: Pairs,
    templates: Sequence[Sequence[int]],
) -> Bools:
    """Which pairs differ in greetings alone that are values of their template, shape (pairs,).

    Greetings that many rows of a template have are one of its slots: such rows are no copies.
    """
    family = {i: k for k, members in enumerate(templates) for i in members}
    counts: dict[int, Counter[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    found = np.zeros(len(pairs), dtype=np.bool_)
    for k, (i, j) in enumerate(pairs.positions()):
        own = family.get(i, -1)
        if own < 0 or own != family.get(j, -1) or texts.spoken.cores[i] != texts.spoken.cores[j]:
            continue
        if own not in counts:
            counts[own] = Counter(texts.courtesy(row) for row in templates[own])
        least = max(_FEWEST_GREETED, _GREETED * len(templates[own]))
        found[k] = all(counts[own][texts.courtesy(row)] >= least for row in (i, j))
    return found


def _behind_an_instruction(texts: ComparedTexts, family: Sequence[int]) -> bool:
    """Whether rows are alike for the long instruction that they share, and for nothing else."""
    shared = {texts.frames[i] for i in family}
    words = min(sum(texts.ends[i]) for i in family)
    return len(shared) == 1 and words >= _INSTRUCTION and bool(texts.recurring[list(family)].all())


def _edited(texts: ComparedTexts) -> tuple[Pairs, Pairs]:
    """Pairs that are edited copies by what they ask beyond their frames, and what they answer.

    Where the answer recurs it says nothing: what is asked must be alike by itself.

    Returns:
        These pairs, and those that may be copies or two facts.
    """
    pairs = near_pairs(texts.whole)
    pairs = pairs.where(copies(texts.gists, texts.answers, texts.whole, pairs))
    pairs = pairs.where(texts.may_answer_alike(pairs))
    recur = texts.recurring[pairs.left] | texts.recurring[pairs.right]
    asked_alike = alike(texts.gists, pairs.left, pairs.right, least=THRESHOLD)
    other = [
        texts.asks_opposite(i, j)
        or texts.asks_of_other_data(i, j)
        or texts.puts_another_question(i, j)
        for i, j in pairs.positions()
    ]
    keep = (~recur | asked_alike) & ~np.array(other, dtype=np.bool_)
    for k in np.flatnonzero(keep & recur):
        i, j = int(pairs.left[k]), int(pairs.right[k])
        another = texts.another_word(i, j, below=_BELOW)
        differ = another or texts.of_two_frames(i, j) or texts.asks_differ(i, j)
        keep[k] = not differ
    pairs = pairs.where(keep)
    doubts = [_is_doubtful(texts, i, j) for i, j in pairs.positions()]
    is_doubtful = np.array(doubts, dtype=np.bool_)
    return pairs.where(~is_doubtful), pairs.where(is_doubtful)


def _is_doubtful(texts: ComparedTexts, i: int, j: int) -> bool:
    if texts.answers_tell_nothing(i, j) or texts.tells_apart(i, j):
        return True
    return texts.are_two_tasks(i, j)


def _of_answers(
    rows: Sequence[ComparedRow],
    answers: WordTable,
    known: Sequence[Sequence[int]],
) -> list[list[int]]:
    """Families whose answers come from one template, whatever was asked ("canned answers")."""
    taken = {i for family in known for i in family}
    free = [i for i in range(len(rows)) if i not in taken]
    long_enough = [i for i in free if answers.lengths[i] >= FEWEST_SAID]
    said = split_words([rows[i].target for i in long_enough])
    found = template_families(said, near_pairs(said))
    return [[long_enough[k] for k in family] for family in found]
