"""Verifying: from a message to its verdict, and what that needs from outside."""
