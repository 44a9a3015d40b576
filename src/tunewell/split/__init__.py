"""Test set, review pool and folds over families that are never cut."""
