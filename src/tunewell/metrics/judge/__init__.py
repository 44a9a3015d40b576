"""Model judges: one criterion of the rubric, a reason and a verdict in a fixed form."""
