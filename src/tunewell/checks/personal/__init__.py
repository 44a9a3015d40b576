"""Personal data in a text (pitfall D07): what finds it, and the masks that take its place."""
