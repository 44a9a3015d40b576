"""Near-duplicates, leaks and families of more rows than one process should hold.

The rows lie in files, a part each, in a folder that all workers see. Every pass is a function of
the number of a part; it reads files of earlier passes and writes files of its own, so a worker that
is killed has its parts done again and the result is the same. The calling process holds the pairs
that were verified and one number a row.
"""

from __future__ import annotations

from tunewell.similar.in_parts.copies import CopiesInParts, copies_among, find_copies_in_parts
from tunewell.similar.in_parts.leaks import find_leaks_in_parts, leaks_among
from tunewell.similar.in_parts.near import near_pairs_in_parts
from tunewell.similar.in_parts.part_files import RowParts
from tunewell.similar.in_parts.verified import PairJudge
from tunewell.similar.in_parts.word_parts import WordParts
from tunewell.similar.in_parts.workplace import Workplace

__all__ = [
    "CopiesInParts",
    "PairJudge",
    "RowParts",
    "WordParts",
    "Workplace",
    "copies_among",
    "find_copies_in_parts",
    "find_leaks_in_parts",
    "leaks_among",
    "near_pairs_in_parts",
]
