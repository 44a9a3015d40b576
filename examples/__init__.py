"""Projects to try: an invented service desk, and three on published data."""
