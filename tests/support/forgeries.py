"""Forgeries: keys with a relation between their points, and proofs of false statements from public points.

docs/key-checks.md derives each relation. A key is made from logarithms that the test chooses; the forger gets
only points: those of the key, the generators, and, where a relation says so, the powers of tau, which every
ceremony publishes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rln.lowlevel import curve, groth16
from tests.differential import bn254

R = bn254.R
PUBLIC = 5
THIRD = pow(3, -1, R)
POWERS = 16
"""Powers of tau; more than twice the degree of the polynomials below."""

Polynomial = list[int]


def word(value: int) -> bytes:
    return (value % R).to_bytes(32, "little")


def times(point: bytes, number: int) -> bytes:
    return curve.msm(point, word(number), 1 if len(point) == 64 else 2)


def plus(*points: bytes) -> bytes:
    total = points[0]
    for point in points[1:]:
        total = curve.add(total, point, 1 if len(total) == 64 else 2)
    return total


def minus(point: bytes) -> bytes:
    return times(point, -1)


def combined(points: Sequence[bytes], numbers: Sequence[int]) -> bytes:
    """Return the sum of numbers[i] times points[i]."""
    used = points[: len(numbers)]
    return curve.msm(b"".join(used), b"".join(map(word, numbers)), 1 if len(used[0]) == 64 else 2)


def product(a: Polynomial, b: Polynomial) -> Polynomial:
    out = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] = (out[i + j] + x * y) % R
    return out


def total(polynomials: Sequence[Polynomial], numbers: Sequence[int]) -> Polynomial:
    """Return the sum of numbers[i] times polynomials[i], which have one length."""
    pairs = list(zip(polynomials, numbers, strict=True))
    return [sum(one[i] * number for one, number in pairs) % R for i in range(len(polynomials[0]))]


def value(polynomial: Polynomial, at: int) -> int:
    return sum(c * pow(at, i, R) for i, c in enumerate(polynomial)) % R


@dataclass
class Logarithms:
    """The numbers that the maker of a key knows, at first all random and independent.

    Attributes:
        alpha, beta, gamma, delta, tau: of the setup.
        ic: of the IC points; None if they follow from the polynomials of a circuit.
        u, v, w: of the wires 0 to PUBLIC, one polynomial each; there are no other wires.
    """

    draw: random.Random
    alpha: int = 0
    beta: int = 0
    gamma: int = 0
    delta: int = 0
    tau: int = 0
    ic: list[int] | None = None
    u: list[Polynomial] = field(default_factory=list)
    v: list[Polynomial] = field(default_factory=list)
    w: list[Polynomial] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma", "delta", "tau"):
            setattr(self, name, self.number())
        for polynomials in (self.u, self.v, self.w):
            polynomials += [[self.number() for _ in range(4)] for _ in range(PUBLIC + 1)]

    def number(self) -> int:
        return self.draw.randrange(2, R)

    def constants(self) -> list[int]:
        """Return the logarithms of IC: given ones, or those of the circuit."""
        if self.ic is not None:
            return self.ic
        inverse = pow(self.gamma, -1, R)
        return [
            (self.beta * value(u, self.tau) + self.alpha * value(v, self.tau) + value(w, self.tau)) * inverse
            for u, v, w in zip(self.u, self.v, self.w, strict=True)
        ]

    def key(self) -> bytes:
        """Return the verifying key, uncompressed."""
        constants = self.constants()
        return b"".join(
            [
                times(curve.GENERATOR_1, self.alpha),
                *(times(curve.GENERATOR_2, one) for one in (self.beta, self.gamma, self.delta)),
                len(constants).to_bytes(8, "little"),
                *(times(curve.GENERATOR_1, one) for one in constants),
            ]
        )


class Public:
    """What a forger has: points, and the polynomials of the circuit.

    Attributes:
        alpha, beta, gamma, delta, ic: points of the verifying key.
        beta_1: beta in group 1, which every proving key contains.
        tau_1, alpha_tau, beta_tau, tau_2: the powers of tau.
        k, m: the numbers of the relation.
        t: random.
        values: the public values to forge a proof for.
    """

    def __init__(self, logs: Logarithms, k: int, m: int, values: list[int]) -> None:
        key = logs.key()
        self.alpha, self.beta = key[:64], key[64:192]
        self.gamma, self.delta = key[192:320], key[320:448]
        self.ic = [key[at : at + 64] for at in range(456, len(key), 64)]
        self.beta_1 = times(curve.GENERATOR_1, logs.beta)
        powers = [pow(logs.tau, i, R) for i in range(POWERS)]
        self.tau_1 = [times(curve.GENERATOR_1, one) for one in powers]
        self.alpha_tau = [times(self.alpha, one) for one in powers]
        self.beta_tau = [times(self.beta_1, one) for one in powers]
        self.tau_2 = [times(curve.GENERATOR_2, one) for one in powers]
        wires = [1, *values]
        self.u, self.v, self.w = (total(one, wires) for one in (logs.u, logs.v, logs.w))
        self.sum = combined(self.ic, wires)
        self.k, self.m, self.t, self.values = k, m, logs.number(), values

    def blinded(self, a: bytes, b: bytes) -> tuple[bytes, bytes, bytes]:
        """Return (A, B + t delta, t A), which holds if (A, B, 0) does; no point is infinity."""
        return a, plus(b, times(self.delta, self.t)), times(a, self.t)


Triple = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Relation:
    """A relation that lets everybody forge.

    Attributes:
        name: what holds.
        fault: words of the message with which such a key is refused.
        plant: changes random logarithms so that the relation holds; gets k, m and the public values.
        forge: makes A, B and C from what is public.
        factors: the values of k to try.
        sums: the values of m to try.
        values: chooses the public values, if the forgery works for some values only.
    """

    name: str
    fault: str
    plant: Callable[[Logarithms, int, int, list[int]], None]
    forge: Callable[[Public], Triple]
    factors: Sequence[int] = (1, -1, 2, -2, 3, 7, -11, 15, 16, -16)
    sums: Sequence[int] = (0,)
    values: Callable[[list[int], int], list[int]] = lambda values, k: values


def _set(**changes: Callable[[Logarithms, int, int], int]) -> Callable[..., None]:
    def plant(logs: Logarithms, k: int, m: int, values: list[int]) -> None:
        for name, change in changes.items():
            setattr(logs, name, change(logs, k, m) % R)

    return plant


def _set_constants(change: Callable[[Logarithms, list[int], int], None]) -> Callable[..., None]:
    def plant(logs: Logarithms, k: int, m: int, values: list[int]) -> None:
        logs.ic = [logs.number() for _ in range(PUBLIC + 1)]
        change(logs, logs.ic, k)

    return plant


def _no_product(logs: Logarithms, k: int, m: int, values: list[int]) -> None:
    """Plant alpha = k beta + m delta in a circuit of constraints a b = 0: w = 0."""
    logs.alpha = (k * logs.beta + m * logs.delta) % R
    logs.w = [[0] * 4 for _ in logs.w]


def _gamma_of_beta(p: Public) -> Triple:
    a = plus(p.alpha, times(p.sum, p.k))
    a, b, c = p.blinded(a, p.beta)
    return a, b, plus(c, times(p.sum, -p.m))


def _beta_of_gamma(p: Public) -> Triple:
    a, b, c = p.blinded(plus(times(p.alpha, p.k), p.sum), p.gamma)
    return a, b, plus(c, times(p.alpha, -p.m))


def _beta_of_delta(p: Public, part: int = 1) -> Triple:
    a, b, c = p.blinded(p.sum, p.gamma)
    return a, b, plus(c, times(p.alpha, -p.k * part))


def _gamma_of_delta(p: Public) -> Triple:
    a, b, c = p.blinded(p.alpha, p.beta)
    return a, b, plus(c, times(p.sum, -p.k))


def _alpha_of_second(p: Public) -> Triple:
    """With alpha = k gamma + m delta: alpha beta is beta_1 (x) (k gamma + m delta)."""
    a, b, c = p.blinded(plus(times(p.beta_1, p.k), p.sum), p.gamma)
    return a, b, plus(c, times(p.beta_1, -p.m))


def _alpha_of_delta(p: Public) -> Triple:
    a, b, c = p.blinded(p.sum, p.gamma)
    return a, b, plus(c, times(p.beta_1, -p.k))


def _delta_known(p: Public) -> Triple:
    """With delta = k H: A = alpha + u, B = beta + v, C = (u v - w) / k."""
    a = plus(p.alpha, combined(p.tau_1, p.u))
    b = plus(p.beta, combined(p.tau_2, p.v))
    uv = product(p.u, p.v)
    w = p.w + [0] * (len(uv) - len(p.w))
    difference = [x - y for x, y in zip(uv, w, strict=True)]
    return a, b, times(combined(p.tau_1, difference), pow(p.k, -1, R))


def _beta_known(p: Public) -> Triple:
    """With beta = k H + m delta: A = alpha (k + v) + k u + w, B = H, and C takes the terms with delta."""
    with_alpha = [(p.k if i == 0 else 0) + one for i, one in enumerate(p.v)]
    without = [p.k * x + y for x, y in zip(p.u, p.w, strict=True)]
    a = plus(combined(p.alpha_tau, with_alpha), combined(p.tau_1, without))
    a, b, c = p.blinded(a, curve.GENERATOR_2)
    rest = plus(p.alpha, combined(p.tau_1, p.u))
    return a, b, plus(c, times(rest, -p.m))


def _alpha_known(p: Public) -> Triple:
    """With alpha = k G + m delta: A = beta (k + u) + k v + w, B = H, and C takes the terms with delta."""
    with_beta = [(p.k if i == 0 else 0) + one for i, one in enumerate(p.u)]
    without = [p.k * x + y for x, y in zip(p.v, p.w, strict=True)]
    a = plus(combined(p.beta_tau, with_beta), combined(p.tau_1, without))
    a, b, c = p.blinded(a, curve.GENERATOR_2)
    rest = plus(p.beta_1, combined(p.tau_1, p.v))
    return a, b, plus(c, times(rest, -p.m))


def _alpha_is_beta(p: Public) -> Triple:
    """With alpha = k beta + m delta and w = 0: A = k beta + u + k v, B = beta, and C takes the rest."""
    polynomial = [x + p.k * y for x, y in zip(p.u, p.v, strict=True)]
    a, b, c = p.blinded(plus(times(p.beta_1, p.k), combined(p.tau_1, polynomial)), p.beta)
    rest = plus(p.beta_1, combined(p.tau_1, p.v))
    return a, b, plus(c, times(rest, -p.m))


def _zero(values: list[int], k: int) -> list[int]:
    return [0] * len(values)


def _second_is_minus_k(values: list[int], k: int) -> list[int]:
    return [0, -k % R, *[0] * (len(values) - 2)]


def _set_first_constant(logs: Logarithms, ic: list[int], k: int) -> None:
    ic[0] = k * ic[2] % R


def _set_alpha_to_constant(logs: Logarithms, ic: list[int], k: int) -> None:
    logs.alpha = k * ic[0] % R


def _set_constant_to_alpha(logs: Logarithms, ic: list[int], k: int) -> None:
    ic[0] = k * logs.alpha % R


def _set_sum_of_two(logs: Logarithms, ic: list[int], k: int) -> None:
    ic[0] = k * (ic[1] - ic[3]) % R


def _set_alpha_to_sum(logs: Logarithms, ic: list[int], k: int) -> None:
    logs.alpha = k * (ic[0] + ic[2] - ic[3]) % R


RELATIONS = (
    Relation("beta = k delta", "beta_g2|delta_g2", _set(beta=lambda s, k, m: k * s.delta), _beta_of_delta),
    Relation(
        "gamma = k delta", "gamma_g2|delta_g2", _set(gamma=lambda s, k, m: k * s.delta), _gamma_of_delta
    ),
    Relation("gamma = k beta", "gamma_g2", _set(gamma=lambda s, k, m: k * s.beta), _gamma_of_beta),
    Relation("beta = k gamma", "beta_g2", _set(beta=lambda s, k, m: k * s.gamma), _beta_of_gamma),
    Relation(
        "gamma = +-beta +- delta",
        r"_g2 [+-] \w+_g2 is equal",
        _set(gamma=lambda s, k, m: k * s.beta + m * s.delta),
        _gamma_of_beta,
        factors=(1, -1, 2, -3, 4),
        sums=(1, -1, 2, -3, 4),
    ),
    Relation(
        "beta = k gamma + m delta",
        r"_g2 [+-] .*_g2 is equal",
        _set(beta=lambda s, k, m: k * s.gamma + m * s.delta),
        _beta_of_gamma,
        factors=(1, -1, 2, -3, 4),
        sums=(1, -1, 2, -3, 4),
    ),
    Relation(
        "3 beta = k delta",
        "beta_g2|delta_g2",
        _set(beta=lambda s, k, m: k * s.delta * THIRD),
        lambda p: _beta_of_delta(p, THIRD),
        factors=(1, -2, 4, 5, -16),
    ),
    Relation(
        "alpha = k IC(x)",
        "ic|alpha",
        _set_constants(_set_alpha_to_constant),
        lambda p: p.blinded(p.sum, plus(times(p.beta, p.k), p.gamma)),
        values=_zero,
    ),
    Relation(
        "IC(x) = k alpha",
        "ic|alpha",
        _set_constants(_set_constant_to_alpha),
        lambda p: p.blinded(p.alpha, plus(p.beta, times(p.gamma, p.k))),
        values=_zero,
    ),
    Relation(
        "IC(x) = 0",
        "ic",
        _set_constants(_set_first_constant),
        lambda p: p.blinded(p.alpha, p.beta),
        values=_second_is_minus_k,
    ),
    Relation(
        "IC(x) = 0, three points",
        "ic",
        _set_constants(_set_sum_of_two),
        lambda p: p.blinded(p.alpha, p.beta),
        factors=(1, -1),
        values=lambda values, k: [-k % R, 0, k % R, 0, 0],
    ),
    Relation(
        "alpha = IC(x), three points",
        "ic|alpha",
        _set_constants(_set_alpha_to_sum),
        lambda p: p.blinded(p.sum, plus(times(p.beta, p.k), p.gamma)),
        factors=(1, -1),
        values=lambda values, k: [0, 1, R - 1, 0, 0],
    ),
    Relation(
        "alpha = +-gamma",
        "alpha_g1",
        _set(alpha=lambda s, k, m: k * s.gamma),
        _alpha_of_second,
        factors=(1, -1, 2, -3, 4),
    ),
    Relation(
        "alpha = +-delta",
        "alpha_g1",
        _set(alpha=lambda s, k, m: k * s.delta),
        _alpha_of_delta,
        factors=(1, -1, 2, -3, 4),
    ),
    Relation(
        "alpha = +-gamma +- delta",
        "alpha_g1",
        _set(alpha=lambda s, k, m: k * s.gamma + m * s.delta),
        _alpha_of_second,
        factors=(1, -1),
        sums=(1, -1),
    ),
    Relation("alpha = +-beta", "alpha_g1", _no_product, _alpha_is_beta, factors=(1, -1, 2, -3, 4)),
    Relation(
        "alpha = +-beta +- delta", "alpha_g1", _no_product, _alpha_is_beta, factors=(1, -1), sums=(1, -1)
    ),
    Relation(
        "alpha = +-G +- delta",
        "alpha_g1",
        _set(alpha=lambda s, k, m: k + m * s.delta),
        _alpha_known,
        factors=(1, -1),
        sums=(1, -1),
    ),
    Relation("alpha = k G", "alpha_g1", _set(alpha=lambda s, k, m: k), _alpha_known),
    Relation("beta = k H", "beta_g2", _set(beta=lambda s, k, m: k), _beta_known),
    Relation(
        "beta = +-H +- delta",
        "beta_g2",
        _set(beta=lambda s, k, m: k + m * s.delta),
        _beta_known,
        factors=(1, -1),
        sums=(1, -1),
    ),
    Relation("delta = k H", "delta_g2", _set(delta=lambda s, k, m: k), _delta_known),
)


@dataclass(frozen=True)
class Forgery:
    """A key with a relation, and a proof that anybody can make.

    Attributes:
        key: the verifying key, uncompressed.
        values: the public values.
        proof: 128 bytes.
    """

    key: bytes
    values: tuple[int, ...]
    proof: bytes


def forgeries(relation: Relation, count: int, seed: int = 0) -> Iterator[Forgery]:
    """Yield forgeries for different keys and random public values."""
    draw = random.Random(f"{relation.name} {seed}")
    cases = [(k, m) for k in relation.factors for m in relation.sums]
    for number in range(count):
        k, m = cases[number % len(cases)]
        logs = Logarithms(draw)
        values = relation.values([draw.randrange(R) for _ in range(PUBLIC)], k)
        relation.plant(logs, k, m, values)
        public = Public(logs, k, m, values)
        yield Forgery(logs.key(), tuple(values), groth16.compress(b"".join(relation.forge(public))))


def holds(key: bytes, values: Sequence[int], proof: bytes) -> bool:
    """Return whether the equation holds: our pairings, multiplied by py_ecc, without our verification."""
    points = groth16.decompress(proof)
    ic = [key[at : at + 64] for at in range(456, len(key), 64)]
    pairs = (
        (points[:64], points[64:192]),
        (minus(key[:64]), key[64:192]),
        (minus(combined(ic, [1, *values])), key[192:320]),
        (minus(points[192:]), key[320:448]),
    )
    result = bn254.fq12([1])
    for left, right in pairs:
        if left[-1] != 0x40:  # a pairing with infinity is 1
            result *= bn254.fq12(bn254.decode(curve.pairing(left, right)))
    return bool(result == bn254.fq12([1]))
