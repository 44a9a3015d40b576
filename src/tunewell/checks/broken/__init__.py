"""What makes a row unusable for training, from the row alone (pitfall D08)."""

from __future__ import annotations

from tunewell.checks.broken.faults import Breakage, find_fault
from tunewell.checks.broken.habits import Habits, habits_of

__all__ = ["Breakage", "Habits", "find_fault", "habits_of"]
