"""What is like what: keys of equal texts, verified pairs of near-duplicates, families."""

from __future__ import annotations

from tunewell.similar.exact_keys import exact_key, key, normalise
from tunewell.similar.families import Links, by_key
from tunewell.similar.pairs import THRESHOLD, Pairs, near_pairs, similarities
from tunewell.similar.same_text import alike, copies, only_numbers_differ, telling
from tunewell.similar.templates import template_families, without
from tunewell.similar.word_table import WordTable, split_words

__all__ = [
    "THRESHOLD",
    "Links",
    "Pairs",
    "WordTable",
    "alike",
    "by_key",
    "copies",
    "exact_key",
    "key",
    "near_pairs",
    "normalise",
    "only_numbers_differ",
    "similarities",
    "split_words",
    "telling",
    "template_families",
    "without",
]
