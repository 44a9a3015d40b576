"""Benchmarks of the review app."""
