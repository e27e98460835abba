"""Integrations: adapters for ASGI and FastAPI, httpx and httpx2, logging, Prometheus."""
