"""``python -m tunewell``: the command line."""

import sys

from tunewell.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
