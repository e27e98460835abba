"""Kept message: what an allocator has kept for one x in one epoch."""

from rln.ports import MessageIdAllocator
from rln.protocol.epoch import Epoch


def kept_in(ids: MessageIdAllocator, commitment: int, epoch: Epoch, x: int) -> bytes | None:
    """Return the message that was kept for x in an epoch, or None."""
    for kept in ids.recall(commitment, epoch.identifier, x):
        if kept.epoch_index == epoch.index:
            return kept.message
    return None
