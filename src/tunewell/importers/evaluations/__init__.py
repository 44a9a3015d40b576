"""Evaluations of other tools: OpenAI Evals, hosted evals and graders, promptfoo."""
