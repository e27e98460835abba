"""Audit files: everything that was written can be read again, elsewhere and after a crash."""

import multiprocessing
import os
import stat
import threading

import pytest

import rln
from rln.audit.audited_epoch import AuditedEpoch, audited_epochs
from rln.audit.files import AuditFiles
from rln.base import forks
from rln.errors import EncodingError, ParameterError, StoreUnavailable
from rln.protocol import proof_record
from tests.support.killed_child import exit_code
from tests.support.small_world import PERIOD, World, small_multi_key


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def proofs(world: World) -> list[rln.RlnProof]:
    prover = world.prover(world.join(6))
    return [prover.prove(bytes([n])) for n in range(6)]


@pytest.fixture
def audit(world: World, tmp_path) -> AuditFiles:
    return AuditFiles(tmp_path / "audit", world.key.verifying_key)


def epoch_of(world: World, ahead: int = 0) -> rln.Epoch:
    return world.clock.epoch(world.clock.current().index + ahead)


def test_what_was_written_can_be_read_by_anybody(world, audit, proofs):
    epoch = epoch_of(world)
    audit.append_many([(epoch, proof) for proof in proofs[:3]])
    audit.append_many([(epoch, proofs[3])])
    (audited,) = audited_epochs(audit._directory)
    assert list(audited.messages()) == proofs[:4]
    assert audited.epoch == epoch
    assert audited.verifying_key == world.key.verifying_key.digest
    assert audited.cut == 0
    assert audit.lookup(epoch, proofs[1].nullifier) == [proofs[1]]
    assert audit.lookup(epoch, proofs[5].nullifier) == []
    assert audit.lookup(epoch_of(world, 1), proofs[1].nullifier) == []


def test_its_owner_alone_may_read_it(world, audit, proofs):
    audit.append_many([(epoch_of(world), proofs[0])])
    (audited,) = audit.epochs()
    assert stat.S_IMODE(audited.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(audit._directory.stat().st_mode) == 0o700


def test_one_write_for_a_batch(world, audit, proofs, monkeypatch):
    audit.append_many([(epoch_of(world), proofs[0])])
    writes: list[int] = []
    honest = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(len(data)) or honest(fd, data))
    audit.append_many([(epoch_of(world), proof) for proof in proofs[1:]])
    assert writes == [5 * proof_record.size(5)]


def test_one_file_for_each_epoch_and_old_ones_are_deleted_whole(world, audit, proofs):
    for ahead, proof in enumerate(proofs[:3]):
        audit.append_many([(epoch_of(world, ahead), proof)])
    assert [audited.epoch for audited in audit.epochs()] == [epoch_of(world, ahead) for ahead in range(3)]
    audit.forget(epoch_of(world, 1).end)
    (left,) = audit.epochs()
    assert list(left.messages()) == [proofs[2]]
    audit.append_many([(epoch_of(world, 2), proofs[3])])
    assert list(left.messages()) == proofs[2:4]
    audit.forget(left.epoch.end - 1)
    assert len(audit.epochs()) == 1
    with pytest.raises(ParameterError, match="before"):
        audit.forget(-1)


def test_a_record_that_was_cut_short_is_left_out_and_told(world, audit, proofs):
    audit.append_many([(epoch_of(world), proof) for proof in proofs[:3]])
    (audited,) = audit.epochs()
    whole = audited.path.read_bytes()
    for lost in (1, 100, audited.size - 1):
        audited.path.write_bytes(whole[:-lost])
        assert audited.cut == audited.size - lost
        assert list(audited.messages()) == proofs[:2]
        assert audit.lookup(audited.epoch, proofs[2].nullifier) == []
    audited.path.write_bytes(whole[: audited.start])
    assert (audited.cut, list(audited.messages())) == (0, [])
    assert audit.lookup(audited.epoch, proofs[2].nullifier) == []


