"""Projects of other tools: TensorZero, Kiln, Argilla, Label Studio."""
