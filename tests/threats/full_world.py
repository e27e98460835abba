"""The small world of the tests at full size, shared numbers, and two direct ways to verify."""

import rln
from rln.base.scalar import ORDER
from rln.errors import InputError
from rln.lowlevel import curve, groth16
from rln.lowlevel._call import ffi, lib
from tests.support.small_world import World

R = ORDER
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
G1 = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
INFINITY_1, INFINITY_2 = bytes(63) + b"\x40", bytes(127) + b"\x40"
NAMES = ("y", "root", "nullifier", "x", "external_nullifier")


class FullWorld(World):
    """One application with RLN(20, 16)."""

    def __init__(self, key: rln.ProvingKey) -> None:
        super().__init__(key)
        self.group = rln.Group(20, 16, rln.WindowSize(count=64))


def word(value: int) -> bytes:
    return value.to_bytes(32, "little")


def words(values: tuple[int, ...]) -> bytes:
    return b"".join(map(word, values))


def patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def times(point: bytes, scalar: int) -> bytes:
    """Multiply a point of either group by a scalar."""
    return curve.msm(point, word(scalar % R), 1 if len(point) == 64 else 2)


def plus(a: bytes, b: bytes) -> bytes:
    return curve.add(a, b, 1 if len(a) == 64 else 2)


def negated(point: bytes) -> bytes:
    return times(point, -1)


def key_points(key: rln.VerifyingKey) -> dict[str, bytes]:
    """Return the points of a verifying key by name, uncompressed."""
    data = key.encode(compressed=False)
    places = {"alpha": (0, 64), "beta": (64, 192), "gamma": (192, 320), "delta": (320, 448)}
    constants = {f"ic{i}": (456 + 64 * i, 520 + 64 * i) for i in range(key.public_inputs + 1)}
    return {name: data[start:end] for name, (start, end) in (places | constants).items()}


def verify_in_c(key: rln.VerifyingKey, inputs: bytes, proof: bytes) -> int:
    """Call the C function without any check in Python, and return its status."""
    ok = ffi.new("int *", 7)
    status = lib.rln_proof_verify(key._handle.pointer, inputs, len(inputs), proof, len(proof), ok, ffi.NULL)
    if status == lib.RLN_OK:
        assert ok[0] in (0, 1)
        return lib.RLN_OK if ok[0] else lib.RLN_REFUSED
    assert ok[0] == 0
    return int(status)


def verdict(key: rln.VerifyingKey, values: tuple[int, ...], proof: bytes) -> type[Exception] | bool:
    """Verify a proof; return whether the equation holds, or the class of the error."""
    try:
        return groth16.verify(key._handle, words(values), proof)
    except InputError as error:
        return type(error)
