"""Member: one member of one application, with everything that their requests need, in one directory.

    Member.join("https://api.example.com", api_key="…", directory="example")
    member = Member.open("example")

A background thread looks at the provider's policy, prices and bulletins, as often as the policy says, at
times that depend on nothing that the member does. So the newest root is at hand when a request is made, and
no fetch tells who makes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn, Self

from rln.base import forks
from rln.base.arguments import instance, real
from rln.client.bulletin_feed import BulletinFeed
from rln.client.credential_maker import CredentialMaker
from rln.client.credential_source import CredentialSource, MadeCredential
from rln.client.follower import Follower
from rln.client.joining import Joining
from rln.client.member_directory import MemberDirectory
from rln.client.requests import Requests
from rln.client.settings import MemberSettings
from rln.client.terms import Terms
from rln.errors import (
    GroupRefused,
    NotAMember,
    ParameterError,
    PolicyChanged,
    RlnError,
)
from rln.http.policy import Policy
from rln.http.price_list import PriceList
from rln.http.signal import RequestParts
from rln.keys.proving_key import ProvingKey
from rln.protocol.identity import Identity
from rln.protocol.membership import rate_commitment
from rln.proving.prover import Prover
from rln.stores import open_message_ids
from rln.sync.mirror import MIN_MEMBERS, Mirror
from rln.sync.mirror_file import load_mirror, save_mirror

_GLANCE: Final = 0.1
"""Seconds between two glances at what the background thread has seen."""

_LOOKS: Final = 2.5
"""Intervals for which a request waits for a newer root: the next look, and one more if it fails."""

_DEFAULTS: Final = MemberSettings()


class Member(CredentialSource):
    """A member of one application. Safe to use from several threads and event loops.

    Its methods compute, or wait for the disk or the provider: on an event loop, call them in a thread, as the
    adapters do.

    A forked child can go on: its message ids are in a file, and its first request starts a thread of its own.
    Several processes may open one directory. Close it, or leave its `with` block, to wipe what was computed
    in advance.

    Args:
        directory: what `Member.join` has made.
        settings: how to prove, fetch and retry.

    Attributes:
        terms: the pinned policy with its price list, which a request needs together.
        requests: the credentials by request, for adapters.
        settings: as given.

    Raises:
        ParameterError: the directory holds no member.
        InputError: a file in it is damaged.
        StoreUnavailable: a file cannot be used.
    """

    def __init__(self, directory: Path | str, settings: MemberSettings = _DEFAULTS) -> None:
        instance(settings, MemberSettings, "settings")
        self.settings = settings
        self._files = MemberDirectory(directory)
        self._record = self._files.read_record()
        self.terms = Terms.read(self._files)
        params = self.policy.params
        self._key = ProvingKey.load(self._files.key, sha256=self._record.key_sha256)
        params.check_key(self._key)
        if self._files.has(self._files.mirror.name):
            self._mirror = load_mirror(self._files.mirror, min_members=self._record.min_members)
        else:
            self._mirror = Mirror(params.depth, params.limit_bits, min_members=self._record.min_members)
        self._clock = params.clock()
        self._web = settings.open_web()
        self._identity = Identity.load(self._files.identity)
        self._ids = open_message_ids(self._files.message_ids)
        self.requests = Requests(self, on_lost=settings.on_lost, max_units=settings.max_units)
        self._leaf = rate_commitment(self._identity.commitment, self._record.limit)
        self._maker: CredentialMaker | None = None
        self._index: int | None = None
        self._fault: RlnError | None = None
        self._trouble = ""
        self._closed = False
        self._follower = Follower(self._look, self.policy.refresh)
        self._reset()
        forks.register(self)
        self._start()

    def _reset(self) -> None:
        self._state = threading.RLock()
        self._looking = threading.Lock()

    @classmethod
    def open(cls, directory: Path | str, settings: MemberSettings = _DEFAULTS) -> Self:
        """Open the directory of a member; as the constructor."""
        return cls(directory, settings)

    @classmethod
    def join(
        cls,
        url: str,
        *,
        api_key: str,
        directory: Path | str,
        registrar_key: bytes | None = None,
        tier: str | None = None,
        identity: Identity | None = None,
        min_members: int = MIN_MEMBERS,
        settings: MemberSettings = _DEFAULTS,
    ) -> Self:
        """Register at a provider, and open the new directory. Repeat it after an error: it goes on.

        The registrar admits members in batches. Until then, a request raises `NotAMember`.

        Args:
            url: `https://` and an authority of the provider.
            api_key: of the account at the provider; it is sent to the registrar alone, and not stored.
            directory: for the member's files; one for each application.
            registrar_key: 32 bytes, which the provider has given you in another way; None: the key in the
                provider's policy is pinned as it is.
            tier: name of the kind of membership; None: the only one that there is.
            identity: an identity that you have; None: a new one.
            min_members: members that the group must have before this member proves in it, 1 or more.
            settings: how to prove, fetch and retry.

        Raises:
            ProviderUnavailable: the provider or its registrar gave no answer, or refused; the message says
                why.
            PolicyChanged: the directory has another policy pinned.
            KeyFileError: the provider's key is not safe to use.
            InputError: an argument is outside its range, or the policy is malformed.
            StoreUnavailable: the directory cannot be used.
        """
        joining = Joining(
            url, MemberDirectory(directory), settings, registrar_key=registrar_key, min_members=min_members
        )
        joining.register(api_key, tier, identity)
        return cls(directory, settings)

    # ---- what it knows

    @property
    def policy(self) -> Policy:
        """The pinned policy."""
        return self.terms.policy

    @property
    def prices(self) -> PriceList | None:
        """The pinned price list; None: each request costs one unit."""
        return self.terms.prices

    @property
    def step(self) -> int:
        """The step of the group that the member knows."""
        return self._mirror.step

    @property
    def patience(self) -> float:
        """Seconds within which the next scheduled look at the bulletins is over."""
        return _LOOKS * self.policy.refresh

    @property
    def limit(self) -> int:
        """Units in an epoch."""
        return self._record.limit

    @property
    def is_admitted(self) -> bool:
        """Whether the member is in the group, as of the last look."""
        with self._state:
            return self._find() is not None

    @property
    def commitment(self) -> int:
        """Identity commitment of the member; only the registrar and the member should know it."""
        return self._identity.commitment

    @property
    def group_size(self) -> int:
        """Number of members in the group, as of the last look."""
        return len(self._mirror)

    def wait_until_admitted(self, seconds: float = 300.0) -> None:
        """Wait until the background thread has seen the member in a group that is large enough for requests.

        Args:
            seconds: to wait at most, more than 0.

        Raises:
            NotAMember: not admitted in this time.
            GroupRefused: admitted, but the group still has fewer members than `min_members`.
            PolicyChanged, GroupRefused: what the last look has found.
            ParameterError: not such a time, or `background` is False.
        """
        if real(seconds, "seconds") <= 0 or not self.settings.background:
            raise ParameterError(
                f"seconds: expected more than 0, and a background thread that looks, got {seconds}"
            )
        self._start()
        end, seen, admitted = time.monotonic() + seconds, -1, False
        while True:
            if self.step != seen:  # a search of all leaves, so not at each glance
                seen, admitted = self.step, self.is_admitted
            if admitted and self.group_size >= self._record.min_members:
                return
            self._raise_fault()
            if time.monotonic() >= end:
                raise self._waited_in_vain(seconds, admitted)
            time.sleep(_GLANCE)

    def _waited_in_vain(self, seconds: float, admitted: bool) -> RlnError:
        trouble = f"; the last look at the provider has failed: {self._trouble}" if self._trouble else ""
        if admitted:
            return GroupRefused(
                f"group: admitted, but after {seconds} seconds it has {self.group_size} members, and this "
                f"one waits for {self._record.min_members} to hide among; wait until more join{trouble}"
            )
        return NotAMember(
            f"member: not admitted within {seconds} seconds; the registrar admits members in batches, and "
            f"members look every {self.policy.refresh} seconds: wait longer, or ask the provider{trouble}"
        )

    # ---- the provider

    def follow(self) -> None:
        """Look at the provider's policy, prices and bulletins once, and store what is new.

        The background thread does this. Do not call it because of an answer: the time of a fetch would tell
        the provider who made the request.

        Raises:
            ProviderUnavailable: something could not be fetched.
            PolicyChanged: policy or price list is neither the pinned one nor its signed successor. From now
                on every request raises this.
            GroupRefused: the provider shows different groups to different people. From now on every request
                raises this.
            OSError: a file was not written.
        """
        forks.refuse_unnoticed("member")
        with self._looking:
            self._refuse_closed()
            try:
                self._look_at_terms()
                self._look_at_bulletins()
            except (PolicyChanged, GroupRefused) as error:
                self._fault = error
                raise

    def _look_at_terms(self) -> None:
        self.terms = self.terms.look(self._files, self._web)
        self._follower.change_interval(self.policy.refresh)

    def _look_at_bulletins(self) -> None:
        policy = self.policy
        if policy.bulletins is None:
            return
        feed = BulletinFeed(policy.bulletins, policy.registrar_key, self._web)
        if feed.update(self._mirror):
            with self._files.locked():
                save_mirror(self._files.mirror, self._mirror)

    def _look(self) -> None:
        """Look once, from the background thread."""
        try:
            self.follow()
            self._trouble = ""
        except (PolicyChanged, GroupRefused):
            return  # the next request raises it
        except Exception as error:  # noqa: BLE001 - whatever it is, for example a full disk, may pass
            # The next look tries again; until then requests use the roots that are known.
            self._trouble = str(error) if isinstance(error, RlnError) else type(error).__name__

    # ---- credentials

    def make(self, parts: RequestParts, units: int) -> MadeCredential:
        """Make a credential; see `CredentialSource`.

        Raises:
            NotAMember: the member is not admitted yet, or was removed.
            GroupRefused: the group has too few members to hide among.
            RateLimitReached: too few message ids are left; the error has the seconds to wait.
            PolicyChanged: what the last look has found.
            RlnError: as `Prover.prove`.
        """
        return self._credentials().make(parts, units)

    def renew(self, parts: RequestParts, made: MadeCredential) -> MadeCredential | None:
        """Prove again for the newest root; see `CredentialSource`."""
        return self._credentials().renew(parts, made)

    def _credentials(self) -> CredentialMaker:
        self._start()
        self._raise_fault()
        with self._state:
            self._refuse_closed()
            index = self._find()
            if index is None:
                raise NotAMember(
                    f"member: the group of step {self.step} does not have this member; if you have joined a "
                    "moment ago, wait until the registrar admits the next members; otherwise the membership "
                    "has ended, and you can join again"
                )
            if self._maker is None or index != self._index:
                self._replace_maker(index)
            assert self._maker is not None
            return self._maker

    def _replace_maker(self, index: int) -> None:
        before, params = self._maker, self.policy.params
        prover = Prover(
            self._identity,
            self._mirror.membership(self._identity.commitment, self._record.limit),
            self._key,
            ids=self._ids,
            clock=self._clock,
            params=params,
            threads=self.settings.threads,
            tokens=self.settings.tokens,
        )
        self._maker, self._index = CredentialMaker(prover, self.policy, self._mirror, self._clock), index
        if before is not None:
            before.close()

    def _find(self) -> int | None:
        """Return the index of the member, or None."""
        if self._index is not None and self._mirror.leaf(self._index) == self._leaf:
            return self._index
        try:
            return self._mirror.membership(self._identity.commitment, self._record.limit).index
        except NotAMember:
            return None

    # ---- its life

    def close(self) -> None:
        """Stop the thread, and wipe the secret and all that was computed; a second call does nothing."""
        self._closed = True
        self._follower.stop()
        if forks.unnoticed():
            return
        with self._state:
            if self._maker is not None:
                self._maker.close()
            self._ids.close()
            self._identity.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Member({self.policy.application}, {self._record.tier})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Member: it holds secrets and cannot be copied or pickled")

    def _start(self) -> None:
        if self.settings.background and not self._closed:
            self._follower.start()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            # A new error for each caller, because a raised one collects the tracebacks of all.
            raise type(self._fault)(str(self._fault)) from self._fault

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ParameterError("member: used after it was closed")

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return (self._state,)

    def _after_fork(self, torn: bool) -> None:
        if torn:
            self._maker = self._index = None
        self._reset()
