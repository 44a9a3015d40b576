"""Generation and scoring: tokens a second against transformers and PEFT on the same weights."""
