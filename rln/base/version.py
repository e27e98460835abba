"""Version: the one place that holds the version of this library; `pyproject.toml` reads it from here."""

from __future__ import annotations

__version__ = "0.1.0"
"""Version of the package, as in its metadata: a plain literal, so that a build reads it without an import."""
