"""Integrations: observers of a verifier, for `logging` (`logs`) and for Prometheus (`prometheus`)."""
