"""What changed in use, since when, and why: channels, drift, causes, impact."""
