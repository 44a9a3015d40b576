"""The one seam to models: generate in batches, score given targets."""
