"""Keys: proving and verifying keys, their files, graphs and tables."""
