"""Verifying: from a message to its verdict, and the protocols of what a verifier needs."""
