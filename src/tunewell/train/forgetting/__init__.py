"""T04: what the model could do before training and can no longer."""
