"""Training, against its peers."""
