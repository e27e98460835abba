"""What is remembered: adapters for the protocols of `rln.ports`."""
