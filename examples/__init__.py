"""The demonstrations: programs of their own, run from the root of the repository."""
