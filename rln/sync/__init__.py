"""Sync: a copy of the whole tree for each member."""
