"""Proving and verifying keys, with their files, witness graphs, constraint matrices and tables."""
