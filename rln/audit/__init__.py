"""Audit: the messages that verifiers keep, and the violations that are found in them."""
