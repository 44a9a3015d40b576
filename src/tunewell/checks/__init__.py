"""What can be said of one row by itself."""
