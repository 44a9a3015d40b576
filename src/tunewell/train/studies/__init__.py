"""Questions that take trainings of their own: which recipe, how many rows, which groups."""
