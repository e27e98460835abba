"""Merkle tree: levels of nodes, plans of changes, packed state."""
