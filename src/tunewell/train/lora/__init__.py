"""K LoRA adapters at once over one frozen base: what is computed, when, and what is kept."""
