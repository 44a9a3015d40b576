"""The verbs below ``tunewell watch``, beside the look itself."""
