"""A toy circuit with all parts of keys and proofs, and invalid points."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rln import errors
from rln.lowlevel import curve, keys
from rln.lowlevel.keys import ProvingKeyHandle
from rln.lowlevel.witness import Witness

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
G1 = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
INFINITY_1, INFINITY_2 = bytes(63) + b"\x40", bytes(127) + b"\x40"

# wires: 0 one, 1 out, 2 p, 3 a, 4 b = a^2, 5 c = a b, 6 d = a + 5, 7 is nowhere
A_ROWS = [{3: 1}, {3: 1}, {5: 1}, {3: 1, 0: 5}]
B_ROWS = [{3: 1}, {4: 1}, {2: 1}, {0: 1}]
C_ROWS = [{4: 1}, {5: 1}, {1: 1}, {6: 1}]
WIRES, PUBLIC, DOMAIN = 8, 2, 8
ROOT_16 = pow(5, (R - 1) // 16, R)  # its powers are the domain and its coset


class Matrix(NamedTuple):
    row_starts: Sequence[int]
    columns: Sequence[int]
    coefficients: bytes


def word(value: int) -> bytes:
    return value.to_bytes(32, "little")


def matrix(rows: Sequence[Mapping[int, int]]) -> Matrix:
    starts, columns, coefficients = [0], [], []
    for row in rows:
        columns += list(row)
        coefficients += [word(value % R) for value in row.values()]
        starts.append(len(columns))
    return Matrix(array("I", starts), columns, b"".join(coefficients))


MATRICES = (matrix(A_ROWS), matrix(B_ROWS), matrix(C_ROWS))


def wires_of(a: int, p: int) -> list[int]:
    return [1, a**3 * p % R, p, a, a * a % R, a**3 % R, (a + 5) % R, 12345]


def witness_of(a: int, p: int) -> Witness:
    return Witness.from_wires(b"".join(map(word, wires_of(a, p))))


def inputs_of(a: int, p: int) -> bytes:
    return b"".join(map(word, wires_of(a, p)[1:3]))


def set_up(threads: int = 1) -> ProvingKeyHandle:
    return keys.setup(*MATRICES, WIRES, PUBLIC, threads)


def patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def negated(point: bytes) -> bytes:
    half = len(point) // 2
    y = bytearray(point[half:])
    y[-1] &= 0x3F
    numbers = [-int.from_bytes(y[i : i + 32], "little") % P for i in range(0, half, 32)]
    flag = 0x80 ^ point[-1] & 0x80
    out = bytearray(point[:half] + b"".join(map(word, numbers)))
    out[-1] |= flag
    return bytes(out)


def times_generator(scalar: int) -> bytes:
    return curve.msm(G1, word(scalar % R))


def spoiled(proof: bytes) -> Iterator[tuple[str, type[errors.InputError], bytes]]:
    """Proofs that have no points, and what is wrong with each (threats C2, D1, D2)."""
    a, b, c = proof[:32], proof[32:96], proof[96:]
    infinity = bytes(31) + b"\x40"
    for name, start, size in (("proof_a", 0, 32), ("proof_b", 32, 64), ("proof_c", 96, 32)):
        yield name, errors.PointError, patched(proof, start, bytes(size - 1) + b"\x40")
        yield name, errors.PointError, patched(proof, start, bytes(size - 1) + b"\xc0")
        yield name, errors.PointError, patched(proof, start, b"\x01" + bytes(size - 2) + b"\x40")
        last = start + size - 1
        yield name, errors.PointError, patched(proof, last, bytes([proof[last] | 0xC0]))
        yield name, errors.PointError, patched(proof, last, bytes([proof[last] & 0x3F | 0x40]))
        yield name, errors.FieldRangeError, patched(proof, start + size - 32, word(P))
        yield name, errors.FieldRangeError, patched(proof, start + size - 32, word(2**254 - 1))
    x = int.from_bytes(a[:31] + bytes([a[31] & 0x3F]), "little")
    if x + P < 2**254:
        yield "proof_a", errors.FieldRangeError, word(x + P | (a[31] >> 6) << 254) + b + c
    yield "proof_a", errors.PointError, word(x_off_curve()) + b + c
    yield "proof_b", errors.PointError, a + compressed_outside() + c
    yield "proof_a", errors.PointError, infinity + bytes(63) + b"\x40" + infinity


def sqrt_fp(a: int) -> int | None:
    root = pow(a, (P + 1) // 4, P)
    return root if root * root % P == a % P else None


def x_off_curve() -> int:
    return next(x for x in range(1, 100) if sqrt_fp(x**3 + 3) is None)


Fp2 = tuple[int, int]


def mul2(a: Fp2, b: Fp2) -> Fp2:
    return ((a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P)


def sqrt2(a: Fp2) -> Fp2 | None:
    norm = sqrt_fp(a[0] ** 2 + a[1] ** 2)
    if norm is None:
        return None
    for sign in (norm, -norm):
        real = sqrt_fp((a[0] + sign) * pow(2, -1, P) % P)
        if real:
            root = (real, a[1] * pow(2 * real, -1, P) % P)
            if mul2(root, root) == (a[0] % P, a[1] % P):
                return root
    return None


def outside() -> tuple[Fp2, Fp2]:
    """A point of the twist; a random one is outside the subgroup of order r but with probability 2^-254."""
    inverse = pow(82, -1, P)  # 1 / (9 + u) = (9 - u) / 82
    b = (27 * inverse % P, -3 * inverse % P)
    for real in range(1, 100):
        x = (real, 1)
        cube = mul2(mul2(x, x), x)
        y = sqrt2(((cube[0] + b[0]) % P, (cube[1] + b[1]) % P))
        if y is not None:
            return x, y
    raise AssertionError("no point found")


def larger(y: Fp2) -> bool:
    return (y[1], y[0]) > (-y[1] % P, -y[0] % P)


def twist_point_outside() -> bytes:
    x, y = outside()
    return word(x[0]) + word(x[1]) + word(y[0]) + word(y[1] | larger(y) << 255)


def compressed_outside() -> bytes:
    x, y = outside()
    return word(x[0]) + word(x[1] | larger(y) << 255)


def curve_generator_2() -> bytes:
    x = (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    )
    y = (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    )
    return word(x[0]) + word(x[1]) + word(y[0]) + word(y[1] | larger(y) << 255)


def counts_of(data: bytes) -> list[int]:
    """Return the positions of the counts and numbers in a toy .arkzkey."""
    places, position = [448], 448 + 8 + 64 * 3 + 128
    for size, count in ((64, WIRES), (64, WIRES), (128, WIRES), (64, DOMAIN), (64, WIRES - 3)):
        places.append(position)
        assert int.from_bytes(data[position : position + 8], "little") == count
        position += 8 + size * count
    return [*places, *range(position, position + 8 * 7, 8)]
