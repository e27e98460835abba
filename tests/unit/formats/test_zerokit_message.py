"""zerokit's layouts of a message: each part in its place, and nothing else is accepted."""

import pytest

from rln.errors import EncodingError, FieldRangeError, ParameterError
from rln.formats.zerokit_message import LAYOUTS, read, write

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PROOF = bytes(range(128))
SINGLE = (1, 2, 3, 4, 5)  # y, root, nullifier, x, external nullifier
MULTI = (11, 0, 2, 13, 0, 4, 5, 1, 0)  # two slots, of which the first is used
TAGGED = [codec for codec, layout in LAYOUTS.items() if layout.tags]


def le(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def be(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "big") for value in values)


def count(number: int, byteorder: str) -> bytes:
    return number.to_bytes(8, byteorder)


TWO_LE, TWO_BE = count(2, "little"), count(2, "big")
WRITTEN = {
    "zerokit-0.9": PROOF + le(2, 5, 4, 1, 3),
    "zerokit-2": b"\0" + PROOF + b"\0" + le(2, 5, 4, 1, 3),
    "zerokit-2-be": b"\0" + PROOF + b"\0" + be(2, 5, 4, 1, 3),
    "zerokit-3": PROOF + b"\0" + le(1, 2, 3, 4, 5),
    "zerokit-3-mixed": PROOF + b"\0" + be(1, 2, 3, 4, 5),
}
SLOTS_WRITTEN = {
    "zerokit-2": b"\1"
    + PROOF
    + b"\1"
    + le(2, 5, 4)
    + TWO_LE
    + le(11, 0)
    + TWO_LE
    + le(13, 0)
    + TWO_LE
    + b"\1\0",
    "zerokit-2-be": b"\1"
    + PROOF
    + b"\1"
    + be(2, 5, 4)
    + TWO_BE
    + be(11, 0)
    + TWO_BE
    + be(13, 0)
    + TWO_BE
    + b"\1\0",
    "zerokit-3": PROOF + b"\1" + TWO_LE + le(11, 0, 2) + TWO_LE + le(13, 0, 4, 5) + TWO_LE + b"\1\0",
    "zerokit-3-mixed": PROOF + b"\1" + TWO_BE + be(11, 0, 2) + TWO_BE + be(13, 0, 4, 5) + TWO_BE + b"\1\0",
}


@pytest.mark.parametrize("codec", LAYOUTS)
def test_a_message_with_one_id_has_its_parts_in_order(codec: str) -> None:
    assert write(PROOF, SINGLE, codec) == WRITTEN[codec]
    assert read(WRITTEN[codec], codec) == (PROOF, SINGLE)


@pytest.mark.parametrize("codec", TAGGED)
def test_a_message_of_slots_has_its_parts_in_order(codec: str) -> None:
    assert write(PROOF, MULTI, codec) == SLOTS_WRITTEN[codec]
    assert read(SLOTS_WRITTEN[codec], codec) == (PROOF, MULTI)


@pytest.mark.parametrize("slots", range(1, 17))
@pytest.mark.parametrize("codec", TAGGED)
def test_every_number_of_slots_is_read_back(codec: str, slots: int) -> None:
    values = (*range(1, 2 * slots + 4), *[1] * slots)
    assert read(write(PROOF, values, codec), codec) == (PROOF, values)


def test_the_sizes_are_those_of_the_specification() -> None:
    """Sizes of zerokit-spec 7.4 and 7.5: 288, 290 and 289 bytes; 381 bytes of values for four slots."""
    assert [len(write(PROOF, SINGLE, codec)) for codec in LAYOUTS] == [288, 290, 290, 289, 289]
    four = (*range(1, 12), *[1] * 4)
    assert [len(write(PROOF, four, codec)) - 128 for codec in TAGGED] == [382, 382, 381, 381]


@pytest.mark.parametrize("codec", LAYOUTS)
def test_every_other_length_is_refused(codec: str) -> None:
    for whole in filter(None, (WRITTEN[codec], SLOTS_WRITTEN.get(codec))):
        for wrong in [whole[:length] for length in range(len(whole))] + [whole + b"\0", whole + bytes(97)]:
            with pytest.raises(EncodingError, match="proof message: expected|items, as the message has"):
                read(wrong, codec)
    for other in (bytearray(WRITTEN[codec]), WRITTEN[codec].hex(), None):
        with pytest.raises(EncodingError, match="expected bytes"):
            read(other, codec)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", TAGGED)
def test_a_tag_is_0_or_1_and_both_agree(codec: str) -> None:
    places = [0, 129] if LAYOUTS[codec].tags == 2 else [128]
    for whole in (WRITTEN[codec], SLOTS_WRITTEN[codec]):
        for place in places:
            for tag in range(256):
                changed = whole[:place] + bytes([tag]) + whole[place + 1 :]
                if changed != whole:
                    with pytest.raises(EncodingError, match="proof message: "):
                        read(changed, codec)


@pytest.mark.parametrize("codec", LAYOUTS)
def test_a_value_has_no_alias(codec: str) -> None:
    byteorder = LAYOUTS[codec].byteorder
    for whole, values in ((WRITTEN[codec], SINGLE), (SLOTS_WRITTEN.get(codec), MULTI[:7])):
        for value in set(values) if whole is not None else ():
            alias = (value + R).to_bytes(32, byteorder)
            changed = whole.replace(value.to_bytes(32, byteorder), alias)
            assert changed != whole
            with pytest.raises(FieldRangeError, match="expected an integer in 0 .. r - 1"):
                read(changed, codec)


@pytest.mark.parametrize("codec", TAGGED)
def test_a_selector_is_0_or_1(codec: str) -> None:
    for selector in (2, 255):
        with pytest.raises(EncodingError, match=rf"selector_used\[1\]: expected 0 or 1, got {selector}"):
            read(SLOTS_WRITTEN[codec][:-1] + bytes([selector]), codec)


@pytest.mark.parametrize("codec", TAGGED)
def test_every_list_states_the_number_of_slots(codec: str) -> None:
    whole, byteorder = SLOTS_WRITTEN[codec], LAYOUTS[codec].byteorder
    # y, nullifier, selector_used; a list of two scalars takes 72 bytes.
    places = (226, 298, 370) if LAYOUTS[codec].tags == 2 else (129, 233, 369)
    for name, at in zip(("y", "nullifier", "selector_used"), places, strict=True):
        assert whole[at : at + 8] == count(2, byteorder)
        for number in (0, 1, 3, 2**63, 2**64 - 1):
            changed = whole[:at] + count(number, byteorder) + whole[at + 8 :]
            with pytest.raises(EncodingError, match=f"{name}: expected 2 items, .* got {number}"):
                read(changed, codec)


def test_seventeen_slots_are_too_many() -> None:
    slots = 17
    lists = count(slots, "little") + le(*[1] * slots)
    data = PROOF + b"\1" + lists + le(2) + lists + le(4, 5) + count(slots, "little") + b"\1" * slots
    with pytest.raises(EncodingError, match="1 to 16 slots"):
        read(data, "zerokit-3")
    with pytest.raises(ParameterError, match="expected 5, or 3"):
        write(PROOF, (*range(37), *[1] * 17), "zerokit-3")


def test_the_first_release_has_no_form_for_slots() -> None:
    with pytest.raises(ParameterError, match=r"zerokit-0\.9 has no form for a proof with several slots"):
        write(PROOF, MULTI, "zerokit-0.9")
