"""Training on rows that are heard: K adapters on the decoder of a Whisper model, encoder frozen."""
