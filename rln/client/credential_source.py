"""CredentialSource: what makes the credentials of one member, and renews them for a newer root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rln.base.arguments import fixed_bytes, text, whole
from rln.base.bounds import MAX_SLOTS, MAX_STORED
from rln.http.policy import Policy
from rln.http.signal import NONCE_BYTES, RequestParts


@dataclass(frozen=True, slots=True)
class MadeCredential:
    """A credential that was made for one request.

    Attributes:
        value: of the `Authorization` field.
        nonce: of the request, 16 bytes.
        units: that it spends, 1 to 16.
        step: of the group for which it was proved.

    Raises:
        InputError: a value of another type, or outside its range.
    """

    value: str = field(repr=False)
    nonce: bytes = field(repr=False)
    units: int
    step: int

    def __post_init__(self) -> None:
        text(self.value, "value")
        fixed_bytes(self.nonce, NONCE_BYTES, "nonce")
        whole(self.units, "units", 1, MAX_SLOTS)
        whole(self.step, "step", 0, MAX_STORED)


@runtime_checkable
class CredentialSource(Protocol):
    """Makes the credentials of one member.

    It is called from several threads, and in a forked child; never on an event loop, and not after it was
    closed.
    """

    @property
    def policy(self) -> Policy:
        """The pinned policy."""

    @property
    def step(self) -> int:
        """The step of the group that the member knows."""

    @property
    def patience(self) -> float:
        """Seconds within which the next scheduled look at the bulletins is over."""

    def make(self, parts: RequestParts, units: int) -> MadeCredential:
        """Make a credential with a new nonce, which spends message ids.

        Raises:
            RateLimitReached: too few message ids are left in this epoch.
            RlnError: anything else that stops the member.
        """

    def renew(self, parts: RequestParts, made: MadeCredential) -> MadeCredential | None:
        """Prove again what a credential says, for the newest root; None: its epoch has ended.

        Raises:
            RlnError: what stops the member.
        """
