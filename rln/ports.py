"""Ports: every protocol that a prover, a verifier and a group expect of the world, under one name.

Each protocol stands beside the verbs that need it; adapters live in `rln.stores`.
"""

from rln.group.ports import MemberRegistry, RegistryChange, RegistryReader
from rln.protocol.epoch import Clock
from rln.proving.ports import MessageIdAllocator
from rln.verifying.ports import AuditTrail, Claim, NullifierLog, Observer, RootSource, Taken, check_claim

__all__ = [
    "AuditTrail",
    "Claim",
    "Clock",
    "MemberRegistry",
    "MessageIdAllocator",
    "NullifierLog",
    "Observer",
    "RegistryChange",
    "RegistryReader",
    "RootSource",
    "Taken",
    "check_claim",
]
