"""Tunewell from Python: ``import tunewell as tw``.

The same stages as the command line, on values that are already in memory, with results that a
notebook shows as a page.
"""
