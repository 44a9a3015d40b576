"""Where a project keeps things: rows in SQLite or PostgreSQL, content-addressed files beside them."""
