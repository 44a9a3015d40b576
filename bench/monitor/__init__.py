"""Watching: false alarms, delays beside peers, speed, public streams."""
