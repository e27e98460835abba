"""SQLite: the stores that are files on this machine."""
