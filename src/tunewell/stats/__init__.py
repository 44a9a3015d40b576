"""Pure functions on arrays: every figure with an interval that covers what it says."""
