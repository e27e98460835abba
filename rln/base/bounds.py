"""Bounds on the size of a relation, and on numbers that stores keep."""

from typing import Final

MAX_DEPTH: Final = 32
"""Most levels of a membership tree."""

MAX_LIMIT_BITS: Final = 16
"""The largest user message limit is 2^16: above it, the range check loses message ids (zerokit-spec 4.1)."""

MAX_SLOTS: Final = 16
"""Most message ids of one proof."""

MAX_STORED: Final = (1 << 63) - 1
"""The largest integer that SQLite and PostgreSQL keep: of steps, events and times."""
