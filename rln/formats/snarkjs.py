"""The JSON files of snarkjs, proof.json, public.json and verification_key.json, and circom's witness.json.

The shapes are those of snarkjs 0.7.6 for Groth16 on bn128. Files of other programs are read too: rapidsnark
leaves out `curve` in a proof.json, the curve has three names, and some editors write a byte-order mark. A
number is a decimal string in its one canonical form; a coordinate is below p, a scalar below r. This module
returns points as bytes in the layout of `rln.h`. Whether they are on the curve is checked when they are
loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rln.base import canonical_json, scalar
from rln.base.file_kind import FileKind, expect, without_mark
from rln.base.scalar import COORDINATE_MODULUS
from rln.errors import EncodingError
from rln.formats.points import encode_point
from rln.lowlevel import groth16

_PROTOCOL = {"protocol": "groth16", "curve": "bn128"}
_CURVES: Final = ("bn128", "bn254", "altbn128")
"""The names of one curve: snarkjs's, the one by the size of its modulus, and Ethereum's."""
_KEY_POINTS = ("vk_beta_2", "vk_gamma_2", "vk_delta_2")


def read_proof(data: bytes) -> bytes:
    """Read the 128 proof bytes in a proof.json.

    Raises:
        EncodingError: not the exact shape.
        FieldRangeError: a coordinate is p or more.
        PointError: a point off the curve, outside the subgroup, or infinity.
    """
    found = canonical_json.fields(
        _document(data, "proof.json", FileKind.PROOF, 1 << 14),
        "proof.json",
        ("pi_a", "pi_b", "pi_c", "protocol"),
        ("curve",),
    )
    _check_protocol(found, "proof.json")
    return groth16.compress(
        _g1(found["pi_a"], "pi_a") + _g2(found["pi_b"], "pi_b") + _g1(found["pi_c"], "pi_c")
    )


def write_proof(proof: bytes) -> bytes:
    """Write a proof.json for 128 proof bytes."""
    points = groth16.decompress(proof)
    return canonical_json.pretty(
        {
            "pi_a": _g1_text(points[:64]),
            "pi_b": _g2_text(points[64:192]),
            "pi_c": _g1_text(points[192:]),
            **_PROTOCOL,
        }
    )


def read_public(data: bytes) -> tuple[int, ...]:
    """Read the public values in a public.json, in the order of the verifying key.

    Raises:
        EncodingError: not an array of canonical decimal strings.
        FieldRangeError: a value is r or more.
    """
    values = canonical_json.items(_document(data, "public.json", FileKind.PUBLIC), "public.json")
    return tuple(scalar.parse(value, f"public.json[{i}]") for i, value in enumerate(values))


def write_public(values: Sequence[int]) -> bytes:
    """Write a public.json for public values."""
    return canonical_json.pretty(
        [str(scalar.check(value, f"public value {i}")) for i, value in enumerate(values)]
    )


def read_verifying_key(data: bytes) -> tuple[bytes, bytes | None]:
    """Read the verifying key in a verification_key.json, and its `vk_alphabeta_12`, which is optional.

    Returns:
        The uncompressed key, as `VerifyingKey.decode` reads it; and `vk_alphabeta_12` as 384 bytes, or None.
        It should be the pairing of alpha and beta as snarkjs defines it, which is not checked here.

    Raises:
        EncodingError: not the exact shape, or the number of IC points is not nPublic + 1.
        FieldRangeError: a coordinate is p or more.
    """
    name = "verification_key.json"
    required = ("protocol", "curve", "nPublic", "vk_alpha_1", *_KEY_POINTS, "IC")
    document = _document(data, name, FileKind.VERIFYING_KEY)
    found = canonical_json.fields(document, name, required, ("vk_alphabeta_12",))
    _check_protocol(found, name)
    public = canonical_json.integer(found["nPublic"], "nPublic", 0, 1 << 20)
    constants = canonical_json.items(found["IC"], "IC", public + 1)
    key = [
        _g1(found["vk_alpha_1"], "vk_alpha_1"),
        *(_g2(found[field], field) for field in _KEY_POINTS),
        len(constants).to_bytes(8, "little"),
        *(_g1(point, f"IC[{i}]", infinity=i == 0) for i, point in enumerate(constants)),
    ]
    return b"".join(key), _fp12(found["vk_alphabeta_12"]) if "vk_alphabeta_12" in found else None


def write_verifying_key(key: bytes, alpha_beta: bytes) -> bytes:
    """Write a verification_key.json.

    Args:
        key: an uncompressed verifying key.
        alpha_beta: the pairing of alpha and beta as snarkjs defines it, 384 bytes.
    """
    beta, gamma, delta = (_g2_text(key[start : start + 128]) for start in (64, 192, 320))
    constants = [_g1_text(key[start : start + 64]) for start in range(456, len(key), 64)]
    numbers = [str(_integer(alpha_beta[start : start + 32])) for start in range(0, 384, 32)]
    pairs = [numbers[i : i + 2] for i in range(0, 12, 2)]
    return canonical_json.pretty(
        {
            **_PROTOCOL,
            "nPublic": len(constants) - 1,
            "vk_alpha_1": _g1_text(key[:64]),
            "vk_beta_2": beta,
            "vk_gamma_2": gamma,
            "vk_delta_2": delta,
            "vk_alphabeta_12": [pairs[:3], pairs[3:]],
            "IC": constants,
        }
    )


def read_witness(data: bytes) -> dict[str, tuple[int, ...]]:
    """Read the named inputs in a witness.json; a single value becomes a tuple of one.

    Values are secret, so no message repeats one.

    Raises:
        EncodingError: not an object of canonical decimal strings and flat arrays of them.
        FieldRangeError: a value is r or more.
    """
    found = _document(data, "witness.json", FileKind.INPUTS)
    if not isinstance(found, dict):
        raise EncodingError(f"witness.json: expected an object, got {canonical_json.type_names[type(found)]}")
    inputs: dict[str, tuple[int, ...]] = {}
    for name, value in found.items():
        values = value if isinstance(value, list) else [value]
        inputs[name] = tuple(
            scalar.parse(item, f"witness.json {name[:40]}[{i}]") for i, item in enumerate(values)
        )
    return inputs


def write_witness(inputs: Mapping[str, int | Sequence[int]]) -> bytes:
    """Write a witness.json for named inputs, in circom's form with decimal strings."""
    return canonical_json.pretty(
        {
            name: str(value) if isinstance(value, int) else [str(item) for item in value]
            for name, value in inputs.items()
        }
    )


