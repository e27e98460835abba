"""The values of RLN: identities, shares, signals, epochs, proofs, memberships, recovery of secrets."""
