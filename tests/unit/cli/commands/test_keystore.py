"""`rln identity import` and `export`: an identity of two programs gets no id of the running epoch."""

import json
import stat
import time
from pathlib import Path

import pytest

import rln
from rln.errors import StoreUnavailable
from rln.protocol.epoch import Epoch
from rln.stores import open_message_ids
from tests.unit.cli.terminal import run, run_json

KNOWN = json.loads((Path(__file__).parents[3] / "known_answers" / "waku_keystore.json").read_text())
WHO = rln.Identity.from_seed(b"keystore member", extended=True)
PERIOD = 600


@pytest.fixture
def place(tmp_path):
    (tmp_path / "keystore.json").write_text(json.dumps(KNOWN["keystore"]))
    (tmp_path / "password").write_text(KNOWN["password"] + "\n")
    return tmp_path


def imported(place, *more, out="id.json", status=0):
    return run_json(
        "identity", "import", place / "keystore.json", "--password-file", place / "password",
        "--out", place / out, "--ids", f"sqlite:///{place}/ids.db", *more, status=status,
    )  # fmt: skip


def first_id(place, at):
    """Reserve an id of WHO in the epoch of a unix time."""
    ids = open_message_ids(f"sqlite:///{place}/ids.db")
    try:
        return ids.reserve(WHO.commitment, Epoch.of(int(at // PERIOD), PERIOD, bytes(32)), 20)[0]
    finally:
        ids.close()


def test_an_identity_of_js_waku_is_imported_and_waits_for_the_next_epoch(place):
    before = time.time()
    data = imported(place, "--period", PERIOD)
    after = time.time()
    assert rln.Identity.load(place / "id.json") == WHO
    assert stat.S_IMODE((place / "id.json").stat().st_mode) == 0o600
    assert data["commitment"] == KNOWN["commitment"]
    assert (data["chain_id"], data["index"], data["limit"]) == ("59141", 5, 100)
    assert int(data["leaf"]) == rln.poseidon_hash([WHO.commitment, 100])
    until = data["no_ids_before"]
    assert (before + 20) // PERIOD + 1 <= until / PERIOD <= (after + 20) // PERIOD + 1
    for at in (before, until - 1):
        with pytest.raises(StoreUnavailable, match=f"before unix time {until} is refused"):
            first_id(place, at)
    assert first_id(place, until) == 0


def test_a_clock_that_is_ahead_may_have_used_the_next_epoch(place):
    data = imported(place, "--period", PERIOD, "--skew", PERIOD)
    assert data["no_ids_before"] > time.time() + PERIOD
    with pytest.raises(StoreUnavailable):
        first_id(place, data["no_ids_before"] - 1)


def test_an_identity_that_was_never_used_gets_ids_at_once(place):
    assert imported(place, "--never-sent")["no_ids_before"] is None
    assert first_id(place, time.time()) == 0


def test_nothing_is_written_or_recorded_for_what_is_refused(place):
    wrong = place / "wrong"
    wrong.write_text("another password")
    (place / "there").write_text("x")
    cases = (
        ((), "--period: expected the length of the network's epochs, or else --never-sent, got neither"),
        (("--period", 600, "--never-sent"), "got both"),
        (("--period", 0), "period: expected 1 to"),
        (("--period", 600, "--password-file", wrong), "password: expected the one of the keystore's entry"),
        (("--period", 600, "--credential", "ab" * 32), "label: expected one of 3A7C91AD"),
        (("--period", 600, "--leaf", "5"), "leaf: expected that of the member with limit 100"),
        (("--period", 600, "--leaf", "x"), "--leaf: expected decimal digits"),
        (("--period", 600, "--ids", "memory://"), "expected a file or a server, got memory://"),
        (("--period", 600, "--out", place / "there"), "File exists; it was not replaced"),
        (("--period", 600, "--out", place / "missing" / "id"), "No such file or directory"),
    )
    for more, words in cases:
        message = imported(place, *more, status=2)["message"]
        assert words in message
        assert KNOWN["password"] not in message
        assert not (place / "id.json").exists()
        assert not (place / "ids.db").exists()
    imported(place, "--period", 600, "--leaf", rln.poseidon_hash([WHO.commitment, 100]))


def test_a_password_is_one_line(place):
    for content in (b"", b"\n", b"a\nb\n", b"\xff\n"):
        (place / "password").write_bytes(content)
        assert "expected one line" in (said := imported(place, "--never-sent", status=2)["message"]) or (
            "expected a password in UTF-8" in said
        )
    (place / "password").write_bytes(KNOWN["password"].encode() + b"\r\n")
    imported(place, "--never-sent")


def exported(place, file, *more, status=0):
    return run_json(
        "identity", "export", file, "--password-file", place / "password", "--chain-id", "59144",
        "--contract", "0xB9cd878C90E49F797B4431fBF4fb333108CB90e6", "--index", 7, "--limit", 20,
        "--period", PERIOD, "--ids", f"sqlite:///{place}/ids.db", "--out", place / "made.json", *more,
        status=status,
    )  # fmt: skip


def test_an_exported_identity_comes_back_and_gets_no_more_ids_here(place):
    WHO.save(place / "id.json")
    ids = open_message_ids(f"sqlite:///{place}/ids.db")
    ids.introduce(WHO.commitment)
    ids.close()
    assert first_id(place, time.time()) == 0
    data = exported(place, place / "id.json")
    assert stat.S_IMODE((place / "made.json").stat().st_mode) == 0o600
    with pytest.raises(StoreUnavailable, match=f"before unix time {data['no_ids_before']} is refused"):
        first_id(place, time.time())
    assert str(WHO.secret().reveal()) not in (place / "made.json").read_text()
    back = run_json(
        "identity", "import", place / "made.json", "--password-file", place / "password", "--never-sent",
        "--out", place / "again.json", "--ids", f"sqlite:///{place}/other.db",
    )  # fmt: skip
    assert rln.Identity.load(place / "again.json") == WHO
    assert (back["chain_id"], back["index"], back["limit"]) == ("59144", 7, 20)
    assert back["credential"] == data["credential"]
    assert "File exists" in exported(place, place / "id.json", status=2)["message"]


def test_a_simple_identity_is_not_exported(place):
    rln.Identity.generate().save(place / "id.json")
    assert "expected an extended one" in exported(place, place / "id.json", status=2)["message"]
    assert not (place / "made.json").exists()
    assert not (place / "ids.db").exists()


def test_no_command_replaces_a_keystore(place):
    before = (place / "keystore.json").read_bytes()
    proof = rln.RlnProof(bytes(127) + b"\x80", y=1, root=2, nullifier=3, x=4, external_nullifier=5)
    (place / "m").write_bytes(proof.encode())
    codecs = ("--codec", "zerokit-0.9", "--to", "zerokit-3")
    said = run("proof", "convert", place / "m", *codecs, "--out", place / "keystore.json", status=2)
    assert "a keystore of nwaku or js-waku, so it is not overwritten" in said
    assert (place / "keystore.json").read_bytes() == before