def _document(data: bytes, name: str, kind: FileKind, size: int = canonical_json.MAX_BYTES) -> object:
    """Return the value of a JSON file; a byte-order mark is skipped, and a file of another kind refused."""
    expect(data, name, kind)
    return canonical_json.read(without_mark(data), name, size)


def _check_protocol(found: dict[str, object], name: str) -> None:
    protocol, curve = found["protocol"], found.get("curve", _PROTOCOL["curve"])
    if protocol != _PROTOCOL["protocol"]:
        raise EncodingError(f"{name}: protocol: expected 'groth16', got {_shown(protocol)}")
    if curve not in _CURVES:
        wanted = " or ".join(map(repr, _CURVES))
        raise EncodingError(f"{name}: curve: expected {wanted}, got {_shown(curve)}")


def _shown(value: object) -> str:
    """Return a value for a message: a string in quotes and cut short, or the name of another type."""
    return repr(value[:40]) if isinstance(value, str) else canonical_json.type_names[type(value)]


def _coordinate(value: object, name: str) -> int:
    return scalar.parse(value, name, COORDINATE_MODULUS)


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _g1(value: object, name: str, infinity: bool = False) -> bytes:
    """Read [x, y, "1"] as 64 bytes; ["0", "1", "0"] is infinity, if that is allowed."""
    x, y, z = (_coordinate(item, name) for item in canonical_json.items(value, name, 3))
    if infinity and (x, y, z) == (0, 1, 0):
        return encode_point((0, 0))
    if z != 1:
        raise EncodingError(f'{name}: expected "1" as the third coordinate, got "{z}"')
    return encode_point((x, y))


def _g2(value: object, name: str) -> bytes:
    """Read [[x.c0, x.c1], [y.c0, y.c1], ["1", "0"]] as 128 bytes."""
    x, y, z = (
        [_coordinate(item, name) for item in canonical_json.items(pair, name, 2)]
        for pair in canonical_json.items(value, name, 3)
    )
    if z != [1, 0]:
        raise EncodingError(f'{name}: expected ["1", "0"] as the third coordinate, got ["{z[0]}", "{z[1]}"]')
    return encode_point((*x, *y))


def _fp12(value: object) -> bytes:
    """Read two arrays of three pairs as 384 bytes."""
    name = "vk_alphabeta_12"
    pairs = [
        pair for six in canonical_json.items(value, name, 2) for pair in canonical_json.items(six, name, 3)
    ]
    numbers = [_coordinate(item, name) for pair in pairs for item in canonical_json.items(pair, name, 2)]
    return b"".join(number.to_bytes(32, "little") for number in numbers)


def _g1_text(data: bytes) -> list[str]:
    if data[63] & 0x40:
        return ["0", "1", "0"]
    return [str(_integer(data[:32])), str(_integer(data[32:63] + bytes([data[63] & 0x3F]))), "1"]


def _g2_text(data: bytes) -> list[list[str]]:
    plain = data[:127] + bytes([data[127] & 0x3F])
    x0, x1, y0, y1 = (str(_integer(plain[start : start + 32])) for start in range(0, 128, 32))
    return [[x0, x1], [y0, y1], ["1", "0"]]
