"""Speech: the recordings of the demo, and what was measured on speech."""
