"""Field elements for hypothesis to draw.

Limbs are often at an edge, so that carries, borrows and the last subtraction happen. An element is drawn by
its value or by its Montgomery form value * 2^256, which is what the C core computes with.
"""

from hypothesis import strategies as st

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of the groups G1 and G2: the modulus of hashes, secrets and exponents."""
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Modulus of the coordinates of points."""

_TOP = 2**64 - 1


def elements(modulus: int) -> st.SearchStrategy[int]:
    """Return a strategy for integers below the modulus, which is R or P."""
    own = [modulus >> 64 * i & _TOP for i in range(4)]
    edges = sorted({0, 1, 2, 2**63, _TOP - 1, _TOP, *own, *(limb - 1 for limb in own)})
    limb = st.sampled_from(edges) | st.integers(0, _TOP)
    value = st.tuples(limb, limb, limb, limb).map(
        lambda limbs: sum(part << 64 * i for i, part in enumerate(limbs)) % modulus
    )
    known = st.sampled_from([0, 1, 2, modulus - 1, modulus - 2, (modulus + 1) // 2, _TOP, 2**128, 2**253])
    back = pow(2**256, -1, modulus)
    plain = known | value
    return plain | plain.map(lambda form: form * back % modulus)


SCALARS = elements(R)
COORDINATES = elements(P)


def packed(values: list[int]) -> bytes:
    """Write elements one after the other, 32 bytes each, little-endian."""
    return b"".join(value.to_bytes(32, "little") for value in values)


def unpacked(data: bytes) -> list[int]:
    """Read what `packed` wrote."""
    return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]
