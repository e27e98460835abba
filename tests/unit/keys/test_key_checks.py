"""The checks of a key one by one, and the report of `rln keys check`."""

import random

import pytest

import rln
from rln.errors import EncodingError, KeyFileError
from rln.keys.key_checks import KeyPoints, Outcome, examine, examine_count, refuse_faults
from rln.lowlevel import curve
from tests.differential import bn254
from tests.support.forgeries import RELATIONS, Logarithms, forgeries, minus, plus, times
from tests.support.small_world import small_key, small_multi_key
from tests.unit.lowlevel.toy import curve_generator_2, patched, twist_point_outside

NAMES = [
    "points",
    "infinity",
    "beta, gamma, delta",
    "beta, delta and the generator",
    "sums in group 2",
    "alpha and the generator",
    "alpha across the groups",
    "alpha and IC",
    "sums of alpha and IC",
]


def plain(key: rln.ProvingKey) -> bytes:
    return key.verifying_key.encode(compressed=False)


@pytest.mark.parametrize("make", [small_key, small_multi_key])
def test_an_honest_key_passes_every_check(make):
    results = examine(plain(make()))
    assert [one.name for one in results] == NAMES
    assert {one.outcome for one in results} == {Outcome.PASSED}
    assert all(one.fault is None and one.meaning for one in results)
    refuse_faults(results)


@pytest.mark.parametrize(
    "circuit",
    [
        rln.circuit.rln(1, 1),
        rln.circuit.rln(2, 3),
        *(rln.circuit.rln_multi(1, 2, slots) for slots in (1, 2, 3)),
    ],
    ids=lambda circuit: circuit.name,
)
def test_no_check_refuses_the_key_of_an_honest_setup(circuit):
    for _ in range(3):
        key = rln.setup(circuit).verifying_key
        key.check_rln(circuit.public_inputs)
        assert {one.outcome for one in examine(key.encode(compressed=False))} == {Outcome.PASSED}


def test_the_generators_are_those_of_the_c_core():
    assert curve_generator_2() == curve.GENERATOR_2
    assert curve.compress(curve.GENERATOR_1)[0] == 1


def test_gamma_may_be_the_generator_or_its_opposite():
    """snarkjs sets gamma to the generator."""
    for gamma in (curve.GENERATOR_2, minus(curve.GENERATOR_2)):
        refuse_faults(examine(patched(plain(small_key()), 192, gamma)))


@pytest.mark.parametrize(
    ("start", "point", "name"),
    [
        (0, b"\1" + bytes(63), "alpha_g1"),
        (64, twist_point_outside(), "beta_g2"),
        (320, twist_point_outside(), "delta_g2"),
        (456 + 128, b"\2" + bytes(63), r"ic\[2\]"),
    ],
)
def test_without_points_no_later_check_runs(start, point, name):
    results = examine(patched(plain(small_key()), start, point))
    assert [one.outcome for one in results] == [Outcome.FAILED] + [Outcome.NOT_RUN] * (len(NAMES) - 1)
    with pytest.raises(KeyFileError, match=f"^{name}: "):
        refuse_faults(results)


@pytest.mark.parametrize("start", [0, 64, 192, 320, 456, 520])
def test_infinity_is_refused_everywhere(start):
    """IC 0 included: then the statement of zeros is forged."""
    size = 128 if 64 <= start < 448 else 64
    results = examine(patched(plain(small_key()), start, bytes(size - 1) + b"\x40"))
    assert [one.outcome for one in results[:3]] == [Outcome.PASSED, Outcome.FAILED, Outcome.NOT_RUN]
    with pytest.raises(KeyFileError, match="the key is unsound"):
        rln.VerifyingKey.decode(
            patched(plain(small_key()), start, bytes(size - 1) + b"\x40"), compressed=False
        )


