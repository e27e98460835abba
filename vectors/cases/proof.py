"""proof.json: Groth16 proofs under the verifying key of zerokit's depth-20 ceremony."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from oracle.curve import (
    B2,
    Element2,
    Fp,
    Fp2,
    Point,
    add,
    add2,
    decode_g1,
    encode_g1,
    encode_g2,
    finite,
    mul2,
    multiply,
    negate,
    sqrt2,
)
from oracle.field import P, R, Refused, encode
from oracle.groth16 import Key, read_key, read_proof, rerandomise, verify, write_proof

from . import form

HERE = Path(__file__).resolve().parent
KEY = bytes.fromhex((HERE / "zerokit-20.hex").read_text())
NAMES = ("y", "root", "nullifier", "x", "external_nullifier")

UPSTREAM = write_proof(
    (
        606446415626469993821291758185575230335423926365686267140465300918089871829,
        14881534001609371078663128199084130129622943308489025453376548677995646280161,
    ),
    (
        (
            18053812507994813734583839134426913715767914942522332114506614735770984570178,
            11219916332635123001710279198522635266707985651975761715977705052386984005181,
        ),
        (
            17371289494006920912949790045699521359436706797224428511776122168520286372970,
            14038575727257298083893642903204723310279435927688342924358714639926373603890,
        ),
    ),
    (
        17701377127561410274754535747274973758826089226897242202671882899370780845888,
        12608543716397255084418384146504333522628400182843246910626782513289789807030,
    ),
)
PUBLIC = [
    16401008481486069296141645075505218976370369489687327284155463920202585288271,
    8502402278351299594663821509741133196466235670407051417832304486953898514733,
    9102791780887227194595604713537772536258726662792598131262022534710887343694,
    20645213238265527935869146898028115621427162613172918400241870500502509785943,
    21074405743803627666274838159589343934394162804826017440941339048886754734203,
]


@cache
def _key() -> Key:
    return read_key(KEY)


def _case(
    identifier: str, why: str, inputs: Sequence[bytes], proof: bytes, flags: Sequence[str] = ()
) -> form.Case:
    def answer() -> bool:
        if not verify(_key(), inputs, proof):
            raise Refused("refused")
        return True

    given = {"inputs": [value.hex() for value in inputs], "proof": proof.hex()}
    return form.case(identifier, why, given, answer, flags)


def twist_point(order: int) -> Point[Element2]:
    """Find a point of the twist outside G2 whose order is the given factor of the cofactor 2p - r."""
    total = R * (2 * P - R)
    x = 0
    while True:
        x += 1
        try:
            y = sqrt2(add2(mul2(mul2((x, 0), (x, 0)), (x, 0)), B2))
        except Refused:
            continue
        point = multiply(Fp2, ((x, 0), y), total // order)
        if point is not None:
            return point


def _accepted(inputs: list[bytes]) -> Iterator[form.Case]:
    a, b, c = read_proof(UPSTREAM)
    yield _case("upstream", "zerokit's hard-coded snarkjs proof", inputs, UPSTREAM)
    negated = write_proof(negate(Fp, a), negate(Fp2, b), c)
    yield _case("negated", "(-A, -B, C) proves the same", inputs, negated, ["malleable"])
    for i, (t, s) in enumerate(((1, 1), (2, 3), (R - 1, 5), (form.number("t", R), form.number("s", R)))):
        proof = rerandomise(UPSTREAM, _key(), t, s)
        yield _case(
            f"rerandomised-{i}",
            "anybody can do this: key nothing on proof bytes",
            inputs,
            proof,
            ["malleable"],
        )


def _inputs_refused(inputs: list[bytes]) -> Iterator[form.Case]:
    for position, name in enumerate(NAMES):
        value = PUBLIC[position]
        for k in range(1, 6):
            if value + k * R < 2**256:
                changed = [*inputs[:position], encode(value + k * R), *inputs[position + 1 :]]
                yield _case(f"{name}-alias-{k}", "value + k r", changed, UPSTREAM, ["range"])
        changed = [*inputs[:position], encode((value + 1) % R), *inputs[position + 1 :]]
        yield _case(f"{name}-next", "another value", changed, UPSTREAM, ["refused"])
        changed = [*inputs[:position], encode(0), *inputs[position + 1 :]]
        yield _case(f"{name}-zero", "another value", changed, UPSTREAM, ["refused"])
    for count in (0, 1, 4, 6, 10):
        changed = (inputs + inputs)[:count]
        yield _case(f"inputs-{count}", "five inputs, not more, not fewer", changed, UPSTREAM, ["length"])
    for i, order in enumerate(((1, 0, 2, 3, 4), (4, 3, 2, 1, 0), (1, 4, 3, 0, 2))):
        changed = [inputs[j] for j in order]
        yield _case(f"order-{i}", "the order of the inputs counts", changed, UPSTREAM, ["refused"])


def _points_refused(inputs: list[bytes]) -> Iterator[form.Case]:
    a, b, c = read_proof(UPSTREAM)
    starts = {"A": (0, 32), "B": (32, 96), "C": (96, 128)}
    for name, (start, end) in starts.items():
        last = UPSTREAM[end - 1]
        infinity = UPSTREAM[:start] + bytes(end - start - 1) + b"\x40" + UPSTREAM[end:]
        yield _case(f"{name}-infinity", "infinity is no part of a proof", inputs, infinity, ["point"])
        for flags in (0x40, 0xC0):
            changed = UPSTREAM[: end - 1] + bytes([last & 0x3F | flags]) + UPSTREAM[end:]
            yield _case(
                f"{name}-flags-{flags:02x}", "flags of infinity on a point", inputs, changed, ["point"]
            )
        changed = UPSTREAM[: end - 1] + bytes([last ^ 0x80]) + UPSTREAM[end:]
        yield _case(f"{name}-sign", "the other root", inputs, changed, ["refused"])
        for coordinate in range(start, end, 32):
            flag = 0xC0 & UPSTREAM[coordinate + 31]
            value = int.from_bytes(UPSTREAM[coordinate : coordinate + 32], "little") & 2**254 - 1
            for label, wrong in (("p", P), ("largest", 2**254 - 1), ("alias", value + P)):
                if wrong < 2**254:
                    raw = bytearray(encode(wrong))
                    raw[31] |= flag
                    changed = UPSTREAM[:coordinate] + bytes(raw) + UPSTREAM[coordinate + 32 :]
                    identifier = f"{name}-{(coordinate - start) // 32}-{label}"
                    yield _case(identifier, "a coordinate that is not below p", inputs, changed, ["range"])
    x = next(x for x in range(1, 100) if pow(x**3 + 3, (P - 1) // 2, P) == P - 1)
    yield _case("A-off-curve", "no y for this x", inputs, encode(x) + UPSTREAM[32:], ["point"])
    yield _case("C-off-curve", "no y for this x", inputs, UPSTREAM[:96] + encode(x), ["point"])
    for order in (10069, 5864401):
        small = twist_point(order)
        for label, point in (("alone", small), ("added", finite(add(Fp2, b, small)))):
            changed = UPSTREAM[:32] + encode_g2(point) + UPSTREAM[96:]
            why = f"on the twist, outside the subgroup: a part of order {order}"
            yield _case(f"B-subgroup-{order}-{label}", why, inputs, changed, ["point"])
    swapped = encode_g1(c) + encode_g2(b) + encode_g1(a)
    yield _case("swapped", "C and A exchanged", inputs, swapped, ["refused"])
    generator = encode_g1(decode_g1(encode(1)))
    yield _case("A-generator", "another point", inputs, generator + UPSTREAM[32:], ["refused"])
    for length in (0, 1, 32, 127, 129, 256):
        changed = (UPSTREAM + UPSTREAM)[:length]
        yield _case(f"proof-{length}", "a proof has 128 bytes", inputs, changed, ["length"])


def document() -> form.Document:
    """Return the whole file, with the key that verifies its cases."""
    inputs = [encode(value) for value in PUBLIC]
    cases = [*_accepted(inputs), *_inputs_refused(inputs), *_points_refused(inputs)]
    origin = (
        "accepted proof and values: rln/tests/public.rs of vacp2p/zerokit e077b5b; key: the verifying part "
        "of rln/resources/tree_depth_20/rln_final.arkzkey there (MIT or Apache-2.0); the rest computed by "
        "vectors/oracle"
    )
    notation = "hex; inputs y, root, nullifier, x, external_nullifier; points compressed as zerokit does"
    made = form.document(origin, notation, cases)
    return {**made, "verifying_key": KEY.hex()}
