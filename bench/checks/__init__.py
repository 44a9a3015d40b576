"""Benchmarks of what is said of one row by itself: personal data, dates, languages."""
