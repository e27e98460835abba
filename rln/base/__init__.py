"""Base of all other folders: argument checks, field elements, bounds and canonical JSON."""
