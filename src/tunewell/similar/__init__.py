"""What is like what: keys of equal texts, verified pairs of near-duplicates, families."""

from __future__ import annotations

from tunewell.similar.edited_copies import (
    alike,
    copies,
    only_numbers_differ,
    telling,
)
from tunewell.similar.exact_keys import (
    exact_key,
    key,
    normalise,
)
from tunewell.similar.near_duplicates import (
    THRESHOLD,
    Pairs,
    near_pairs,
    similarities,
)
from tunewell.similar.templates import template_families, without
from tunewell.similar.union_find import (
    Links,
    by_key,
    families_of,
)
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
    "families_of",
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
