"""Projects from what other tools have."""
