"""Benchmarks: peers and us side by side in one run on the same data.

Results are kept in bench/results.
"""
