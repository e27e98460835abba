"""A FastAPI application with anonymous limits, and its demonstration."""