def test_each_relation_fails_the_check_that_is_for_it():
    wanted = {
        "beta = k delta": 2, "gamma = k delta": 2, "gamma = k beta": 2, "beta = k gamma": 2,
        "gamma = +-beta +- delta": 4, "beta = k gamma + m delta": 4, "3 beta = k delta": 2,
        "alpha = k IC(x)": 7, "IC(x) = k alpha": 7, "IC(x) = 0": 7,
        "IC(x) = 0, three points": 8, "alpha = IC(x), three points": 8, "alpha = +-gamma": 6,
        "alpha = +-delta": 6, "alpha = +-gamma +- delta": 6, "alpha = +-beta": 6,
        "alpha = +-beta +- delta": 6, "alpha = +-G +- delta": 6, "alpha = k G": 5, "beta = k H": 3,
        "beta = +-H +- delta": 4, "delta = k H": 3,
    }  # fmt: skip
    assert set(wanted) == {relation.name for relation in RELATIONS}
    for relation in RELATIONS:
        for one in forgeries(relation, 2, seed=3):
            failed = [i for i, check in enumerate(examine(one.key)) if check.outcome is Outcome.FAILED]
            assert wanted[relation.name] in failed, relation.name


def test_a_multiple_beyond_the_bound_is_a_trapdoor_and_passes():
    """What no check can find: the maker knows k."""
    data = plain(small_key())
    delta = data[320:448]
    refuse_faults(examine(patched(data, 64, times(delta, 17))))
    refuse_faults(examine(patched(data, 64, times(delta, 2**100))))
    with pytest.raises(KeyFileError, match="16 or -16 times"):
        refuse_faults(examine(patched(data, 64, times(delta, 16))))


@pytest.mark.parametrize(("beta", "gamma", "delta"), [(1, 4, 4), (4, 3, 1), (-2, 3, 4), (1, 1, 2)])
def test_small_sums_of_group_2_are_found_whatever_their_factors(beta, gamma, delta):
    """beta * one + gamma * other + delta * third = 0 for three of beta, gamma, delta and the generator."""
    data = plain(small_key())
    places = {"beta": 64, "gamma": 192, "delta": 320}
    points = {name: data[at : at + 128] for name, at in places.items()} | {"H": curve.GENERATOR_2}
    for one, other, third in (("beta", "gamma", "delta"), ("beta", "gamma", "H"), ("delta", "H", "beta"),
                              ("delta", "H", "gamma")):  # fmt: skip
        total = plus(times(points[other], -gamma), times(points[third], -delta))
        broken = patched(data, places[one], times(total, pow(beta, -1, bn254.R)))
        failed = [check.name for check in examine(broken) if check.fault]
        assert failed == ["sums in group 2"], (one, other, third)


def test_sums_of_four_points_of_group_1_are_found():
    logs = Logarithms(random.Random(4))
    logs.ic = [logs.number() for _ in range(6)]
    logs.ic[5] = logs.ic[1] - logs.ic[2] + logs.alpha
    results = examine(logs.key())
    assert [one.name for one in results if one.fault] == ["sums of alpha and IC"]


def test_the_work_for_a_key_of_any_circuit_grows_with_its_points(monkeypatch):
    """A hostile key with many points: its size bounds the number of sums (threats D7)."""
    counted = []
    add = curve.add

    def counting(*arguments):
        counted.append(1)
        return add(*arguments)

    monkeypatch.setattr(curve, "add", counting)
    for count in (60, 240):
        logs = Logarithms(random.Random(count))
        logs.ic = [logs.number() for _ in range(count + 1)]
        data = logs.key()
        counted.clear()
        refuse_faults(examine(data))
        assert len(counted) < 16 * (count + 2) + 200
        logs.ic[count] = 3 * logs.ic[17]
        with pytest.raises(KeyFileError, match=rf"^ic\[{count}\]: .* 3 or -3 times ic\[17\]"):
            refuse_faults(examine(logs.key()))


def test_a_key_is_cut_into_points_exactly():
    data = plain(small_key())
    points = KeyPoints.split(data)
    assert plus(points.constants["ic[0]"], minus(points.constants["ic[0]"])) == bytes(63) + b"\x40"
    for bad in (data[:-1], data + b"\0", data[:456], patched(data, 448, bytes(8))):
        with pytest.raises(EncodingError, match="^verifying key: expected four points"):
            KeyPoints.split(bad)


def test_counts_of_rln_keys():
    fine = {count for count in range(80) if examine_count(count).outcome is Outcome.PASSED}
    assert fine == {5, *(3 + 3 * slots for slots in range(1, 17))}
    assert examine_count(12, 12).fault is None
    assert examine_count(12, 5).fault == "public_inputs: expected 5, got 12"
    assert examine_count(7, 7).fault is not None
