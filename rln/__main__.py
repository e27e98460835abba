"""`python -m rln` is the command `rln`."""

from rln.cli import main

if __name__ == "__main__":
    main()
