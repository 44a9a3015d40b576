"""Public fakes, factories, planted corpora and contract suites."""
