"""The project that `make demo` runs."""
