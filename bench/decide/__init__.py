"""Deciding when to train again: simulated histories, and streams of real texts."""
