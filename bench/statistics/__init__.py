"""Simulations behind the promises of `tunewell.stats`, and the same cells for other packages."""
