"""Augmentation: what gets in, how fast it is judged, whether it survives kills, whether it pays."""
