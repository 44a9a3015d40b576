"""Benchmarks of curation: near-duplicates, personal data, scale."""
