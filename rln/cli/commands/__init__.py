"""The commands of `rln`, one module each."""
