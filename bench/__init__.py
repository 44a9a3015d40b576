"""Benchmarks: peers and us side by side in one run on the same data; results are kept in bench/results."""
