"""identity.json: identities from seeds, and values that are not secrets."""

from collections.abc import Sequence

from oracle.field import P, R, Refused, decode, encode
from oracle.identity import from_seed
from oracle.poseidon import poseidon

from . import form


def _seeded(identifier: str, why: str, seed: bytes, extended: bool) -> form.Case:
    def answer() -> dict[str, str]:
        return {name: encode(value).hex() for name, value in from_seed(seed, extended).items()}

    return form.case(identifier, why, {"seed": seed.hex(), "extended": extended}, answer)


def _given(identifier: str, why: str, secret: bytes, flags: Sequence[str] = ()) -> form.Case:
    def answer() -> dict[str, str]:
        value = decode(secret)
        if value == 0:
            raise Refused("parameter")
        return {"secret": secret.hex(), "commitment": encode(poseidon([value])).hex()}

    return form.case(identifier, why, {"secret": secret.hex()}, answer, flags)


def document() -> form.Document:
    """Return the whole file."""
    cases: list[form.Case] = []
    seeds = {"phrase": b"A seed phrase example", "ten": bytes(range(10)), "empty": b"", "long": bytes(300)}
    seeds |= {f"n{i}": i.to_bytes(4, "little") for i in range(8)}
    for name, seed in seeds.items():
        for extended in (False, True):
            kind = "extended" if extended else "simple"
            cases.append(_seeded(f"{kind}-{name}", "zerokit's seeded generation", seed, extended))
    for i, value in enumerate((1, 2, R - 1, form.number("secret", R))):
        cases.append(_given(f"secret-{i}", "any element but 0", encode(value)))
    cases.append(_given("secret-zero", "0 is nobody's secret", encode(0), ["parameter"]))
    beyond = [R, R + 1, P - 1, P, 2**254, 2**256 - 1, *(k * R + 7 for k in range(1, 6))]
    for i, value in enumerate(beyond):
        cases.append(_given(f"secret-range-{i}", "not below r", encode(value), ["range"]))
    for length in (0, 1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 30, 31, 33, 34, 36, 48, 64, 128):
        cases.append(_given(f"secret-length-{length}", "not 32 bytes", b"\1" * length, ["length"]))
    return form.document(
        "computed by vectors/oracle/identity.py; the seeds `phrase` and `ten` equal vacp2p/zerokit e077b5b, "
        "rln/tests/protocol.rs and rln/tests/ffi_utils.rs",
        "hex; field elements 32 bytes, little-endian",
        cases,
    )
