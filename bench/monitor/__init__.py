"""Watching: false alarms, delays beside peers, causes of planted incidents."""
