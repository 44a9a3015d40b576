"""Benchmarks of the room for people."""