def test_a_damaged_record_is_left_out_and_told_once(world, audit, proofs):
    audit.append_many([(epoch_of(world), proof) for proof in proofs[:2]])
    (audited,) = audit.epochs()
    data = bytearray(audited.path.read_bytes())
    data[audited.start + 40] ^= 1
    audited.path.write_bytes(bytes(data))
    with pytest.raises(EncodingError, match="1 damaged records, the first number 1: "):
        list(audited.messages())
    with pytest.raises(EncodingError, match="1 damaged records, the first number 1: "):
        list(audited.find(proofs[0].nullifier))
    for _ in range(3):
        assert audit.lookup(audited.epoch, proofs[0].nullifier) == []
        assert audit.lookup(audited.epoch, proofs[1].nullifier) == [proofs[1]]
    (told,) = audit.damage()
    assert isinstance(told, StoreUnavailable) and "1 damaged records" in str(told)
    assert audit.damage() == ()


@pytest.mark.parametrize("change", [b"", b"rln audit {}\n", b"rln audit \n", b"hello\n", b"\0" * 5000])
def test_a_file_that_is_no_audit_file_is_refused(world, audit, change):
    epoch = epoch_of(world)
    path = audit._directory / f"{epoch.index}-00.audit"
    path.write_bytes(change)
    with pytest.raises(EncodingError):
        AuditedEpoch.read(path)
    for call in (lambda: audit.forget(1), audit.epochs):
        with pytest.raises((StoreUnavailable, EncodingError), match="audit"):
            call()
    assert audit.lookup(epoch, 1) == []
    (told,) = audit.damage()
    assert str(path) in str(told)


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_deleted_or_read(world, audit, proofs):
    audit.append_many([(epoch_of(world), proofs[0])])
    audit.append_many([(epoch_of(world, 1), proofs[1])])
    (audit._directory / f"{epoch_of(world).index}-00.audit").write_bytes(b"?")
    assert audit.lookup(epoch_of(world, 1), proofs[1].nullifier) == [proofs[1]]
    with pytest.raises(StoreUnavailable, match="1 files are left"):
        audit.forget(epoch_of(world, 1).end)
    assert len(list(audit._directory.iterdir())) == 1


def test_a_header_with_other_values_is_refused(world, audit, proofs):
    audit.append_many([(epoch_of(world), proofs[0])])
    (audited,) = audit.epochs()
    data = audited.path.read_bytes()
    for old, new in (
        (b'"index":', b'"index":1'), (b'"period":60', b'"period":0'), (b'"identifier":"', b'"identifier":"x'),
        (b'"public_values":5', b'"public_values":4'), (b'"identifier":"0', b'"identifier":"1'),
    ):  # fmt: skip
        assert old in data
        audited.path.write_bytes(data.replace(old, new, 1))
        with pytest.raises(EncodingError):
            AuditedEpoch.read(audited.path)


def test_a_write_that_fails_is_told_and_nothing_follows_half_a_record(world, audit, proofs, monkeypatch):
    epoch, honest = epoch_of(world), os.write
    audit.append_many([(epoch, proofs[0])])
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: honest(fd, data[:50]))
        with pytest.raises(StoreUnavailable, match="wrote 50 of "):
            audit.append_many([(epoch, proofs[1])])

    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreUnavailable, match="No space"):
            audit.append_many([(epoch, proofs[2])])
    audit.append_many([(epoch, proofs[3])])
    found = [list(audited.messages()) for audited in audit.epochs()]
    assert sorted(found, key=str) == sorted([[proofs[0]], [proofs[3]]], key=str) or [] in found
    assert [proof for part in found for proof in part if proof in (proofs[1], proofs[2])] == []
    assert {audited.cut for audited in audit.epochs()} == {0, 50}


def test_a_directory_that_cannot_be_used(world, proofs, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="audit: "):
        AuditFiles(tmp_path / "file", world.key.verifying_key)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(StoreUnavailable, match="only this user"):
        AuditFiles(tmp_path / "open", world.key.verifying_key)
    audit = AuditFiles(tmp_path / "gone", world.key.verifying_key)
    audit._directory.rmdir()
    with pytest.raises(StoreUnavailable, match="audit: "):
        audit.append_many([(epoch_of(world), proofs[0])])


def test_threads_write_whole_records(world, audit, proofs):
    def write() -> None:
        for _ in range(50):
            audit.append_many([(epoch_of(world), proof) for proof in proofs])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (audited,) = audit.epochs()
    assert list(audited.messages()) == proofs * 200
    assert len(audit.lookup(audited.epoch, proofs[3].nullifier)) == 200


