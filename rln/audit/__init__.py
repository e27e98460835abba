"""Audit: the messages that verifiers keep, and the violations found in them."""
