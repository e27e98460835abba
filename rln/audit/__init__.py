"""Audit: messages kept for inspection, and the list of violators."""
