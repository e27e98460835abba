"""Base: argument checks, field elements, bounds and canonical JSON."""
