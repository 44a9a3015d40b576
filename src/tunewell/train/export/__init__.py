"""A trained adapter in formats that others read."""
