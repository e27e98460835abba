"""Integrations: adapters for other programs, each named after its program."""
