"""Models that hear: Whisper-type models on this machine."""
