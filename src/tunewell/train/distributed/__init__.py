"""The final adapter by TRL, in processes of its own, on as many GPUs as there are."""
