"""Scores of an output."""
