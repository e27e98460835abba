"""Identities and shares. The secret stays in memory of the C core, which is locked and wiped."""

from __future__ import annotations

from rln.base import scalar
from rln.base.arguments import fixed_bytes, plain_bytes
from rln.errors import ParameterError
from rln.lowlevel import _call, entropy
from rln.lowlevel._call import CData, ffi, lib


class IdentityHandle(_call.Handle):
    """An identity secret; for an extended identity, also the trapdoor and nullifier that it is made from."""

    __slots__ = ()

    def __init__(self, pointer: CData) -> None:
        super().__init__("identity", pointer, lib.rln_identity_free)


def new(extended: bool = False) -> IdentityHandle:
    """Make an identity from fresh entropy.

    Raises:
        EntropyError: the random source failed or repeats itself.
    """
    random = _call.output(128 if extended else 64)
    slot = ffi.new("rln_identity **")
    try:
        entropy.fill(random)
        status = lib.rln_identity_new(random, len(random), int(extended), slot)
    finally:
        _call.wipe(random)
    _call.check(status, what="identity")
    return IdentityHandle(slot[0])


def from_seed(seed: bytes, extended: bool = False) -> IdentityHandle:
    """Make the identity that zerokit makes from this seed, of any length; keep the seed secret."""
    seed = plain_bytes(seed, "seed")
    slot = ffi.new("rln_identity **")
    _call.check(lib.rln_identity_from_seed(seed, len(seed), int(extended), slot), what="identity")
    return IdentityHandle(slot[0])


def from_secret(secret: bytes) -> IdentityHandle:
    """Make the simple identity with this secret.

    Raises:
        FieldRangeError: not canonical.
        ParameterError: zero, which anybody would guess.
    """
    slot, fault = ffi.new("rln_identity **"), _call.new_fault()
    secret = fixed_bytes(secret, 32, "secret")
    _call.check(lib.rln_identity_from_secret(secret, 32, slot, fault), fault, "secret")
    return IdentityHandle(slot[0])


def from_extended(trapdoor: bytes, nullifier: bytes) -> IdentityHandle:
    """Make the extended identity with this trapdoor and nullifier.

    C reduces 64 bytes to each element, so an element that is followed by 32 zero bytes stays what it is.

    Raises:
        FieldRangeError: an element is not canonical.
        ParameterError: an element is zero, or both are equal: anybody would guess that, or half of it.
    """
    for element, name in ((trapdoor, "trapdoor"), (nullifier, "nullifier")):
        number = scalar.decode(fixed_bytes(element, 32, name), name)
        if number == 0:
            raise ParameterError(f"{name}: expected a field element other than 0, got 0")
    if trapdoor == nullifier:
        raise ParameterError("nullifier: expected another number than the trapdoor, got the same")
    both = _call.output(128)
    slot = ffi.new("rln_identity **")
    try:
        view = ffi.buffer(both)
        view[:32], view[64:96] = trapdoor, nullifier
        status = lib.rln_identity_new(both, len(both), 1, slot)
    finally:
        _call.wipe(both)
    _call.check(status, what="identity")
    return IdentityHandle(slot[0])


def commitment(identity: IdentityHandle) -> bytes:
    """Return the identity commitment, Poseidon(secret), which is public."""
    out = _call.output(32)
    _call.check(lib.rln_identity_commitment(identity.pointer, out, 32), what="commitment")
    return _call.take(out)


def secret(identity: IdentityHandle) -> bytes:
    """Return a copy of the secret, which cannot be wiped; drop it as soon as you can."""
    out = _call.output(32)
    _call.check(lib.rln_identity_secret(identity.pointer, out, 32), what="secret")
    return _call.take(out)


def extended(identity: IdentityHandle) -> bytes:
    """Return a copy of trapdoor || nullifier, 64 bytes.

    Raises:
        ParameterError: the identity is not an extended one.
    """
    out = _call.output(64)
    status = lib.rln_identity_extended(identity.pointer, out, 64)
    _call.check(status, what="trapdoor of a simple identity")
    return _call.take(out)


def equal(a: IdentityHandle, b: IdentityHandle) -> bool:
    """Return whether two identities have the same secret, in constant time."""
    return bool(lib.rln_identity_equal(a.pointer, b.pointer))


def share(
    identity: IdentityHandle, x: bytes, external_nullifier: bytes, message_id: bytes
) -> tuple[bytes, bytes]:
    """Compute the share y at x and its nullifier.

    Two shares of one message id in one epoch reveal the secret.

    Raises:
        ParameterError: x is zero, for which y is the secret itself.
        FieldRangeError: an argument is not canonical.
    """
    y, nullifier, fault = _call.output(32), _call.output(32), _call.new_fault()
    status = lib.rln_identity_share(
        identity.pointer,
        y,
        32,
        nullifier,
        32,
        fixed_bytes(x, 32, "x"),
        32,
        fixed_bytes(external_nullifier, 32, "external_nullifier"),
        32,
        fixed_bytes(message_id, 32, "message_id"),
        32,
        fault,
    )
    _call.check(status, fault, "share")
    return _call.take(y), _call.take(nullifier)


def recover(nullifier: bytes, first: bytes, second: bytes) -> IdentityHandle:
    """Recover the identity whose secret is on the line through two shares.

    Args:
        nullifier: of both shares.
        first: x || y, 64 bytes.
        second: likewise, with another x.

    Raises:
        RecoveryError: the x are equal, or the nullifier is not that of the line.
        FieldRangeError: a number is not canonical.
    """
    slot, fault = ffi.new("rln_identity **"), _call.new_fault()
    status = lib.rln_identity_recover(
        fixed_bytes(nullifier, 32, "nullifier"),
        32,
        fixed_bytes(first, 64, "first"),
        64,
        fixed_bytes(second, 64, "second"),
        64,
        slot,
        fault,
    )
    _call.check(status, fault, "recover")
    return IdentityHandle(slot[0])
