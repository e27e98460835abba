"""Kept messages: what an allocator has kept, checked before it is sent or made again.

A proof of a kept message may be made again for a newer root: it publishes the same shares. If an allocator
mixed up ids, epochs or messages, another proof could publish a second share of an id, and with it the
member's secret. So each part of a record is compared with the others, and with the member's own share.
"""

from __future__ import annotations

from rln.base.arguments import shown
from rln.base.served_again import utc_text
from rln.errors import InputError, NotRenewable, ParameterError
from rln.protocol import proof_record
from rln.protocol.epoch import Clock, Epoch
from rln.protocol.membership import Membership
from rln.protocol.proof import AnyProof
from rln.protocol.share import Share
from rln.proving.id_answers import WrongAnswer, current_epoch
from rln.proving.ports import KeptMessage, MessageIdAllocator


def kept_messages(
    ids: MessageIdAllocator, member: Membership, identifier: bytes, x: int
) -> tuple[KeptMessage, ...]:
    """Recall the messages that were kept for x; arguments are as for `MessageIdAllocator.recall`.

    Raises:
        WrongAnswer: the answer is not a tuple of kept messages, the newest epoch first.
        StoreUnavailable: as the allocator raises it.
    """
    given: object = ids.recall(member.commitment, identifier, x)
    if type(given) is not tuple or any(type(one) is not KeptMessage for one in given):
        raise _wrong("a tuple of KeptMessage from `recall`", shown(given))
    epochs = [one.epoch_index for one in given]
    if epochs != sorted(set(epochs), reverse=True):
        raise _wrong("one message for each epoch, the newest epoch first", f"epochs {shown(epochs)}")
    return given


def kept_proof(kept: KeptMessage, epoch: Epoch, x: int) -> AnyProof:
    """Return the proof of a kept message.

    Raises:
        WrongAnswer: it is no proof, or one for another x, another epoch or another number of ids.
    """
    try:
        proof = proof_record.decode(kept.message)
    except InputError as error:
        raise _wrong("the record of a proof", f"other bytes: {error}") from error
    if proof.x != x:
        raise _wrong("a proof for the hash of this signal", "one for another x")
    if proof.external_nullifier != epoch.external_nullifier:
        raise _wrong(f"a proof for epoch {epoch.index}", "one with another external nullifier")
    if len(proof.shares) != len(kept.ids):
        raise _wrong(f"a proof with {len(kept.ids)} message ids", f"one with {len(proof.shares)}")
    return proof


def renewable_message(
    ids: MessageIdAllocator, member: Membership, clock: Clock, x: int
) -> tuple[KeptMessage, Epoch]:
    """Return the newest kept message for x whose epoch is acceptable, and the epoch that it was kept for.

    The epoch follows from the record. The clock tells only the application, and whether the epoch is
    acceptable.

    Raises:
        NotRenewable: no message was kept for x, its epoch is not acceptable, or its ids are not below the
            member's limit.
        WrongAnswer, StoreUnavailable: as `kept_messages`.
        ParameterError: the clock answers with something other than epochs.
    """
    current = current_epoch(clock)
    messages = kept_messages(ids, member, current.identifier, x)
    if not messages:
        raise _not_renewable("no message was kept for this signal")
    for kept in messages:
        epoch = Epoch.of(kept.epoch_index, current.period, current.identifier)
        acceptable: object = clock.find(epoch.external_nullifier)
        if acceptable is None:
            continue
        if type(acceptable) is not Epoch or acceptable != epoch:
            raise ParameterError(f"clock.find: expected epoch {epoch.index} or None, got {shown(acceptable)}")
        if kept.ids.stop > member.limit:
            raise _not_renewable(
                f"message id {kept.ids.stop - 1} of the message is not below the member's limit, "
                f"{member.limit} now"
            )
        return kept, epoch
    newest = Epoch.of(messages[0].epoch_index, current.period, current.identifier)
    raise _not_renewable(
        f"epoch {newest.index} of the message, which ends at {utc_text(newest.end)}, is not acceptable now"
    )


def check_shares(kept: KeptMessage, proof: AnyProof, shares: tuple[Share, ...]) -> None:
    """Check that a kept proof has the shares that a new proof would publish for its ids.

    Only the member can compute such a share. So this member has made a proof with the same shares before, and
    another one reveals nothing new, whatever the allocator has mixed up.

    Args:
        kept: the message.
        proof: its proof.
        shares: those that the member has for the ids, the x and the epoch.

    Raises:
        WrongAnswer: the proof has other shares.
    """
    if proof.shares != shares:
        raise _wrong(
            f"a proof with this member's shares for message ids {kept.ids.start} to {kept.ids.stop - 1}",
            "one with other shares",
        )


def _wrong(expected: str, given: str) -> WrongAnswer:
    return WrongAnswer(
        f"ids: expected {expected}, got {given}; no proof was made and nothing was revealed; correct the "
        "allocator"
    )


def _not_renewable(why: str) -> NotRenewable:
    return NotRenewable(
        f"renew: {why}; nothing was spent; use `prove`, which makes a new message and spends a message id"
    )
