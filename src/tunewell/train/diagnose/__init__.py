"""What the folds say about data and training: one file for each finding."""
