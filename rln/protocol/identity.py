"""Identity: a member's secret, held by the C core and shown by nothing.

Neither class below prints, formats, pickles, copies or serialises its secret. The one way out is
`IdentitySecret.reveal()`, spelled out where it is meant. Equality takes constant time. `close()`, or leaving
a `with` block, gives the secret up: the C core wipes it as soon as nobody else holds it, neither a call that
is under way nor the identity of a secret or the secret of an identity.

Both classes are immutable but for `close()`, and safe to use from several threads.
"""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, Self

from rln.base import scalar
from rln.base.arguments import nonzero, plain_bytes
from rln.errors import ParameterError
from rln.lowlevel import identity as lowlevel
from rln.lowlevel.identity import IdentityHandle
from rln.protocol.share import Share


class _Opaque:
    """A holder of the C handle that lets nothing out: the common half of the two classes."""

    __slots__ = ("__weakref__", "_held")

    _held: IdentityHandle | None

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError(f"{type(self).__name__}: use one of its named constructors")

    @classmethod
    def _of(cls, handle: IdentityHandle) -> Self:
        made = object.__new__(cls)
        object.__setattr__(made, "_held", handle)
        return made

    @property
    def handle(self) -> IdentityHandle:
        """The handle for `rln.lowlevel`, which shows nothing by itself.

        Raises:
            ParameterError: closed.
        """
        held = self._held
        if held is None:
            raise ParameterError(f"{type(self).__name__}: closed, its secret is wiped")
        return held

    @property
    def commitment(self) -> int:
        """The identity commitment Poseidon(secret): public, a field element."""
        return int.from_bytes(lowlevel.commitment(self.handle), "little")

    def close(self) -> None:
        """Give the secret up; calls after this one raise ParameterError. Closing twice is fine."""
        object.__setattr__(self, "_held", None)

    def __enter__(self) -> Self:
        self.handle  # noqa: B018 - a closed identity must not enter
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}: immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}: immutable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return lowlevel.equal(self.handle, other.handle)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<hidden>)"

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: cannot be {what}; it holds a secret")

    def __copy__(self) -> NoReturn:
        self._refuse("copied")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self._refuse("copied")

    def __reduce__(self) -> NoReturn:
        self._refuse("pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse("pickled")

    def __getstate__(self) -> NoReturn:
        self._refuse("pickled")


class IdentitySecret(_Opaque):
    """A secret on its own: recovered from two shares, or taken from an identity to be written down."""

    __slots__ = ()

    def identity(self) -> Identity:
        """Return the identity of this secret."""
        return Identity._of(self.handle)

    def reveal(self) -> int:
        """Return the secret itself. Whoever reads it can prove, overspend and slash as this member.

        A Python integer cannot be wiped: call this only to write the secret down.
        """
        return int.from_bytes(lowlevel.secret(self.handle), "little")

    def reveal_extended(self) -> tuple[int, int]:
        """Return trapdoor and nullifier, of which an extended identity's secret is the hash.

        Raises:
            ParameterError: the identity is a simple one.
        """
        both = lowlevel.extended(self.handle)
        return int.from_bytes(both[:32], "little"), int.from_bytes(both[32:], "little")


class Identity(_Opaque):
    """A member: the secret a0 and what follows from it.

    Made by `generate`, `generate_extended`, `from_seed` or `from_secret`.
    """

    __slots__ = ()

    @classmethod
    def generate(cls) -> Self:
        """Make a simple identity from the operating system's entropy.

        Raises:
            EntropyError: there is none.
        """
        return cls._of(lowlevel.new(False))

    @classmethod
    def generate_extended(cls) -> Self:
        """Make an extended identity: its secret is Poseidon(trapdoor, nullifier), both random.

        Raises:
            EntropyError: there is no entropy.
        """
        return cls._of(lowlevel.new(True))

    @classmethod
    def from_seed(cls, seed: bytes, extended: bool = False) -> Self:
        """Make the identity that zerokit's seeded key generation makes of this seed.

        The identity is no harder to guess than the seed: give it at least 16 random bytes.

        Args:
            seed: any number of bytes.
            extended: make trapdoor and nullifier instead of the secret itself.

        Raises:
            EncodingError: the seed is not `bytes`.
        """
        return cls._of(lowlevel.from_seed(plain_bytes(seed, "seed"), bool(extended)))

    @classmethod
    def from_secret(cls, secret: int) -> Self:
        """Take up a secret that was written down.

        Raises:
            FieldRangeError: not a field element.
            ParameterError: zero, whose commitment everybody knows.
        """
        return cls._of(lowlevel.from_secret(scalar.encode(nonzero(secret, "secret"), "secret")))

    def secret(self) -> IdentitySecret:
        """Return the secret, still hidden; its `reveal()` shows it."""
        return IdentitySecret._of(self.handle)

    def share(self, x: int, external_nullifier: int, message_id: int) -> Share:
        """Compute the share of one message; constant time in the secret.

        Nothing here counts messages: two calls that differ in x alone give the secret away. The prover, which
        burns message ids, is the one caller that should exist.

        Args:
            x: hash of the signal, a field element other than 0.
            external_nullifier: of the epoch, a field element.
            message_id: 0 up to the member's limit, which is not checked here.

        Raises:
            FieldRangeError: not a field element.
            ParameterError: x is 0; the secret was not touched.
        """
        y, nullifier = lowlevel.share(
            self.handle,
            scalar.encode(nonzero(x, "x"), "x"),
            scalar.encode(external_nullifier, "external_nullifier"),
            scalar.encode(message_id, "message_id"),
        )
        return Share(x, int.from_bytes(y, "little"), int.from_bytes(nullifier, "little"))


def secret_on_line(first: Share, second: Share, nullifier: int) -> IdentitySecret:
    """Return the secret on the line through two shares with different x.

    Raises:
        RecoveryError: the line does not belong to the nullifier.
    """
    points = (scalar.encode(share.x, "x") + scalar.encode(share.y, "y") for share in (first, second))
    return IdentitySecret._of(lowlevel.recover(scalar.encode(nullifier, "nullifier"), *points))
