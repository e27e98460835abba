"""Ports: the protocols that adapters implement, in one module.

Each protocol is defined in the folder that needs it. Adapters are in `rln.stores`.
"""

from rln.group.ports import MemberRegistry, RegistryChange, RegistryReader
from rln.group.root_source import RootSource
from rln.protocol.epoch import Clock
from rln.proving.ports import KeptMessage, MessageIdAllocator
from rln.verifying.ports import AuditTrail, Claim, NullifierLog, Observer, Taken, check_claim

__all__ = [
    "AuditTrail",
    "Claim",
    "Clock",
    "KeptMessage",
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
