"""Other people's files: oddities of every format, and ten thousand mutated ones."""
