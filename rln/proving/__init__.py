"""Proving: a member's way to make messages, and what it needs from outside."""
