"""Protocol: the values of RLN, from the identity to the proof."""
