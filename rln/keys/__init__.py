"""Keys: proving and verifying keys, their files, witness graphs, constraint matrices and tables."""
