"""Rate-Limiting Nullifiers: anonymous members, a limit for each epoch, and spammers who reveal themselves."""

from rln import circuit
from rln.base.version import __version__
from rln.errors import (
    AlreadyAMember,
    AnswerLost,
    EncodingError,
    EntropyError,
    FieldRangeError,
    GroupRefused,
    InputError,
    IntegrityAlarm,
    InvalidProof,
    KeyFileError,
    MembershipError,
    NativeError,
    NotAMember,
    NotRenewable,
    Overloaded,
    ParameterError,
    PointError,
    PolicyChanged,
    ProofRejected,
    ProviderUnavailable,
    RateLimitReached,
    Reason,
    RecoveryError,
    RequestRefused,
    RlnError,
    StoreError,
    StoreUnavailable,
    TreeFull,
    UnknownRoot,
    WrongEpoch,
    WrongSignal,
)
from rln.group.group import Group
from rln.group.registry_roots import RegistryRoots
from rln.group.root_window import RootHistory, RootWindow
from rln.group.window_size import WindowSize
from rln.keys.proving_key import ProvingKey
from rln.keys.setup import setup
from rln.keys.verifying_key import VerifyingKey
from rln.merkle.proof import MerkleProof
from rln.merkle.tree import MerkleTree
from rln.params import Params
from rln.protocol.epoch import Epoch, EpochClock
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.identity import Identity, IdentitySecret, UnverifiedSecret
from rln.protocol.membership import Membership
from rln.protocol.proof import MultiRlnProof, RlnProof
from rln.protocol.recovery import recover_secret, recover_unverified
from rln.protocol.share import Share
from rln.protocol.signal import hash_signal, join_signal
from rln.proving.prover import Prover
from rln.sync.bulletin import Bulletin
from rln.sync.mirror import Mirror
from rln.verifying.async_verifier import AsyncVerifier
from rln.verifying.evidence import Evidence
from rln.verifying.source_limit import SourceLimit
from rln.verifying.verdict import Duplicate, Invalid, RateLimitViolation, Valid, Verdict
from rln.verifying.verifier import Verifier

__all__ = [
    "AlreadyAMember",
    "AnswerLost",
    "AsyncVerifier",
    "Bulletin",
    "Duplicate",
    "EncodingError",
    "EntropyError",
    "Epoch",
    "EpochClock",
    "Evidence",
    "FieldRangeError",
    "Group",
    "GroupRefused",
    "Identity",
    "IdentitySecret",
    "InputError",
    "IntegrityAlarm",
    "Invalid",
    "InvalidProof",
    "KeyFileError",
    "Membership",
    "MembershipError",
    "MerkleProof",
    "MerkleTree",
    "Mirror",
    "MultiRlnProof",
    "NativeError",
    "NotAMember",
    "NotRenewable",
    "Overloaded",
    "ParameterError",
    "Params",
    "PointError",
    "PolicyChanged",
    "ProofRejected",
    "Prover",
    "ProviderUnavailable",
    "ProvingKey",
    "RateLimitReached",
    "RateLimitViolation",
    "Reason",
    "RecoveryError",
    "RegistryRoots",
    "RequestRefused",
    "RlnError",
    "RlnProof",
    "RootHistory",
    "RootWindow",
    "Share",
    "SourceLimit",
    "StoreError",
    "StoreUnavailable",
    "TreeFull",
    "UnknownRoot",
    "UnverifiedSecret",
    "Valid",
    "Verdict",
    "Verifier",
    "VerifyingKey",
    "WindowSize",
    "WrongEpoch",
    "WrongSignal",
    "__version__",
    "circuit",
    "hash_signal",
    "hash_to_field",
    "join_signal",
    "poseidon_hash",
    "recover_secret",
    "recover_unverified",
    "setup",
]
