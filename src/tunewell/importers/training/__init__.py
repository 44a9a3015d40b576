"""Training configurations of other tools: Axolotl, LLaMA-Factory, TRL, OpenAI's jobs."""
