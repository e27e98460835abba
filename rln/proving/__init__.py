"""Proving: how a member makes messages."""