def test_a_forked_child_writes_a_file_of_its_own(world, audit, proofs):
    audit.append_many([(epoch_of(world), proofs[0])])
    child = multiprocessing.get_context("fork").Process(
        target=audit.append_many, args=([(epoch_of(world), proofs[1])],)
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0
    audit.append_many([(epoch_of(world), proofs[2])])
    found = sorted((list(audited.messages()) for audited in audit.epochs()), key=len)
    assert found == [[proofs[1]], [proofs[0], proofs[2]]]
    assert audit.lookup(epoch_of(world), proofs[1].nullifier) == [proofs[1]]


def test_a_fork_that_python_was_not_told_of_refuses_every_call(audit, world, proofs, monkeypatch):
    epoch = epoch_of(world)
    monkeypatch.setattr(forks, "unnoticed", lambda: True)
    for call in (
        lambda: audit.append_many([(epoch, proofs[0])]), lambda: audit.lookup(epoch, 1),
        lambda: audit.forget(1), audit.close,
    ):  # fmt: skip
        with pytest.raises(StoreUnavailable, match="audit: this process was forked by a program"):
            call()


def test_a_child_leaves_no_descriptor_of_its_parent_open(audit, world, proofs):
    audit.append_many([(epoch_of(world), proofs[0])])
    (file,) = audit._open.values()

    def work() -> None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file._file)

    assert exit_code(work) == 0
    os.fstat(file._file)


def test_the_working_directory_may_change(world, proofs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audit = AuditFiles("audit", world.key.verifying_key)
    audit.append_many([(epoch_of(world), proofs[0])])
    monkeypatch.chdir("/")
    audit.append_many([(epoch_of(world), proofs[1])])
    assert audit.lookup(epoch_of(world), proofs[0].nullifier) == [proofs[0]]
    assert len(audited_epochs(tmp_path / "audit")) == 1
    assert audit.damage() == ()


def test_checksums_are_compared_once(world, audit, proofs, monkeypatch):
    compared: list[int] = []
    honest = AuditedEpoch.check_records

    def counting(audited, first):
        found = honest(audited, first)
        compared.append(found[0] - first)
        return found

    monkeypatch.setattr(AuditedEpoch, "check_records", counting)
    for count in (3, 0, 2):
        audit.append_many([(epoch_of(world), proof) for proof in proofs[:count]])
        audit.lookup(epoch_of(world), proofs[0].nullifier)
    assert compared == [3, 0, 2]


def test_messages_with_several_ids_are_found_by_each(tmp_path):
    world = World(small_multi_key())
    proof = world.prover(world.join(4)).prove_multi(b"x", 3)
    audit = AuditFiles(tmp_path, world.key.verifying_key)
    audit.append_many([(epoch_of(world), proof)])
    for share in proof.shares:
        assert audit.lookup(epoch_of(world), share.nullifier) == [proof]
    assert audit.lookup(epoch_of(world), proof.x) == [], "x is no nullifier"


def test_few_files_are_open_at_a_time_and_closing_is_no_end(world, audit, proofs):
    for ahead in range(70):
        audit.append_many([(epoch_of(world, ahead), proofs[0])])
    assert len(audit._open) == 64
    audit.close()
    assert not audit._open
    audit.append_many([(epoch_of(world, 69), proofs[1])])
    assert len(audit.lookup(epoch_of(world, 69), proofs[1].nullifier)) == 1
    assert PERIOD == epoch_of(world).period
    assert repr(audit).startswith("AuditFiles(")


def test_a_message_that_was_verified_with_another_key_is_no_evidence(world, audit, proofs, tmp_path):
    """After a change of the key within an epoch, evidence named the new key for both messages, and the first
    one did not verify with it.
    """
    epoch = epoch_of(world)
    audit.append_many([(epoch, proofs[0])])
    nullifier = proofs[0].nullifier
    assert audit.lookup(epoch, nullifier) == [proofs[0]]
    later = AuditFiles(tmp_path / "audit", small_multi_key().verifying_key)
    assert later.lookup(epoch, nullifier) == []
    assert list(later.damage()) == []
