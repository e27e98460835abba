"""Bounds: how large a relation may be. Circuits, keys, groups and proofs all keep to them."""

from typing import Final

MAX_DEPTH: Final = 32
"""Levels of a membership tree."""

MAX_LIMIT_BITS: Final = 16
"""A user message limit is at most 2^16: beyond it the range check loses ids (zerokit-spec 4.1)."""

MAX_SLOTS: Final = 16
"""Message ids of one proof."""
