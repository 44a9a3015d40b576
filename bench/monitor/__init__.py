"""Benchmarks of watching: false alarms, delay, causes, speed."""
