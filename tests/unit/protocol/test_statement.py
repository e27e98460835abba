import pytest

import rln
from rln.base import scalar
from rln.circuit.parameters import CircuitParameters
from rln.errors import FieldRangeError, ParameterError
from rln.merkle.proof import MerkleProof
from rln.protocol.statement import Statement, input_lengths, sample_statements

SINGLE, MULTI = CircuitParameters(3, 4), CircuitParameters(3, 4, 3)
PATH = MerkleProof(0, 5, (7, 8, 9))
INPUTS = {
    "x": (5,),
    "externalNullifier": (6,),
    "userMessageLimit": (10,),
    "messageId": (3,),
    "pathElements": (7, 8, 9),
    "identityPathIndex": (1, 0, 1),
}
MULTI_INPUTS = {**INPUTS, "messageId": (3, 70000, 4), "selectorUsed": (1, 0, 1)}


def test_inputs_there_and_back():
    assert Statement.from_inputs(SINGLE, INPUTS).inputs() == INPUTS
    assert Statement.from_inputs(MULTI, MULTI_INPUTS).inputs() == MULTI_INPUTS
    assert Statement.spend(SINGLE, 10, (3,), PATH, 5, 6).inputs() == INPUTS
    used = Statement.spend(MULTI, 10, (3, 4), PATH, 5, 6)
    assert used.inputs()["messageId"] == (3, 4, 0)
    assert used.inputs()["selectorUsed"] == (1, 1, 0)


def test_public_values_are_those_of_the_specification():
    member = rln.Identity.from_secret(1234)
    a1 = rln.poseidon_hash([1234, 6, 3])
    y, nullifier = (1234 + a1 * 5) % scalar.ORDER, rln.poseidon_hash([a1])
    node = rln.poseidon_hash([rln.poseidon_hash([1234]), 10])
    for bit, sibling in zip((1, 0, 1), (7, 8, 9), strict=True):
        node = rln.poseidon_hash([sibling, node] if bit else [node, sibling])
    assert Statement.from_inputs(SINGLE, INPUTS).public_values(member) == (y, node, nullifier, 5, 6)
    values = Statement.from_inputs(MULTI, MULTI_INPUTS).public_values(member)
    assert values[0] == y
    assert values[1] == 0
    assert values[3] == node
    assert values[4] == nullifier
    assert values[5] == 0
    assert values[7:] == (5, 6, 1, 0, 1)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"userMessageLimit": (0,)}, ParameterError, "userMessageLimit"),
        ({"userMessageLimit": (17,)}, ParameterError, "userMessageLimit"),
        ({"userMessageLimit": (65537,)}, ParameterError, "userMessageLimit"),
        ({"messageId": (10,)}, ParameterError, "messageId"),
        ({"messageId": (11,)}, ParameterError, "messageId"),
        ({"messageId": (scalar.ORDER - 1,)}, ParameterError, "messageId"),
        ({"messageId": (scalar.ORDER,)}, FieldRangeError, "messageId"),
        ({"messageId": (-1,)}, FieldRangeError, "messageId"),
        ({"messageId": (True,)}, FieldRangeError, "messageId"),
        ({"x": (0,)}, ParameterError, "x"),
        ({"x": (scalar.ORDER,)}, FieldRangeError, "x"),
        ({"externalNullifier": (scalar.ORDER,)}, FieldRangeError, "external_nullifier"),
        ({"pathElements": (7, 8)}, ParameterError, "pathElements: expected 3 values, got 2"),
        ({"pathElements": (7, 8, scalar.ORDER)}, FieldRangeError, "siblings"),
        ({"identityPathIndex": (1, 0, 2)}, ParameterError, "identityPathIndex"),
        ({"identityPathIndex": (1, 0, scalar.ORDER + 1)}, ParameterError, "identityPathIndex"),
        ({"identityPathIndex": (1, 0)}, ParameterError, "identityPathIndex: expected 3 values, got 2"),
        ({"selectorUsed": (1,)}, ParameterError, "selectorUsed: this circuit has no input"),
        ({"y": (1,)}, ParameterError, "y: this circuit has no input"),
    ],
)
def test_what_cannot_be_proved_is_refused(change, error, words):
    """Threats A6, A7, A8: before the secret is touched."""
    with pytest.raises(error, match=words):
        Statement.from_inputs(SINGLE, {**INPUTS, **change})


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_is_needed(name):
    inputs = dict(INPUTS)
    del inputs[name]
    with pytest.raises(ParameterError, match=f"{name}: missing"):
        Statement.from_inputs(SINGLE, inputs)


@pytest.mark.parametrize(
    ("ids", "selectors", "limit", "accepted"),
    [
        ((0, 1, 2), (1, 1, 0), 10, True),
        ((0, 1, 2), (0, 1, 1), 10, True),
        ((0, 5000, 70000), (1, 0, 0), 10, True),
        ((0, 1, 1), (1, 1, 0), 10, True),
        ((0, 0, 2), (1, 1, 0), 10, False),
        ((7, 200, 0), (1, 1, 0), 16, False),
        ((0, 1, 2), (0, 0, 0), 10, False),
        ((0, 1, 2), (2, 0, 0), 10, False),
        ((0, 1), (1, 1), 10, False),
        ((9, 1, 2), (1, 1, 1), 9, False),
        ((8, 1, 2), (1, 1, 1), 9, True),
    ],
)
def test_the_acceptance_table_of_several_message_ids(ids, selectors, limit, accepted):
    """zerokit-spec 4.2, in front of the circuit."""
    inputs = {**INPUTS, "messageId": ids, "selectorUsed": selectors, "userMessageLimit": (limit,)}
    if accepted:
        assert Statement.from_inputs(MULTI, inputs).message_ids == ids
    else:
        with pytest.raises(ParameterError):
            Statement.from_inputs(MULTI, inputs)


@pytest.mark.parametrize("ids", [(), (0, 1), [16]])
def test_ids_to_spend_fit_the_slots(ids):
    with pytest.raises(ParameterError):
        Statement.spend(SINGLE, 10, ids, PATH, 5, 6)


def test_lengths_by_name():
    assert input_lengths(SINGLE) == {
        "x": 1,
        "externalNullifier": 1,
        "identitySecret": 1,
        "userMessageLimit": 1,
        "messageId": 1,
        "pathElements": 3,
        "identityPathIndex": 3,
    }
    assert input_lengths(MULTI)["messageId"] == input_lengths(MULTI)["selectorUsed"] == 3


@pytest.mark.parametrize("parameters", [CircuitParameters(20, 16), CircuitParameters(20, 16, 4)])
def test_each_bit_is_1_in_the_second_or_the_third_sample_statement(parameters):
    _, second, third = sample_statements(parameters)
    assert second.selector_used == third.selector_used
    slots = zip(second.message_ids, third.message_ids, second.selector_used, strict=True)
    assert {one + other for one, other, used in slots if used} == {parameters.largest_limit - 1}
    assert second.path.index + third.path.index == 2**20 - 1
