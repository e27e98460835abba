"""Identity: a member's identity secret, held by the C core.

The three classes never print, format, pickle or copy the secret. Only `IdentitySecret.reveal()` and
`reveal_extended()` return it, and only `Identity.save()` writes it, to a file of its owner alone. Equality
takes constant time. `close()`, or the end of a `with` block, releases the secret. The C core wipes it as soon
as no running call uses it and no other object of these classes holds it.

The classes are immutable except for `close()`, and safe to use from several threads and after a fork.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from rln.atomic_files import read_private_file, write_new_file
from rln.base import scalar
from rln.base.arguments import file_path, flag, nonzero, plain_bytes
from rln.errors import InputError, ParameterError, RecoveryError
from rln.lowlevel import identity as lowlevel
from rln.lowlevel.identity import IdentityHandle
from rln.protocol import identity_file
from rln.protocol.hashing import poseidon_hash
from rln.protocol.share import Share

# Computed from: poseidon_hash([0]). It is not computed here, because no import needs an engine.
PUBLIC_COMMITMENT: Final = 0x2A09A9FD93C590C26B91EFFBB2499F07E8F7AA12E2B4940A3AED2411CB65E11C
"""The commitment of the secret 0. Everybody knows this secret, so nobody may use it (threats A16)."""


class _Opaque:
    """The common part of the three classes: it holds the C handle and shows nothing of the secret."""

    __slots__ = ("__weakref__", "_held")

    _held: IdentityHandle | None

    def __init__(self, *_: object, **__: object) -> None:
        raise TypeError(
            f"{type(self).__name__}: cannot be called; use Identity.generate, from_seed or from_secret, and "
            "identity.secret() for its IdentitySecret"
        )

    @classmethod
    def _of(cls, handle: IdentityHandle) -> Self:
        made = object.__new__(cls)
        object.__setattr__(made, "_held", handle)
        return made

    @property
    def handle(self) -> IdentityHandle:
        """The handle for `rln.lowlevel`; it shows nothing of the secret.

        Raises:
            ParameterError: the object is closed.
        """
        held = self._held
        if held is None:
            raise ParameterError(f"{type(self).__name__}: used after it was closed; make or load it again")
        return held

    @property
    def commitment(self) -> int:
        """The identity commitment Poseidon(secret): public, a field element."""
        return int.from_bytes(lowlevel.commitment(self.handle), "little")

    def close(self) -> None:
        """Release the secret. Later calls raise ParameterError; a second `close()` does nothing."""
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
    """An identity secret: recovered from two shares, or taken from an `Identity` in order to store it."""

    __slots__ = ()

    def identity(self) -> Identity:
        """Return the identity of this secret.

        Raises:
            ParameterError: the secret is 0, which everybody knows; it can be slashed, but not used.
        """
        if self.commitment == PUBLIC_COMMITMENT:
            raise ParameterError(
                "secret: expected one that only the member knows, got 0; it can only be slashed"
            )
        return Identity._of(self.handle)

    def reveal(self) -> int:
        """Return the secret. Anyone who has it can send messages as this member, and get the member slashed.

        A Python integer cannot be wiped, so call this only to store the secret.
        """
        return int.from_bytes(lowlevel.secret(self.handle), "little")

    def reveal_extended(self) -> tuple[int, int]:
        """Return the trapdoor and the identity nullifier of an extended identity; the secret is their hash.

        This nullifier is Semaphore's; it is not the nullifier of a message.

        Raises:
            ParameterError: the identity is not extended.
        """
        both = lowlevel.extended(self.handle)
        return int.from_bytes(both[:32], "little"), int.from_bytes(both[32:], "little")


class UnverifiedSecret(_Opaque):
    """A number that may be somebody's secret: it is on a line that nothing connects with a member.

    It reveals nothing and slashes nobody before `confirm`.
    """

    __slots__ = ()

    def confirm(self, commitment: int) -> IdentitySecret:
        """Return the secret if it is that of a commitment, which you have from another source.

        Raises:
            RecoveryError: it is not: the shares were of two lines, or of another member.
            FieldRangeError: the commitment is not a field element.
        """
        if self.commitment != scalar.check(commitment, "commitment"):
            raise RecoveryError(
                "shares: their line does not give the secret of the expected commitment; they are of two "
                "message ids, of two members, or of another member"
            )
        return IdentitySecret._of(self.handle)


class Identity(_Opaque):
    """A member's identity: the identity secret a0 and what follows from it.

    Make one with `generate`, `generate_extended`, `from_seed`, `from_secret` or `from_extended`. Keep it in a
    file with `save`, and get it back with `load`; `rln identity new` writes the same file.
    """

    __slots__ = ()

    @classmethod
    def generate(cls) -> Self:
        """Make an identity with a random secret from the operating system.

        Raises:
            EntropyError: the operating system gives no entropy.
        """
        return cls._of(lowlevel.new(False))

    @classmethod
    def generate_extended(cls) -> Self:
        """Make an extended identity, whose secret is Poseidon(trapdoor, nullifier), both random.

        Raises:
            EntropyError: the operating system gives no entropy.
        """
        return cls._of(lowlevel.new(True))

    @classmethod
    def from_seed(cls, seed: bytes, extended: bool = False) -> Self:
        """Make the identity that zerokit's seeded key generation makes from this seed.

        The identity is no harder to guess than the seed, so use at least 16 random bytes.

        Args:
            seed: any number of bytes.
            extended: whether to derive trapdoor and nullifier instead of the secret itself.

        Raises:
            EncodingError: the seed is not `bytes`.
        """
        return cls._of(lowlevel.from_seed(plain_bytes(seed, "seed"), flag(extended, "extended")))

    @classmethod
    def from_secret(cls, secret: int) -> Self:
        """Make the identity of a stored secret.

        Raises:
            FieldRangeError: the secret is not a field element.
            ParameterError: the secret is 0, whose identity commitment is well known.
        """
        return cls._of(lowlevel.from_secret(scalar.encode(nonzero(secret, "secret"), "secret")))

    @classmethod
    def from_extended(cls, trapdoor: int, nullifier: int) -> Self:
        """Make the extended identity of a stored trapdoor and identity nullifier; the secret is their hash.

        Raises:
            FieldRangeError: one is not a field element.
            ParameterError: one is 0, or both are equal.
        """
        return cls._of(
            lowlevel.from_extended(
                scalar.encode(nonzero(trapdoor, "trapdoor"), "trapdoor"),
                scalar.encode(nonzero(nullifier, "nullifier"), "nullifier"),
            )
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load the identity in a file that `save` or `rln identity new` wrote, and that only you may read.

        The identity is extended if the file has its trapdoor and nullifier.

        Raises:
            OSError: the file cannot be read.
            EncodingError: the file does not hold an identity, or its values do not belong together.
            FieldRangeError: a value in it is not a field element.
            ParameterError: other users may read the file (run chmod 600), or the secret is 0.
        """
        place = file_path(path, "path")
        data = read_private_file(place, identity_file.SIZE_LIMIT + 1)
        try:
            secret, extended = identity_file.decode(data)
            return cls.from_secret(secret) if extended is None else cls.from_extended(*extended)
        except InputError as error:
            raise type(error)(f"{place}: {error}") from None  # the values of the file are secret

    def save(self, path: str | Path) -> None:
        """Write the identity to a new file of mode 0600, which `load` reads.

        Anyone who can read the file can send messages as this member, and get the member slashed.

        Raises:
            OSError: the file exists, or was not written; then no part of it is left.
            ParameterError: the identity is closed.
        """
        place, secret = file_path(path, "path"), self.secret()
        try:
            extended = secret.reveal_extended()
        except ParameterError:  # not an extended identity
            extended = None
        write_new_file(place, identity_file.encode(self.commitment, secret.reveal(), extended))

    def secret(self) -> IdentitySecret:
        """Return the secret as an `IdentitySecret`; its `reveal()` returns the number."""
        return IdentitySecret._of(self.handle)

    def share(self, x: int, external_nullifier: int, message_id: int) -> Share:
        """Compute the share of one message. The time does not depend on the secret.

        This method does not count messages: two calls that differ only in x reveal the secret. Only the
        prover, which uses each message id once, should call it.

        Args:
            x: hash of the signal, a field element other than 0.
            external_nullifier: of the epoch, a field element.
            message_id: 0 to the user message limit - 1. The limit is not checked here.

        Raises:
            FieldRangeError: an argument is not a field element.
            ParameterError: x is 0; the secret was not used.
        """
        y, nullifier = lowlevel.share(
            self.handle,
            scalar.encode(nonzero(x, "x"), "x"),
            scalar.encode(external_nullifier, "external_nullifier"),
            scalar.encode(message_id, "message_id"),
        )
        return Share(x, int.from_bytes(y, "little"), int.from_bytes(nullifier, "little"))


def unverified_on_line(first: Share, second: Share) -> UnverifiedSecret:
    """Return the number on the line through two shares with different x, whoever made them.

    Raises:
        RecoveryError: the x are equal.
    """
    if first.x == second.x:
        raise RecoveryError("shares: both have the same x, so they are one message")
    slope = (first.y - second.y) * pow(first.x - second.x, -1, scalar.ORDER) % scalar.ORDER
    return UnverifiedSecret._of(secret_on_line(first, second, poseidon_hash([slope])).handle)


def secret_on_line(first: Share, second: Share, nullifier: int) -> IdentitySecret:
    """Return the secret on the line through two shares with different x.

    Raises:
        RecoveryError: the line does not belong to the nullifier.
    """
    points = (scalar.encode(share.x, "x") + scalar.encode(share.y, "y") for share in (first, second))
    return IdentitySecret._of(lowlevel.recover(scalar.encode(nullifier, "nullifier"), *points))
