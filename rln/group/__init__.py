"""Groups: the members, their tree, and the roots that proofs may be for."""
