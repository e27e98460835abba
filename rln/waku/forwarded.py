"""Forwarded: what one node has forwarded, and which peer sent which form of a message.

The nullifier log may be shared by several nodes, and then says "duplicate" for a message that this node has
never seen. Whether to forward it is this node's own affair, so this node remembers what it has forwarded.

Bytes outside the signal can be changed by anybody who relays a message. A peer that checks proofs forwards
one form of each share with its root, and one share of each nullifier. So a peer that sends a second one is
counted. A peer that does not check proofs may do so innocently: counting is no rejection.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from rln.base import forks
from rln.protocol.epoch import Epoch
from rln.protocol.proof import RlnProof
from rln.verifying.source_limit import Source

_MOST_SHARES: Final = 1 << 18
_MOST_FORMS: Final = 1 << 16
"""How many are remembered, about 60 and 30 MB; the oldest are dropped."""

_Form = tuple[int, int, bytes]
"""x, root, and the SHA-256 of the message's bytes."""


class Forwarded:
    """Shares and forms, in bounded memory. Safe to use from several threads.

    A forked child goes on with a copy. It needs no event loop, and nothing is closed. If a fork was not
    noticed, every call raises `StoreUnavailable`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: OrderedDict[tuple[int, int, int], None] = OrderedDict()
        self._forms: OrderedDict[tuple[Source, int, int], _Form] = OrderedDict()
        forks.register(self)

    def add(self, epoch: Epoch, proof: RlnProof) -> bool:
        """Note that a share is forwarded, and return whether it was not before."""
        forks.refuse_unnoticed("forwarded messages")
        key = (epoch.index, proof.nullifier, proof.x)
        with self._lock:
            is_new = key not in self._shares
            self._shares[key] = None
            while len(self._shares) > _MOST_SHARES:
                self._shares.popitem(last=False)
        return is_new

    def holds(self, epoch: Epoch, proof: RlnProof) -> bool:
        """Tell whether a share was forwarded."""
        forks.refuse_unnoticed("forwarded messages")
        with self._lock:
            return (epoch.index, proof.nullifier, proof.x) in self._shares

    def is_second_form(self, peer: Source, epoch: Epoch, proof: RlnProof, digest: bytes) -> bool:
        """Tell whether a peer has sent another form of a share, or another share of its nullifier.

        The first form is kept. The same share with another root is no second form: its author renewed it.
        """
        forks.refuse_unnoticed("forwarded messages")
        key, form = (peer, epoch.index, proof.nullifier), (proof.x, proof.root, digest)
        with self._lock:
            first = self._forms.setdefault(key, form)
            while len(self._forms) > _MOST_FORMS:
                self._forms.popitem(last=False)
        return first[0] != form[0] or (first[1] == form[1] and first[2] != form[2])

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._lock,)

    def _after_fork(self, torn: bool) -> None:
        self._lock = threading.Lock()  # at worst, one share is forwarded a second time
