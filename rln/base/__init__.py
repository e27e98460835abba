"""Base: what every folder uses: argument checks, field elements, bounds and canonical JSON."""
