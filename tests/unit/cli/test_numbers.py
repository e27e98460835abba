"""Numbers on the command line, in decimal and in hexadecimal."""

import rln
from rln.cli import numbers
from tests.unit.cli.terminal import run, run_json


def test_poseidon():
    expected = "0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a"
    assert run("poseidon", "1", "0x2").strip() == expected
    assert run_json("poseidon", "1", "2")["hash"] == str(int(expected, 16))
    for bad in (["01"], ["0x"], ["0xg"], [" 1"], ["1.0"], [str(rln.base.scalar.ORDER)], ["1"] * 9, ["１"]):
        run("poseidon", *bad, status=2)
    assert "value 2: expected decimal digits without leading zeros, or 0x and" in run(
        "poseidon", 1, "01", status=2
    )


def test_one_thing_has_no_s():
    assert [numbers.counted(count, "member") for count in (0, 1, 2)] == ["0 members", "1 member", "2 members"]
