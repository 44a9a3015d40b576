"""Benchmarks of the gateway: what it costs, what it survives, what it draws."""
