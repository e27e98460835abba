"""Integrations: the library in the words of other programs. Each module needs what it is named for."""
