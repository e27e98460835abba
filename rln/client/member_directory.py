"""MemberDirectory: the files of one member of one application.

    member.json        tier, limit and least size of the group
    policy.json        the pinned policy, as its provider signed it
    prices.json        the pinned price list, as its provider signed it, if the policy names one
    provider.rlnkey    the proving key
    identity.json      the secret, mode 0600
    message-ids.db     which message ids are used
    group.mirror       the group as of the last look
    lock               taken by the process that changes one of the others

One identity and one file of message ids belong to each application. Two applications in one directory would
share neither, but two directories for one application could use a message id twice, so never copy one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rln.atomic_files import write_file
from rln.base import canonical_json
from rln.base.arguments import check_digest, file_path, instance, text, whole
from rln.base.bounds import MAX_DEPTH
from rln.errors import ParameterError, StoreUnavailable
from rln.http.policy import MAX_POLICY_BYTES, Policy, open_policy
from rln.http.price_list import MAX_PRICES_BYTES, PriceList, open_prices
from rln.http.registration import check_tier
from rln.stores.uri import file_uri

LOCK_WAIT: Final = 30.0
"""Seconds to wait for another process that changes the files."""

_LOCK_POLL: Final = 0.05
_FORM: Final = 1
_SIZE: Final = 1 << 12
_NAMES: Final = ("tier", "limit", "min_members", "key_sha256")


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """What a member is at a provider.

    Args:
        tier: its name.
        limit: units in an epoch, 1 to 65,536.
        min_members: members that the group must have before the member proves in it.
        key_sha256: SHA-256 (hex) of the file of the proving key, which was checked when it was fetched.

    Raises:
        InputError: a value is outside its range.
    """

    tier: str
    limit: int
    min_members: int
    key_sha256: str

    def __post_init__(self) -> None:
        check_tier(self.tier)
        whole(self.limit, "limit", 1, 1 << 16)
        whole(self.min_members, "min_members", 1, 1 << MAX_DEPTH)
        check_digest(self.key_sha256, "key_sha256")

    def encode(self) -> bytes:
        """Return the record in canonical JSON."""
        return canonical_json.write({"form": _FORM, **{name: getattr(self, name) for name in _NAMES}})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a record.

        Raises:
            InputError: another document, or a value outside its range.
        """
        content = canonical_json.read(data, "member", _SIZE)
        found = canonical_json.fields(content, "member", ("form", *_NAMES))
        canonical_json.integer(found["form"], "form", _FORM, _FORM)
        return cls(
            canonical_json.text(found["tier"], "tier"),
            canonical_json.integer(found["limit"], "limit", 1, 1 << 16),
            canonical_json.integer(found["min_members"], "min_members", 1, 1 << MAX_DEPTH),
            check_digest(found["key_sha256"], "key_sha256"),
        )


class MemberDirectory:
    """The files of one member. It has no state, so threads, processes and forked children may share it.

    Args:
        path: of the directory.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = file_path(path, "directory")

    def __repr__(self) -> str:
        return f"MemberDirectory({str(self.path)!r})"

    @property
    def identity(self) -> Path:
        """The secret."""
        return self.path / "identity.json"

    @property
    def key(self) -> Path:
        """The proving key."""
        return self.path / "provider.rlnkey"

    @property
    def mirror(self) -> Path:
        """The group."""
        return self.path / "group.mirror"

    @property
    def message_ids(self) -> str:
        """URI of the message ids."""
        return file_uri(self.path.absolute() / "message-ids.db")

    def create(self) -> None:
        """Create the directory, for its owner alone, if it does not exist.

        Raises:
            StoreUnavailable: it cannot be created.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"member: {self.path}: {error.strerror}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Run the block while no other process changes the files; wait for one that does.

        Raises:
            StoreUnavailable: the lock file cannot be used, or another process has it for too long.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.path / "lock", flags, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"member: {self.path}: {error.strerror}") from error
        try:
            self._take(descriptor)
            try:
                yield
            finally:
                # A process that is forked meanwhile has a copy of the descriptor, so closing is not enough.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"member: {self.path}: another process has changed it for {LOCK_WAIT:.0f} seconds, "
                        "for example by joining; try again"
                    ) from None
                time.sleep(_LOCK_POLL)

    def read_record(self) -> MemberRecord:
        """Return what the member is.

        Raises:
            ParameterError: the directory has no member.
            InputError: the file is damaged.
        """
        return MemberRecord.decode(self._read("member.json", _SIZE))

    def write_record(self, record: MemberRecord) -> None:
        """Store what the member is.

        Raises:
            OSError: the file was not written.
        """
        instance(record, MemberRecord, "record")
        write_file(self.path / "member.json", record.encode(), 0o600)

    def read_policy(self) -> Policy:
        """Return the pinned policy.

        Raises:
            ParameterError: the directory has no member.
            GroupRefused, InputError: the file is damaged.
        """
        return open_policy(self._read("policy.json", MAX_POLICY_BYTES))

    def write_policy(self, signed: bytes) -> None:
        """Pin a policy that was checked, as its provider signed it.

        Raises:
            OSError: the file was not written.
        """
        write_file(self.path / "policy.json", signed, 0o600)

    def read_prices(self, policy: Policy) -> PriceList | None:
        """Return the pinned price list; None: none was pinned yet.

        Raises:
            GroupRefused, InputError: the file is damaged, or not signed with the key of the policy.
        """
        instance(policy, Policy, "policy")
        if not self.has("prices.json"):
            return None
        return open_prices(self._read("prices.json", MAX_PRICES_BYTES), policy.registrar_key)

    def write_prices(self, signed: bytes) -> None:
        """Pin a price list that was checked, as its provider signed it.

        Raises:
            OSError: the file was not written.
        """
        write_file(self.path / "prices.json", signed, 0o600)

    def has(self, name: str) -> bool:
        """Tell whether a file exists."""
        return (self.path / text(name, "name")).exists()

    def _read(self, name: str, limit: int) -> bytes:
        try:
            with (self.path / name).open("rb") as file:
                return file.read(limit + 1)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                raise ParameterError(
                    f"directory: {self.path} holds no member; join first (`rln join`, Member.join)"
                ) from error
            raise StoreUnavailable(f"member: {self.path / name}: {error.strerror}") from error
