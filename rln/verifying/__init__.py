"""Verifying: from a message to its verdict."""
