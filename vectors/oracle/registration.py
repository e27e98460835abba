"""What a registration proof proves: its signal, its line and its root. Source: docs/http.md."""

from collections.abc import Sequence

from .field import Refused, decode
from .merkle import tree_root
from .poseidon import poseidon
from .signal import DIGITS, LOWER, VISIBLE, application, external_nullifier, join


def check_parts(parts: Sequence[bytes]) -> None:
    """Check application, account, tier, server nonce, client nonce and commitment."""
    name, account, tier, server_nonce, client_nonce, commitment = parts
    application(name)
    if not 1 <= len(account) <= 128 or not set(account) <= VISIBLE:
        raise Refused("form")
    good = LOWER | DIGITS | set(b"-")
    if not 1 <= len(tier) <= 32 or not set(tier) <= good or tier[:1] == b"-" or tier[-1:] == b"-":
        raise Refused("form")
    if len(server_nonce) != 16 or len(client_nonce) != 16:
        raise Refused("length")
    if decode(commitment) in (0, poseidon([0])):
        raise Refused("parameter")


def signal(parts: Sequence[bytes]) -> bytes:
    """Return the signal of the proof."""
    return join(b"rln registration", parts)


def line(parts: Sequence[bytes]) -> int:
    """Return the external nullifier of the proof, that of epoch 0 of its own rln identifier."""
    return external_nullifier(0, join(b"rln registration line", parts))


def root(commitment: int, limit: int, depth: int) -> int:
    """Return the root of the tree whose only leaf is the applicant's."""
    if not 1 <= limit <= 2**16:
        raise Refused("parameter")
    return tree_root(depth, [poseidon([commitment, limit])])
