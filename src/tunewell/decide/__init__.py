"""What to do next, from the evidence: promote, hold, collect, retrain or roll back, and when."""
