"""Key checks: the relations between the points of a verifying key that let everybody forge proofs.

`examine` is the one function that looks for them, and no `VerifyingKey` exists that it has not passed: bytes,
JSON, key files of any format and setup all go through it. docs/key-checks.md derives the relations. It shows
for each one the forgery, and why the points of a key have no others.

The checks find slips: a random number used twice, a contribution that is missing, a point that was copied.
They cannot find a trapdoor: whoever made a key alone can forge proofs for it, and no check shows that.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Final, Self

from rln.base.arguments import plain_bytes
from rln.base.bounds import MAX_SLOTS
from rln.circuit.parameters import RLN_COUNTS, is_rln_count
from rln.errors import EncodingError, InputError, KeyFileError
from rln.lowlevel import curve

MULTIPLES: Final = 16
"""k times one point must not be m times another one, for k and m from -16 to 16. Slips give 1 or -1; a maker
who hides a number can choose any other one, and then no check finds it.
"""

SUMMED: Final = 4
"""In sums of points of group 2, and across the groups, each point is taken -4 to 4 times: with 16 there would
be a thousand sums for each key.
"""

MOST_SUMMED: Final = 2 + 3 + 3 * MAX_SLOTS
"""The points of group 1 in the largest RLN key: alpha, IC 0 and one for each public value. The number of sums
is the square of it, so for larger keys, of other circuits, their size would not bound the work (threats D7).
"""

_GENERATOR: Final = "the generator"

_INFINITY: Final = 0x40
"""Flag in the last byte of a point."""


class Outcome(enum.StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """One check of one key.

    Attributes:
        name: a short name.
        meaning: what holds if the check passes, and what somebody could do if it does not hold.
        outcome: NOT_RUN if an earlier check has failed, so that this one makes no sense.
        fault: the faulty part and what is wrong with it; None unless the check failed.
    """

    name: str
    meaning: str
    outcome: Outcome
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class KeyPoints:
    """The points of a verifying key by name, uncompressed: 64 bytes in group 1, 128 in group 2.

    Attributes:
        alpha: alpha, of group 1.
        second: beta, gamma and delta, of group 2.
        constants: the IC points, of group 1, by "ic[0]", "ic[1]" and so on.
    """

    alpha: bytes
    second: Mapping[str, bytes]
    constants: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def split(cls, plain: bytes) -> Self:
        """Cut an uncompressed verifying key into points; no point is checked.

        Raises:
            EncodingError: the length is not that of its number of points.
        """
        plain_bytes(plain, "verifying key")
        count = int.from_bytes(plain[448:456], "little")
        if len(plain) < 456 + 64 or len(plain) != 456 + 64 * count:
            raise EncodingError(
                "verifying key: expected four points, a count and that many points, "
                f"got {len(plain)} bytes and the count {count}"
            )
        second = {"beta_g2": plain[64:192], "gamma_g2": plain[192:320], "delta_g2": plain[320:448]}
        places = range(456, len(plain), 64)
        return cls(plain[:64], second, {f"ic[{i}]": plain[at : at + 64] for i, at in enumerate(places)})

    @property
    def first(self) -> dict[str, bytes]:
        """All points of group 1: alpha and the IC points."""
        return {"alpha_g1": self.alpha, **self.constants}


def examine(plain: bytes) -> tuple[KeyCheck, ...]:
    """Run all checks of the points of a verifying key, of any circuit.

    Args:
        plain: the key, uncompressed, as `VerifyingKey.encode` returns it.

    Returns:
        One result for each check, always in the same order.

    Raises:
        EncodingError: the length is wrong.
    """
    points = KeyPoints.split(plain)
    results: list[KeyCheck] = []
    for name, meaning, find in _CHECKS:
        broken = any(one.fault is not None and one.name in _NEEDED for one in results)
        fault = None if broken else next(find(points), None)
        outcome = Outcome.NOT_RUN if broken else Outcome.PASSED if fault is None else Outcome.FAILED
        results.append(KeyCheck(name, meaning, outcome, fault))
    return tuple(results)


def examine_count(public_inputs: int, expected: int | None = None) -> KeyCheck:
    """Check that a key has the number of public values of an RLN relation.

    Args:
        public_inputs: what the key has.
        expected: of one relation; None is any RLN relation.
    """
    fine = is_rln_count(public_inputs) and expected in (None, public_inputs)
    wanted = RLN_COUNTS if expected is None else str(expected)
    return KeyCheck(
        "public values",
        f"the key has as many as an RLN proof: {RLN_COUNTS}",
        Outcome.PASSED if fine else Outcome.FAILED,
        None if fine else f"public_inputs: expected {wanted}, got {public_inputs}",
    )


def refuse_faults(results: tuple[KeyCheck, ...]) -> None:
    """Refuse a key that fails a check.

    Raises:
        KeyFileError: the message has the fault of the first check that failed.
    """
    for result in results:
        if result.fault is not None:
            raise KeyFileError(f"{result.fault}; do not use this key, and get it again from its source")


def _off_curve(points: KeyPoints) -> Iterator[str]:
    for group, named in ((1, points.first), (2, points.second)):
        for name, point in named.items():
            try:
                curve.compress(point, group)
            except InputError as error:
                yield f"{name}: {error}"


def _infinite(points: KeyPoints) -> Iterator[str]:
    for name, point in {**points.first, **points.second}.items():
        if point[-1] & _INFINITY:
            yield f"{name}: the key is unsound: the point is infinity"


def _related_second(points: KeyPoints) -> Iterator[str]:
    for (other, another), (one, point) in combinations(points.second.items(), 2):
        yield from _found(one, point, other, another, 2)


def _known_second(points: KeyPoints) -> Iterator[str]:
    for name in ("beta_g2", "delta_g2"):
        yield from _found(name, points.second[name], _GENERATOR, curve.GENERATOR_2, 2)


def _summed_second(points: KeyPoints) -> Iterator[str]:
    """Each three of four points have two of the first pair or of the last one among them."""
    named = {**points.second, _GENERATOR: curve.GENERATOR_2}
    beta, gamma, delta, generator = named.items()
    for pair, others in (((beta, gamma), (delta, generator)), ((delta, generator), (beta, gamma))):
        sums = {_x(total): name for name, total in _sums(*pair, SUMMED)}
        for third, point in others:
            for x, factor in _multiples(point, 2).items():
                if x in sums and factor <= SUMMED:
                    times = "" if factor == 1 else f"{factor} times "
                    fault = f"{sums[x]} is equal or opposite to {times}{third}"
                    yield f"{pair[0][0]}: the key is unsound: {fault}"


def _known_alpha(points: KeyPoints) -> Iterator[str]:
    yield from _found("alpha_g1", points.alpha, _GENERATOR, curve.GENERATOR_1, 1)


def _crossed_alpha(points: KeyPoints) -> Iterator[str]:
    alphas: dict[bytes, int] = {}
    for factor, total in _counted(points.alpha, 1, SUMMED):
        for point in (total, _negative(total, 1)):
            alphas[curve.pairing(point, curve.GENERATOR_2)] = factor
    named = [
        (name if factor == 1 else f"{factor} {name}", total)
        for name, point in points.second.items()
        for factor, total in _counted(point, 2, SUMMED)
    ]
    for pair in combinations([*points.second.items(), (_GENERATOR, curve.GENERATOR_2)], 2):
        named += _sums(*pair, 1)
    for name, point in named:
        times = alphas.get(curve.pairing(curve.GENERATOR_1, point))
        if times is not None:
            alpha = "it has" if times == 1 else f"{times} alpha_g1 has"
            yield f"alpha_g1: the key is unsound: {alpha} the number of {name}, or its opposite"


def _related_first(points: KeyPoints) -> Iterator[str]:
    names: dict[bytes, str] = {}
    for name, point in points.first.items():
        for x in _multiples(point, 1):
            other = names.setdefault(x, name)
            if other != name:
                yield from _found(name, point, other, points.first[other], 1)
                break


def _summed_first(points: KeyPoints) -> Iterator[str]:
    first = points.first
    if len(first) > MOST_SUMMED:
        return
    seen = {_x(point): name for name, point in first.items()}
    for (one, point), (other, another) in combinations(first.items(), 2):
        for sign, total in (("+", curve.add(point, another)), ("-", curve.add(point, _negative(another, 1)))):
            name = f"{one} {sign} {other}"
            known = seen.setdefault(_x(total), name)
            if known != name:
                yield f"{one}: the key is unsound: {name} is equal or opposite to {known}"


def _found(name: str, point: bytes, other: str, another: bytes, group: int) -> Iterator[str]:
    """Yield the fault that two points have a common multiple."""
    ours, theirs = _multiples(point, group), _multiples(another, group)
    common = sorted((ours[x], theirs[x]) for x in ours.keys() & theirs.keys())
    for our, their in common[:1]:
        if (our, their) == (1, 1):
            fault = f"{name} is equal or opposite to {other}"
        elif our == 1:
            fault = f"{name} is {their} or -{their} times {other}"
        elif their == 1:
            fault = f"{other} is {our} or -{our} times {name}"
        else:
            fault = f"{our} times {name} is equal or opposite to {their} times {other}"
        yield f"{name}: the key is unsound: {fault}"


def _sums(one: tuple[str, bytes], other: tuple[str, bytes], most: int) -> list[tuple[str, bytes]]:
    """Return a P + b Q and a P - b Q of two points of group 2, for a and b from 1 to `most`, with names."""
    found = []
    for a, first in _counted(one[1], 2, most):
        for b, second in _counted(other[1], 2, most):
            for sign, term in (("+", second), ("-", _negative(second, 2))):
                left, right = (f"{n} {name}" if n > 1 else name for n, name in ((a, one[0]), (b, other[0])))
                found.append((f"{left} {sign} {right}", curve.add(first, term, 2)))
    return found


def _counted(point: bytes, group: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield k and k times a point, for k from 1 to `most`."""
    total = point
    yield 1, total
    for factor in range(2, most + 1):
        total = curve.add(total, point, group)
        yield factor, total


