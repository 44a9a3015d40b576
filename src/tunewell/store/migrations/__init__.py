"""Numbered migrations of the store's tables."""
