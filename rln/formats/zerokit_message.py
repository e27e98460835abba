"""zerokit's whole messages: the 128 bytes of a proof with its public values, as each release writes them.

    zerokit-0.9      proof ‖ root ‖ external nullifier ‖ x ‖ y ‖ nullifier
    zerokit-2        tag ‖ proof ‖ tag ‖ root ‖ external nullifier ‖ x ‖ y ‖ nullifier
    zerokit-2-be     the same, its values big-endian
    zerokit-3        proof ‖ tag ‖ y ‖ root ‖ nullifier ‖ x ‖ external nullifier
    zerokit-3-mixed  the same, its values big-endian

The tag is 0 for one message id and 1 for several slots. A message of several slots has lists in the places of
y and of the nullifier, and a list of its selectors, one byte each, at the end. A list is the number of its
items, as u64 in the byte order of the values, and the items. The bytes of the proof are always the same.

The caller names the layout; nothing is guessed from the bytes. zerokit itself reads more than it writes: 2.0
ignores its first tag and takes any byte but 0 for true, 3.0 ignores bytes at the end. This reader takes
exactly what zerokit writes, so a message has one form in each layout.

Only `zerokit-0.9` has been checked against a running zerokit. The others have no peer: no package index has a
build of zerokit 2.0 or 3.0, so they follow zerokit-spec 7.4 to 7.6 alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rln.base import scalar
from rln.base.arguments import plain_bytes
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, ParameterError
from rln.lowlevel.groth16 import PROOF_BYTES

_SINGLE: Final = 5
"""Public values of a message with one message id; one of k slots has 3 + 3k."""
_COUNT: Final = 8
"""Bytes of the length of a list."""

_VALUES_AFTER: Final = ("root", "external_nullifier", "x", "y", "nullifier")
_KEY_ORDER: Final = ("y", "root", "nullifier", "x", "external_nullifier")
_PER_SLOT: Final = ("y", "nullifier")


@dataclass(frozen=True, slots=True)
class Layout:
    """How some releases of zerokit write a message. Immutable, so safe in all threads and after a fork.

    Attributes:
        order: names of the values, in order.
        byteorder: of the values and of the lengths of lists.
        tags: how many tags there are: none, one before the values, or another one before the proof.
    """

    order: tuple[str, ...]
    byteorder: Literal["little", "big"]
    tags: int


LAYOUTS: Final = {
    "zerokit-0.9": Layout(_VALUES_AFTER, "little", 0),
    "zerokit-2": Layout(_VALUES_AFTER, "little", 2),
    "zerokit-2-be": Layout(_VALUES_AFTER, "big", 2),
    "zerokit-3": Layout(_KEY_ORDER, "little", 1),
    "zerokit-3-mixed": Layout(_KEY_ORDER, "big", 1),
}
"""The layouts by the name of their codec."""


def layout(codec: str) -> Layout:
    """Return the layout of a codec.

    Raises:
        ParameterError: there is no such codec.
    """
    if type(codec) is not str or codec not in LAYOUTS:
        raise ParameterError(f"codec: expected one of {', '.join(LAYOUTS)}, got {str(codec)[:40]!r}")
    return LAYOUTS[codec]


def write(proof: bytes, values: Sequence[int], codec: str) -> bytes:
    """Return the message of a proof.

    Args:
        proof: 128 bytes.
        values: the public values in the order of the verifying key: 5, or 3 + 3k for k slots.
        codec: name of the layout.

    Raises:
        ParameterError: there is no such codec, or it has no form for several slots.
    """
    form, slots = layout(codec), _slots_of(values)
    parts: dict[str, Sequence[int]]
    if slots is None:
        tag, parts = b"\0", {name: [value] for name, value in zip(_KEY_ORDER, values, strict=True)}
    elif not form.tags:
        raise ParameterError(f"codec: {codec} has no form for a proof with several slots; use zerokit-3")
    else:
        tag = b"\1"
        parts = {
            "y": values[:slots],
            "root": [values[slots]],
            "nullifier": values[slots + 1 : 2 * slots + 1],
            "x": [values[2 * slots + 1]],
            "external_nullifier": [values[2 * slots + 2]],
        }
    written = [tag if form.tags > 1 else b"", proof, tag if form.tags else b""]
    for name in form.order:
        if slots is not None and name in _PER_SLOT:
            written.append(slots.to_bytes(_COUNT, form.byteorder))
        written += [scalar.check(value, name).to_bytes(scalar.SIZE, form.byteorder) for value in parts[name]]
    if slots is not None:
        written += [slots.to_bytes(_COUNT, form.byteorder), bytes(values[-slots:])]
    return b"".join(written)


def read(data: bytes, codec: str) -> tuple[bytes, tuple[int, ...]]:
    """Read a message.

    Returns:
        The 128 bytes of the proof, and the public values in the order of the verifying key: 5 for one message
        id, 3 + 3k for k slots. Neither the points nor relations between the values are checked.

    Raises:
        EncodingError: a wrong length or tag, a selector other than 0 and 1, or a byte at the end.
        FieldRangeError: a value is not canonical.
        ParameterError: there is no such codec.
    """
    form = layout(codec)
    start = form.tags + PROOF_BYTES
    plain_bytes(data, "proof message")
    single = start + _SINGLE * scalar.SIZE
    if len(data) < single:  # a message of several slots is longer
        raise EncodingError(f"proof message: expected {single} bytes in {codec}, got {len(data)}")
    several = form.tags > 0 and _has_slots(data, start, codec)
    if not several and len(data) != single:
        raise EncodingError(f"proof message: expected {single} bytes in {codec}, got {len(data)}")
    proof = data[start - PROOF_BYTES - (form.tags > 0) :][:PROOF_BYTES]
    if several:
        return proof, tuple(_several(data, start, form))
    starts = range(start, single, scalar.SIZE)
    found = {name: _scalar(data, at, name, form) for name, at in zip(form.order, starts, strict=True)}
    return proof, tuple(found[name] for name in _KEY_ORDER)


def _slots_of(values: Sequence[int]) -> int | None:
    """Return how many slots a message has; None: it has one message id and no slots."""
    if len(values) == _SINGLE:
        return None
    slots, rest = divmod(len(values) - 3, 3)
    if rest or not 1 <= slots <= MAX_SLOTS:
        raise ParameterError(f"public values: expected 5, or 3 + 3k for k slots, got {len(values)}")
    return slots


def _has_slots(data: bytes, start: int, codec: str) -> bool:
    """Tell by the tags of a message whether it has several slots."""
    tags = (data[0], data[start - 1]) if LAYOUTS[codec].tags > 1 else (data[start - 1],)
    if len(set(tags)) > 1 or tags[0] > 1:
        wanted = "0 for one message id or 1 for several" + ", twice" * (len(tags) > 1)
        got = " and ".join(map(str, tags))
        raise EncodingError(
            f"proof message: tag: expected {wanted}, got {got}; check that its layout is {codec}"
        )
    return tags[0] == 1


def _several(data: bytes, start: int, form: Layout) -> Iterator[int]:
    """Yield the public values of a message of several slots, in the order of the verifying key."""
    # The whole length gives the number of slots; then each list must state this number.
    body = len(data) - start - 3 * _COUNT - 3 * scalar.SIZE
    slots, rest = divmod(body, 2 * scalar.SIZE + 1)
    if rest or not 1 <= slots <= MAX_SLOTS:
        raise EncodingError(
            f"proof message: expected the length of a message with 1 to {MAX_SLOTS} slots, got {len(data)}"
        )
    found: dict[str, list[int]] = {}
    at = start
    for name in form.order:
        count = 1
        if name in _PER_SLOT:
            count, at = _checked_count(data, at, name, slots, form), at + _COUNT
        found[name] = [
            _scalar(data, at + i * scalar.SIZE, f"{name}[{i}]" if name in _PER_SLOT else name, form)
            for i in range(count)
        ]
        at += count * scalar.SIZE
    _checked_count(data, at, "selector_used", slots, form)
    selectors = data[at + _COUNT :]
    for i, selector in enumerate(selectors):
        if selector > 1:
            raise EncodingError(f"selector_used[{i}]: expected 0 or 1, got {selector}")
    for name in _KEY_ORDER:
        yield from found[name]
    yield from selectors


def _checked_count(data: bytes, at: int, name: str, slots: int, form: Layout) -> int:
    count = int.from_bytes(data[at : at + _COUNT], form.byteorder)
    if count != slots:
        raise EncodingError(f"{name}: expected {slots} items, as the message has room for, got {count}")
    return count


def _scalar(data: bytes, at: int, name: str, form: Layout) -> int:
    return scalar.check(int.from_bytes(data[at : at + scalar.SIZE], form.byteorder), name)
