"""AuditedEpoch: files are read past damage, in pieces, and nothing but a regular file is opened."""

import os
from pathlib import Path

import pytest

import rln
from rln.audit import audited_epoch
from rln.audit.audit_reader import AuditReader
from rln.audit.audited_epoch import AuditedEpoch, audit_paths, audited_epochs, read_headers
from rln.audit.files import AuditFiles
from rln.errors import EncodingError
from tests.support.small_world import World


@pytest.fixture(scope="module")
def proofs() -> list[rln.RlnProof]:
    world = World()
    prover = world.prover(world.join(5))
    return [prover.prove(bytes([n])) for n in range(5)]


@pytest.fixture
def audited(proofs, tmp_path) -> AuditedEpoch:
    world = World()
    AuditFiles(tmp_path, world.key.verifying_key).append_many(
        [(world.clock.current(), proof) for proof in proofs]
    )
    (made,) = audited_epochs(tmp_path)
    return made


def damage(audited: AuditedEpoch, number: int, at: int = 40) -> None:
    with audited.path.open("r+b") as file:
        file.seek(audited.start + number * audited.size + at)
        file.write(b"????")


@pytest.mark.parametrize("piece", [1, 300, 1000, 1 << 20])
def test_pieces_of_any_length_give_the_same_messages(audited, proofs, piece, monkeypatch):
    monkeypatch.setattr(audited_epoch, "_PIECE", piece)
    assert list(audited.messages()) == proofs
    assert [list(audited.find(proof.nullifier)) for proof in proofs] == [[proof] for proof in proofs]
    assert [audited.check_records(first) for first in range(6)] == [(5, 0)] * 6
    damage(audited, 1)
    damage(audited, 3, at=0)
    assert [audited.check_records(first) for first in range(6)] == [
        (5, 2), (5, 2), (5, 1), (5, 1), (5, 0), (5, 0)
    ]  # fmt: skip
    found, messages = [], audited.messages()
    with pytest.raises(EncodingError, match=r": 2 damaged records, the first number 2: "):
        found += [next(messages) for _ in range(4)]
    assert list(audited.find(proofs[4].nullifier)) == [proofs[4]]
    with pytest.raises(EncodingError, match=r": 1 damaged records, the first number 2: "):
        next(audited.find(proofs[1].nullifier))


def test_a_file_that_becomes_shorter_while_it_is_read_ends_early(audited, proofs, monkeypatch):
    """Threats F18: it is not mapped."""
    monkeypatch.setattr(audited_epoch, "_PIECE", audited.size)
    messages = audited.messages()
    assert next(messages) == proofs[0]
    os.truncate(audited.path, 0)
    left = list(messages)  # those that were read before
    assert left == proofs[1 : 1 + len(left)]
    assert list(audited.messages()) == []
    assert list(audited.find(proofs[4].nullifier)) == []


def test_what_is_no_regular_file_is_refused_at_once(audited, tmp_path):
    """To open a pipe would wait for its writer; a link leads to a file that is not of this directory."""
    places = [tmp_path / f"{name}.audit" for name in ("link", "pipe", "folder")]
    places[0].symlink_to(audited.path)
    os.mkfifo(places[1], 0o600)
    places[2].mkdir()
    for place in places:
        with pytest.raises(EncodingError, match=f"^{place}: expected an audit file, got a "):
            AuditedEpoch.read(place)
    found, damaged = read_headers(audit_paths(tmp_path))
    assert found == [audited]
    assert sorted(damaged) == sorted(places)
    with pytest.raises(EncodingError, match="folder.audit: expected an audit file"):
        audited_epochs(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        audit_paths(tmp_path / "missing")


def test_a_reader_goes_on_past_damage_and_names_it(audited, proofs, tmp_path):
    parts: list[float] = []
    damage(audited, 2)
    os.truncate(audited.path, audited.path.stat().st_size - 1)
    reading = AuditReader([audited, audited], {Path("other"): "why"}, parts.append)
    expected = [proofs[number] for number in (0, 1, 3)]
    assert list(reading.messages()) == list(reading.messages()) == expected * 2
    assert list(reading.damaged) == [Path("other"), audited.path]
    assert reading.damaged[audited.path].startswith("1 damaged records, the first number 3: ")
    assert reading.cut == [audited.path] * 2
    audited.path.unlink()
    assert list(reading.messages()) == []
    assert reading.damaged[audited.path] == "No such file or directory"
