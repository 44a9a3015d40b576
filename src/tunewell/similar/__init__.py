"""What is like what: sketches, verified pairs, templates, families, vectors."""
