"""Run the command `rln` as `python -m rln`."""

from rln.cli import main

if __name__ == "__main__":
    main()
