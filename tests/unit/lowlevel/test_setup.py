"""Setup of a key: the equations of the paper, and bad random numbers."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from rln import errors
from rln.lowlevel import entropy, groth16, keys
from rln.lowlevel._call import ffi, lib
from rln.lowlevel.matrix import NativeMatrix
from tests.unit.lowlevel.toy import (
    A_ROWS,
    B_ROWS,
    C_ROWS,
    DOMAIN,
    MATRICES,
    PUBLIC,
    ROOT_16,
    WIRES,
    Matrix,
    R,
    counts_of,
    inputs_of,
    set_up,
    times_generator,
    witness_of,
    word,
)


def filled_with(*values: int) -> Callable[[object], None]:
    """Stands in for entropy.fill: tau, alpha, beta, gamma, delta."""
    data = b"".join(value.to_bytes(64, "little") for value in values)

    def fill(out: object) -> None:
        ffi.memmove(out, data, len(data))

    return fill


def at(tau: int, rows: Sequence[Mapping[int, int]], basis: Sequence[int]) -> list[int]:
    values = [0] * WIRES
    for row, lagrange in zip(rows, basis, strict=False):
        for column, value in row.items():
            values[column] += value * lagrange
    return [value % R for value in values]


def test_the_key_is_what_the_paper_says(monkeypatch: pytest.MonkeyPatch) -> None:
    tau, alpha, beta, gamma, delta = 1234567, 2345678, 3456789, 4567891, 5678912
    monkeypatch.setattr(entropy, "fill", filled_with(tau, alpha, beta, gamma, delta))
    data = set_up().encode("ark")
    omega = ROOT_16 * ROOT_16 % R

    def lagrange(point: int) -> int:  # of the polynomials of degree < 16 on the powers of ROOT_16
        return (pow(tau, 16, R) - 1) * point * pow(16 * (tau - point), -1, R) % R

    basis = [
        (pow(tau, 8, R) - 1) * pow(omega, i, R) * pow(8 * (tau - pow(omega, i, R)), -1, R) % R
        for i in range(8)
    ]
    a = at(tau, [*A_ROWS, {0: 1}, {1: 1}, {2: 1}], basis)
    b, c = at(tau, B_ROWS, basis), at(tau, C_ROWS, basis)
    mixed = [(beta * x + alpha * y + z) % R for x, y, z in zip(a, b, c, strict=True)]
    h = [lagrange(ROOT_16 * pow(omega, i, R) % R) * pow(delta, -1, R) for i in range(8)]
    ic, a_query, b_query, _, h_query, l_query = (place + 8 for place in counts_of(data)[:6])
    inverse_gamma, inverse_delta = pow(gamma, -1, R), pow(delta, -1, R)
    for start, scalars in (
        (0, [alpha]),
        (ic, [value * inverse_gamma for value in mixed[:3]]),
        (ic + 64 * 3, [beta, delta]),
        (a_query, a),
        (b_query, b),
        (h_query, h),
        (l_query, [value * inverse_delta for value in mixed[3:]]),
    ):
        found = [data[start + 64 * i : start + 64 * (i + 1)] for i in range(len(scalars))]
        assert found == [times_generator(scalar) for scalar in scalars]


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_set_up_proves_and_verifies(threads: int) -> None:
    key = set_up(threads)
    assert key.info() == (WIRES, PUBLIC, 4, DOMAIN, 5, 4)
    key.check(threads)
    verifying_key = key.verifying_key()
    for a, p in ((3, 7), (0, 0), (R - 1, 1), (2**200, 5)):
        proof = groth16.prove(key, witness_of(a, p), threads=threads)
        assert groth16.verify(verifying_key, inputs_of(a, p), proof)
        assert not groth16.verify(verifying_key, inputs_of(a, p + 1), proof)


def test_two_set_ups_make_two_keys() -> None:
    assert set_up().encode("ark") != set_up().encode("ark")


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    key = keys.setup(*MATRICES, WIRES, PUBLIC, 2, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    key.check()


@pytest.mark.parametrize(
    "values",
    [
        (0, 2, 3, 4, 5), (R, 2, 3, 4, 5), (6, 0, 3, 4, 5), (6, 2, 0, 4, 5), (6, 2, 3, 0, 5), (6, 2, 3, 4, 0),
        (6, 2, 3, 4, 4), (6, 2, 3, 4, R - 4),
        (1, 2, 3, 4, 5), (pow(ROOT_16, 2, R), 2, 3, 4, 5),
        (ROOT_16, 2, 3, 4, 5), (pow(ROOT_16, 7, R), 2, 3, 4, 5),
    ],
)  # fmt: skip
def test_numbers_that_spoil_a_key_are_refused(
    monkeypatch: pytest.MonkeyPatch, values: tuple[int, ...]
) -> None:
    monkeypatch.setattr(entropy, "fill", filled_with(*values))
    with pytest.raises(errors.EntropyError):
        set_up()


def test_the_random_bytes_are_wiped_whatever_happens() -> None:
    """Threats D8, as far as the caller's buffer goes."""
    for first, expected in ((6, lib.RLN_OK), (1, lib.RLN_ERR_ENTROPY)):
        buffer = ffi.new("uint8_t[320]")
        filled_with(first, 2, 3, 4, 5)(buffer)
        slot = ffi.new("rln_proving_key **")
        matrices = [NativeMatrix(m) for m in MATRICES]
        status = lib.rln_setup(
            *(m.pointer for m in matrices), WIRES, PUBLIC, buffer, 320, ffi.NULL, ffi.NULL, slot, ffi.NULL
        )
        assert status == expected
        assert bytes(buffer) == bytes(320)
        lib.rln_proving_key_free(slot[0])


def changed(which: int, **parts: object) -> tuple[Matrix, ...]:
    return tuple(m._replace(**parts) if i == which else m for i, m in enumerate(MATRICES))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matrices", "wires", "public", "kind"),
    [
        (MATRICES, 6, 2, errors.ParameterError),
        (MATRICES, 2, 2, errors.ParameterError),
        (changed(0, row_starts=[0, 1, 2, 3]), WIRES, PUBLIC, errors.ParameterError),
        (changed(0, row_starts=[]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[0, 2, 1, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[1, 1, 2, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(1, row_starts=[0, 1, 2, 3, 5]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, row_starts=[0, 1, 2**32 - 1, 3, 4]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1, 8]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, columns=[4, 5, 1, -1]), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, coefficients=word(1) * 3), WIRES, PUBLIC, errors.ParameterError),
        (changed(2, coefficients=word(1) * 3 + word(R)), WIRES, PUBLIC, errors.FieldRangeError),
    ],
)
def test_matrices_that_do_not_hold_together_are_refused(
    matrices: tuple[Matrix, Matrix, Matrix], wires: int, public: int, kind: type[errors.InputError]
) -> None:
    with pytest.raises(kind):
        keys.setup(*matrices, wires, public)
