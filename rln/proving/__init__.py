"""Proving: how a member makes messages, and what that needs from outside."""
