"""``python -m tunewell``: the command line."""

from tunewell.cli.main import main

if __name__ == "__main__":
    main()
