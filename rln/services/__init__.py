"""The programs that run for long: what a provider starts."""
