"""K LoRA adapters at once over one frozen base: what is computed, in which order, and what is kept."""
