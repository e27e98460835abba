"""Integrations: adapters for ASGI and FastAPI, httpx, httpx2, requests and aiohttp, logging, Prometheus."""
