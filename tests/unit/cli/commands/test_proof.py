"""`rln proof`: message files in the layouts of zerokit's releases, named and never guessed."""

import pytest

import rln
from rln.protocol.proof import CODECS
from tests.unit.cli.terminal import run, run_json

PROOF = bytes(31) + b"\x01" + bytes(63) + b"\x02" + bytes(31) + b"\x83"
SINGLE = rln.RlnProof(PROOF, y=10, root=11, nullifier=12, x=13, external_nullifier=14)
MULTI = rln.MultiRlnProof(PROOF, (10, 0, 20), 11, (12, 0, 22), 13, 14, (True, False, True))


@pytest.mark.parametrize("codec", CODECS)
def test_a_message_is_shown(tmp_path, codec):
    (tmp_path / "m").write_bytes(SINGLE.encode(codec))
    data = run_json("proof", "show", tmp_path / "m", "--codec", codec)
    assert data == {
        "codec": codec,
        "proof": PROOF.hex(),
        "root": "11",
        "external_nullifier": "14",
        "x": "13",
        "shares": [{"y": "10", "nullifier": "12"}],
        "selector_used": None,
    }
    text = run("proof", "show", tmp_path / "m", "--codec", codec)
    assert f"nullifier           0x{12:064x}" in text


def test_the_slots_of_a_message_are_shown(tmp_path):
    (tmp_path / "m").write_bytes(MULTI.encode("zerokit-3"))
    data = run_json("proof", "show", tmp_path / "m", "--codec", "zerokit-3")
    assert data["selector_used"] == [True, False, True]
    assert data["shares"] == [{"y": "10", "nullifier": "12"}, {"y": "20", "nullifier": "22"}]
    text = run("proof", "show", tmp_path / "m", "--codec", "zerokit-3")
    assert "2 in 3 slots" in text
    assert f"nullifier 1         0x{22:064x}" in text


@pytest.mark.parametrize("to", CODECS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_message_is_converted(tmp_path, codec, to):
    (tmp_path / "m").write_bytes(SINGLE.encode(codec))
    data = run_json("proof", "convert", tmp_path / "m", "--codec", codec, "--to", to, "--out", tmp_path / "n")
    assert (tmp_path / "n").read_bytes() == SINGLE.encode(to)
    assert data == {"file": str(tmp_path / "n"), "codec": to, "bytes": len(SINGLE.encode(to))}


def test_what_cannot_be_read_or_written_leaves_no_file(tmp_path):
    (tmp_path / "single").write_bytes(SINGLE.encode("zerokit-2"))
    (tmp_path / "multi").write_bytes(MULTI.encode("zerokit-3"))
    convert = ("proof", "convert", "--out", tmp_path / "n")
    for arguments, words in (
        (
            ("single", "--codec", "zerokit-3", "--to", "zerokit-0.9"),
            "got 131; check that its layout is zerokit-3",
        ),
        (
            ("single", "--codec", "guess", "--to", "zerokit-3"),
            "--codec: expected one of zerokit-0.9, zerokit-2,",
        ),
        (
            ("single", "--codec", "zerokit-2", "--to", "zerokit-1"),
            "--to: expected one of zerokit-0.9, zerokit-2,",
        ),
        (
            ("multi", "--codec", "zerokit-3", "--to", "zerokit-0.9"),
            "zerokit-0.9 has no form for a proof with",
        ),
        (("multi", "--codec", "zerokit-0.9", "--to", "zerokit-3"), "expected 288 bytes in zerokit-0.9, got"),
        (("missing", "--codec", "zerokit-0.9", "--to", "zerokit-3"), "No such file or directory"),
    ):
        name, *options = arguments
        assert words in " ".join(run(*convert, tmp_path / name, *options, status=2).split())
        assert not (tmp_path / "n").exists()
    whole = (tmp_path / "single").read_bytes()
    same = ("--codec", "zerokit-2", "--to", "zerokit-3", "--out", tmp_path / "single")
    assert "got" in run("proof", "convert", tmp_path / "single", *same, status=2)
    assert (tmp_path / "single").read_bytes() == whole
