"""Protocol: the values of RLN: identity, share, signal, epoch, proof, membership, recovery of a secret."""
