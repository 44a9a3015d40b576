"""Arms on the same held-out rows, paired, and the gates that decide."""
