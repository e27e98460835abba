"""A share cannot exist in a wrong state."""

from __future__ import annotations

import dataclasses

import pytest

from rln.base import scalar
from rln.errors import FieldRangeError, ParameterError
from rln.protocol.share import Share

NOT_CANONICAL = [scalar.ORDER, scalar.ORDER + 1, -1, 1 << 256, True, 1.0, "1", None]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field in ("x", "y", "nullifier")
        for value in NOT_CANONICAL
        if not (field == "nullifier" and value is None)  # a share without a nullifier is one
    ],
)
def test_fields_are_canonical(field: str, value: object) -> None:
    with pytest.raises(FieldRangeError, match=f"^{field}: "):
        Share(**{"x": 1, "y": 2, "nullifier": 3, field: value})  # type: ignore[arg-type]


def test_x_is_not_zero() -> None:
    with pytest.raises(ParameterError, match="^x: expected a field element other than 0"):
        Share(0, 1)


def test_a_share_is_a_value() -> None:
    share = Share(1, 0, scalar.ORDER - 1)
    assert share == Share(1, 0, scalar.ORDER - 1)
    assert len({share, Share(1, 0)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        share.y = 5  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError), match="other|super"):
        share.other = 5  # type: ignore[attr-defined]
