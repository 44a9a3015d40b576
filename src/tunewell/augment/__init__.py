"""Synthetic rows: planned, written by a larger model, and taken only for a reason."""

from tunewell.augment.faithfulness import CRITERION, QUESTION, error_rate_of, faithful
from tunewell.augment.generate import LOCAL_BATCH, Generator, Progressed
from tunewell.augment.nouns import (
    Augmented,
    Candidate,
    CellResult,
    Decided,
    GenerationCost,
)
from tunewell.augment.prompts import SCHEMA
from tunewell.augment.stage import RowsOfSplit, Rule, Wanted, augment, facts_of_project, key_of

__all__ = [
    "CRITERION",
    "LOCAL_BATCH",
    "QUESTION",
    "SCHEMA",
    "Augmented",
    "Candidate",
    "CellResult",
    "Decided",
    "GenerationCost",
    "Generator",
    "Progressed",
    "RowsOfSplit",
    "Rule",
    "Wanted",
    "augment",
    "error_rate_of",
    "facts_of_project",
    "faithful",
    "key_of",
]