@lru_cache(maxsize=8)
def _multiples(point: bytes, group: int) -> Mapping[bytes, int]:
    """Return k by the x of k times a point, for k from 1 to MULTIPLES; -k times the point has the same x.

    The cache saves work while one key is examined: several checks use the same multiples.
    """
    return {_x(total): factor for factor, total in _counted(point, group, MULTIPLES)}


def _x(point: bytes) -> bytes:
    """Return the x coordinate. Two points of a group with the same x are equal or opposite."""
    return point[: len(point) // 2]


def _negative(point: bytes, group: int) -> bytes:
    return curve.msm(point, curve.MINUS_ONE, group)


_Find = Callable[[KeyPoints], Iterator[str]]

_CHECKS: Final[tuple[tuple[str, str, _Find], ...]] = (
    ("points", "every point is on its curve and in its subgroup", _off_curve),
    ("infinity", "no point is infinity; otherwise a term of the equation is missing", _infinite),
    (
        "beta, gamma, delta",
        f"no two of them have multiples, up to {MULTIPLES} times, that are equal or opposite; otherwise "
        "everybody can forge",
        _related_second,
    ),
    (
        "beta, delta and the generator",
        f"no multiple of beta or delta is one of the generator, up to {MULTIPLES} times; otherwise everybody "
        "who has the powers of tau can forge. If delta is the generator, nobody has contributed to the "
        "second phase",
        _known_second,
    ),
    (
        "sums in group 2",
        f"no three of beta, gamma, delta and the generator, each {-SUMMED} to {SUMMED} times, have the sum "
        "0; otherwise everybody may be able to forge, as in the two checks above",
        _summed_second,
    ),
    (
        "alpha and the generator",
        f"no multiple of alpha is one of the generator, up to {MULTIPLES} times; otherwise everybody who has "
        "the powers of tau can forge",
        _known_alpha,
    ),
    (
        "alpha across the groups",
        "alpha is not the same number, times the generator of group 1, as beta, gamma or delta in group 2, "
        "or as a small multiple or sum of them; otherwise everybody may be able to forge",
        _crossed_alpha,
    ),
    (
        "alpha and IC",
        f"no two of them have multiples, up to {MULTIPLES} times, that are equal or opposite; otherwise two "
        "public values of a proof can be exchanged, or some values can be forged",
        _related_first,
    ),
    (
        "sums of alpha and IC",
        "no three or four of them, with any signs, have the sum 0; otherwise some values can be forged (not "
        f"checked if there are more than {MOST_SUMMED}, as no RLN key has)",
        _summed_first,
    ),
)
_NEEDED: Final = frozenset({"points", "infinity"})
"""The checks without which the later ones make no sense."""
